"""Counts as colours: black and white of each channel, and the pictures drawn with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.images import png
from unsmear.report.grid import COLOURS

WINDOW = (0.5, 99.8)
"""Percentiles that set black (blurred channel) and white (restored channel) of both pictures."""
GREY = np.ones((1, 3), np.float32)


@dataclass(frozen=True)
class Stretch:
    """The counts of each channel that are drawn black, and white."""

    black: tuple[float, ...]
    white: tuple[float, ...]

    @classmethod
    def of(cls, blurred: NDArray[Any], restored: NDArray[Any]) -> Stretch:
        """Return the stretch of both images, (channel, y, x), so that they can be compared."""
        black = (_percentile(plane, WINDOW[0], 0.0) for plane in blurred)
        white = (_percentile(plane, WINDOW[1], 1.0) for plane in restored)
        return cls(tuple(black), tuple(white))

    def paint(self, planes: NDArray[Any], channel: int | None = None) -> NDArray[np.float32]:
        """Return planes (channel, y, x) as a colour picture (y, x, 3) from 0 to 1.

        channel: its number, where the planes are that channel alone; it is grey. Pixels without
        data (NaN) are black, and add nothing to the other channels.
        """
        chosen = slice(None) if channel is None else slice(channel, channel + 1)
        black, white = (np.array(counts)[chosen, None, None] for counts in (self.black, self.white))
        span = np.where(white > black, white - black, 1)
        count = len(planes)
        coloured = 1 < count <= len(COLOURS)
        colours = COLOURS[:count] if coloured else np.repeat(GREY / count, count, axis=0)
        shown = np.nan_to_num((planes - black) / span).clip(0, 1).astype(np.float32)
        return np.tensordot(shown, colours, (0, 0)).clip(0, 1)


def _percentile(plane: NDArray[Any], percent: float, empty: float) -> float:
    """Return a percentile of the counts of a plane, `empty` where all of them are NaN."""
    counts = plane[~np.isnan(plane)]
    return float(np.percentile(counts, percent)) if counts.size else empty


def encoded(picture: NDArray[np.float32]) -> bytes:
    """Return a colour picture (y, x, 3) from 0 to 1 as a PNG file; a grey one has one channel."""
    levels = np.rint(255 * picture).astype(np.uint8)
    grey = bool((levels == levels[..., :1]).all())
    return png.encode(levels[..., 0] if grey else levels)
