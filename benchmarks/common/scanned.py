"""Frames of a simulated scanner, without files, and how good they are: nuclei and resolution."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from unsmear.blur import Blur, Camera, Coded, Motion
from unsmear.blur.coded import RASKAR
from unsmear.images import Image
from unsmear.recovery.measures.detection import match
from unsmear.recovery.measures.nuclei import overlap
from unsmear.restoration import methods, resolution
from unsmear.restoration.restored import Restored
from unsmear.restoration.settings import Settings
from unsmear.segmentation import Masks, segment_nuclei
from unsmear.synthetic import scan as scans
from unsmear.synthetic.scan.exposing import expose
from unsmear.synthetic.scan.specimen import Stain

SIDE, MARGIN = 400, 60
"""Side of a frame, and what is not looked at of it at each side, pixels: a scanner has larger ones,
and neighbours that serve as their borders."""
SEED = 11
BITS, READ_NOISE = 12, 2.0
WHITE = 2**BITS - 1
OFFSET = 80.0
"""Counts of the camera without light."""

SMOOTHING = 1.0
"""Standard deviation of the Gaussian for frames that are not restored, pixels."""
FITS = 0.8
"""Intersection over union of a nucleus with the sharp one, from which it is found as it is."""

Light = NDArray[np.float32]


def blur_of(length: float, coded: bool = False) -> Motion | Coded:
    """Return the blur of a frame: pixels along the rows."""
    return Coded(length, 180, RASKAR) if coded else Motion(length, 0)


@cache
def light(
    length: float, coded: bool, stain: Stain, index: int, pixel_size: float
) -> tuple[Light, Light]:
    """Return a frame's sharp and moved light, (y, x), normalised intensities.

    length: pixels that the stage moves during the exposure; below 0.1 it stands still.
    """
    moves = length >= 0.1
    time = 0.001
    plan = scans.Scan(
        Path("nowhere"),
        scans.Drawn(SEED, stain, pixel_size),
        scans.Stage(max(length, 1.0) * pixel_size / time),
        scans.Exposure(time, code=RASKAR if coded else ""),
        scans.Grid(index + 1, SIDE, 0.0, 1, pixel_size),
        Camera(None, bits=BITS),
        SEED,
    )
    sharp, moved = expose(plan, index)
    return sharp, moved if moves else sharp


def recorded(units: Light, photons: float, seed: Iterable[int], pixel_size: float) -> Image:
    """Return what a camera makes of light. photons: photoelectrons at full scale."""
    camera = Camera(photons, READ_NOISE, OFFSET, BITS)
    counts = camera.expose(units, np.random.default_rng((SEED, *seed)))
    return Image(counts, "YX", (), (pixel_size, pixel_size))


def noiseless(units: Light, pixel_size: float) -> Image:
    """Return light as counts without noise."""
    counts = Camera(None, 0, OFFSET, BITS).expose(units, np.random.default_rng(0))
    return Image(counts, "YX", (), (pixel_size, pixel_size))


def pair(
    length: float, photons: float, stain: Stain, index: int, pixel_size: float
) -> tuple[Image, Image]:
    """Return a frame without motion and noise, and as it is recorded with an open shutter."""
    sharp, moved = light(length, False, stain, index, pixel_size)
    frame = recorded(moved, photons, (index, int(photons)), pixel_size)
    return noiseless(sharp, pixel_size), frame


def smoothed(image: Image) -> Image:
    """Return a frame as one looks for nuclei in it that is not restored: without its grain.

    The detector takes what is no brighter than the noise of a pixel for noise.
    """
    pixels = gaussian_filter(image.pixels.astype(np.float32), SMOOTHING)
    return Image(pixels, image.axes, (), image.pixel_size)


@dataclass
class Nuclei:
    """Nuclei of some frames against those of the sharp ones, matched one to one at an IoU of 0.5.

    found: those that are matched at `FITS`. area_errors: |area - sharp area| / sharp area of the
    matched ones.
    """

    sharp: int
    detected: int
    found: int
    area_errors: list[float]

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 0 to 1."""
        return 2 * self.found / max(self.sharp + self.detected, 1)

    @property
    def area_error(self) -> float:
        """The mean error of the area of matched nuclei; NaN for none."""
        return float(np.mean(self.area_errors)) if self.area_errors else float("nan")


def nuclei(pairs: Sequence[tuple[Image, Image]]) -> Nuclei:
    """Return what is found in frames: pairs of the sharp one and what became of it."""
    total = Nuclei(0, 0, 0, [])
    for sharp, other in pairs:
        reference, detected = _masks(sharp), _masks(other)
        fits = match(overlap(reference, detected))
        total.sharp += len(fits)
        total.detected += int(detected.max(initial=0))
        total.found += int((fits >= FITS).sum())
        total.area_errors += _area_errors(reference, detected)
    return total


def middle(image: Image) -> NDArray[Any]:
    """Return what is looked at of a frame, (y, x)."""
    return image.pixels[MARGIN:-MARGIN, MARGIN:-MARGIN]


def _masks(image: Image) -> Masks:
    return segment_nuclei(middle(image), image.pixel_size)


def _area_errors(reference: Masks, detected: Masks) -> list[float]:
    overlaps = overlap(reference, detected)
    fits = match(overlaps)
    areas = [np.bincount(masks.ravel())[1:] for masks in (reference, detected)]
    return [
        abs(areas[1][int(overlaps[number].argmax())] / areas[0][number] - 1)
        for number in np.flatnonzero(fits)
    ]


def resolved(image: Image, blur: Blur | None, method: str) -> tuple[float, float]:
    """Return the finest detail along the rows, micrometres: as recorded, and restored.

    As the report of `unsmear restore` gives it; infinite where there is nothing but noise, or where
    it cannot be told. blur: None for a frame that did not move, which is not restored.
    """
    settings = Settings(methods.find(method), {})
    result: Restored[Any, Any] = Restored(image, blur is not None, blur=blur)
    (measured,) = resolution.of_image(image, result, settings)
    size = image.pixel_size[1] if image.pixel_size else 1.0
    found = [
        size * part.along if part is not None and part.along is not None else float("inf")
        for part in (measured.recorded, measured.restored)
    ]
    return found[0], found[1]
