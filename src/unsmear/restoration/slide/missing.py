"""Where a slide has no data: a value that stands for it, or a mask, of which windows are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from unsmear.errors import OptionError
from unsmear.images import Image
from unsmear.images.nodata import NoData
from unsmear.images.slides import Slide, stamp

Given: TypeAlias = NoData | Slide | None
"""A value, a mask in memory, or one that is read by windows and not 0 where there are no data."""


@dataclass(frozen=True, eq=False)
class Missing:
    """Where planes have no data; NaN never is data.

    given: None finds it. shared: whether all planes have the mask of one plane.
    """

    given: Given = None
    shared: bool = True

    @classmethod
    def of(cls, given: Given, slide: Slide) -> Missing:
        """Return where a slide has no data; raises OptionError for a mask that does not fit."""
        shape = slide.header.planes().shape
        if isinstance(given, Slide):
            found = given.header.planes().shape
            if found != shape and found != (1, 1, *shape[2:]):
                raise OptionError(_misfit(slide, found[2:]))
            return cls(given, found == (1, 1, *shape[2:]))
        if not isinstance(given, np.ndarray) or not given.ndim:
            return cls(given)
        if given.dtype != bool:
            raise OptionError(f"no_data must be a value or a bool mask, got {given.dtype} pixels.")
        if given.shape == shape[2:]:
            return cls(given)
        if given.shape != slide.header.pixels.shape:
            raise OptionError(_misfit(slide, given.shape))
        header = slide.header
        return cls(Image(given, header.axes, alpha=header.alpha).planes(), shared=False)

    def at(self, batch: int, channel: int, rows: slice, columns: slice) -> NoData | None:
        """Return the value, or the mask of a window, (y, x)."""
        if isinstance(self.given, Slide):
            plane = (0, 0) if self.shared else (batch, channel)
            return np.asarray(self.given.read(*plane, rows, columns) != 0)
        if not isinstance(self.given, np.ndarray) or not self.given.ndim:
            return self.given
        mask = self.given if self.shared else self.given[batch, channel]
        return np.asarray(mask[rows, columns])

    def key(self) -> str:
        """Return by what it is known to be the same."""
        if isinstance(self.given, Slide):
            return repr((self.given.path.name, stamp(self.given)))
        if isinstance(self.given, np.ndarray) and self.given.ndim:
            return sha256(np.packbits(self.given).tobytes()).hexdigest()
        return repr(self.given)


def unknown(counts: NDArray[Any], given: NoData | None) -> NDArray[np.bool_] | None:
    """Return where counts hold no data; None where all of them can.

    given: as `Missing.at` gives it.
    """
    found = np.isnan(counts) if counts.dtype.kind == "f" else None
    if isinstance(given, np.ndarray) and given.ndim:
        mask = np.asarray(given, bool)
    elif given is None or np.isnan(given):
        return found
    else:
        mask = np.asarray(counts == given)
    return mask if found is None else found | mask


def stacked(parts: Sequence[NoData | None], axis: int = 0) -> NoData | None:
    """Return one value for windows, or their masks together."""
    masks = [part for part in parts if isinstance(part, np.ndarray) and part.ndim]
    return np.stack(masks, axis) if masks else parts[0]


def chosen(given: NoData | None, which: Any) -> NoData | None:
    """Return the value, or the masks of some windows."""
    return given[which] if isinstance(given, np.ndarray) and given.ndim else given


def _misfit(slide: Slide, shape: Sequence[int]) -> str:
    height, width = slide.header.planes().shape[2:]
    return (
        f"{slide.header.name}: no_data must be a mask of {height}x{width} pixels or of the image's "
        f"shape, got {'x'.join(map(str, shape))}."
    )
