"""Scaling of counts to normalised intensity and back: the only place where values are rescaled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from unsmear.choices import check_data_range
from unsmear.errors import OptionError
from unsmear.images import Image

LARGE = 2.0**120
"""Factor above which, and below whose inverse, counts are scaled in double precision; single
precision ends at 2**128 and 2**-126."""
MODERATE = 100
"""Largest exponent, to base 2, of counts that are worked on as they are: their squares, sums and
products stay within double precision, and they themselves within single."""
STRIP = 256
"""Number of rows that are converted to counts together."""


@dataclass(frozen=True)
class Scaling:
    """The invertible map: normalised intensity = (counts - offset) / factor.

    offset, factor: in the file's own counts; factor is above 0.
    """

    offset: float = 0.0
    factor: float = 1.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.offset) and np.isfinite(self.factor) and self.factor > 0):
            raise OptionError(
                f"scaling must have a finite offset and a factor above 0, "
                f"got offset {self.offset} and factor {self.factor}."
            )

    @classmethod
    def of(cls, pixels: NDArray[Any]) -> Scaling:
        """Return a map that takes this image's brightest pixel into (0.5, 1] and keeps 0 at 0.

        One map serves all channels, planes and tiles of an image; tiles scaled one by one would be
        visible. It does not depend on the dtype, so 12-bit data in a 16-bit file fill the range
        too. The factor is a power of two: it never rounds, so no channel depends on another's peak.
        """
        peak = max(float(pixels.max(initial=0)), -float(pixels.min(initial=0)))
        if peak == 0:
            return cls()
        # Beyond these exponents the factor or its inverse cannot be represented.
        lowest, highest = (-1021, 1022) if pixels.dtype == np.float64 else (-126, 127)
        return cls(factor=float(2.0 ** np.clip(np.ceil(np.log2(peak)), lowest, highest)))

    @property
    def is_extreme(self) -> bool:
        """Whether single precision has no room for the factor or its inverse."""
        return not 1 / LARGE <= self.factor <= LARGE

    def to_units(self, counts: NDArray[Any]) -> NDArray[np.float32]:
        """Return counts as normalised intensity, a new float32 array."""
        if self.is_extreme:
            return ((counts - self.offset) / self.factor).astype(np.float32)
        units = counts.astype(np.float32)
        if self.offset:
            units -= np.float32(self.offset)
        units *= np.float32(1 / self.factor)
        return units

    def excess(self, units: NDArray[np.floating[Any]], dtype: DTypeLike) -> NDArray[np.float32]:
        """Return how far each value lies above (below 0: below) the range of a dtype, counts.

        Within half a count of the range it is 0: that rounds to the limit and loses nothing.
        """
        lowest, highest = _limits(np.dtype(dtype))
        margin = 0.5 if np.dtype(dtype).kind in "iu" else 0.0
        scaled = units.astype(np.float64) * self.factor + self.offset
        beyond = scaled - scaled.clip(lowest, highest)
        beyond[np.abs(beyond) <= margin] = 0
        return np.asarray(beyond, np.float32)

    def to_counts(self, units: NDArray[np.floating[Any]], dtype: DTypeLike) -> NDArray[Any]:
        """Return normalised intensity as counts of `dtype`, rounded and clipped for integers."""
        counts = np.empty(units.shape, np.dtype(dtype))
        rows = units.reshape(-1, units.shape[-1]) if units.ndim else units.reshape(1, 1)
        written = counts.reshape(rows.shape)
        wide: type[np.floating[Any]] = np.float64 if self.is_extreme else np.float32
        for start in range(0, len(rows), STRIP):  # a large image has no room for copies
            strip = slice(start, start + STRIP)
            scaled = rows[strip] * wide(self.factor) + wide(self.offset)
            written[strip] = cast(scaled, dtype)
        return counts


def moderated(image: Image) -> tuple[Image, int]:
    """Return an image without its extreme power of two, and the exponent of that: 0 for most.

    Only float64 holds such counts, in which the division is exact.
    """
    if image.pixels.dtype != np.float64:
        return image, 0
    peak = max(abs(float(np.nanmax(image.pixels))), abs(float(np.nanmin(image.pixels))))
    exponent = int(np.frexp(peak)[1])
    if abs(exponent) <= MODERATE:
        return image, 0
    return replace(image, pixels=np.ldexp(image.pixels, -exponent)), exponent


def cast(counts: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """Return counts in another dtype, clipped to its range; for integers they are rounded."""
    dtype = np.dtype(dtype)
    if dtype.kind not in "iu":
        if dtype.itemsize < counts.dtype.itemsize:
            counts = counts.clip(*_limits(dtype))
        return counts.astype(dtype)
    # The limits must be exact in the type that clips: float32 holds those of 8 and 16 bits only.
    wide = np.result_type(counts, np.float32 if dtype.itemsize <= 2 else np.float64)
    rounded: NDArray[Any] = np.rint(counts.astype(wide, copy=False))
    return rounded.clip(*_limits(dtype)).astype(dtype)


def _limits(dtype: np.dtype[Any]) -> tuple[float, float]:
    """Return the lowest and the highest float64 in the range of a dtype."""
    if dtype.kind == "f":
        return float(np.finfo(dtype).min), float(np.finfo(dtype).max)
    limits = np.iinfo(dtype)
    lowest, highest = float(limits.min), float(limits.max)
    return lowest, highest if int(highest) <= limits.max else float(np.nextafter(highest, 0))


def data_range(dtype: DTypeLike) -> float:
    """Return the data range of a dtype for metrics, from black to white: 255, 65535, or 1."""
    dtype = np.dtype(dtype)
    return float(np.iinfo(dtype).max) if dtype.kind in "iu" else 1.0


def range_of(image: Image, given: float | None = None) -> float:
    """Return the given data range, or that of an integer image's dtype.

    Raises OptionError for a float image without a range, and for a range that is not above 0.
    """
    check_data_range(given)
    if given is not None:
        return given
    if image.pixels.dtype.kind not in "iu":
        raise OptionError(
            f"{image.name}: --data-range must say the distance from black to white of "
            f"{image.pixels.dtype} pixels, got none."
        )
    return data_range(image.pixels.dtype)
