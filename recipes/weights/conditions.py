"""Fields as microscopes record them, with what moved: for the calibration of confidences.

Every sample belongs to a group of conditions; sample number n of a seed is always the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from recipes.weights.datasets import Plane
from recipes.weights.estimator_samples import MARGIN, Spectra
from unsmear.blur import Camera, Defocus, Gaussian, Motion, Trajectory, convolve
from unsmear.blur.kernel import Kernel, points_kernel
from unsmear.estimate.result import Kind
from unsmear.estimate.shake_fit import equivalent

Array = NDArray[np.float64]
Rng = np.random.Generator
TIMES = np.linspace(0, 1, 2001)
"""Moments of an exposure at which the places of a path are given."""
LEAST_MARGIN = 12
"""Margin that is cut off small fields, into which the blur brought what was reflected, pixels."""


@dataclass(frozen=True)
class Truth:
    """What moved. length, angle: of a line, or of a path's extent, pixels and degrees."""

    kind: Kind
    length: float = 0.0
    angle: float = 0.0


@dataclass(frozen=True)
class Sample:
    """A plane of counts (1, 1, y, x) of a group of conditions."""

    group: str
    counts: NDArray[Any]
    truth: Truth


@dataclass
class Samples:
    """An endless series; sides: of the square fields, pixels."""

    planes: Sequence[Plane]
    seed: int
    sides: tuple[int, ...] = (192, 256, 256, 320)
    _spectra: Spectra = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._spectra = Spectra(self.planes, self.seed)

    def __getitem__(self, number: int) -> Sample:
        """Return sample `number`; the groups come in turn."""
        generator = np.random.default_rng([self.seed, number])
        group = tuple(GROUPS)[number % len(GROUPS)]
        side = int(generator.choice(self.sides))
        sharp = self._spectra.crop(generator, side + 2 * MARGIN)[0]
        counts, truth = GROUPS[group](np.clip(sharp, 0, 1.02).astype(np.float64), generator)
        cut = [max((size - side) // 2, LEAST_MARGIN) for size in counts.shape]
        inside = tuple(slice(c, size - c) for c, size in zip(cut, counts.shape, strict=True))
        return Sample(group, counts[inside][None, None], truth)


def _clean(sharp: Array, generator: Rng) -> tuple[NDArray[Any], Truth]:
    return _moved(sharp, _line(generator, 3, 26), _bits(generator), generator)


def _long(sharp: Array, generator: Rng) -> tuple[NDArray[Any], Truth]:
    return _moved(sharp, _line(generator, 22, 50), _bits(generator), generator)


def _dark(sharp: Array, generator: Rng) -> tuple[NDArray[Any], Truth]:
    return _moved(sharp, _line(generator, 4, 20), _photons(generator, 40, 6000), generator)


def _noisy(sharp: Array, generator: Rng) -> tuple[NDArray[Any], Truth]:
    camera = CAMERAS[generator.integers(len(CAMERAS))]
    return _moved(sharp, _line(generator, 5, 20), camera, generator)


def _uneven(sharp: Array, generator: Rng) -> tuple[NDArray[Any], Truth]:
    length, shape = float(generator.uniform(6, 18)), generator.integers(5)
    if shape == 0:  # from rest
        place = length * TIMES ** generator.uniform(1.4, 2.2)
    elif shape == 1:  # it waits before or within
        wait, when = generator.uniform(0.2, 0.5), generator.choice([0.0, generator.random()])
        place = length * np.interp(TIMES, [0, when * (1 - wait), when * (1 - wait) + wait, 1],
                                   [0, when, when, 1])  # fmt: skip
    elif shape == 2:  # vibration
        turns, phase = generator.integers(2, 6), generator.random()
        place = length / 2 * np.sin(2 * np.pi * (turns * TIMES + phase))
    elif shape == 3:  # settling
        decay, swings = generator.uniform(2, 5), generator.uniform(1.5, 4)
        place = length / 1.5 * np.exp(-decay * TIMES) * np.cos(2 * np.pi * swings * TIMES)
    else:  # two positions
        jump = generator.uniform(0.3, 0.7)
        place = np.where(jump > TIMES, 0.0, length)
    path = _path(place, 0 * place, float(generator.uniform(0, 180)))
    return _moved(sharp, path, _little_or_much_light(generator), generator)


def _irregular(sharp: Array, generator: Rng) -> tuple[NDArray[Any], Truth]:
    shape = generator.integers(3)
    if shape == 0:
        blur = Trajectory(float(generator.uniform(8, 50)), float(generator.uniform(0.1, 1)),
                          int(generator.integers(2**31)))  # fmt: skip
        kernel = blur.kernel()
        length, _, angle = equivalent(kernel)
        path = kernel, Truth("shake", length, angle)
    elif shape == 1:  # a scan that vibrates across
        across = generator.uniform(0.8, 2.5) * np.sin(2 * np.pi * generator.uniform(2, 5) * TIMES)
        path = _path(generator.uniform(8, 18) * TIMES, across, float(generator.uniform(0, 180)))
    else:  # a corner
        first, second = generator.uniform(5, 10, 2)
        along, across = np.clip(2 * TIMES, 0, 1) * first, np.clip(2 * TIMES - 1, 0, 1) * second
        path = _path(along, across, float(generator.uniform(0, 180)))
    return _moved(sharp, path, _little_or_much_light(generator), generator)


def _optics(sharp: Array, generator: Rng) -> tuple[NDArray[Any], Truth]:
    kernel, truth = _line(generator, 6, 16)
    round_blur = (
        Gaussian(float(generator.uniform(0.7, 2.5)))
        if generator.random() < 0.6
        else Defocus(float(generator.uniform(1.6, 4)))
    )
    both = signal.fftconvolve(kernel, round_blur.kernel()).clip(0)
    if generator.random() < 0.3:
        both, truth = (
            round_blur.kernel(),
            Truth("defocus" if isinstance(round_blur, Defocus) else "none"),
        )
    return _moved(sharp, (both / both.sum(), truth), _little_or_much_light(generator), generator)


def _sharp(sharp: Array, generator: Rng) -> tuple[NDArray[Any], Truth]:
    choices = [_bits(generator), _photons(generator, 60, 6000), *CAMERAS]
    camera = choices[generator.integers(len(choices))]
    return camera(sharp, generator), Truth("none")


GROUPS: dict[str, Callable[[Array, Rng], tuple[NDArray[Any], Truth]]] = {
    "clean": _clean,
    "long": _long,
    "little light": _dark,
    "noise, compression, saturation": _noisy,
    "uneven speed": _uneven,
    "irregular": _irregular,
    "with the optics' blur": _optics,
    "sharp": _sharp,
}
"""How a group's samples are made from a sharp plane in [0, 1]."""
Exposed = Callable[[Array, Rng], NDArray[Any]]


def _moved(
    sharp: Array, path: tuple[Kernel, Truth], camera: Exposed, generator: Rng
) -> tuple[NDArray[Any], Truth]:
    kernel, truth = path
    return camera(convolve(sharp.astype(np.float32), kernel).astype(np.float64), generator), truth


def _line(generator: Rng, shortest: float, longest: float) -> tuple[Kernel, Truth]:
    motion = Motion(float(generator.uniform(shortest, longest)), float(generator.uniform(0, 180)))
    return motion.kernel(), Truth("straight", motion.length, motion.angle)


def _path(along: Array, across: Array, angle: float) -> tuple[Kernel, Truth]:
    """Return the kernel of places along and across a direction, one for each moment."""
    turn = np.deg2rad(angle)
    x, y = (
        along * np.cos(turn) - across * np.sin(turn),
        along * np.sin(turn) + across * np.cos(turn),
    )
    kernel = points_kernel(x - x.mean(), -(y - y.mean()), np.ones_like(x))
    if np.ptp(across) == 0:
        return kernel, Truth("straight", float(np.ptp(along)), angle)
    length, _, direction = equivalent(kernel)
    return kernel, Truth("shake", length, direction)


def _bits(generator: Rng) -> Exposed:
    return Camera(bits=8 if generator.random() < 0.6 else 16, offset=5).expose


def _photons(generator: Rng, fewest: float, most: float) -> Exposed:
    photons = float(np.exp(generator.uniform(np.log(fewest), np.log(most))))
    camera = Camera(photons=photons, read_noise=1.6, offset=100, bits=16)
    return lambda units, rng: camera.expose(0.02 + 0.98 * units, rng)


def _little_or_much_light(generator: Rng) -> Exposed:
    return _bits(generator) if generator.random() < 0.5 else _photons(generator, 500, 5000)


def _grain(units: Array, generator: Rng) -> NDArray[Any]:
    width = generator.choice([0.0, generator.uniform(0.6, 1.4)])
    noise = ndimage.gaussian_filter(generator.normal(size=units.shape), width)
    noisy = units + generator.uniform(0.005, 0.03) * noise / noise.std()
    return np.asarray(np.rint(400 + 20000 * noisy).clip(0, 65535), np.uint16)


def _hot(units: Array, generator: Rng) -> NDArray[Any]:
    counts = _photons(generator, 800, 2000)(units, generator).astype(np.float64)
    hot = generator.random(units.shape) < 10 ** generator.uniform(-4, -3)
    counts[hot] += generator.uniform(0.3, 3, hot.sum()) * np.ptp(counts)
    return counts.clip(0, 65535).astype(np.uint16)


def _compressed(units: Array, generator: Rng) -> NDArray[Any]:
    counts = Camera(offset=5).expose(units, generator)
    how = [cv2.IMWRITE_JPEG_QUALITY, int(generator.integers(60, 97))]
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", counts, how)[1], cv2.IMREAD_GRAYSCALE))


def _saturated(units: Array, generator: Rng) -> NDArray[Any]:
    white = float(np.quantile(units, 1 - generator.uniform(0.01, 0.12)))
    return Camera(offset=5, saturation=max(white, 0.05)).expose(units, generator)


CAMERAS: tuple[Exposed, ...] = (_grain, _hot, _compressed, _saturated)
"""Cameras and files with more than photon noise."""
