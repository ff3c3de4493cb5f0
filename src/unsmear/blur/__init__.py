"""Blur models: families of kernels, convolution, and a camera's noise and rounding."""

from unsmear.blur.camera import Camera
from unsmear.blur.coded import Coded
from unsmear.blur.convolve import apply, convolve, convolve_batch
from unsmear.blur.defocus import Defocus
from unsmear.blur.families import FAMILIES, describe, from_dict, to_dict
from unsmear.blur.gaussian import Gaussian
from unsmear.blur.kernel import Blur, Given, Kernel, Sampled, check_kernel, read_kernel
from unsmear.blur.motion import Motion
from unsmear.blur.paper import Paper
from unsmear.blur.profile import Profile
from unsmear.blur.sampler import Draw, Sampler
from unsmear.blur.trajectory import Trajectory
from unsmear.choices import Boundary

__all__ = [
    "FAMILIES",
    "Blur",
    "Boundary",
    "Camera",
    "Coded",
    "Defocus",
    "Draw",
    "Gaussian",
    "Given",
    "Kernel",
    "Motion",
    "Paper",
    "Profile",
    "Sampled",
    "Sampler",
    "Trajectory",
    "apply",
    "check_kernel",
    "convolve",
    "convolve_batch",
    "describe",
    "from_dict",
    "read_kernel",
    "to_dict",
]
