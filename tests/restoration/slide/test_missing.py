"""Tests of where slides have no data."""

import numpy as np
import pytest

from tests.images.slides import made
from unsmear.images import slides
from unsmear.restoration.slide.missing import Missing


@pytest.mark.parametrize(("axes", "shape"), [("CZYX", (2, 3, 40, 60)), ("YXS", (40, 60, 3))])
def test_a_mask_in_the_shape_of_the_image_has_its_planes(axes, shape, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 200, shape).astype("u1")
    if axes == "YXS":
        made.write_tiff(tmp_path / "s.tif", pixels, axes, tile=(32, 48), photometric="rgb")
    else:
        made.write_tiff(tmp_path / "s.tif", pixels, axes, tile=(32, 48))
    slide = slides.open(tmp_path / "s.tif", axes)
    missing = Missing.of(pixels < 50, slide)
    whole = slice(0, 40), slice(0, 60)
    for plane in np.ndindex(slide.header.planes().shape[:2]):
        assert np.array_equal(missing.at(*plane, *whole), slide.read(*plane, *whole) < 50)
