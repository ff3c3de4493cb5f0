"""Pixel losses, which need no pretrained network.

All take (restored, sharp), both (batch, channel, y, x) in normalised intensity (black 0, full scale
1), and return a scalar, in float32 also for images in half precision. All raise ImageError for
batches of different or no size.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from unsmear.metrics.image import WINDOW, check, check_window, similarity

EPSILON = 1e-3
"""Smoothing constant of the Charbonnier loss, normalised intensity: smaller differences count as in
L2, larger ones as in L1."""


def l1(restored: Tensor, sharp: Tensor) -> Tensor:
    """Return the mean of |restored - sharp|."""
    return _difference(restored, sharp).abs().mean()


def l2(restored: Tensor, sharp: Tensor) -> Tensor:
    """Return the mean of (restored - sharp)^2."""
    return _difference(restored, sharp).square().mean()


def charbonnier(restored: Tensor, sharp: Tensor) -> Tensor:
    """Return the mean of sqrt((restored - sharp)^2 + EPSILON^2); its minimum is EPSILON.

    Charbonnier et al., ICIP 1994; the constant is that of MAXIM (Tu et al., CVPR 2022).
    """
    return (_difference(restored, sharp).square() + EPSILON**2).sqrt().mean()


def ssim(restored: Tensor, sharp: Tensor) -> Tensor:
    """Return 1 - SSIM, averaged over windows, channels and images; from 0 to 2.

    The SSIM is that of `unsmear.metrics.ssim` with data_range 1, on tensors and differentiable.
    Raises ImageError also for images smaller than 7x7 pixels.
    """
    check(tuple(sharp.shape), tuple(restored.shape), 1.0)
    check_window(tuple(sharp.shape))
    with torch.autocast(restored.device.type, enabled=False):
        windows: Tensor = similarity(precise(sharp), precise(restored), _window_mean, 1.0)
    return 1 - windows.mean()


def frequency(restored: Tensor, sharp: Tensor) -> Tensor:
    """Return the mean of |re| and |im| over the Fourier transform of restored - sharp.

    MIMO-UNet (Cho et al., ICCV 2021) and MAXIM (Tu et al., CVPR 2022), both with weight 0.1 beside
    an L1 or Charbonnier loss. As in both, the transform is not normalised (its coefficient at 0 is
    the sum of the pixels), and its real and imaginary parts are averaged over all y * x
    coefficients: for noise-like differences the value grows with the square root of y * x.
    """
    spectrum = torch.fft.fft2(_difference(restored, sharp))
    return torch.view_as_real(spectrum).abs().mean()


def _difference(restored: Tensor, sharp: Tensor) -> Tensor:
    check(tuple(sharp.shape), tuple(restored.shape), 1.0)
    return precise(restored) - precise(sharp)


def precise(batch: Tensor) -> Tensor:
    """Return the batch in float32 at least; half precision is too coarse for SSIM's variances."""
    return batch if batch.dtype == torch.float64 else batch.float()


def _window_mean(batch: Tensor) -> Tensor:
    return avg_pool2d(batch, WINDOW, stride=1)
