"""How near a restored image is to the sharp one; `metrics.tensor` has the same for training."""

from unsmear.metrics.image import gain_psnr, psnr, ssim

__all__ = ["gain_psnr", "psnr", "ssim"]
