"""Pixels without data: the margins of registered, deskewed or stitched fields, holes, NaN.

They are found without a threshold that the user must set, from what noise and optics cannot do: a
large connected region of one exact value, the plane's lowest, with straight edges at which the
image begins at full height. A dark background fades into such a region over the width of the
blur, and its edge is ragged; it is data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from unsmear.errors import ImageError, OptionError
from unsmear.filters import window_maxima
from unsmear.images.image import Image

Mask: TypeAlias = NDArray[np.bool_]
"""(batch, channel, y, x), true where there is no data."""
NoData: TypeAlias = float | NDArray[np.bool_]
"""A value that stands for no data, or a mask that is true there."""

THINNEST = 5
"""Least width of a region without data that is found, pixels; odd."""
SLIVER = 25
"""Length of thin ends of a region that belong to it, pixels: the corners of turned fields."""
SMALLEST = 128
"""Least number of pixels of a region that is found."""
FEWEST = 25
"""Least number of NaN pixels side by side that are taken for missing data without being told."""
WINDOW = 15
"""Side of the window in which an edge must be straight, pixels."""
STRAIGHT = 0.6
"""Least share of a region's edge that must be straight."""
STEEP = 0.6
"""Least ratio of the height just outside a region to that three pixels further in."""
INSIDE = 5
"""Distance from a region at which the image is taken to be at full height, pixels."""
LEAST = 32
"""Least side of the part that is taken to hold the data, pixels, where the image has so many."""


@dataclass(frozen=True, eq=False)
class Gaps:
    """Where an image has no data.

    mask: of the whole image. box: (rows, columns), the part that holds all data. What lies beyond
    needs no filling: it is continued as beyond the border of any image.
    """

    mask: Mask
    box: tuple[slice, slice]

    @classmethod
    def of(cls, image: Image, given: NoData | None = None) -> Gaps | None:
        """Return where an image has no data; None where all of it is data.

        given: a value or a mask, (y, x) or in the image's shape; None looks for it. NaN never is
        data.

        Raises OptionError for a mask that does not fit, or one that leaves no data, and ImageError
        for single NaN pixels where none was given: they are a fault, not a margin.
        """
        planes = image.planes()
        mask = _given(image, given) if given is not None else find(planes)
        if planes.dtype.kind == "f":
            unknown = np.isnan(planes)
            if given is None:
                _check_regions(image.name, unknown)
            mask = mask | unknown
        if not mask.any():
            return None
        if mask.all():
            raise OptionError(f"{image.name}: some pixels must hold data, got none.")
        held = np.asarray(~mask.all(axis=(0, 1)))
        rows, columns = (np.flatnonzero(held.any(axis=axis)).tolist() for axis in (1, 0))
        spans = (_span(*i) for i in ((rows, planes.shape[2]), (columns, planes.shape[3])))
        return cls(mask, (next(spans), next(spans)))

    @property
    def share(self) -> float:
        """Fraction of the pixels that hold no data."""
        return float(self.mask.mean())

    @property
    def inside(self) -> Mask:
        """The mask of the part with data."""
        return self.mask[:, :, *self.box]

    def of_planes(self, few: slice) -> Gaps:
        """Return the same of some of the time points, slices and positions."""
        return Gaps(self.mask[few], self.box)

    def filled(self, image: Image) -> Image:
        """Return the part with data; what it lacks is mirrored from beside it."""
        return image.with_planes(mirrored(image.planes()[:, :, *self.box], self.inside))

    def placed(self, planes: NDArray[Any], whole: NDArray[Any]) -> NDArray[Any]:
        """Return whole planes with the data of `planes`, the part, in their place."""
        result = whole.astype(planes.dtype)
        part = result[:, :, *self.box]
        part[~self.inside] = planes[~self.inside]
        return result


def _check_regions(name: str, unknown: Mask) -> None:
    """Raise ImageError for NaN that is not in regions, such as a stitcher leaves."""
    for plane in unknown.reshape(-1, *unknown.shape[2:]):
        if not plane.any():
            continue
        regions, count = ndimage.label(plane, np.ones((3, 3)))
        sizes = np.bincount(regions.ravel())[1:]
        if sizes.min() < FEWEST:
            few = int(np.count_nonzero(sizes < FEWEST))
            raise ImageError(
                f"{name}: pixels must be finite, got NaN in {few} of {count} places of fewer than "
                f"{FEWEST} pixels; --no-data nan says that they hold no data."
            )


def _span(held: list[int], length: int) -> slice:
    """Return the part of an axis from the first to the last place with data, LEAST at least."""
    start = max(0, min(held[0], held[-1] + 1 - LEAST))
    return slice(start, min(length, max(held[-1] + 1, start + LEAST)))


def _given(image: Image, given: NoData) -> Mask:
    """Return the mask that was given, or that of a value; raises OptionError if it cannot be."""
    planes = image.planes()
    if isinstance(given, np.ndarray) and given.ndim:
        if given.dtype != bool:
            raise OptionError(f"no_data must be a value or a bool mask, got {given.dtype} pixels.")
        if given.shape == planes.shape[2:]:
            return np.broadcast_to(given, planes.shape)
        if given.shape == image.pixels.shape:
            return Image(given, image.axes, alpha=image.alpha).planes()
        raise OptionError(
            f"{image.name}: no_data must be a mask of {planes.shape[2]}x{planes.shape[3]} pixels "
            f"or of the image's shape, got {'x'.join(map(str, given.shape))}."
        )
    return np.asarray(np.isnan(planes) if np.isnan(given) else planes == given)


def find(planes: NDArray[Any]) -> Mask:
    """Return the pixels of (batch, channel, y, x) that hold no data by the evidence of the module.

    A region that is found in one channel must be there in all channels of the plane that are not
    constant.
    """
    mask = np.zeros(planes.shape, bool)
    if min(planes.shape[2:]) < 2 * WINDOW:
        return mask
    for number, channels in enumerate(planes):
        varied = [index for index, plane in enumerate(channels) if _varies(plane)]
        if not varied:
            continue
        lowest = [channels[index] == np.nanmin(channels[index]) for index in varied]
        common = np.logical_and.reduce(lowest)
        regions = [region for region in _regions(common) if _straight(region)]
        # Together first: the edge of a small region says little.
        for region in [np.logical_or.reduce(regions), *regions] if regions else []:
            if not mask[number, 0][region].all():
                mask[number] |= region & all(_steep(region, channels[index]) for index in varied)
    return mask


def _varies(plane: NDArray[Any]) -> bool:
    """Return whether a plane holds two values, NaN aside."""
    values = plane[~np.isnan(plane)] if plane.dtype.kind == "f" else plane
    return bool(values.size and values.min() < values.max())


def _regions(lowest: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Return the large connected regions of the lowest value, none of them thin."""
    if np.count_nonzero(lowest) < SMALLEST:
        return []
    thick = window_maxima(~window_maxima(~lowest, THINNEST), THINNEST)  # eroded, then dilated
    if not thick.any():
        return []
    thick = ndimage.binary_dilation(thick, iterations=SLIVER, mask=lowest)
    labels, count = ndimage.label(thick)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    large = [label for label in range(1, count + 1) if sizes[label] >= SMALLEST]
    # An image with many such regions has a dark background between its cells.
    return [labels == label for label in large] if len(large) <= 16 else []


def _steep(region: NDArray[np.bool_], plane: NDArray[Any]) -> bool:
    """Return whether the image begins at full height at the edges of a region."""
    distance = ndimage.distance_transform_cdt(~region, "chessboard")
    if distance.max() < INSIDE:
        return False
    lowest = float(np.nanmin(plane))
    # Interpolation may have softened the first pixel.
    near, far = (
        float(np.nanmedian(plane[distance == steps].astype(np.float64))) - lowest
        for steps in (2, INSIDE)
    )
    step = 2.0 if plane.dtype.kind in "iu" else 1e-3 * float(np.nanmax(plane) - lowest)
    return near >= step and near >= STEEP * far


def _straight(region: NDArray[np.bool_]) -> bool:
    """Return whether most of a region's edge divides the windows on it into halves."""
    beside = ndimage.binary_dilation(region, np.ones((3, 3))) & ~region
    if not beside.any():
        return False
    share = ndimage.uniform_filter(region.astype(np.float32), WINDOW, mode="nearest")[beside]
    # The window is on the first pixel outside: a straight edge leaves it a little less than half.
    return float(np.mean(np.abs(share - 0.47) < 0.1)) >= STRAIGHT


def mirrored(planes: NDArray[Any], mask: Mask) -> NDArray[Any]:
    """Return planes whose pixels without data are mirrored at the nearest pixel with data.

    Unlike a smooth filling it has the noise and the texture of the data, so that whatever is
    measured on it is about that of the data. A plane without any data becomes 0.
    """
    filled = planes.copy()
    for index in np.ndindex(planes.shape[:2]):
        if mask[index].any():
            filled[index] = _mirrored(planes[index], mask[index])
    return filled


def _mirrored(plane: NDArray[Any], gaps: NDArray[np.bool_]) -> NDArray[Any]:
    if gaps.all():
        return np.zeros_like(plane)
    nearest = ndimage.distance_transform_edt(gaps, return_distances=False, return_indices=True)
    here = np.indices(plane.shape)
    across = [
        np.clip(2 * edge - place, 0, side - 1)
        for edge, place, side in zip(nearest, here, plane.shape, strict=True)
    ]
    usable = ~gaps[tuple(across)]
    source = [np.where(usable, far, edge) for far, edge in zip(across, nearest, strict=True)]
    result = plane.copy()
    result[gaps] = plane[tuple(source)][gaps]
    return np.asarray(result)
