"""Planes in bands: rows that are encoded, or looked at, together, so that memory is bounded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from unsmear.images.slides import places
from unsmear.images.slides.zarr_planes import ZarrPlanes

BAND = 2**26
"""Size of a band, bytes; of a band of one row of tiles more, where these are larger."""
TILE = (512, 512)
"""Sides of the tiles of a new file, pixels."""


def of(height: int, step: int, row: int) -> list[slice]:
    """Return the bands of a plane, multiples of `step` rows. row: the size of a row, bytes."""
    return places.pieces(slice(0, height), max(1, BAND // (row * step)) * step)


def of_plane(planes: ZarrPlanes, plane: tuple[int, int]) -> Iterator[NDArray[np.generic]]:
    """Return the bands of one plane (batch, channel)."""
    height, width = planes.sides
    for rows in of(height, TILE[0], width * planes.dtype.itemsize):
        yield planes.read(*plane, rows, slice(0, width))


def tiles(
    planes: ZarrPlanes,
    axes: str,
    shape: Sequence[int],
    tile: tuple[int, int],
    first: int = 0,
) -> Iterator[NDArray[np.generic]]:
    """Return the tiles of an image, page by page, as tifffile wants them.

    axes, shape: of the image; samples that stand last are in every tile. first: number of the
    image's first plane of the batch.
    """
    samples = shape[-1] if axes.endswith("S") else 1
    outer = axes[:-3] if axes.endswith("S") else axes[:-2]
    height, width = planes.sides
    for index in np.ndindex(*shape[: len(outer)]):
        place = dict(zip(outer, index, strict=True))
        group = [
            places.number(axes, shape, place | ({"S": sample} if axes.endswith("S") else {}))
            for sample in range(samples)
        ]
        for rows in of(height, tile[0], width * samples * planes.dtype.itemsize):
            band = np.stack(
                [planes.read(first + b, c, rows, slice(0, width)) for b, c in group], axis=-1
            )
            for top in range(0, len(band), tile[0]):
                for left in range(0, width, tile[1]):
                    yield band[top : top + tile[0], left : left + tile[1]]
