"""Restorers of other packages, written as in the examples of those packages.

Each takes (channel, y, x) in [0, 1], the kernel, and the length (pixels) and angle (degrees) of the
motion, and returns (channel, y, x). Blind ones ignore kernel, length and angle.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve
from skimage import restoration

Planes = NDArray[np.float64]
Restore = Callable[[Planes, Planes, float, float], Planes]

RATIOS = (1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
MIRROR = 64


def wieners(blurred: Planes, kernel: Planes, length: float, angle: float) -> list[Planes]:
    """Return the Wiener filter's results for six regularisations, the image mirrored around."""
    width = [(0, 0), (MIRROR, MIRROR), (MIRROR, MIRROR)]
    padded = np.pad(blurred, width, mode="reflect")
    transfer = np.zeros(padded.shape[1:])
    side = kernel.shape[0]
    transfer[:side, :side] = kernel
    spectrum = np.fft.rfft2(np.roll(transfer, (-(side // 2),) * 2, (0, 1)))
    light = np.fft.rfft2(padded)
    inside = (slice(None), slice(MIRROR, -MIRROR), slice(MIRROR, -MIRROR))
    return [
        np.fft.irfft2(
            light * spectrum.conj() / (np.abs(spectrum) ** 2 + ratio), s=padded.shape[1:]
        )[inside].clip(0, 1)
        for ratio in RATIOS
    ]


def skimage_unsupervised(blurred: Planes, kernel: Planes, length: float, angle: float) -> Planes:
    """scikit-image's unsupervised Wiener with the true kernel."""
    random = np.random.default_rng(0)
    planes = [restoration.unsupervised_wiener(plane, kernel, rng=random)[0] for plane in blurred]
    return np.stack(planes)


def skimage_lucy(blurred: Planes, kernel: Planes, length: float, angle: float) -> Planes:
    """scikit-image's Richardson-Lucy, 30 iterations with the true kernel."""
    return np.stack([restoration.richardson_lucy(plane, kernel, 30) for plane in blurred])


def opencv_wiener(blurred: Planes, kernel: Planes, length: float, angle: float) -> Planes:
    """OpenCV's sample deconvolution.py at its 25 dB, given the true length and angle.

    The sample's movement is a whole number of pixels. The sample takes the kernel for symmetric and
    rolls its result one pixel too far; both are mended here.
    """
    if length == 0:  # the kernel of a recipe, or of no movement
        point = np.pad(kernel, (65 - kernel.shape[0]) // 2).astype(np.float32)
    else:
        point = _sample_kernel(np.deg2rad(-angle), round(length))
    return np.stack([_sample_wiener(plane.astype(np.float32), point) for plane in blurred])


def _sample_kernel(angle: float, length: int, side: int = 65) -> NDArray[np.float32]:
    line = np.ones((1, length), np.float32)
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, -sine, 0], [sine, cosine, 0]], np.float32)
    turn[:, 2] = (side // 2, side // 2) - turn[:, :2] @ ((length - 1) * 0.5, 0)
    return np.asarray(cv2.warpAffine(line, turn, (side, side), flags=cv2.INTER_CUBIC), np.float32)


def _sample_wiener(plane: NDArray[np.float32], point: NDArray[np.float32]) -> Planes:
    tapered = _sample_taper(plane).astype(np.float32)
    padded = np.zeros_like(plane)
    side = point.shape[0]
    padded[:side, :side] = point / point.sum()
    transfer = cv2.dft(padded, flags=cv2.DFT_COMPLEX_OUTPUT)
    power = (transfer**2).sum(-1)
    inverse = transfer / (power + 10 ** (-0.1 * 25))[..., None]
    light = cv2.dft(tapered, flags=cv2.DFT_COMPLEX_OUTPUT)
    product = cv2.mulSpectrums(light, inverse, 0, conjB=True)
    restored = cv2.idft(product, flags=cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT)
    return np.roll(restored, (side // 2, side // 2), (0, 1)).clip(0, 1).astype(np.float64)


def _sample_taper(plane: NDArray[np.float32], reach: int = 31) -> NDArray[np.float64]:
    height, width = plane.shape
    wrapped = cv2.copyMakeBorder(plane, reach, reach, reach, reach, cv2.BORDER_WRAP)
    soft = cv2.GaussianBlur(wrapped, (2 * reach + 1,) * 2, -1)[reach:-reach, reach:-reach]
    y, x = np.indices((height, width))
    nearest = np.dstack([x, width - x - 1, y, height - y - 1]).min(-1)
    weight = np.minimum(nearest / reach, 1.0)
    return np.asarray(plane * weight + soft * (1 - weight), np.float64)


def opencv_unsharp(blurred: Planes, kernel: Planes, length: float, angle: float) -> Planes:
    """An unsharp mask, blind: half as much again of what a Gaussian of 3 px takes away."""
    planes = [
        cv2.addWeighted(plane, 1.5, cv2.GaussianBlur(plane, (0, 0), 3), -0.5, 0)
        for plane in blurred
    ]
    return np.stack(planes).clip(0, 1)


def blind_lucy(blurred: Planes, kernel: Planes, length: float, angle: float) -> Planes:
    """Blind Richardson-Lucy (Fish et al. 1995): kernel and image take turns.

    Ten rounds of five iterations each; the kernel starts as a soft spot of 31x31 and is that of
    all channels together.
    """
    grey = np.maximum(blurred.mean(axis=0), 1e-6)
    spot = cv2.getGaussianKernel(31, 4)
    point, image = spot @ spot.T, grey.copy()
    for _ in range(10):
        for _ in range(5):
            ratio = grey / np.maximum(fftconvolve(image, point, "same"), 1e-6)
            point = point * _centre(fftconvolve(ratio, image[::-1, ::-1], "same"), 31)
            point = np.maximum(point, 0) / point.sum()
        for _ in range(5):
            ratio = grey / np.maximum(fftconvolve(image, point, "same"), 1e-6)
            image = np.maximum(image * fftconvolve(ratio, point[::-1, ::-1], "same"), 1e-6)
    return skimage_lucy(blurred, point, length, angle)


def _centre(plane: Planes, side: int) -> Planes:
    top, left = (length // 2 - side // 2 for length in plane.shape)
    part = plane[top : top + side, left : left + side]
    return np.asarray(part / max(float(part.sum()), 1e-12), np.float64)
