"""The same metrics for torch: one value an image of a batch, differentiable.

They agree with `unsmear.metrics` to 1e-4 dB and 1e-5.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from unsmear.metrics.image import WINDOW, check, check_window, similarity


def psnr(sharp: Tensor, restored: Tensor, *, data_range: float) -> Tensor:
    """Return the PSNR of each image in dB, shape (batch,).

    sharp, restored: (batch, channel, y, x). data_range: the distance from black to white.

    Identical images give infinity, and a gradient of 0. Raises ImageError for different or empty
    shapes, OptionError for a range that is not above 0.
    """
    check(tuple(sharp.shape), tuple(restored.shape), data_range)
    return _decibel(_precise(sharp) - _precise(restored), data_range).to(_kept(restored))


def scale_invariant_psnr(sharp: Tensor, restored: Tensor, *, data_range: float) -> Tensor:
    """Return the PSNR of each image after its own best gain in dB, shape (batch,).

    The gain is <sharp, restored> / <restored, restored> over an image's pixels and channels; the
    gradient flows through it. Shapes, range and errors are those of `psnr`.
    """
    check(tuple(sharp.shape), tuple(restored.shape), data_range)
    truth, image = _precise(sharp), _precise(restored)
    axes = tuple(range(1, image.ndim))
    power = image.square().sum(axes, keepdim=True)
    gain = (truth * image).sum(axes, keepdim=True) / torch.where(power > 0, power, 1)
    return _decibel(truth - gain * image, data_range).to(_kept(restored))


def ssim(sharp: Tensor, restored: Tensor, *, data_range: float) -> Tensor:
    """Return the mean structural similarity of each image, shape (batch,), at most 1.

    sharp, restored: (batch, channel, y, x), at least 7x7 pixels. data_range: the distance from
    black to white. Window, constants and errors are those of `unsmear.metrics.ssim`.
    """
    check(tuple(sharp.shape), tuple(restored.shape), data_range)
    check_window(tuple(sharp.shape))
    windows: Tensor = similarity(_precise(sharp), _precise(restored), _window_mean, data_range)
    return windows.mean((1, 2, 3)).to(_kept(restored))


def _precise(batch: Tensor) -> Tensor:
    """Return the batch in float64, where SSIM's variances survive their subtraction.

    Apple's MPS has no float64; there the 1e-5 are not promised.
    """
    return batch.to(torch.float32 if batch.device.type == "mps" else torch.float64)


def _kept(batch: Tensor) -> torch.dtype:
    return torch.float64 if batch.dtype == torch.float64 else torch.float32


def _decibel(difference: Tensor, data_range: float) -> Tensor:
    error = difference.square().mean(tuple(range(1, difference.ndim)))
    decibel = 10 * torch.log10(data_range**2 / torch.where(error == 0, 1, error))
    return torch.where(error == 0, torch.inf, decibel)


def _window_mean(batch: Tensor) -> Tensor:
    return avg_pool2d(batch, WINDOW, stride=1)
