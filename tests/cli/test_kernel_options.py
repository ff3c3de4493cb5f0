"""The pixel size that a stage's speed needs: believed where it can be one, and named."""

import numpy as np
import pytest

from unsmear.cli.kernel_options import KernelOptions
from unsmear.errors import OptionError
from unsmear.images import Image


def image(size: float | None) -> Image:
    pixel_size = None if size is None else (size, size)
    pixels = np.zeros((8, 8), np.uint8)
    return Image(pixels, "YX", pixel_size=pixel_size, name="a.tif", pixel_size_from="OME-XML")


STAGE = {"speed": 100.0, "exposure": 0.02, "angle": 10.0}


def test_the_pixel_size_is_named_with_its_source() -> None:
    given = KernelOptions(**STAGE, pixel_size=0.5)
    assert given.pixel_size_phrase(image(0.325)) == "pixel size 0.5 um from --pixel-size"
    read = KernelOptions(**STAGE)
    assert read.pixel_size_phrase(image(0.325)) == "pixel size 0.325 um from OME-XML"
    assert KernelOptions(length=3.0, angle=0.0).pixel_size_phrase(image(0.325)) == ""


@pytest.mark.parametrize("size", [352.8, 0.001])
def test_a_pixel_size_of_no_microscope_is_asked_for(size: float) -> None:
    with pytest.raises(OptionError, match=r"0.005 to 20 um .* from OME-XML; give --pixel-size"):
        KernelOptions(**STAGE).blur(image(size))
    assert KernelOptions(**STAGE, pixel_size=0.5).blur(image(size)) is not None
