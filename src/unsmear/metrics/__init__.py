"""How near a restored image is to the sharp one; `metrics.tensors` has the same for training."""

from unsmear.metrics.arrays import gain_psnr, psnr, ssim

__all__ = ["gain_psnr", "psnr", "ssim"]
