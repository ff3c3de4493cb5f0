"""A window of a sharp scene, blurred and photographed afresh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear import blur
from unsmear.images.scaling import Scaling, cast
from unsmear.train.config.restorer import Data

Counts = NDArray[Any]
Window = tuple[slice, slice]
"""Rows and columns."""

SHAKE = 0.3
"""Of a drawn trajectory, as in `unsmear prepare`."""
NOISY = 0.5
"""How many samples have noise, where noise is asked for."""
DARK = 0.004
"""Standard deviation, in brightest pixels of the scene, below which a window shows nothing."""
TRIES = 8
"""Windows that are drawn for one that shows something; then a dark one is taken."""


@dataclass(frozen=True)
class Exposure:
    """What happens between a scene and its image.

    sampler: of the blurs. photons: electrons at white, drawn between these by their logarithm in
    half of the exposures; None is no noise at all. read_noise: electrons, where there is noise.
    """

    sampler: blur.Sampler
    photons: tuple[float, float] | None = None
    read_noise: float = 0.0

    @classmethod
    def of(cls, data: Data) -> Exposure:
        """Return what the configuration asks for."""
        parameters: dict[str, dict[str, blur.Draw]] = {
            "motion": {"length": data.length, "angle": data.angle},
            "trajectory": {"length": data.length, "shake": SHAKE},
            "paper": {"degree": data.degree, "angle": data.angle, "normalise": False},
        }
        sampler = blur.Sampler(data.family, parameters[data.family])
        return cls(sampler, data.photons, data.read_noise)

    @property
    def conserves_flux(self) -> bool:
        """Whether blurring keeps the sum of the light; the paper's recipe darkens."""
        return self.sampler.family != "paper"

    def describe(self) -> dict[str, Any]:
        """Return all that decides it, as plain values."""
        noise = {"photons": self.photons, "read_noise": self.read_noise}
        described = {"family": self.sampler.family, **self.sampler.parameters, **noise}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in described.items()
        }

    def take(
        self, scene: Counts, window: Window, generator: np.random.Generator
    ) -> tuple[Counts, Counts]:
        """Return the blurred and the sharp counts of a window, (channel, y, x).

        scene: (channel, y, x), of a dtype of `frames.FOR_OPENCV`; what lies in it beyond the window
        moves in, and beyond its own border it is mirrored. Blurred integers are rounded, as a
        camera's are.
        """
        drawn = self.sampler.draw(generator)
        reach = drawn.kernel().shape[0] // 2
        around = tuple(
            slice(max(part.start - reach, 0), part.stop + reach) for part in window
        )  # a slice ends at the border by itself
        inside = tuple(
            slice(part.start - wide.start, part.stop - wide.start)
            for part, wide in zip(window, around, strict=True)
        )
        blurred = blur.apply(drawn, scene[:, *around])[:, *inside]
        return self._photograph(blurred, scene, generator), scene[:, *window]

    def _photograph(self, blurred: Counts, scene: Counts, generator: np.random.Generator) -> Counts:
        noisy = self.photons is not None and generator.random() < NOISY
        if not noisy or self.photons is None:
            return cast(blurred, scene.dtype)
        low, high = np.log(self.photons)
        photons = float(np.exp(generator.uniform(low, high)))
        camera = blur.Camera(photons, self.read_noise, bits=8 if scene.dtype == np.uint8 else 16)
        white = Scaling.of(scene).factor
        counts = camera.expose(blurred / white, generator)
        return counts.astype(np.float32) * np.float32(white / camera.white)


def draw_window(planes: Counts, size: int, generator: np.random.Generator) -> Window:
    """Return a random window of `size` pixels on a side, one that shows something if there is one.

    planes: (channel, y, x), no side below `size`.
    """
    floor = DARK * float(planes.max(initial=0))
    for _ in range(TRIES):
        top, left = (int(generator.integers(side - size + 1)) for side in planes.shape[-2:])
        window = slice(top, top + size), slice(left, left + size)
        if float(planes[:, *window].std(dtype=np.float32)) > floor:
            break
    return window
