"""The Wiener filter with a known kernel, its regularisation estimated from the blurred image.

N. Wiener, Extrapolation, Interpolation, and Smoothing of Stationary Time Series (1949). The design
and its figures: docs/design/wiener.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fft, irfft2, next_fast_len, rfft, rfft2

from unsmear.blur import Kernel, check_kernel
from unsmear.cores import in_parallel
from unsmear.errors import OptionError, shown
from unsmear.restoration.base import Batch, Restorer
from unsmear.restoration.classical import boundary, nonnegativity
from unsmear.restoration.classical.power_spectrum import (
    WORKERS,
    Power,
    mean,
    measure,
    squared_frequencies,
    transfer,
)
from unsmear.restoration.flux import background

PRECISE = 2**21
"""Largest array that is processed in double precision, pixels.

Double precision is fast enough there, and makes the result of a tile equal that of the whole image
bit for bit; with single precision some pixels would round differently."""
STRONGEST = 1e6
"""Largest ratio of noise to signal that leaves anything of an image."""
SHORTEST, REACH, LONGEST = 128, 16, 1024
"""Reach of the filter, pixels: at least SHORTEST, REACH times that of the kernel, and at most
LONGEST or twice the longest side of the image, beyond which it only costs memory."""
COLUMNS = 64
"""Number of columns of a spectrum that are filtered together, in the processor's cache."""
A_STEP, A_VALUE = 200_000, 220
"""Memory for each pixel of the filter's reach (of the continuation), and for the square of each (of
the filter while it is made), bytes."""
MOST_KEPT = 6
"""Largest number of channels of which filters and continuations are kept for the next tile."""


def fit(
    blurred: Batch,
    kernel: Kernel | None,
    *,
    regularisation: float | None = None,
    keep_positive: bool = True,
) -> Wiener:
    """Return the Wiener filter for this image.

    blurred: (batch, channel, y, x), any unit; noise and signal are measured for each channel over
    the whole batch. kernel: the point spread function.
    regularisation: noise power over signal power, the same at all frequencies; None estimates
    both, at each frequency.
    keep_positive: keep the result at or above the channel's background, if one is evident, with
    the local flux kept (see `nonnegativity.above`); without it the filter is linear.

    Raises OptionError for no kernel or a regularisation out of its range, KernelError for no kernel
    of a camera.
    """
    if kernel is None:
        raise OptionError("kernel must be given for wiener, got None.")
    if regularisation is not None and not 0 <= regularisation <= STRONGEST:
        raise OptionError(
            f"regularisation must be 0 to {STRONGEST:g}, got {shown(regularisation)}."
        )
    kernel = trim(check_kernel(kernel))
    channels = range(blurred.shape[1])
    return Wiener(
        kernel,
        tuple(measure(blurred[:, channel], kernel) for channel in channels),
        tuple(float(blurred[:, channel].mean(dtype=np.float64)) for channel in channels),
        tuple(background(blurred[:, channel]) for channel in channels) if keep_positive else (),
        regularisation,
        reach=_longest_reach(max(blurred.shape[2:])),
    )


def _longest_reach(side: int) -> int:
    """Return the largest reach of a filter for images whose longer side has so many pixels."""
    return min(LONGEST, max(SHORTEST, 2 * side))


def _reach(kernel: Kernel, most: int) -> int:
    """Return the reach of the filter for a trimmed kernel of more than one pixel."""
    return min(most, max(SHORTEST, REACH * (len(kernel) // 2)))


def memory_of(kernel: Kernel, side: int) -> int:
    """Return how much more memory a long kernel takes than a short one, about, bytes.

    side: the longer one of the image, pixels.
    """
    reach = _reach(trim(kernel), _longest_reach(side))
    return A_STEP * (reach - SHORTEST) + A_VALUE * (reach**2 - SHORTEST**2)


def trim(kernel: Kernel) -> Kernel:
    """Return the kernel without the rings of zeros around it."""
    centre = len(kernel) // 2
    reach = int(np.abs(np.argwhere(kernel > 0) - centre).max())
    return kernel[centre - reach : centre + reach + 1, centre - reach : centre + reach + 1]


@dataclass(frozen=True, eq=False)
class Wiener(Restorer):
    """A finite filter for each channel, and the continuation of the image beyond its borders.

    kernel: the point spread function. powers, means: of each channel, measured over the whole
    image. floors: each channel's background, -inf for none; empty for a linear filter.
    regularisation: as in `fit`. doubled: whether large arrays are of double precision too.
    reach: largest that of the filter may be, pixels.
    """

    kernel: Kernel
    powers: tuple[Power, ...]
    means: tuple[float, ...]
    floors: tuple[float, ...] = ()
    regularisation: float | None = None
    doubled: bool = False
    reach: int = LONGEST
    _cache: dict[tuple[object, ...], NDArray[Any]] = field(default_factory=dict, repr=False)
    _transfers: dict[tuple[object, ...], NDArray[Any]] = field(default_factory=dict, repr=False)

    @property
    def radius(self) -> int:
        """Reach of the filter to each side, pixels."""
        if len(self.kernel) == 1:
            return 0
        return _reach(self.kernel, self.reach)

    @property
    def halo(self) -> int:
        """Pixels around a tile that its result depends on, through every step."""
        further = nonnegativity.reach(self._window) if self.floors else 0
        return self.radius and self.radius + boundary.MARGIN + further

    def precise(self) -> Wiener:
        """Return the same filter, in double precision for tiles of any size."""
        return replace(self, doubled=True, _cache={}, _transfers={})

    def __getstate__(self) -> dict[str, Any]:
        # Another process makes its own caches, which are large.
        return self.__dict__ | {"_cache": {}, "_transfers": {}}

    def restore(self, batch: Batch) -> Batch:
        """Return the restored batch; nothing is clipped from above."""
        restored: Batch = self.restore_all(batch, (1.0,))[0]
        return restored

    def restore_all(
        self, batch: Batch, factors: Sequence[float], out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Return the batch restored once for each factor: (factor, batch, channel, y, x).

        factors: multiply the noise-to-signal ratio of the filter, 0 or more. 1 is `restore`; others
        are smoother (above 1) or sharper, and always linear. The continuation beyond the border is
        the same for all. A kernel of one pixel leaves the batch unchanged, whatever the factor.
        out: where to write the result.

        Raises OptionError for a factor below 0.
        """
        if not all(0 <= factor < np.inf for factor in factors):
            raise OptionError(f"factors must be 0 or more, got {tuple(factors)}.")
        restored = np.empty((len(factors), *batch.shape), batch.dtype) if out is None else out
        if not self.radius:
            restored[...] = batch
            return restored
        for channel in range(batch.shape[1]):
            extended = self.extend(batch[:, channel], channel)
            height, width = extended.shape[1:]
            spectrum = rfft2(extended, workers=WORKERS, overwrite_x=True)
            del extended
            for number, factor in enumerate(factors):
                last = number == len(factors) - 1
                product = spectrum if last else np.empty_like(spectrum)
                self._multiply(spectrum, channel, factor, (height, width), product)
                filtered = irfft2(product, s=(height, width), workers=WORKERS, overwrite_x=True)
                self._finish(filtered, channel, factor, restored[number, :, channel])
            if batch.shape[1] > MOST_KEPT:
                self.forget()
        return restored

    def forget(self) -> None:
        """Drop what is kept for the next tile or plane, about 25 MB a channel."""
        self._cache.clear()
        self._transfers.clear()

    def _finish(
        self, filtered: NDArray[Any], channel: int, factor: float, restored: NDArray[np.float32]
    ) -> None:
        """Write the inner part of filtered planes to `restored` (n, y, x), above the floor."""
        start, mean = 2 * self.radius, self.means[channel]
        height, width = restored.shape[1:]
        floor = self.floors[channel] if self.floors and factor == 1 else -np.inf
        inside = filtered[:, start : start + height, start : start + width]
        for plane, result in zip(inside, restored, strict=True):
            if np.isfinite(floor):
                nonnegativity.above(plane, floor - mean, self._window, out=result)
                result += np.float32(mean)
            else:
                np.add(plane, mean, out=result, casting="same_kind")

    def extend(self, planes: NDArray[np.float32], channel: int = 0) -> NDArray[Any]:
        """Return planes (n, y, x) less the channel's mean, continued by `radius` on all sides.

        Zeros follow below and on the right, up to sides that transform fast.
        """
        radius, sides = self.radius, planes.shape[1:]
        shape = tuple(next_fast_len(side + 2 * radius, real=True) for side in sides)
        dtype = np.float64 if self.doubled or np.prod(shape) <= PRECISE else np.float32
        extended: NDArray[Any] = np.zeros((len(planes), *shape), dtype)
        inside = tuple(slice(radius, radius + side) for side in sides)
        np.subtract(planes, dtype(self.means[channel]), out=extended[:, *inside])
        # Left and right of the image first, then above and below the longer rows.
        across = extended[:, inside[0]]
        down = extended[:, :, : sides[1] + 2 * radius].swapaxes(1, 2)
        for turned, lines, side in ((False, across, sides[1]), (True, down, sides[0])):
            maps = self._predictor(channel, turned, side, extended.dtype)
            boundary.extend(lines, radius, radius + side, maps)
        return extended

    @property
    def _window(self) -> int:
        return len(self.kernel) + 4

    def filter(self, channel: int = 0, factor: float = 1.0) -> NDArray[np.float64]:
        """Return the inverse kernel: (2 radius + 1) squared, sum 1; factor as in `restore_all`.

        It is the Wiener filter's impulse response, faded to 0 at `radius`. The fading costs a
        little of the filter's resolution in frequency, where the kernel passes almost nothing.
        """
        if (channel, factor) not in self._cache:
            self._cache[channel, factor] = self._filter(channel, factor)
        return self._cache[channel, factor]

    def filtered_noise(self, channel: int = 0) -> float:
        """Return the standard deviation of the channel's noise after the filter."""
        power = self.powers[channel]
        if not self.radius:
            return float(np.sqrt(power.variance))
        if not power.shared:
            return float(np.sqrt(power.noise * np.square(self.filter(channel)).sum()))
        side = next_fast_len(2 * self.radius + 1, real=True)
        gains = np.square(np.abs(rfft2(self.filter(channel), s=(side, side))))
        return float(np.sqrt(mean(gains * power.noise_at(squared_frequencies(side, side)), side)))

    def _filter(self, channel: int, factor: float) -> NDArray[np.float64]:
        side = next_fast_len(4 * self.radius, real=True)
        squares = squared_frequencies(side, side)
        if self.regularisation is None:
            ratio = self.powers[channel].noise_to_signal(squares)
        else:
            ratio = np.full_like(squares, self.regularisation)
        ratio *= np.float32(factor)
        del squares
        inverse = response(transfer(self.kernel, side, side), ratio)
        del ratio
        impulse = irfft2(inverse, s=(side, side), overwrite_x=True)
        del inverse
        # In place: of the longest kernels each of these arrays takes tens of megabytes.
        steps = np.arange(-self.radius, self.radius + 1)
        faded = np.hypot(steps[:, None], steps)
        faded /= self.radius
        np.minimum(faded, 1, out=faded)
        faded *= np.pi / 2
        np.square(np.cos(faded, out=faded), out=faded)
        faded *= impulse[np.ix_(steps, steps)]
        faded /= faded.sum(dtype=np.float64)
        return faded

    def _predictor(self, channel: int, turned: bool, side: int, dtype: Any) -> NDArray[Any]:
        """Return the matrices that continue rows (turned: columns) of `side` pixels."""
        source = min(side, max(32, min(8 * (len(self.kernel) // 2), 96)))
        key = channel, turned, source, dtype
        if key not in self._cache:
            kernel = self.kernel.T if turned else self.kernel
            as_complex = np.result_type(dtype, np.complex64)
            beyond = boundary.predicted(kernel, self.radius)
            self._cache[key] = boundary.predictor(
                kernel, self.powers[channel], source, beyond, as_complex
            )
        return self._cache[key]

    def _multiply(
        self,
        spectrum: NDArray[Any],
        channel: int,
        factor: float,
        grid: tuple[int, int],
        product: NDArray[Any],
    ) -> None:
        """Write a spectrum on the grid of `rfft2` times that of the filter to `product`.

        The filter's first element, not its centre, is at 0. On a large grid its spectrum is made
        for some columns at a time, and not kept.
        """
        height, width = grid
        filter_ = self.filter(channel, factor).astype(spectrum.real.dtype)
        if height * width <= PRECISE:
            key = height, width, channel, factor
            np.multiply(spectrum, self._transfer(key, filter_), out=product)
            return
        rows = rfft(filter_, n=width, axis=1)

        def work(left: int) -> None:
            part = slice(left, left + COLUMNS)
            transferred = fft(rows[:, part], n=height, axis=0, overwrite_x=True)
            np.multiply(spectrum[:, :, part], transferred, out=product[:, :, part])

        in_parallel(work, range(0, rows.shape[1], COLUMNS))

    def _transfer(
        self, key: tuple[int, int, int, float], filter_: NDArray[np.float64]
    ) -> NDArray[np.complex128]:
        """Return a filter's spectrum, kept for the next tile; key: grid, channel and factor."""
        if key not in self._transfers:
            height, width = key[:2]
            # Tiles come row by row: filters for another height are not needed soon.
            for kept in list(self._transfers):
                if kept[0] != height:
                    self._transfers.pop(kept, None)
            self._transfers[key] = fft(rfft(filter_, n=width, axis=1), n=height, axis=0)
        return self._transfers[key]


def response(
    transferred: NDArray[np.complex64], ratio: NDArray[np.floating[Any]]
) -> NDArray[np.complex64]:
    """Return conj(K) / (|K|^2 + ratio).

    transferred: the kernel's transfer function K. ratio: noise over signal, 0 or more.
    """
    squares = np.square(transferred.real)
    squares += np.square(transferred.imag)
    squares = squares + ratio
    np.maximum(squares, np.finfo(np.float32).tiny, out=squares)
    inverse = transferred.conj()
    inverse /= squares
    return inverse
