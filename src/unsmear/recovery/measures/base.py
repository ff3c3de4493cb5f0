"""Input of a measure: one image and the cell masks of its sharp image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear import segmentation as cells_
from unsmear.errors import OptionError
from unsmear.recovery.measures import stains
from unsmear.segmentation import Masks, PixelSize


@dataclass(frozen=True, eq=False)
class MaskedImage:
    """One image, sharp, blurred or restored, and the masks of the sharp one.

    planes: (channel, y, x) float32 in normalised intensity, 0 black to 1 white, never rescaled by
    the image. channels: the colours, "green" is the protein. pixel_size: micrometres, one or
    (y, x), or None. cells, nuclei: (y, x), 0 outside, numbers from 1; segmented in the sharp image,
    so that all restorers are measured in the same places; a cell and its nucleus share a number.
    nucleus: the channel that shows nuclei; None where none is known to. true_nuclei: masks of the
    same kind that no segmentation made, where the data have them.
    """

    planes: NDArray[np.float32]
    channels: tuple[str, ...]
    pixel_size: PixelSize
    cells: Masks
    nuclei: Masks
    true_nuclei: Masks | None = None
    nucleus: str | None = cells_.NUCLEUS

    def __post_init__(self) -> None:
        """Raise OptionError for planes, channels and masks that do not fit each other."""
        shapes = {self.planes.shape[1:], self.cells.shape, self.nuclei.shape}
        shapes.add(self.reference.shape)
        if self.planes.ndim != 3 or len(shapes) > 1 or len(self.planes) != len(self.channels):
            raise OptionError(
                f"planes must be (channel, y, x) with as many channels as names and masks of the "
                f"same size, got {self.planes.shape}, {len(self.channels)} names and masks of "
                f"{self.cells.shape} and {self.nuclei.shape}."
            )

    @property
    def count(self) -> int:
        """Number of cells of the sharp image, which is the length of a list of values by cell."""
        return int(self.cells.max(initial=0))

    @property
    def reference(self) -> Masks:
        """Nuclei that should be detected: the true ones, else those of the sharp image."""
        return self.nuclei if self.true_nuclei is None else self.true_nuclei

    def plane(self, channel: str | None) -> NDArray[np.float32]:
        """Return a channel (y, x) by its colour; raises OptionError where there is none."""
        if channel is None or channel not in self.channels:
            raise OptionError(
                f"the image must have a channel named {channel or cells_.NUCLEUS}, "
                f"got {', '.join(self.channels)}."
            )
        return np.asarray(self.planes[self.channels.index(channel)])


Numbers = float | list[float]
"""One number of the image, or one for each of the sharp image's cells; NaN where undefined."""
Measure = Callable[[MaskedImage], dict[str, Numbers]]


def segment_image(
    planes: NDArray[Any], channels: Sequence[str], pixel_size: PixelSize = None, nuclei: str = ""
) -> MaskedImage:
    """Return a sharp image, in normalised intensity, with its own cell masks.

    nuclei: the channel that shows them, by name or number; "" for what its name says.

    For blurred and restored images use `replace(image, planes=...)`. Without a nuclear stain the
    whole image is one cell that has no nucleus.
    """
    units = np.asarray(planes, np.float32)
    names = tuple(channels)
    nucleus = stains.nuclear(names, nuclei)
    if nucleus is not None:
        colours = [cells_.NUCLEUS if name == nucleus else name for name in names]
        masks = cells_.segment(units, colours, pixel_size)
        return MaskedImage(units, names, pixel_size, *masks, nucleus=nucleus)
    one_cell = np.ones(units.shape[1:], np.int32)
    return MaskedImage(units, names, pixel_size, one_cell, np.zeros_like(one_cell), nucleus=None)
