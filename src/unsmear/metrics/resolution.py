"""Directional Fourier ring correlation: the finest detail along a movement, and across it.

A Fourier ring correlation (FRC) compares two images of the same light whose noise is independent,
and finds the finest detail that both show, here where the correlation falls below 1/7
(Nieuwenhuizen et al., "Measuring image resolution in optical nanoscopy", Nat. Methods 10 (2013)).
Its rings average over all directions and hardly see a motion, which takes detail along its own
direction alone; here two sectors are compared instead. The two images are `halves` of one.

**Blurred by a movement.** Beyond 1 / length a linear motion turns contrast over: there is light
where the dark belongs. An FRC does not see that, so that where the kernel is known, correlation
counts with the sign of its transfer function.

**Restored.** Halves of a restored image are never made, and two restored halves never compared:
what a restorer invents or shares between neighbours would count as detail. One recorded half is
restored, blurred again, and compared with the other half *as it was recorded*. This correlation,
squared and divided by the FRC of the recorded halves, is the square of the restored half's own
correlation with the sharp image, and has the same threshold: a linear filter has the FRC of the
recorded halves, with contrast turned upright. Where the recorded halves themselves correlate by
less than 1/7, no restorer earns much more. The half has twice the noise of the whole, and its
restoration is not the better one.

**Limits.** The kernel is taken for right: what a wrong one restores counts as much, if it is
consistent with the image. Light beyond the Nyquist circle counts as noise, so that an undersampled
image is said to be worse than it is. FRC says what stands above the noise, not with which contrast.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from unsmear.blur import Kernel, convolve
from unsmear.metrics import spectra
from unsmear.metrics.halves import Halves
from unsmear.metrics.spectra import Plane, Sector

THRESHOLD = 1 / 7
"""Correlation below which detail is lost in the noise."""
TURN = 1 / 3
"""Half-width of the sector across a movement, cycles a length: a motion passes 0.83 there."""
COARSE, CLEAR = 0.1, 0.5
"""Where the correlation of all below the frequency COARSE, cycles a pixel, is below CLEAR, there is
nothing but noise."""
TINY = 1e-300


@dataclass(frozen=True)
class Resolution:
    """The finest detail (a period) along a movement and across it, pixels.

    2 is the limit of the pixels themselves; None: there is nothing but noise.
    """

    along: float | None
    across: float | None


@dataclass(frozen=True, eq=False)
class Direction:
    """The direction of a movement.

    angle: degrees anticlockwise from +x. length: distance moved, pixels; 0 where it is not known.
    """

    angle: float
    length: float = 0.0

    @classmethod
    def of(cls, kernel: Kernel) -> Direction:
        """Return the direction in which a kernel is longest, and how long a linear motion is that
        spreads light as far.
        """
        values, axes = np.linalg.eigh(_moments(kernel))
        x, y = axes[:, values.argmax()]
        angle = float(np.rad2deg(np.arctan2(-y, x)) % 180)
        return cls(angle, float(np.sqrt(12 * max(values.max(), 0.0))))

    def sectors(self, shape: tuple[int, ...]) -> tuple[Sector, Sector]:
        """Return the sectors along it and across it, the latter where the movement hardly blurs."""
        widest = TURN / self.length if self.length else spectra.NYQUIST
        return Sector.of(shape, self.angle), Sector.of(shape, self.angle + 90, widest)


def of_recorded(halves: Halves, direction: Direction, kernel: Kernel | None = None) -> Resolution:
    """Return the resolution of a recorded plane.

    kernel: the point spread function of the movement; with it, detail whose contrast the movement
    turned over does not count.
    """
    first, second = halves.spectra
    shared = np.real(first * second.conj())
    if kernel is not None:
        shared *= _upright(kernel, shared.shape)
    powers = spectra.power(first), spectra.power(second)

    def correlation(sector: Sector) -> Plane:
        return _normalised(sector, shared, *powers)

    return _resolution(halves, direction, correlation)


def of_restored(
    halves: Halves, direction: Direction, kernel: Kernel, restored: NDArray[np.floating]
) -> Resolution:
    """Return the resolution of the restoration of a plane.

    kernel: the point spread function that was taken out. restored: what became of the first of the
    halves, (y, x), counts.
    """
    first, second = halves.spectra
    again = spectra.spectrum(np.asarray(convolve(restored, kernel), np.float64))
    predicted, shared = (np.real(one * second.conj()) for one in (again, first))
    powers = [spectra.power(one) for one in (again, first, second)]

    def correlation(sector: Sector) -> Plane:
        prediction = _normalised(sector, predicted, powers[0], powers[2])
        recorded = _normalised(sector, shared, powers[1], powers[2])
        return prediction * np.abs(prediction) / np.maximum(recorded, THRESHOLD)

    return _resolution(halves, direction, correlation)


def micrometres(pixels: float, angle: float, pixel_size: tuple[float, float]) -> float:
    """Return a length in pixels at an angle, degrees, in micrometres. pixel_size: (y, x)."""
    turn = np.deg2rad(angle)
    return pixels * float(np.hypot(pixel_size[0] * np.sin(turn), pixel_size[1] * np.cos(turn)))


def _resolution(
    halves: Halves, direction: Direction, correlation: Callable[[Sector], Plane]
) -> Resolution:
    along, across = (
        _finest(sector.middles, correlation(sector)) if _shows_light(halves, sector) else None
        for sector in direction.sectors(halves.first.shape)
    )
    return Resolution(along, across)


def _normalised(sector: Sector, shared: Plane, first: Plane, second: Plane) -> Plane:
    """Return the correlation in each window: the sums of cross power, normalised by the powers."""
    norm = sector.sums(first) * sector.sums(second)
    return np.asarray(sector.sums(shared) / np.sqrt(np.maximum(norm, TINY)))


def _shows_light(halves: Halves, sector: Sector) -> bool:
    """Return whether two halves show more than noise in a sector."""
    first, second = halves.spectra
    shared = sector.below(np.real(first * second.conj()), COARSE)
    norm = sector.below(spectra.power(first), COARSE) * sector.below(spectra.power(second), COARSE)
    return bool(shared > CLEAR * np.sqrt(norm))


def _finest(frequencies: Plane, correlation: Plane) -> float:
    """Return the period at which a correlation falls below the threshold first, pixels."""
    below = np.flatnonzero(correlation < THRESHOLD)
    if not len(below):
        return 1 / spectra.NYQUIST
    place = max(int(below[0]), 1)
    ends = slice(place - 1, place + 1)
    crossing = np.interp(-THRESHOLD, -correlation[ends], frequencies[ends])
    return float(1 / crossing)


def _upright(kernel: Kernel, shape: tuple[int, ...]) -> Plane:
    """Return how far a kernel leaves contrast upright: from 1 to -1, where dark and light change.

    A kernel that only shifts the image leaves it upright.
    """
    side = len(kernel)
    padded = np.zeros(shape)
    padded[:side, :side] = kernel
    rows, columns = np.indices(kernel.shape)
    down, right = (float((kernel * place).sum()) for place in (rows, columns))
    up_frequency, right_frequency = spectra.frequencies(shape, 90)[0], spectra.frequencies(shape)[0]
    shift = np.exp(2j * np.pi * (right_frequency * right - up_frequency * down))
    transfer = scipy.fft.fft2(padded) * shift
    return np.asarray(transfer.real / np.maximum(np.abs(transfer), TINY))


def _moments(kernel: Kernel) -> Plane:
    """Return the second moments of a kernel (x, y), pixels squared."""
    rows, columns = np.indices(kernel.shape)
    places = np.stack([columns.ravel(), rows.ravel()])
    return np.asarray(np.cov(places, aweights=kernel.ravel(), ddof=0))
