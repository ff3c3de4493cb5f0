"""Richardson-Lucy deconvolution with total variation and borders without ringing.

W. H. Richardson, J. Opt. Soc. Am. 62, 55 (1972); L. B. Lucy, Astron. J. 79, 745 (1974).
Total variation: N. Dey et al., Microsc. Res. Tech. 69, 260 (2006).
Borders: M. Bertero, P. Boccacci, Astron. Astrophys. 437, 369 (2005): the object extends beyond the
image by the kernel's reach, and only the pixels of the image are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2

from unsmear.blur import Kernel, check_kernel
from unsmear.errors import OptionError, shown
from unsmear.restoration.base import Batch, Restorer
from unsmear.restoration.classical.power_spectrum import WORKERS, measure, transfer
from unsmear.restoration.classical.wiener import trim
from unsmear.restoration.flux import background

VARIATION = (5e-4, 0.02)
"""Limits of the weight of total variation that is set from the noise: its variance relative to the
square of the channel's mean."""

STABLE = 4.0
"""Least steepness in the total variation, in units of its weight times the pixel's value over the
fraction of its intensity that is inside the image. The explicit iteration is stable above 4; below,
the finest pattern overshoots, grows from one iteration to the next, and makes noise of rounding."""

MOST = 100_000
"""Largest number of iterations; nothing changes long before."""
VISIBLE = 0.02
"""Fraction of the intensity of a pixel outside the image that must fall inside for it to take
part."""


def fit(
    blurred: Batch,
    kernel: Kernel | None,
    *,
    iterations: int = 100,
    variation: float | None = None,
) -> RichardsonLucy:
    """Return the restorer for this image; the iteration runs in `restore`.

    blurred: (batch, channel, y, x), any unit. kernel: the point spread function.
    iterations: 1 to MOST. variation: weight of the total variation, from 0 to below 0.25; None
    sets it for each channel from the noise.

    Raises OptionError for no kernel or an option out of its range, KernelError for no kernel of a
    camera.
    """
    if kernel is None:
        raise OptionError("kernel must be given for richardson-lucy, got None.")
    if not isinstance(iterations, Integral) or not 1 <= iterations <= MOST:
        raise OptionError(
            f"iterations must be a whole number from 1 to {MOST}, got {shown(iterations)}."
        )
    if variation is not None and not 0 <= variation < 0.25:
        raise OptionError(f"variation must be 0 or more and below 0.25, got {variation}.")
    backgrounds = np.array([_background(channel) for channel in blurred.swapaxes(0, 1)])
    means = blurred.mean(axis=(0, 2, 3), dtype=np.float64) - backgrounds
    kernel = trim(check_kernel(kernel))
    if variation is None:
        noises = [measure(channel, kernel).variance for channel in blurred.swapaxes(0, 1)]
        variations = np.clip(noises / np.maximum(means, 1e-12) ** 2, *VARIATION)
    else:
        variations = np.full(len(means), variation)
    return RichardsonLucy(
        kernel,
        tuple(map(float, backgrounds)),
        tuple(map(float, means)),
        iterations,
        tuple(map(float, variations)),
    )


@dataclass(frozen=True, eq=False)
class RichardsonLucy(Restorer):
    """A kernel, options, and each channel's background, mean above it, and weight of variation."""

    kernel: Kernel
    backgrounds: tuple[float, ...]
    means: tuple[float, ...]
    iterations: int
    variations: tuple[float, ...]

    @property
    def reach(self) -> int:
        """Largest distance over which the kernel moves intensity, pixels."""
        return len(self.kernel) // 2

    @property
    def halo(self) -> int:
        """Pixels around a tile that its result depends on; every iteration adds to them."""
        return self.iterations * 2 * (self.reach + any(self.variations))

    def restore(self, batch: Batch) -> Batch:
        """Return the restored batch, nowhere below its channel's background."""
        restored = batch.copy()
        for channel, (dark, mean, variation) in enumerate(
            zip(self.backgrounds, self.means, self.variations, strict=True)
        ):
            if not self.reach or mean <= 1e-6 * abs(dark):
                continue
            for plane in restored[:, channel]:
                scaled = np.maximum(plane - np.float32(dark), 0) / np.float32(mean)
                plane[:] = self._iterate(scaled, variation) * np.float32(mean) + np.float32(dark)
        return restored

    def _iterate(self, image: NDArray[np.float32], variation: float) -> NDArray[np.float32]:
        """Return the object of one blurred plane, in units of the channel's mean."""
        inside = tuple(slice(self.reach, self.reach + side) for side in image.shape)
        shape = tuple(next_fast_len(side + 2 * self.reach, real=True) for side in image.shape)
        forward = transfer(self.kernel, *shape)
        visible = np.zeros(shape, np.float32)
        visible[inside] = 1
        visible = _convolve(visible, forward.conj())
        invisible = visible < VISIBLE
        weight = np.float32(variation)
        gentle = np.asarray(STABLE * weight / np.maximum(visible, VISIBLE), np.float32)
        object_ = np.ones(shape, np.float32)
        ratio = np.zeros(shape, np.float32)
        for _ in range(self.iterations):
            blurred_object = _convolve(object_, forward)[inside]
            np.divide(image, np.maximum(blurred_object, 1e-6), out=ratio[inside])
            divisor = visible - weight * _curvature(object_, gentle) if variation else visible
            object_ *= np.maximum(_convolve(ratio, forward.conj()), 0)
            object_ /= np.maximum(divisor, VISIBLE / 2)
            object_[invisible] = 1
        return object_[inside]


def _background(planes: NDArray[np.float32]) -> float:
    """Return the background; if none is evident, a level well below the darkest pixels."""
    evident = background(planes)
    darkest, middle = np.percentile(planes, (0.1, 50))
    return evident if np.isfinite(evident) else float(2 * darkest - middle)


def _convolve(
    plane: NDArray[np.float32], transferred: NDArray[np.complex64]
) -> NDArray[np.float32]:
    spectrum = rfft2(plane, workers=WORKERS)
    spectrum *= transferred
    return np.asarray(irfft2(spectrum, s=plane.shape, workers=WORKERS))


def _curvature(plane: NDArray[np.float32], gentle: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return div(grad x / |grad x|), which is -1 times the gradient of the total variation.

    Steps below a thousandth of the channel's mean count as noise of the arithmetic; gentle: least
    steepness as a fraction of the pixel's value.
    """
    down, right = np.zeros_like(plane), np.zeros_like(plane)
    np.subtract(plane[1:], plane[:-1], out=down[:-1])
    np.subtract(plane[:, 1:], plane[:, :-1], out=right[:, :-1])
    least = np.square(gentle * plane) + np.float32(1e-6)
    steepness = np.sqrt(np.square(down) + np.square(right) + least)
    down /= steepness
    right /= steepness
    result = down + right
    result[1:] -= down[:-1]
    result[:, 1:] -= right[:, :-1]
    return result
