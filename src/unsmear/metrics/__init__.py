"""Image quality metrics of a restored image; `metrics.tensor` has the same for training."""

from unsmear.metrics.image import psnr, scale_invariant_psnr, ssim

__all__ = ["psnr", "scale_invariant_psnr", "ssim"]
