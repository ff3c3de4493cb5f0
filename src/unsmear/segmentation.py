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
NECK = 0.15
"""How much narrower than on both of its sides, in radii, a region is where it is parted."""
AROUND = 10.0
"""In radii, the width of what is background: more than a few nuclei that touch."""
FLAT = 1e-4
"""Range of a plane, in parts of its largest value, that is but rounding: 256 bins have no width."""
CONTRAST = 4.5
"""How far above the background nuclei are at least, in standard deviations of noise and background.

Measured: noise alone below 3.2, nuclei above 6.8.
"""
LEAST = 3.0
"""Pixels from the middle of a nucleus to its border, below which it has no shape."""
SMOOTHING = 12.0
"""The part of a radius by which planes are smoothed (sigma)."""
QUARTER = 0.25
"""The share of the bright area that lies in nuclei which touch none, at least."""


def segment_nuclei(nuclei: NDArray[Any], pixel_size: PixelSize = None) -> Masks:
    """Return the nuclei of a plane (y, x) of nuclear stain, of any dtype, numbered from 1.

    pixel_size: of which the sizes to expect follow; where it is None they are those of the bright
    regions in the image itself.

    A plane without anything that stands out from its noise has no nuclei.
    """
    plane = np.ascontiguousarray(nuclei, np.float32)
    if _even(plane):  # what is left of it without its background is rounding alone
        return np.zeros(plane.shape, np.int32)
    radius = _own_radius(plane) if pixel_size is None else RADIUS / _side(pixel_size)
    plane = _foreground(plane, radius)
    regions = _parted(ndimage.binary_fill_holes(_bright(plane, radius)), radius)
    masks = _halves(regions, _smoothed(plane, radius / SMOOTHING))
    return _large(masks, SMALLEST * np.pi * radius**2)


def segment_cells(nuclei: Masks, guide: NDArray[Any]) -> Masks:
    """Return the cells around the nuclei (y, x), with the same numbers.

    guide: (y, x), the stain of a cytoplasm, of any dtype. A cell is where its square root is above
    Li's threshold (Li & Tam 1998), and nearer to its nucleus than to others by the watershed.
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
    height, width = np.broadcast_to(pixel_size, 2)
    return float(np.sqrt(height * width))


def _smoothed(plane: Plane, sigma: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), max(sigma, 0.5)), np.float32)


def _depth(inside: NDArray[np.bool_]) -> Plane:
    """Return each pixel's distance to the outside; the image's border is not outside."""
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    depth = np.minimum(depth, max(inside.shape))  # it is endless where nothing is outside
    return np.asarray(depth, np.float32)


def _even(plane: Plane) -> bool:
    return bool(plane.max() - plane.min() <= FLAT * np.abs(plane).max())


def _bright(plane: Plane, radius: float) -> NDArray[np.bool_]:
    """Return what stands out, of a plane without its background; nothing where that is noise.

    Otsu's threshold (1979) of the square root, in which photon noise is equally wide everywhere
    (Anscombe 1948): of the values themselves it would leave dim nuclei beside bright ones.
    """
    smooth = _smoothed(plane, radius / SMOOTHING)
    root = np.sqrt(np.maximum(smooth, 0))
    if _even(root):
        return np.zeros(plane.shape, bool)
    bright: NDArray[np.bool_] = root > threshold_otsu(root)
    step = float((root[bright] ** 2).mean()) - float((root[~bright] ** 2).mean())
    # The background alone is no measure of the noise: what is bright was chosen out of it.
    spread = np.sqrt(float(((plane - smooth) ** 2).mean()) + float(plane[~bright].var()))
    return bright if step > CONTRAST * spread else np.zeros_like(bright)


def _foreground(plane: Plane, radius: float) -> Plane:
    """Return the plane less its background: what is left of it without all that is narrow.

    It is a morphological opening by a disc `AROUND` radii wide: uneven light and haze.
    """
    height, length = plane.shape
    step = max(AROUND * radius / 16, 1.0)
    small = (max(round(length / step), 1), max(round(height / step), 1))
    disc = cv2.getStructuringElement(
        cv2.MORPH_ELLIPSE, (2 * round(AROUND * radius / step / 2) + 1,) * 2
    )
    reduced = cv2.resize(_smoothed(plane, radius / SMOOTHING), small, interpolation=cv2.INTER_AREA)
    opened = cv2.morphologyEx(reduced, cv2.MORPH_OPEN, disc)
    return np.asarray(plane - cv2.resize(opened, (length, height)), np.float32)


def _own_radius(plane: Plane) -> float:
    """Return the depth, pixels, below which a quarter of the bright regions' area lies.

    Not half: regions of nuclei that touch are deeper than nuclei.
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


def _parted(bright: NDArray[np.bool_], radius: float) -> Masks:
    """Return the regions, parted where they are narrow."""
    depth = _depth(bright)
    smooth = _smoothed(depth, radius / 6)
    tops = smooth - reconstruction(smooth - np.float32(NECK * radius), smooth) > 0
    seeds, _ = ndimage.label(tops & bright, np.ones((3, 3)))
    return np.asarray(watershed(-smooth, seeds, mask=bright), np.int32)


def _halves(masks: Masks, smooth: Plane) -> Masks:
    """Return of every region what is brighter than half of its median.

    A blurred border is where the brightness is half, however bright a nucleus is.
    """
    half = np.full(masks.max() + 1, np.inf)
    half[1:] = np.divide(ndimage.median(smooth, masks, np.arange(1, len(half))), 2)
    kept = ndimage.binary_fill_holes(smooth > half[masks])
    return np.asarray(masks * kept, np.int32)


def _large(masks: Masks, least: float) -> Masks:
    """Return the masks of at least an area in pixels, numbered anew."""
    areas = np.bincount(masks.ravel())
    areas[0] = 0
    kept = areas >= least
    return np.asarray((np.cumsum(kept) * kept)[masks], np.int32)


def _rings(nuclei: Masks) -> Masks:
    if not nuclei.any():
        return nuclei.copy()
    return np.asarray(expand_labels(nuclei, 2 * _mean_radius(nuclei)), np.int32)


def _mean_radius(masks: Masks) -> float:
    """Return the radius, pixels, of a circle as large as the median mask."""
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
