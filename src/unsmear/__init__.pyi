# The public names: what is not here is private. lazy_loader imports each when it is first used.
from .blur import Blur as Blur
from .blur import Coded as Coded
from .blur import Defocus as Defocus
from .blur import Gaussian as Gaussian
from .blur import Given as Given
from .blur import Motion as Motion
from .blur import Paper as Paper
from .blur import Profile as Profile
from .blur import Sampled as Sampled
from .blur import Trajectory as Trajectory
from .blur import convolve as convolve
from .errors import AxesError as AxesError
from .errors import DataError as DataError
from .errors import ImageError as ImageError
from .errors import KernelError as KernelError
from .errors import MissingExtra as MissingExtra
from .errors import OptionError as OptionError
from .errors import TrainingError as TrainingError
from .errors import UnsmearError as UnsmearError
from .errors import WeightsError as WeightsError
from .estimate import Estimate as Estimate
from .estimate import estimate_blur as estimate_blur
from .images import Image as Image
from .images import read as read
from .images import write as write
from .images.camera_maps import CameraMaps as CameraMaps
from .metrics import psnr as psnr
from .metrics import scale_invariant_psnr as scale_invariant_psnr
from .metrics import ssim as ssim
from .restoration.lines import straighten_lines as straighten_lines
from .restoration.pipeline import restore as restore
from .restoration.restored import Restored as Restored
from .restoration.slide.files import restore_slide as restore_slide
from .restoration.slide.run import RestoredSlide as RestoredSlide
from .streaming import StageMotion as StageMotion
from .streaming import Stream as Stream
from .streaming import Streamed as Streamed
from .streaming import stream as stream
from .streaming.ring import FrameRing as FrameRing

__all__ = [
    "AxesError",
    "Blur",
    "CameraMaps",
    "Coded",
    "DataError",
    "Defocus",
    "Estimate",
    "FrameRing",
    "Gaussian",
    "Given",
    "Image",
    "ImageError",
    "KernelError",
    "MissingExtra",
    "Motion",
    "OptionError",
    "Paper",
    "Profile",
    "Restored",
    "RestoredSlide",
    "Sampled",
    "StageMotion",
    "Stream",
    "Streamed",
    "TrainingError",
    "Trajectory",
    "UnsmearError",
    "WeightsError",
    "__version__",
    "convolve",
    "estimate_blur",
    "psnr",
    "read",
    "restore",
    "restore_slide",
    "scale_invariant_psnr",
    "ssim",
    "straighten_lines",
    "stream",
    "write",
]

__version__: str
