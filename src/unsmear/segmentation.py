"""Segmentation of nuclei and cells from their stains, and crops of single cells.

Classical and deterministic, nothing is learned. A nucleus is a bright region of the smoothed
nuclear stain; touching nuclei are separated where they are narrow. A cell is the part of a stained
cytoplasm that belongs to its nucleus by a seeded watershed (Meyer & Beucher 1990).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_li, threshold_otsu
from skimage.morphology import reconstruction
from skimage.segmentation import expand_labels, watershed

from unsmear.errors import DataError
from unsmear.filters import gaussian
from unsmear.images.area_mean import area_mean, reduce

Masks = NDArray[np.int32]
"""Label images (y, x): 0 is outside, objects are numbered from 1."""
PixelSize = float | tuple[float, float] | None
"""Pixel size in micrometres, one value or (y, x); None if unknown."""
Plane = NDArray[np.float32]
"""A plane (y, x)."""

NUCLEUS = "blue"
"""Channel of the nuclear stain."""
GUIDES = ("yellow", "red")
"""Channels that show a cell's extent, best first: endoplasmic reticulum, microtubules."""
RADIUS = 5.5
"""Expected radius of a human nucleus (centre to nearest border), micrometres."""
SMALLEST = 0.12
"""Smallest area of a nucleus as a fraction of a circle of that radius; mitotic plates are small."""
NECK = 0.15
"""Depth of a constriction at which a region is split, in radii."""
AROUND = 10.0
"""Width of the opening that gives the background, in radii; wider than a few touching nuclei."""
FLAT = 1e-4
"""Range of a plane, as a fraction of its largest value, that is only rounding."""
CONTRAST = 4.5
"""Smallest contrast of nuclei, in standard deviations of noise and background.

Measured: noise alone below 3.2, nuclei above 6.8.
"""
LEAST = 3.0
"""Smallest radius of a nucleus, pixels; smaller ones have no shape."""
SMOOTHING = 12.0
"""Ratio of a nucleus' radius to the sigma with which planes are smoothed."""
QUARTER = 0.25
"""Least fraction of the bright area that lies in nuclei without a touching neighbour."""


def segment_nuclei(nuclei: NDArray[Any], pixel_size: PixelSize = None) -> Masks:
    """Return the nuclei of a plane (y, x) of nuclear stain, of any dtype, numbered from 1.

    pixel_size: gives the expected size of nuclei; if None, it is estimated from the bright regions
    of the image.

    A plane in which nothing is brighter than its noise has no nuclei.
    """
    plane = np.ascontiguousarray(nuclei, np.float32)
    if _is_flat(plane):  # without its background only rounding would be left
        return np.zeros(plane.shape, np.int32)
    radius = _own_radius(plane) if pixel_size is None else RADIUS / _side(pixel_size)
    plane = _foreground(plane, radius)
    regions = _split(ndimage.binary_fill_holes(_bright(plane, radius)), radius)
    masks = _above_half_median(regions, _smoothed(plane, radius / SMOOTHING))
    return _large(masks, SMALLEST * np.pi * radius**2)


def segment_cells(nuclei: Masks, guide: NDArray[Any]) -> Masks:
    """Return the cells around the nuclei (y, x), with the same numbers.

    guide: (y, x), the stain of a cytoplasm, of any dtype. Cells are where its square root is above
    Li's threshold (Li & Tam 1998), divided among the nuclei by the watershed.
    """
    if not nuclei.any():
        return np.zeros(nuclei.shape, np.int32)
    smooth = _smoothed(np.ascontiguousarray(guide, np.float32), _mean_radius(nuclei) / SMOOTHING)
    root = np.sqrt(smooth - smooth.min())
    inside = (nuclei > 0) | (root > threshold_li(root) if root.any() else False)
    return np.asarray(watershed(-smooth, nuclei, mask=ndimage.binary_fill_holes(inside)), np.int32)


def segment(
    planes: NDArray[Any], channels: Sequence[str], pixel_size: PixelSize = None
) -> tuple[Masks, Masks]:
    """Return the cells and the nuclei of planes (channel, y, x) whose colours are `channels`.

    Without a channel of `GUIDES` a cell is its nucleus, expanded by two mean radii of nuclei.

    Raises DataError if no channel shows nuclei.
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


def renumber(masks: NDArray[Any]) -> Masks:
    """Return masks (y, x) of whole numbers, 0 outside, numbered from 1 without gaps."""
    numbers = np.unique(masks[masks > 0])
    return np.where(masks > 0, np.searchsorted(numbers, masks) + 1, 0).astype(np.int32)


def cut(
    planes: NDArray[Any], cells: Masks, size: int, margin: int
) -> list[tuple[int, NDArray[Any]]]:
    """Return each cell's number and square crop (channel, size, size), 0 outside of the cell.

    planes: (channel, y, x) of any dtype, which the crops keep.
    margin: least distance between a cell and the crop's border, pixels.

    The crop is centred on the cell's bounding box. A cell that fits keeps its scale; a larger one
    is reduced to fit with its margin.
    """
    return [
        (number, _crop(planes, cells, number, box, size, margin))
        for number, box in enumerate(ndimage.find_objects(cells), 1)
        if box is not None
    ]


def _side(pixel_size: float | tuple[float, float]) -> float:
    """Return the side of a square pixel of the same area, micrometres."""
    height, width = np.broadcast_to(pixel_size, 2)
    return float(np.sqrt(height * width))


def _smoothed(plane: Plane, sigma: float) -> Plane:
    return gaussian(plane, max(sigma, 0.5))


def _depth(inside: NDArray[np.bool_]) -> Plane:
    """Return each pixel's distance to the outside; the image's border is not outside."""
    if inside.all():
        return np.full(inside.shape, max(inside.shape), np.float32)
    return np.asarray(ndimage.distance_transform_edt(inside), np.float32)


def _is_flat(plane: Plane) -> bool:
    return bool(plane.max() - plane.min() <= FLAT * np.abs(plane).max())


def _bright(plane: Plane, radius: float) -> NDArray[np.bool_]:
    """Return the bright pixels of a plane without its background; none if they are only noise.

    Otsu's threshold (1979) is taken of the square root, in which photon noise has the same width
    everywhere (Anscombe 1948). In the values themselves it would miss dim nuclei beside bright
    ones.
    """
    smooth = _smoothed(plane, radius / SMOOTHING)
    root = np.sqrt(np.maximum(smooth, 0))
    if _is_flat(root):
        return np.zeros(plane.shape, bool)
    bright: NDArray[np.bool_] = root > threshold_otsu(root)
    step = float((root[bright] ** 2).mean()) - float((root[~bright] ** 2).mean())
    # The background alone underestimates the noise, because its brightest pixels were taken away.
    spread = np.sqrt(float(((plane - smooth) ** 2).mean()) + float(plane[~bright].var()))
    return bright if step > CONTRAST * spread else np.zeros_like(bright)


def _foreground(plane: Plane, radius: float) -> Plane:
    """Return the plane less its background, which is uneven illumination and haze.

    The background is a morphological opening by a disc `AROUND` radii wide.
    """
    height, length = plane.shape
    step = max(AROUND * radius / 16, 1.0)
    small = (max(round(height / step), 1), max(round(length / step), 1))
    disc = _disc(round(AROUND * radius / step / 2))
    reduced = reduce(_smoothed(plane, radius / SMOOTHING), small)
    # What lies beyond the border does not count: its pixels, repeated, are in the disc already.
    opened = ndimage.grey_opening(reduced, footprint=disc, mode="nearest")
    return np.asarray(plane - _enlarged(opened, (height, length)), np.float32)


def _disc(radius: int) -> NDArray[np.bool_]:
    """Return a disc (2 * radius + 1, ...); each row is as wide as the circle in its middle."""
    at = np.arange(-radius, radius + 1)
    return np.asarray(np.abs(at) <= np.rint(np.sqrt(radius**2 - at**2))[:, None])


def _enlarged(plane: Plane, shape: tuple[int, int]) -> Plane:
    """Return the plane with more pixels, interpolated linearly."""
    first, second, share = _between(plane.shape[1], shape[1])
    wide = plane[:, first] + share * (plane[:, second] - plane[:, first])
    first, second, share = _between(plane.shape[0], shape[0])
    steps = np.subtract(wide[second], wide[first])
    steps *= share[:, None]
    steps += wide[first]
    return np.asarray(steps, np.float32)


def _between(few: int, many: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Plane]:
    """Return the two of few pixels that each of many lies between, and its share of the second."""
    place = ((np.arange(many) + 0.5) * (few / many) - 0.5).clip(0, few - 1)
    first = place.astype(np.intp)
    return first, np.minimum(first + 1, few - 1), (place - first).astype(np.float32)


def _own_radius(plane: Plane) -> float:
    """Return the radius, pixels, below which a quarter of the bright regions' area lies.

    A quarter and not half, because regions of touching nuclei are deeper than nuclei.
    """
    guess = max(float(min(plane.shape)) / 20, LEAST)
    bright = _bright(_foreground(plane, guess), guess)
    if not bright.any():
        return guess
    depth = _depth(ndimage.binary_fill_holes(bright))
    regions, count = ndimage.label(depth > 0)
    deepest = np.asarray(ndimage.maximum(depth, regions, np.arange(1, count + 1)))
    order = np.argsort(deepest)
    areas = np.cumsum(np.bincount(regions.ravel())[1:][order])
    return max(float(deepest[order][np.searchsorted(areas, QUARTER * areas[-1])]), LEAST)


def _split(bright: NDArray[np.bool_], radius: float) -> Masks:
    """Return the regions, split where they are narrow."""
    depth = _depth(bright)
    smooth = _smoothed(depth, radius / 6)
    tops = smooth - reconstruction(smooth - np.float32(NECK * radius), smooth) > 0
    seeds, _ = ndimage.label(tops & bright, np.ones((3, 3)))
    return np.asarray(watershed(-smooth, seeds, mask=bright), np.int32)


def _above_half_median(masks: Masks, smooth: Plane) -> Masks:
    """Return the part of every region that is brighter than half of its median.

    The border of a blurred nucleus is where the brightness is half, however bright it is.
    """
    half = np.full(masks.max() + 1, np.inf)
    half[1:] = np.divide(ndimage.median(smooth, masks, np.arange(1, len(half))), 2)
    bright = ndimage.binary_fill_holes(smooth > half[masks])
    return np.asarray(masks * bright, np.int32)


def _large(masks: Masks, least: float) -> Masks:
    """Return the masks with an area of at least `least` pixels, renumbered."""
    areas = np.bincount(masks.ravel())
    areas[0] = 0
    large = areas >= least
    return np.asarray((np.cumsum(large) * large)[masks], np.int32)


def _rings(nuclei: Masks) -> Masks:
    if not nuclei.any():
        return nuclei.copy()
    return np.asarray(expand_labels(nuclei, 2 * _mean_radius(nuclei)), np.int32)


def _mean_radius(masks: Masks) -> float:
    """Return the radius of a circle with the median area of the masks, pixels."""
    areas = np.bincount(masks.ravel())[1:]
    return float(np.sqrt(np.median(areas[areas > 0]) / np.pi))


def _crop(
    planes: NDArray[Any],
    cells: Masks,
    number: int,
    box: tuple[slice, slice],
    size: int,
    margin: int,
) -> NDArray[Any]:
    """Return the square around a cell, 0 outside of it."""
    own = np.where(cells[box] == number, planes[:, *box], 0)
    height, width = own.shape[1:]
    side = max(size, height + 2 * margin, width + 2 * margin)
    crop = np.zeros((len(planes), side, side), planes.dtype)
    top, left = (side - height) // 2, (side - width) // 2
    crop[:, top : top + height, left : left + width] = own
    if side == size:
        return crop
    return area_mean(crop, 1, 2, (size, size))
