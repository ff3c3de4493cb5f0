"""Training samples of the estimator: maps of a blurred field's spectrum, and the true blur.

Sample number n of a seed is always the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from recipes.weights.datasets import Plane
from unsmear.blur import (
    Blur,
    Camera,
    Defocus,
    Gaussian,
    Motion,
    Paper,
    Profile,
    Trajectory,
    convolve,
)
from unsmear.blur.kernel import Kernel
from unsmear.estimate import features, spectrum
from unsmear.estimate.result import KINDS, Kind
from unsmear.estimate.shake_fit import equivalent, resized

Array = NDArray[np.float32]
Field = tuple[Array, float]
"""Planes (channel, y, x), normalised, and the least factor of reduction at which they are sharp."""

SHARES = {
    "proticelli": 0.14,
    "hpa": 0.16,
    "hpa_cells": 0.1,
    "bbbc013_sbs": 0.14,
    "bbbc022": 0.08,
    "cp_human": 0.06,
    "cp_speckles": 0.04,
    "nf1_schwann": 0.08,
    "synthetic": 0.15,
    "drawn": 0.05,
}
"""Probability of each data set; `drawn` is text and noise, unlike any cell."""

CHANCES = {"none": 0.3, "straight": 0.38, "shake": 0.22, "defocus": 0.1}
"""Probability of each kind of blur."""
SIDE = 256
"""Most frequent side of a field, pixels."""
SHORTEST_SIDE, LONGEST_SIDE = 48, 512
"""Smallest and largest side of a field, pixels."""
LONGEST, LONGEST_SHARE = 60.0, 0.25
"""Longest motion, pixels, and as a fraction of the field's side."""
MARGIN = 32
"""Margin around a crop from which the blur can bring intensity in, pixels."""
PHOTOGRAPHS = 3
"""Samples of one blurred field that follow each other: the same light through other cameras."""
SUPPORT = 31
"""Side of the true kernels, pixels."""
FAINTEST = 1e-3
"""Range of the brightest plane of a field below which it is drawn again."""


@dataclass(frozen=True)
class Truth:
    """The true blur of a field. kernel: (SUPPORT, SUPPORT), its centroid near the middle."""

    kind: Kind
    blur: Blur
    length: float
    angle: float
    radius: float
    kernel: Kernel


@dataclass(frozen=True)
class Sample:
    """Input and target of the network.

    target: index of the kind, length, cosine and sine of the doubled angle, radius.
    """

    maps: features.Maps
    target: Array
    kernel: Array


@dataclass
class Spectra:
    """An endless series of samples.

    planes: the planes to draw from; those of a field are blurred together.
    """

    planes: Sequence[Plane]
    seed: int
    _fields: dict[str, list[Field]] = field(default_factory=dict, init=False, repr=False)
    _latest: tuple[int, Array, Truth] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        for name, members in by_field(self.planes).items():
            units = np.stack([_units(plane) for plane in members])
            self._fields.setdefault(name.split("/")[0], []).append((units, members[0].coarsest))

    def __getitem__(self, number: int) -> Sample:
        """Return sample `number`; PHOTOGRAPHS samples that follow each other share a field."""
        blurred, truth = self._field(number // PHOTOGRAPHS)
        generator = np.random.default_rng([self.seed, 1, number])
        measured = None
        while measured is None:
            measured = spectrum.measure(photograph(blurred, generator)[None])
        return Sample(features.draw(measured), _target(truth), truth.kernel.astype(np.float32))

    def _field(self, number: int) -> tuple[Array, Truth]:
        """Return blurred planes (channel, y, x) that are not all constant, and their blur."""
        if self._latest is None or self._latest[0] != number:
            generator = np.random.default_rng([self.seed, 0, number])
            blurred, truth = self._blurred(generator)
            while float(np.ptp(blurred, axis=(1, 2)).max()) < FAINTEST:
                blurred, truth = self._blurred(generator)
            self._latest = number, blurred, truth
        return self._latest[1:]

    def draw(
        self, generator: np.random.Generator, side: int | None = None
    ) -> tuple[NDArray[Any], Truth]:
        """Return counts (1, channel, y, x) and their blur; side: pixels, drawn if None."""
        blurred, truth = self._blurred(generator, side)
        return photograph(blurred, generator)[None], truth

    def _blurred(
        self, generator: np.random.Generator, side: int | None = None
    ) -> tuple[Array, Truth]:
        side = side or _draw_side(generator)
        truth = draw_truth(generator, min(LONGEST, LONGEST_SHARE * side))
        sharp = self.crop(generator, side + 2 * MARGIN, enlarged=truth.kind == "none")
        blurred = np.stack([convolve(plane, truth.blur.kernel()) for plane in sharp])
        inside = tuple(slice(m, size - m) for m, size in _margins(blurred.shape[1:], side))
        return blurred[:, *inside], truth

    def crop(self, generator: np.random.Generator, wide: int, enlarged: bool = False) -> Array:
        """Return (channel, y, x) in [0, 1] at a random reduction, rotated and mirrored.

        wide: their side, pixels, where the field is as large. enlarged: whether a few are.
        """
        folders = [name for name in SHARES if name in self._fields or name == "drawn"]
        shares = np.array([SHARES[name] for name in folders])
        folder = folders[generator.choice(len(folders), p=shares / shares.sum())]
        if folder == "drawn":
            return _drawn(generator, wide)
        counts, finest = self._fields[folder][generator.integers(len(self._fields[folder]))]
        several = 1 if generator.random() < 0.5 else generator.integers(1, len(counts) + 1)
        chosen = generator.permutation(len(counts))[:several]
        most = max(finest, min(counts.shape[1:]) / wide)
        factor = finest if generator.random() < 0.3 else float(generator.uniform(finest, most))
        if enlarged and generator.random() < 0.12:
            factor = float(generator.uniform(0.5, 0.9))  # enlargement is no motion
        taken = [min(round(wide * factor), size) for size in counts.shape[1:]]
        row, column = (
            int(generator.integers(size - cut + 1))
            for size, cut in zip(counts.shape[1:], taken, strict=True)
        )
        crop = counts[chosen, row : row + taken[0], column : column + taken[1]]
        return _turned(_resized(crop, factor), generator)


def _draw_side(generator: np.random.Generator) -> int:
    if generator.random() < 0.6:
        return SIDE
    sides = (SHORTEST_SIDE, SIDE) if generator.random() < 0.7 else (SIDE, LONGEST_SIDE)
    return int(np.exp(generator.uniform(*np.log(sides))))


def _margins(shape: tuple[int, ...], side: int) -> list[tuple[int, int]]:
    """Return (margin, size) of both axes; the margin of a small field is smaller."""
    return [(max(0, (size - side) // 2), size) for size in shape]


def by_field(planes: Sequence[Plane]) -> dict[str, list[Plane]]:
    """Return the planes of each field; they are those of a group unless it has several fields."""
    fields: dict[str, list[Plane]] = {}
    for plane in planes:
        many = plane.folder in ("proticelli", "hpa_cells", "dsb2018_256x256", "dsb2018_520x696")
        own = re.sub(r"[:].*", "", plane.name) if many else plane.group
        members = fields.setdefault(f"{plane.folder}/{own}/{plane.counts.shape}", [])
        if not any(np.array_equal(plane.counts, member.counts) for member in members):
            members.append(plane)
    return fields


def _units(plane: Plane) -> Array:
    """Return the plane relative to its own brightest pixels, so that exposure does not matter."""
    counts = plane.counts.astype(np.float32)
    low, high = float(counts.min()), float(np.percentile(counts[::4, ::4], 99.9))
    return np.asarray(np.clip((counts - low) / max(high - low, 1e-6), 0, 1.5), np.float32)


def _resized(crop: Array, factor: float) -> Array:
    if factor == 1:
        return crop
    size = [round(length / factor) for length in crop.shape[:0:-1]]
    how = cv2.INTER_AREA if factor > 1 else cv2.INTER_CUBIC
    return np.stack([cv2.resize(plane, size, interpolation=how) for plane in crop])


def _turned(planes: Array, generator: np.random.Generator) -> Array:
    turned = np.rot90(planes, int(generator.integers(4)), axes=(1, 2))
    return np.ascontiguousarray(turned[..., ::-1] if generator.random() < 0.5 else turned)


def _drawn(generator: np.random.Generator, side: int) -> Array:
    """Return (1, y, x): lines of text, or noise with grains in one direction."""
    if generator.random() < 0.5:
        page = np.zeros((side, side), np.uint8)
        for baseline in range(20, side, int(generator.integers(14, 40))):
            words = "".join(chr(code) for code in generator.integers(48, 122, 40))
            size = float(generator.uniform(0.3, 0.9))
            cv2.putText(page, words, (4, baseline), 0, size, 255, 1, cv2.LINE_AA)
        return np.asarray(page[None] / np.float32(255), np.float32)
    return _grains(generator, side)[None]


def _grains(generator: np.random.Generator, side: int) -> Array:
    """Return noise with grains in one direction."""
    wide = side + side // 2
    noise = ndimage.gaussian_filter(
        generator.standard_normal((wide, wide)), generator.uniform(0, 2.5, 2)
    )
    turned = ndimage.rotate(noise, float(generator.uniform(0, 180)), reshape=False)
    inside = slice(side // 4, side // 4 + side)
    plane = turned[inside, inside]
    return np.asarray((plane - plane.min()) / np.ptp(plane), np.float32)


def draw_truth(generator: np.random.Generator, longest: float = LONGEST) -> Truth:
    """Return a blur of a random kind, with the targets of the network.

    longest: motion, pixels, at least 4.
    """
    kind = KINDS[generator.choice(4, p=[CHANCES[kind] for kind in KINDS])]
    if kind == "straight":
        return _told(kind, _draw_line(generator, longest))
    if kind == "shake":
        return _told(kind, draw_shake(generator, longest))
    if kind == "defocus":
        radius = float(np.exp(generator.uniform(np.log(1.6), np.log(9))))
        smooth = generator.random() < 0.15
        blur: Blur = Gaussian(radius / 2) if smooth else Defocus(radius)
        return _told(kind, blur, radius)
    soft = generator.random() < 0.3
    return _told(kind, Gaussian(float(generator.uniform(0.3, 1.2))) if soft else Motion(0))


def _draw_line(generator: np.random.Generator, longest: float) -> Blur:
    """Return a motion along a line: at constant speed mostly, or not, or by the paper's recipe."""
    chance, angle = generator.random(), float(generator.uniform(0, 180))
    if chance < 0.05 and longest > 21:
        return Paper(int(generator.integers(4, 21)), generator.uniform(-90, 90))
    upper = generator.choice([12.0, 30.0, LONGEST], p=[0.45, 0.38, 0.17])
    length = float(generator.uniform(2.5, min(upper, longest)))
    if chance < 0.17 and length > 5:
        times = np.exp(generator.normal(0, generator.uniform(0.2, 1.2), 6))
        return Profile(length, angle, tuple(map(float, times)))
    return Motion(length, angle)


def draw_shake(generator: np.random.Generator, longest: float = LONGEST) -> Trajectory:
    """Return an irregular motion that fits the support and is neither a point nor a line.

    longest: of the path, pixels.
    """
    while True:
        length, shake = generator.uniform(6, max(longest, 12)), generator.uniform(0.1, 1.0)
        blur = Trajectory(float(length), float(shake), int(generator.integers(2**31)))
        kernel = blur.kernel()
        longest, across, _ = equivalent(kernel)
        if kernel.shape[0] <= SUPPORT and longest > 4 and across > 0.12 * longest:
            return blur


def _told(kind: Kind, blur: Blur, radius: float = 0.0) -> Truth:
    kernel = resized(blur.kernel(), SUPPORT)
    length, angle = 0.0, 0.0
    if isinstance(blur, Motion | Profile):
        length, angle = blur.length, blur.angle
    elif kind in ("straight", "shake"):
        length, _, angle = equivalent(blur.kernel())
    return Truth(kind, blur, float(length), float(angle), radius, kernel)


def _target(truth: Truth) -> Array:
    doubled = np.deg2rad(2 * truth.angle)
    turn = [np.cos(doubled), np.sin(doubled)]
    return np.array([KINDS.index(truth.kind), truth.length, *turn, truth.radius], np.float32)


def photograph(planes: Array, generator: np.random.Generator) -> NDArray[Any]:
    """Return counts (channel, y, x) with random noise, saturation, rounding and JPEG blocks."""
    light = float(generator.uniform(0.25, 1)) if generator.random() < 0.5 else 1.0
    if generator.random() < 0.12:
        light = float(generator.uniform(1.2, 2.5))
    dim = planes * np.float32(light)
    if generator.random() < 0.08:
        dim = _grainy(dim, generator)
    counts = _draw_camera(generator).expose(dim, generator)
    if counts.dtype == np.uint8 and generator.random() < 0.25:
        counts = _through_jpeg(counts, int(generator.integers(45, 97)), generator.random() < 0.5)
    return counts


def _draw_camera(generator: np.random.Generator) -> Camera:
    """Return a camera with noise mostly, in light from plenty to little."""
    bits = 8 if generator.random() < 0.6 else 16
    offset = float(generator.integers(0, 8)) if generator.random() < 0.5 else 0.0
    if generator.random() < 0.3:
        return Camera(offset=offset, bits=bits)
    photons = float(np.exp(generator.uniform(np.log(20), np.log(10000))))
    most = min(5.0, photons / 20)
    read_noise = float(generator.uniform(0, most)) if generator.random() < 0.6 else 0.0
    return Camera(photons, read_noise, 3 + offset if bits == 8 else 100 + offset, bits)


def _grainy(planes: Array, generator: np.random.Generator) -> Array:
    """Return planes with noise that neighbours share, on a background above 0."""
    width, strength = generator.uniform(0.5, 1.5), generator.uniform(0.003, 0.04)
    noise = ndimage.gaussian_filter(generator.standard_normal(planes.shape), (0, width, width))
    return np.asarray(0.05 + 0.95 * planes + strength * noise / noise.std(), np.float32)


def _through_jpeg(counts: NDArray[Any], quality: int, colour: bool) -> NDArray[Any]:
    """Return the counts after JPEG compression; colour: three channels as a colour image."""
    how = [cv2.IMWRITE_JPEG_QUALITY, quality]
    if colour and len(counts) == 3:
        packed = cv2.imencode(".jpg", np.moveaxis(counts, 0, -1), how)[1]
        return np.moveaxis(np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR)), -1, 0)
    packed_planes = (cv2.imencode(".jpg", plane, how)[1] for plane in counts)
    decoded = [np.asarray(cv2.imdecode(p, cv2.IMREAD_GRAYSCALE)) for p in packed_planes]
    return np.stack(decoded)
