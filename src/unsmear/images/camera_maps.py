"""Calibration maps of a camera: what each of its pixels adds to the light, and multiplies it by.

The pixels of an sCMOS camera have amplifiers of their own: recorded = gain * electrons + offset,
with a read noise that a few of them have many times as strong as the rest. A deconvolution makes
stripes of these patterns, and an estimate takes them for structure; with the maps of the camera
they are taken out first. Source of the model: Huang et al., Nat. Methods 10, 653 (2013). Figures:
docs/design/harm.md.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from unsmear.errors import ImageError, OptionError
from unsmear.images import outliers, white
from unsmear.images.image import Image
from unsmear.images.nodata import Mask

Map = NDArray[np.float64]
NAMES = ("offset", "gain", "variance")
"""The maps that a camera may have."""
NOISY = 4.0
"""Variance of a pixel that says too little, in units of the noise variance of its plane."""
AMONG_WHITE = 0.4
"""Least share of the 3x3 pixels around a saturated one by which it belongs to a saturated area."""
LAPLACIANS = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])
"""Difference of two Laplacians, which sees the noise and little else; Immerkaer, Comput. Vis. Image
Underst. 64, 300 (1996)."""
MEDIAN = 0.455
"""Median of the square of a normal variable of variance 1."""


class CameraMaps:
    """Calibration maps of a camera, of the size of its images; one of them at least.

    Parameters
    ----------
    offset
        Mean of many dark frames, counts: (y, x), or one number.
    gain
        Counts per photoelectron, or in any other unit: (y, x). It needs the offset.
    variance
        Variance of many dark frames, counts squared: (y, x). Pixels far noisier than their plane
        are replaced by what is around them, as hot pixels are.

    Raises
    ------
    OptionError
        For no map, maps of different sizes, values that are not finite, a gain that is not above 0,
        a variance below 0, and a gain without offset.

    References
    ----------
    Huang et al., "Video-rate nanoscopy using sCMOS camera-specific single-molecule localization
    algorithms", Nat. Methods 10, 653 (2013).

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> offset = 100 + 5.0 * (np.arange(64) % 2) * np.ones((64, 1))
    >>> camera = unsmear.CameraMaps(offset=offset)
    >>> restored = unsmear.restore(offset.astype(np.uint16), camera=camera)
    >>> restored.touched
    False
    """

    def __init__(
        self,
        *,
        offset: ArrayLike | None = None,
        gain: ArrayLike | None = None,
        variance: ArrayLike | None = None,
    ) -> None:
        given = zip(NAMES, (offset, gain, variance), strict=True)
        self._maps = {name: _checked(name, values) for name, values in given if values is not None}
        shapes = {values.shape for values in self._maps.values() if values.ndim}
        if not shapes:
            raise OptionError("camera must have a map of its pixels, got none.")
        if len(shapes) > 1:
            sizes = (f"{name} {_size(m.shape)}" for name, m in self._maps.items() if m.ndim)
            raise OptionError(f"maps of a camera must be of one size, got {' and '.join(sizes)}.")
        if gain is not None and offset is None:
            raise OptionError(
                "gain must come with the offset of the camera: it multiplies what is above that."
            )
        self._shape = shapes.pop()

    def checksums(self) -> dict[str, str]:
        """Return the SHA-256 of each map that was given, of its values as float64."""
        return {
            name: sha256(np.ascontiguousarray(values, "<f8").tobytes()).hexdigest()
            for name, values in self._maps.items()
        }

    def corrected(self, image: Image) -> tuple[Image, Mask]:
        """Return an image as a camera records it all of whose pixels are the same, and a mask.

        The pixels have the median offset and gain of the maps, as float32, or float64 where that
        has no room. mask: (batch, channel, y, x), true where a pixel was far noisier than its plane
        and was replaced.

        Raises ImageError for an image of another size.
        """
        planes = image.planes()
        if planes.shape[2:] != self._shape:
            raise ImageError(
                f"{image.name}: an image must have the size of the camera's maps, "
                f"{_size(self._shape)} pixels, got {_size(planes.shape[2:])}."
            )
        result = np.empty(planes.shape, np.result_type(planes.dtype, np.float32))
        noisy = np.zeros(planes.shape, bool)
        for index in np.ndindex(planes.shape[:2]):
            light = self._light(planes[index])
            noisy[index] = self._noisy(light)
            result[index] = _filled(light, noisy[index])
        return image.with_planes(result), noisy

    def recorded(self, planes: NDArray[Any]) -> NDArray[np.float64]:
        """Return corrected planes (..., y, x) as this camera records them, not rounded, counts."""
        offset, gain = self._offset, self._gain
        return np.asarray((planes - np.median(offset)) * gain + offset, np.float64)

    def recorded_width(self, widths: NDArray[Any]) -> NDArray[np.float32]:
        """Return distances between corrected counts (..., y, x) as distances between recorded."""
        return np.asarray(widths * self._gain, np.float32)

    @property
    def _offset(self) -> Map:
        return self._maps.get("offset", np.zeros(()))

    @property
    def _gain(self) -> Map:
        """Gain of each pixel over the median one."""
        gain = self._maps.get("gain", np.ones(()))
        return np.asarray(gain / np.median(gain), np.float64)

    def _light(self, plane: NDArray[Any]) -> Map:
        """Return a plane without the pattern; its saturated pixels all have one value, the white.

        Otherwise nothing could be seen to be at white any more.
        """
        offset, gain = self._offset, self._gain
        light = np.asarray((plane - offset) / gain + np.median(offset), np.float64)
        saturated = white.pixels_at(plane)
        if saturated is not None:
            level = np.median(light[saturated])
            light = np.minimum(light, level)
            light[saturated] = level
        return light

    def _noisy(self, light: Map) -> Mask:
        """Return the pixels of a corrected plane whose noise hides what they say."""
        if "variance" not in self._maps or min(light.shape) < 5 or np.isnan(light).all():
            return np.zeros(light.shape, bool)
        variance = np.broadcast_to(self._maps["variance"] / self._gain**2, light.shape)
        residual = ndimage.convolve(light, LAPLACIANS, mode="reflect")
        noise = np.nanmedian(residual**2) / (MEDIAN * np.sum(LAPLACIANS**2))
        noisy = np.asarray(variance > NOISY * max(noise, np.median(variance)))
        saturated = white.pixels_at(light)
        if saturated is not None:  # what is white among white is light, not noise
            around = ndimage.uniform_filter(saturated.astype(np.float32), 3)
            noisy &= ~saturated | (around < AMONG_WHITE)
        return noisy


def _filled(light: Map, noisy: Mask) -> Map:
    """Return a plane with other values for its noisy pixels; NaN beside them leaves them."""
    if not noisy.any():
        return light
    filled = light.copy()
    outliers.fill(filled, noisy)
    return np.where(noisy & np.isfinite(filled), filled, light)


def _checked(name: str, values: ArrayLike) -> Map:
    """Return the values of a map; raises OptionError for those that no camera has."""
    given = np.asarray(values)
    if given.dtype.kind not in "uif" or given.ndim not in (0, 2):
        raise OptionError(
            f"{name} must be an array of numbers (y, x), got {_size(given.shape) or 'one value'} "
            f"of {given.dtype}."
        )
    with np.errstate(invalid="ignore"):  # a NaN that signals; it is refused below
        array = given.astype(np.float64)
    if not np.isfinite(array).all():
        count = int((~np.isfinite(array)).sum())
        raise OptionError(f"{name} must be finite, got {count} pixels that are not.")
    if name == "gain" and array.min() <= 0:
        raise OptionError(f"gain must be above 0 in all pixels, got {array.min():g}.")
    if name == "variance" and array.min() < 0:
        raise OptionError(f"variance must be 0 or more in all pixels, got {array.min():g}.")
    return array


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
