"""Nuclei and cells found in an image: masks from the stains, and crops of single cells.

Classical steps, nothing learned, the same masks at every call: a nucleus is what is bright in a
smoothed nuclear stain, touching nuclei are parted where they are narrow, and a cell is what of a
stained cytoplasm lies nearest to its nucleus, across the darkest borders (a watershed from seeds,
Meyer & Beucher 1990).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_li, threshold_otsu
from skimage.morphology import reconstruction
from skimage.segmentation import expand_labels, watershed

from unsmear.errors import DataError

Masks = NDArray[np.int32]
"""(y, x): 0 is outside, objects have the numbers from 1."""
PixelSize = float | tuple[float, float] | None
"""Micrometres, one or (y, x); None where the file does not say."""
Plane = NDArray[np.float32]

NUCLEUS = "blue"
GUIDES = ("yellow", "red")
"""What shows a cell's extent, best first: endoplasmic reticulum, microtubules."""
RADIUS = 5.5
"""Micrometres from the middle of a human nucleus to its nearest border."""
SMALLEST = 0.12
"""A nucleus' least area, as a share of the circle of that radius: plates of mitoses are small."""
NECK = 0.3
"""How much narrower than on both of its sides, in radii, a region is where it is parted."""
AROUND = 10.0
"""In radii, the width of what is background: more than a few nuclei that touch."""
CONTRAST = 3.5
"""How far above the background nuclei must be, in its own standard deviations; noise reaches 2.7."""


def segment_nuclei(nuclei: NDArray[Any], pixel_size: PixelSize = None) -> Masks:
    """Return the nuclei of a plane (y, x) of nuclear stain, of any dtype, numbered from 1.

    pixel_size: of which the sizes to expect follow; where it is None they are those of the bright
    regions in the image itself.

    A plane without anything that stands out from its noise has no nuclei.
    """
    plane = np.ascontiguousarray(nuclei, np.float32)
    radius = _own_radius(plane) if pixel_size is None else RADIUS / _side(pixel_size)
    bright = _bright(plane, radius)
    if bright is None:
        return np.zeros(plane.shape, np.int32)
    return _large(_parted(ndimage.binary_fill_holes(bright), radius), _least_area(radius))


def segment_cells(nuclei: Masks, guide: NDArray[Any]) -> Masks:
    """Return the cells around the nuclei (y, x), with the same numbers.

    guide: (y, x), the stain of a cytoplasm, of any dtype.
    """
    if not nuclei.any():
        return np.zeros(nuclei.shape, np.int32)
    radius = float(np.sqrt(np.median(np.bincount(nuclei.ravel())[1:]) / np.pi))
    smooth = _smoothed(np.ascontiguousarray(guide, np.float32), radius / 6)
    inside = ndimage.binary_fill_holes(smooth > threshold_li(smooth)) | (nuclei > 0)
    return np.asarray(watershed(-smooth, nuclei, mask=inside), np.int32)


def segment(
    planes: NDArray[Any], channels: Sequence[str], pixel_size: PixelSize = None
) -> tuple[Masks, Masks]:
    """Return the cells and the nuclei of planes (channel, y, x) whose colours are `channels`.

    Without a guide, `GUIDES`, a cell is its nucleus and what is nearer than two of its radii.

    Raises DataError where no channel shows nuclei.
    """
    if NUCLEUS not in channels:
        raise DataError(
            f"channels must have one named {NUCLEUS} to find nuclei, got {', '.join(channels)}."
        )
    nuclei = segment_nuclei(planes[list(channels).index(NUCLEUS)], pixel_size)
    for guide in GUIDES:
        if guide in channels:
            return segment_cells(nuclei, planes[list(channels).index(guide)]), nuclei
    return _rings(nuclei), nuclei


def cut(
    planes: NDArray[Any], cells: Masks, size: int, margin: int
) -> list[tuple[int, NDArray[Any]]]:
    """Return each cell's number and square crop (channel, size, size), 0 outside of the cell.

    planes: (channel, y, x) of any dtype, which the crops keep.
    margin: pixels, at least, between a cell and the crop's border.

    The crop's middle is that of the cell's bounding box. A cell that fits keeps its scale; a larger
    one is reduced to the crop with its margin.
    """
    return [
        (number, _crop(planes, cells, number, box, size, margin))
        for number, box in enumerate(ndimage.find_objects(cells), 1)
        if box is not None
    ]


def _side(pixel_size: float | tuple[float, float]) -> float:
    """Return a pixel's side in micrometres: that of a square as large."""
    return float(np.sqrt(np.prod(np.broadcast_to(pixel_size, 2))))


def _smoothed(plane: Plane, sigma: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), max(sigma, 0.5)), np.float32)


def _depth(inside: NDArray[np.bool_]) -> Plane:
    """Return each pixel's distance to the outside; the image's border is not outside."""
    return np.asarray(
        cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE),
        np.float32,
    )


def _bright(plane: Plane, radius: float) -> NDArray[np.bool_] | None:
    """Return what stands out from its surroundings by Otsu's threshold; None for noise alone."""
    smooth = _smoothed(plane, radius / 12)
    smooth = smooth - _background(smooth, AROUND * radius)
    if smooth.max() <= smooth.min():
        return None
    bright: NDArray[np.bool_] = smooth > threshold_otsu(smooth)
    dark = smooth[~bright]
    step = float(smooth[bright].mean()) - float(dark.mean())
    return bright if step > CONTRAST * float(dark.std()) else None


def _background(plane: Plane, width: float) -> Plane:
    """Return the plane without what is narrower than `width` pixels: uneven light, haze."""
    height, length = plane.shape
    step = max(width / 16, 1.0)
    small = (max(round(length / step), 1), max(round(height / step), 1))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(width / step / 2) + 1,) * 2)
    reduced = cv2.resize(plane, small, interpolation=cv2.INTER_AREA)
    opened = cv2.morphologyEx(reduced, cv2.MORPH_OPEN, disc)
    return np.asarray(cv2.resize(opened, (length, height)), np.float32)


def _own_radius(plane: Plane) -> float:
    """Return the depth, pixels, of the regions in which most of the bright area lies."""
    guess = min(plane.shape) / 20
    bright = _bright(plane, guess)
    if bright is None:
        return guess
    depth = _depth(ndimage.binary_fill_holes(bright))
    regions, count = ndimage.label(depth > 0)
    numbers = np.arange(1, count + 1)
    deepest = np.asarray(ndimage.maximum(depth, regions, numbers))
    areas = np.bincount(regions.ravel())[1:]
    order = np.argsort(deepest)
    half = np.searchsorted(np.cumsum(areas[order]), areas.sum() / 2)
    return max(float(deepest[order][half]), 3.0)


def _parted(bright: NDArray[np.bool_], radius: float) -> Masks:
    """Return the regions, parted where they are narrow."""
    depth = _depth(bright)
    smooth = _smoothed(depth, radius / 6)
    tops = smooth - reconstruction(smooth - np.float32(NECK * radius), smooth) > 0
    seeds, _ = ndimage.label(tops & bright, np.ones((3, 3)))
    return np.asarray(watershed(-smooth, seeds, mask=bright), np.int32)


def _least_area(radius: float) -> float:
    return SMALLEST * np.pi * radius**2


def _large(masks: Masks, least: float) -> Masks:
    """Return the masks of at least an area in pixels, numbered anew."""
    areas = np.bincount(masks.ravel())
    areas[0] = 0
    kept = areas >= least
    return np.asarray((np.cumsum(kept) * kept)[masks], np.int32)


def _rings(nuclei: Masks) -> Masks:
    if not nuclei.any():
        return nuclei.copy()
    radius = float(np.sqrt(np.median(np.bincount(nuclei.ravel())[1:]) / np.pi))
    return np.asarray(expand_labels(nuclei, 2 * radius), np.int32)


def _crop(
    planes: NDArray[Any],
    cells: Masks,
    number: int,
    box: tuple[slice, slice],
    size: int,
    margin: int,
) -> NDArray[Any]:
    """Return the square around a cell; what is beyond the image is 0."""
    own = np.where(cells[box] == number, planes[:, *box], 0)
    height, width = own.shape[1:]
    side = max(size, height + 2 * margin, width + 2 * margin)
    crop = np.zeros((len(planes), side, side), planes.dtype)
    top, left = (side - height) // 2, (side - width) // 2
    crop[:, top : top + height, left : left + width] = own
    if side == size:
        return crop
    return np.stack(
        [cv2.resize(plane, (size, size), interpolation=cv2.INTER_AREA) for plane in crop]
    )
