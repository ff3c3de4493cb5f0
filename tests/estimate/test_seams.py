"""Seams of a field."""

import numpy as np
import pytest

from tests.estimate.test_exposures import cells, recorded
from unsmear.blur import Motion, convolve
from unsmear.estimate import seams


@pytest.mark.parametrize("seed", range(3))
def test_a_field_of_one_exposure_has_no_seam(seed):
    for image in (cells(seed), recorded(cells(seed)), recorded(cells(seed), Motion(9, 50))):
        assert seams.seam(image[None, None]) is None


@pytest.mark.parametrize("side", range(190, 200))
def test_no_size_is_too_small_to_look_for_a_seam(side):
    assert seams.seam(np.full((1, 1, side, side), 3, np.uint8)) is None
    seams.seam(cells(0)[None, None, :side, :side])


def test_the_edge_of_a_saturated_area_is_no_seam():
    image = convolve(cells(0, 320).astype(np.float32), Motion(12, 20).kernel())
    image[130:190, 20:300] = image.max()
    planes = image[None, None]
    assert seams.seam(planes) is not None
    assert seams.seam(planes, planes == image.max()) is None
    mosaic = np.concatenate([image[:130], image[190:]])[None, None]
    assert seams.seam(mosaic, np.zeros(mosaic.shape, bool)) == seams.seam(mosaic) is not None
