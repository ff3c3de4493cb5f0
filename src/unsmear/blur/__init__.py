"""Blurs, one family of kernels a file, and what a camera makes of them."""

from unsmear.blur.kernel import Blur, Kernel, check_kernel, read_kernel
from unsmear.blur.motion import Motion

__all__ = ["Blur", "Kernel", "Motion", "check_kernel", "read_kernel"]
