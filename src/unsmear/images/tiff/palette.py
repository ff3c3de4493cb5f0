"""Tables of colours: those that show counts as light, and those of pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from unsmear.errors import ImageError

MARKED = 16
"""Number of colours from which the first and the last may be marks, of black and of white."""


def check(page: tifffile.TiffPage, name: str) -> None:
    """Raise ImageError for colours that are no ramp: the numbers are then no intensities."""
    if page.photometric != tifffile.PHOTOMETRIC.PALETTE:
        return
    if not is_ramp(np.asarray(page.colormap, np.int64)):
        raise ImageError(
            f"{name}: the colours of a TIFF with a palette must rise from dark to bright, as those "
            "of a lookup table do, got others: its numbers are no intensities; save it as RGB."
        )


def is_ramp(table: NDArray[Any]) -> bool:
    """Return whether a table (3, number of colours) only says how counts are shown.

    Each of red, green and blue rises or falls, or stays. Programs leave what is not used black,
    and mark what is under- or overexposed with a colour of its own.
    """
    used = np.flatnonzero(table.any(axis=0))
    table = table[:, : used[-1] + 1] if used.size else table[:, :0]
    count = table.shape[1]
    if count < 2:
        return False
    if count > MARKED:
        table = table[:, 1:-1]
    steps = np.diff(table, axis=1)
    monotone = (steps >= 0).all(axis=1) | (steps <= 0).all(axis=1)
    return bool(monotone.all() and steps.any())
