"""How fast a stage may move while detail of a size still comes back: tried on the stream's frames.

Restored frames stand for the specimen. They are blurred by longer and longer motions, get the noise
that the recorded frames have, and are restored by the same method. What is measured is the part of
the power of the detail that is right: 1 - |restored - specimen|^2 / |specimen|^2, along the motion,
in the octave around the detail's size, each frequency counting alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Blur, Coded, Motion, convolve
from unsmear.errors import UnsmearError
from unsmear.images import Image
from unsmear.images.scaling import cast
from unsmear.restoration import noise
from unsmear.restoration.application import apply_method
from unsmear.streaming.restoring import Restoring

LENGTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48)
"""Motions that are tried, pixels."""
LARGEST = 0.2
"""Longest motion that is tried, as a fraction of the frame's shorter side."""
SECTOR = 12.0
"""Largest angle between a frequency and the motion, degrees."""
HALF = 0.5
"""Part of its power from which detail counts as resolved."""
FRAMES = 2
"""Number of frames on which motions are tried."""

Plane = NDArray[Any]


@dataclass(frozen=True)
class Limit:
    """The longest motions that leave detail of a size, pixels; at most those that are tried.

    restored: with restoration; as_recorded: without.
    """

    restored: float
    as_recorded: float


@dataclass(frozen=True, eq=False)
class Specimen:
    """A restored frame that stands for the specimen. recorded: the frame, which has the noise."""

    restored: Image
    recorded: Image

    def contrast(self) -> float:
        """Return the standard deviation of the restored frame's first plane."""
        return float(self.restored.planes()[0, 0].std())


def keep(specimens: list[Specimen], other: Specimen) -> None:
    """Add a specimen to a list that keeps those with the most contrast."""
    specimens.append(other)
    specimens.sort(key=Specimen.contrast, reverse=True)
    del specimens[FRAMES:]


def limit(specimens: Sequence[Specimen], how: Restoring, blur: Blur, period: float) -> Limit | None:
    """Return how far things may move so that detail of a period is resolved.

    blur: of the frames. period: pixels. None where it is no motion, and for a period that pixels
    cannot show.
    """
    if not specimens or not isinstance(blur, (Motion, Coded)) or period < 2:
        return None
    longest = LARGEST * min(specimens[0].restored.planes().shape[2:])
    lengths = [float(length) for length in LENGTHS if length <= longest]
    restored: list[float] = []
    as_recorded: list[float] = []
    for length in lengths:
        parts = _tried(specimens, how, replace(blur, length=length), period)
        restored.append(parts[0])
        as_recorded.append(parts[1])
        if max(parts) < HALF:
            break
    return Limit(crossing(lengths, restored), crossing(lengths, as_recorded))


def right_part(image: Plane, specimen: Plane, angle: float, period: float) -> float:
    """Return the part of the power of detail that is right, 0 to 1.

    image, specimen: (y, x). angle: of the direction that is looked along, degrees anticlockwise
    from +x. period: of the detail, pixels.
    """
    height, width = specimen.shape
    window = np.hanning(height)[:, None] * np.hanning(width)
    there, here = (
        np.fft.rfft2((plane - float(plane.mean())) * window) for plane in (specimen, image)
    )
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)
    radius = np.hypot(down, across)
    off = np.abs((np.degrees(np.arctan2(-down, across)) - angle + 90) % 180 - 90)
    octave = (radius >= 2**-0.5 / period) & (radius < 2**0.5 / period) & (off <= SECTOR)
    band = (radius[octave] * max(height, width)).astype(int)
    wrong = np.bincount(band, np.abs(here[octave] - there[octave]) ** 2)
    power = np.bincount(band, np.abs(there[octave]) ** 2)
    found = power > 0
    if not found.any():
        return 0.0
    return float(np.mean(1 - np.minimum(wrong[found] / power[found], 1)))


def _tried(
    specimens: Sequence[Specimen], how: Restoring, blur: Motion | Coded, period: float
) -> tuple[float, float]:
    """Return the right part of detail after a motion: restored, and as it is recorded."""
    parts = []
    for number, specimen in enumerate(specimens):
        truth = specimen.restored.planes()[:1, :1]
        recorded = _exposed(specimen, blur, np.random.default_rng(number))
        image = Image(recorded, "TCYX")
        try:
            result = apply_method(image, how.method, blur.kernel(), options=how.options).image
        except UnsmearError:  # a motion that is too long for the method
            result = image
        planes = (result.pixels[0, 0], recorded[0, 0])
        parts.append([right_part(plane, truth[0, 0], blur.angle, period) for plane in planes])
    restored, as_recorded = np.mean(parts, axis=0)
    return float(restored), float(as_recorded)


def _exposed(specimen: Specimen, blur: Blur, generator: np.random.Generator) -> Plane:
    """Return the specimen moved, with the noise of the recorded frame, (1, 1, y, x) counts."""
    planes = specimen.recorded.planes()[:1, :1]
    measured = noise.measure(planes[0].astype(np.float32), noise.rounding(planes.dtype))
    light = convolve(specimen.restored.planes()[:1, :1], blur.kernel())
    deviation = np.sqrt(measured.variance(light))
    noisy = light + deviation * generator.standard_normal(light.shape, dtype=np.float32)
    return cast(noisy, planes.dtype)


def crossing(lengths: Sequence[float], parts: Sequence[float]) -> float:
    """Return the length at which a part first falls below a half, between two that were tried."""
    before, there = 0.0, 1.0
    for length, part in zip(lengths, parts, strict=False):
        if part < HALF:
            if not before:
                return 0.0
            return before + (length - before) * (there - HALF) / (there - part)
        before, there = length, part
    return before
