"""Training samples of the restorers: sharp crops, and Wiener results of their blurred images.

The random generator is seeded by the sample's number, so that neither the number of workers nor an
interruption changes a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from recipes.weights.datasets import Plane, reduce
from unsmear.blur import Blur, Camera, Kernel, Motion, Paper, Trajectory, convolve
from unsmear.restoration.learned import deep_wiener

Array = NDArray[np.float32]

SHARES = {
    "proticelli": 0.2,
    "hpa": 0.2,
    "hpa_cells": 0.12,
    "bbbc013_sbs": 0.1,
    "bbbc022": 0.06,
    "cp_human": 0.05,
    "cp_speckles": 0.03,
    "nf1_schwann": 0.06,
    "synthetic": 0.18,
}
"""Probability of each data set; those with texture have more than their size would give."""

SIDE = 256
"""Largest side of a sample, pixels."""
MARGIN = 24
"""Margin of the scene beyond a sample's border, pixels, in the half of samples that have one."""


@dataclass(frozen=True)
class Sample:
    """A plane. versions: (version, y, x). constants: (constant,). sharp: (1, y, x)."""

    versions: Array
    constants: Array
    sharp: Array


@dataclass
class Samples:
    """An endless series of samples; `samples[number]` is always the same.

    planes: the planes to draw from. seed: of the series. side: largest side, pixels.
    """

    planes: Sequence[Plane]
    seed: int
    side: int = SIDE
    _by_folder: dict[str, list[Plane]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        for plane in self.planes:
            self._by_folder.setdefault(plane.folder, []).append(plane)

    def __getitem__(self, number: int) -> Sample:
        """Return sample `number`."""
        generator = np.random.default_rng([self.seed, number])
        while True:
            sharp = self._draw_crop(generator)
            if float(sharp.std()) > 0.004:
                break
        blur = draw_blur(generator)
        counts, sharp = photograph(sharp, blur.kernel(), generator)
        if sharp.shape[0] > self.side:
            inside = slice(MARGIN, -MARGIN)
            counts, sharp = counts[inside, inside], sharp[inside, inside]
        return prepare(counts, sharp, _mistaken(blur, generator).kernel())

    def _draw_crop(self, generator: np.random.Generator) -> Array:
        """Return a crop in [0, 1], at a random reduction, rotated and mirrored."""
        folders = [name for name in SHARES if name in self._by_folder]
        shares = np.array([SHARES[name] for name in folders])
        folder = folders[generator.choice(len(folders), p=shares / shares.sum())]
        plane = self._by_folder[folder][generator.integers(len(self._by_folder[folder]))]
        most = max(plane.coarsest, min(plane.counts.shape) / self.side)
        # Four in ten samples are at the finest scale, because detail is rare.
        finest = generator.random() < 0.4
        factor = plane.coarsest if finest else float(generator.uniform(plane.coarsest, most))
        units = reduce(plane, factor)
        whole = self.side + 2 * MARGIN
        beyond = generator.random() < 0.5 and min(units.shape) >= whole
        most_side = whole if beyond else self.side
        height, width = (min(most_side, side) // 8 * 8 for side in units.shape)
        row, column = (
            int(generator.integers(side - cut + 1))
            for side, cut in zip(units.shape, (height, width), strict=True)
        )
        crop = units[row : row + height, column : column + width]
        crop = np.rot90(crop, int(generator.integers(4)))
        return np.ascontiguousarray(crop[:, ::-1] if generator.random() < 0.5 else crop)


def draw_blur(generator: np.random.Generator) -> Blur:
    """Return a random blur: mostly linear motion, else irregular motion or the paper's recipe."""
    angle = float(generator.uniform(0, 180))
    kind = generator.random()
    if kind < 0.72:
        return Motion(float(generator.uniform(1.5, 22)), angle)
    if kind < 0.9:
        shake = float(generator.uniform(0.15, 0.9))
        return Trajectory(float(generator.uniform(5, 40)), shake, int(generator.integers(2**31)))
    return Paper(int(generator.integers(3, 20)), float(generator.uniform(-90, 90)))


def _mistaken(blur: Blur, generator: np.random.Generator) -> Blur:
    """Return the blur as an estimator finds it: a linear motion with small errors."""
    if not isinstance(blur, Motion) or generator.random() < 0.5:
        return blur
    length = blur.length + float(generator.normal(0, 0.04))
    return Motion(length, blur.angle + float(generator.normal(0, 1.5 / blur.length)))


def photograph(sharp: Array, kernel: Kernel, generator: np.random.Generator) -> tuple[Array, Array]:
    """Return a camera's image of the blurred crop, and the sharp crop, in the same units."""
    gain = float(generator.uniform(0.5, 1.0)) if generator.random() < 0.4 else 1.0
    if generator.random() < 0.07:
        gain = float(generator.uniform(1.2, 2.0))  # saturated
    sharp = sharp * np.float32(gain)
    noisy = generator.random() < 0.6
    camera = Camera(
        photons=float(np.exp(generator.uniform(np.log(80), np.log(10000)))) if noisy else None,
        read_noise=float(generator.uniform(0, 5)) if noisy and generator.random() < 0.5 else 0.0,
        bits=8 if generator.random() < 0.7 else 16,
    )
    light = convolve(sharp, kernel)
    if generator.random() < 0.08:
        light += _grain(light.shape, generator)
    counts = camera.expose(light, generator)
    if counts.dtype == np.uint8 and generator.random() < 0.1:
        quality = int(generator.integers(60, 97))
        packed = cv2.imencode(".jpg", counts, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        counts = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE))
    return counts.astype(np.float32) / np.float32(camera.white), np.minimum(sharp, 1)


def _grain(shape: tuple[int, ...], generator: np.random.Generator) -> Array:
    """Return correlated noise, as binning or a camera's own filter leaves it."""
    grain = cv2.GaussianBlur(
        generator.standard_normal(shape, dtype=np.float32),
        (0, 0),
        float(generator.uniform(0.5, 1.2)),
    )
    return np.asarray(grain * np.float32(generator.uniform(0.002, 0.03) / grain.std()), np.float32)


def prepare(blurred: Array, sharp: Array, kernel: Kernel) -> Sample:
    """Return a sample of a plane as the restorer receives it, with the level subtracted."""
    (channel,) = deep_wiener.measure(blurred[None, None], kernel)
    versions = channel.versions(blurred[None])[0]
    constants = np.asarray(channel.constants, np.float32)
    return Sample(versions, constants, sharp[None] - np.float32(channel.level))
