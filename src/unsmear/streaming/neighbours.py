"""Borders of a frame, from the frames that overlap it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.images import Image

BEYOND = 32
"""Pixels beyond the reach of the kernel that a border has, which restorers look at."""
LEAST = 8
"""Least overlap of a frame that serves as a border, pixels."""
ASKEW = 8.0
"""Largest displacement of such a frame along the border, pixels."""
ALIKE = 0.8
"""Least correlation of what two frames see of the same place, over cells of 4x4 pixels."""
CELL = 4
WHITE = 4.0
"""Multiple of what noise leaves in the means of cells, up to which two frames differ by noise."""

AXES = {"above": 2, "left": 3, "below": 2, "right": 3}
"""Axes of planes along which a border lies on a side."""
FIRST = ("above", "left")
"""Sides whose borders come before the frame."""

Planes = NDArray[Any]
"""Counts, (batch, channel, y, x)."""


@dataclass(frozen=True, eq=False)
class Bordered:
    """A frame with its borders. planes: of both. inside: rows and columns of the frame in them.
    count: number of neighbours that serve.
    """

    planes: Planes
    inside: tuple[slice, slice]
    count: int


def bordered(frame: Image, neighbours: list[Image], reach: int) -> Bordered:
    """Return a frame with borders from its neighbours, where they overlap it and see the same.

    reach: of the kernel, pixels. A side without a neighbour gets no border.
    """
    planes = frame.planes()
    borders: dict[str, Planes] = {}
    for neighbour in neighbours:
        found = _border(frame, neighbour, reach + BEYOND)
        if found is not None and found[0] not in borders:
            borders[found[0]] = found[1]
    if not borders:
        return Bordered(planes, (slice(None), slice(None)), 0)
    axis = AXES[next(iter(borders))]
    # A corner of two directions, as where the stage turns, no frame has seen.
    sides = [side for side in AXES if AXES[side] == axis and side in borders]
    before = sum(borders[side].shape[axis] for side in sides if side in FIRST)
    parts = [borders[side] for side in sides if side in FIRST]
    parts += [planes, *(borders[side] for side in sides if side not in FIRST)]
    inside = [slice(None), slice(None)]
    inside[axis - 2] = slice(before, before + planes.shape[axis])
    return Bordered(np.concatenate(parts, axis=axis), (inside[0], inside[1]), len(sides))


def offset(frame: Image, other: Image) -> tuple[float, float] | None:
    """Return where another frame lies, (y, x) pixels from this one, by the places of the stage.

    The y axis of the stage is taken as upwards. None where the places are not known.
    """
    here, there, size = frame.timing.place, other.timing.place, frame.pixel_size
    if here is None or there is None or size is None:
        return None
    return (here[0] - there[0]) / size[0], (there[1] - here[1]) / size[1]


def _border(frame: Image, other: Image, width: int) -> tuple[str, Planes] | None:
    """Return on which side another frame lies, and the border that it gives; None for none."""
    lies = offset(frame, other)
    planes, beside = frame.planes(), other.planes()
    if lies is None or planes.shape != beside.shape or planes.dtype != beside.dtype:
        return None
    along = int(abs(lies[1]) >= abs(lies[0]))
    if abs(lies[1 - along]) > ASKEW:
        return None
    if not along:  # rows in the place of columns
        planes, beside = planes.swapaxes(2, 3), beside.swapaxes(2, 3)
    across, step = (lies[0], lies[1]) if along else (lies[1], lies[0])
    for sign in (1, -1) if not along else (1,):  # where the y axis of the stage points downwards
        border = _taken(planes, beside, round(across), sign * round(step), width)
        if border is not None:
            first = sign * step < 0
            side = ("left" if first else "right") if along else ("above" if first else "below")
            return side, border if along else border.swapaxes(2, 3)
    return None


def _taken(planes: Planes, beside: Planes, across: int, step: int, width: int) -> Planes | None:
    """Return the columns that continue some planes; None where the other ones do not match.

    across, step: of the other planes, rows and columns.
    """
    height, whole = planes.shape[2:]
    if step == 0 or whole - abs(step) < LEAST:
        return None
    rows = np.clip(np.arange(height) - across, 0, height - 1)
    shared = slice(max(step, 0), whole + min(step, 0))
    theirs = slice(max(-step, 0), whole - max(step, 0))
    if not _agree(planes[0, 0, :, shared], beside[0, 0, rows, theirs]):
        return None
    count = min(width, abs(step))
    columns = np.arange(count) + (whole - step if step > 0 else -step - count)
    return np.asarray(beside[:, :, rows][..., columns])


def _agree(one: Planes, other: Planes) -> bool:
    """Return whether two planes see the same, or nothing but noise."""
    one, other = one.astype(np.float32), other.astype(np.float32)
    difference = one - other
    coarse = [_cells(plane) for plane in (one, other)]
    left = float(_cells(difference).var())
    if left <= WHITE * float(difference.var()) / CELL**2:
        return True
    spread = [float(part.std()) for part in coarse]
    if min(spread) == 0:
        return False
    products = (coarse[0] - coarse[0].mean()) * (coarse[1] - coarse[1].mean())
    return float(products.mean()) / (spread[0] * spread[1]) >= ALIKE


def _cells(plane: Planes) -> Planes:
    """Return the means of whole cells of a plane."""
    height, width = (side // CELL * CELL for side in plane.shape)
    cells = plane[:height, :width].reshape(height // CELL, CELL, width // CELL, CELL)
    return np.asarray(cells.mean(axis=(1, 3)))
