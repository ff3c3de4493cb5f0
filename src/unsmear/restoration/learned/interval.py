"""The 90 % prediction interval of an image: the network's scale of the error, fitted to the field.

One factor on the network's scale holds nine of ten pixels of many images, and too few of some: of
fields with a texture that reaches into the dark (the scale is narrow there), and of motions longer
than those trained. `Interval` widens them by what is known when an image is restored
(docs/design/deep-wiener.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Kernel
from unsmear.checkpoints.checkpoint import card_name
from unsmear.errors import WeightsError, shown
from unsmear.restoration.base import Batch
from unsmear.restoration.classical import power_spectrum as spectra

EVEN = 0.5
"""Exponent of the network's scale; the rest is the scale's root mean square over the plane. 1 is
the scale itself, 0 the same width everywhere, which has the evenest coverage and tells least."""
NORMAL = 1.645
"""Half-width of the interval that holds 90 % of a normal distribution, standard deviations."""
TRAINED = 22.0
"""Longest motion that the networks were trained on, pixels."""
BLOCK = 64
"""Side of the blocks in which the texture is measured, pixels."""
MOST = 24
"""Largest number of blocks along each axis."""
SMOOTHEST = 0.25
"""Fraction of the blocks that is read: those with the least variance."""
RINGS = np.geomspace(0.03, 0.72, 10)
"""Edges of the rings in which the texture's power is measured, cycles a pixel."""
PASSED = (0.05, 0.005)
"""Fractions of the power that the kernel must pass where it is measured; the second where the first
leaves fewer than FEWEST frequencies of a ring."""
FEWEST = 8
"""Least number of frequencies of a ring."""


@dataclass(frozen=True)
class Interval:
    """Factors of the half-width; `recipes.weights.interval` fits those of the shipped weights.

    scale: of the network's half-width. longer: exponent of a motion's length over the longest
    trained one.
    """

    scale: float
    longer: float

    def widths(
        self, half_widths: Batch, blurred: Batch, kernel: Kernel, whole: Whole | None = None
    ) -> Batch:
        """Return the half-widths of the image, (batch, channel, y, x).

        half_widths: the network's. blurred: the recorded planes, in the same unit; a gain of both
        is one of the result, and an offset changes nothing. kernel: that of the restoration. whole:
        of the plane that these are parts of; None where they are planes themselves.
        """
        results = np.empty_like(half_widths)
        for index in np.ndindex(blurred.shape[:2]):
            own = whole or Whole.of(half_widths[index][None], blurred[index][None], kernel)
            network = (
                self.scale * evened(half_widths[index], own.mean) * longer(kernel, self.longer)
            )
            results[index] = np.hypot(network, np.float32(NORMAL * own.texture))
        return results


@dataclass(frozen=True)
class Whole:
    """What is measured on a whole plane.

    mean: root mean square of the network's half-widths. texture: see `left_in_texture`.
    """

    mean: float
    texture: float

    @classmethod
    def of(cls, half_widths: Batch, blurred: Batch, kernel: Kernel) -> Whole:
        """Return that of a plane, or of windows that stand for one, (n, y, x)."""
        return cls(_root_mean_square(half_widths), left_in_texture(blurred, kernel))


def from_card(name: str, card: Mapping[str, Any]) -> Interval | None:
    """Return the factors on a card of weights; None for a card without them.

    name: of the weights. Raises WeightsError for others than those of `Interval`.
    """
    factors = card.get("interval")
    if factors is None:
        return None
    try:
        return Interval(**{key: float(value) for key, value in factors.items()})
    except (AttributeError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{card_name(name)}: interval must have scale and longer, got {shown(factors)}."
        ) from error


def evened(half_widths: NDArray[np.float32], mean: float | None = None) -> NDArray[np.float32]:
    """Return half-widths (y, x) nearer to their root mean square, by the exponent EVEN.

    mean: that of the plane that they are a part of; None for their own.
    """
    mean = _root_mean_square(half_widths) if mean is None else mean
    return np.asarray(half_widths**EVEN * np.float32(mean ** (1 - EVEN)))


def _root_mean_square(half_widths: Batch) -> float:
    return float(np.sqrt(np.square(half_widths, dtype=np.float64).mean()))


def longer(kernel: Kernel, exponent: float) -> float:
    """Return the factor for motions that are longer than those trained."""
    return float(max(spectra.extent(kernel) / TRAINED, 1.0) ** exponent)


def left_in_texture(plane: NDArray[np.floating[Any]], kernel: Kernel) -> float:
    """Return the standard deviation of the texture that a Wiener filter cannot bring back.

    plane: blurred, (y, x), or windows of one, (n, y, x). The texture is what the smoothest blocks
    have above their noise: what is also where nothing else is. Where the kernel passes nothing, all
    of it is lost.
    """
    windows = plane.reshape(-1, *plane.shape[-2:])
    side = min(BLOCK, *windows.shape[1:])
    rows, columns = (
        np.linspace(0, length - side, min(MOST, 2 * length // side - 1)).astype(int)
        for length in windows.shape[1:]
    )
    views = [
        window[row : row + side, column : column + side]
        for window in windows
        for row in rows
        for column in columns
    ]
    variances = [float(view.var(dtype=np.float64)) for view in views]
    chosen = np.argsort(variances, kind="stable")[: max(1, int(SMOOTHEST * len(views)))]
    seen = spectra.observed(np.stack([views[i] for i in chosen]), kernel)
    noise = spectra.white_noise(seen)
    if noise <= 0:
        return 0.0
    signal = np.zeros_like(seen.power)
    for low, high in pairwise(RINGS):
        ring = (seen.radius >= low) & (seen.radius < high)
        for least in PASSED:
            read = ring & (seen.passed > least)
            if read.sum() >= FEWEST:
                passed = float(seen.passed[read].sum())
                signal[ring] = max(float((seen.power[read] - noise).sum()) / passed, 0.0)
                break
    lost = signal * noise / (seen.passed * signal + noise)
    return float(np.sqrt(spectra.mean(lost, side)))
