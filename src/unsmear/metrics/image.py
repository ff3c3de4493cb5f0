"""PSNR, scale-invariant PSNR and SSIM of NumPy arrays, in float64.

`data_range` is the distance from black to white in the arrays' own values and is always given:
a range guessed from a dtype gives wrong scores.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.errors import ImageError, OptionError
from unsmear.filters import window_sums

Array = NDArray[Any]
Precise = NDArray[np.float64]

WINDOW = 7
"""Side of the uniform window of SSIM, in pixels."""
K1, K2 = 0.01, 0.03
"""Constants of SSIM as fractions of the data range."""
SAMPLE = WINDOW**2 / (WINDOW**2 - 1)
"""Factor from the mean of squares to the sample covariance."""

STRIP = 32
"""Number of rows of windows that are computed at a time."""
PART = 2**15
"""Number of pixels that are computed at a time."""


def psnr(sharp: Array, restored: Array, *, data_range: float) -> float:
    """Return the peak signal-to-noise ratio over all pixels and channels, in dB.

    Parameters
    ----------
    sharp, restored
        Arrays of the same shape, whatever it is.
    data_range
        The distance from black to white, in the arrays' values.

    Returns
    -------
    float
        dB; infinity for identical arrays. Equal to scikit-image's `peak_signal_noise_ratio`.

    Raises
    ------
    ImageError
        For different or empty shapes.
    OptionError
        For a range that is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> sharp = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> round(unsmear.psnr(sharp, sharp + 0.1, data_range=1), 1)
    20.0
    """
    check(sharp.shape, restored.shape, data_range)
    return _decibel(_squared_error(sharp, restored, 1.0) / sharp.size, data_range)


def scale_invariant_psnr(sharp: Array, restored: Array, *, data_range: float) -> float:
    """Return the scale-invariant PSNR in dB: the PSNR after the best single scale factor.

    The factor is one number for the whole array, <sharp, restored> / <restored, restored>, so a
    global change of intensity does not count. A `restored` array of zeros stays so.

    Parameters
    ----------
    sharp, restored
        Arrays of the same shape, whatever it is.
    data_range
        The distance from black to white, in the arrays' values.

    Returns
    -------
    float
        dB; infinity where a gain makes the arrays equal.

    Raises
    ------
    ImageError
        For different or empty shapes.
    OptionError
        For a range that is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> sharp = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> unsmear.scale_invariant_psnr(sharp, sharp / 2, data_range=1)
    inf
    """
    check(sharp.shape, restored.shape, data_range)
    power = shared = 0.0
    for truth, image in _parts(sharp, restored):
        power += float((image * image).sum())
        shared += float((truth * image).sum())
    gain = shared / power if power > 0 else 1.0
    return _decibel(_squared_error(sharp, restored, gain) / sharp.size, data_range)


def ssim(sharp: Array, restored: Array, *, data_range: float) -> float:
    """Return the mean structural similarity over all planes, at most 1.

    The window is 7x7 equal weights with the sample covariance, as scikit-image's
    `structural_similarity` takes them by default.

    Parameters
    ----------
    sharp, restored
        (..., y, x), at least 7x7 pixels; each plane is compared by itself.
    data_range
        The distance from black to white, in the arrays' values.

    Returns
    -------
    float
        -1 to 1; 1 for identical arrays.

    Raises
    ------
    ImageError
        For different or empty shapes, and planes smaller than the window.
    OptionError
        For a range that is not above 0.

    References
    ----------
    Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to
    structural similarity", IEEE Trans. Image Process. 13 (2004).

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> sharp = np.eye(16)
    >>> unsmear.ssim(sharp, sharp, data_range=1)
    1.0
    """
    check(sharp.shape, restored.shape, data_range)
    check_window(sharp.shape)
    planes = (-1, *sharp.shape[-2:])
    pairs = zip(sharp.reshape(planes), restored.reshape(planes), strict=True)
    return float(np.mean([_plane_ssim(truth, image, data_range) for truth, image in pairs]))


def check(sharp: tuple[int, ...], restored: tuple[int, ...], data_range: float) -> None:
    """Raise ImageError for shapes that cannot be compared, OptionError for a range of nothing."""
    if sharp != restored or 0 in sharp:
        raise ImageError(
            f"sharp and restored must have the same size and at least one pixel, "
            f"got {_sizes(sharp)} and {_sizes(restored)}."
        )
    if not (np.isfinite(data_range) and data_range > 0):
        raise OptionError(f"data_range must be above 0 and finite, got {data_range}.")


def check_window(shape: tuple[int, ...]) -> None:
    """Raise ImageError for planes that are smaller than SSIM's window."""
    if len(shape) < 2 or min(shape[-2:]) < WINDOW:
        raise ImageError(
            f"an image must be at least {WINDOW}x{WINDOW} pixels for SSIM, got {_sizes(shape)}."
        )


def _sizes(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _decibel(error: float, data_range: float) -> float:
    return 20 * math.log10(data_range) - 10 * math.log10(error) if error != 0 else math.inf


def _squared_error(sharp: Array, restored: Array, gain: float) -> float:
    # Not a dot product: its last digit depends on the number of threads.
    parts = _parts(sharp, restored)
    return math.fsum(np.square(truth - gain * image).sum() for truth, image in parts)


def _parts(sharp: Array, restored: Array) -> Iterator[tuple[Precise, Precise]]:
    """Yield both arrays in float64, a few pixels at a time: a copy of the whole is slow to make."""
    truth, image = sharp.reshape(-1), restored.reshape(-1)
    for start in range(0, truth.size, PART):
        part = slice(start, start + PART)
        yield truth[part].astype(np.float64), image[part].astype(np.float64)


def _plane_ssim(sharp: Array, restored: Array, data_range: float) -> float:
    """Return the mean over all windows, strip by strip: a strip stays in the processor's cache."""
    edge = WINDOW - 1
    rows = sharp.shape[0] - edge
    total = 0.0
    for top in range(0, rows, STRIP):
        strip = slice(top, min(top + STRIP, rows) + edge)
        total += _strip_ssim(sharp[strip], restored[strip], data_range)
    return total / float(rows * (sharp.shape[1] - edge))


def _strip_ssim(sharp: Array, restored: Array, data_range: float) -> float:
    truth, image = sharp.astype(np.float64), restored.astype(np.float64)
    return float(similarity(truth, image, _window_mean, data_range).sum())


def similarity(
    first: Any, second: Any, window_mean: Callable[[Any], Any], data_range: float
) -> Any:
    """Return the structural similarity of every window, of arrays or of tensors.

    Z. Wang et al., IEEE Trans. Image Process. 13, 600 (2004). window_mean: returns the means of
    all windows of an array like `one`.
    """
    mean_one, mean_other = window_mean(first), window_mean(second)
    both = mean_one * mean_other
    squares = mean_one**2 + mean_other**2
    # The two variances are only ever added, so that one window mean serves for both.
    variances = SAMPLE * (window_mean(first**2 + second**2) - squares)
    covariance = SAMPLE * (window_mean(first * second) - both)
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    top = (2 * both + c1) * (2 * covariance + c2)
    return top / ((squares + c1) * (variances + c2))


def _window_mean(strip: Precise) -> Precise:
    """Return the means of all windows that lie inside the strip."""
    means: Precise = window_sums(strip, (WINDOW, WINDOW)) * (1 / WINDOW**2)
    return means
