"""Random exposures of sharp scenes: blur, photon noise and read noise in a window."""

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
"""Irregularity (`shake`) of a drawn trajectory; the same as in `unsmear prepare`."""
NOISY = 0.5
"""Share of the samples that get noise, where noise is configured."""
DARK = 0.004
"""Standard deviation below which a window counts as empty, as a fraction of the scene's maximum."""
TRIES = 8
"""Number of windows to draw until one is not empty; after that the last one is taken."""


@dataclass(frozen=True)
class Exposure:
    """The image formation of a sample: blur and noise.

    sampler: of the blurs. photons: range of the photoelectrons at full scale, drawn uniformly in
    the logarithm in half of the exposures; None: no noise. read_noise: its standard deviation,
    electrons, where there is noise.
    """

    sampler: blur.Sampler
    photons: tuple[float, float] | None = None
    read_noise: float = 0.0

    @classmethod
    def of(cls, data: Data) -> Exposure:
        """Return the exposure of a configuration."""
        parameters: dict[str, dict[str, blur.Draw]] = {
            "motion": {"length": data.length, "angle": data.angle},
            "trajectory": {"length": data.length, "shake": SHAKE},
            "paper": {"degree": data.degree, "angle": data.angle, "normalise": False},
        }
        sampler = blur.Sampler(data.family, parameters[data.family])
        return cls(sampler, data.photons, data.read_noise)

    @property
    def conserves_flux(self) -> bool:
        """Whether the blur conserves the flux; the paper's recipe darkens."""
        return self.sampler.family != "paper"

    def describe(self) -> dict[str, Any]:
        """Return the exposure's parameters as plain values."""
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

        scene: (channel, y, x), of a dtype of `resampling.PLAIN`. Pixels of the scene outside the
        window contribute to the blur; beyond its own border the scene is mirrored. Blurred integers
        are rounded, as a camera's are.
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
    """Return a random window of `size` pixels on a side, preferably one that is not empty.

    planes: (channel, y, x), no side below `size`.
    """
    floor = DARK * float(planes.max(initial=0))
    for _ in range(TRIES):
        top, left = (int(generator.integers(side - size + 1)) for side in planes.shape[-2:])
        window = slice(top, top + size), slice(left, left + size)
        if float(planes[:, *window].std(dtype=np.float32)) > floor:
            break
    return window
