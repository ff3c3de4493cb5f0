"""How fast a stage may move for detail of a size, tried on frames."""

import numpy as np
import pytest

from unsmear.blur import Gaussian, Motion, convolve
from unsmear.images import Image
from unsmear.streaming import resolving, restoring
from unsmear.streaming.resolving import Specimen, crossing, keep, limit, right_part

SIDE = 96


@pytest.fixture(scope="module")
def specimen():
    """Return fine texture with some noise; what is recorded has that noise."""
    generator = np.random.default_rng(2)
    light = convolve(generator.random((SIDE, SIDE)) ** 3, Gaussian(0.8).kernel()) * 30000
    noisy = [light + generator.normal(0, 250, light.shape) for _ in range(2)]
    return Specimen(*[Image(one.clip(0, 65535).astype(np.uint16), "YX") for one in noisy])


def test_the_right_part_of_detail(specimen):
    truth = specimen.restored.pixels.astype(float)
    assert right_part(truth, truth, 0, 6) == 1
    assert right_part(truth + 1000, truth, 0, 6) == pytest.approx(1)
    assert right_part(np.zeros_like(truth), truth, 0, 6) == 0
    moved = convolve(truth, Motion(6).kernel())
    assert right_part(moved, truth, 0, 6) < 0.3
    assert right_part(moved, truth, 90, 6) > 0.9
    assert right_part(truth, np.zeros_like(truth), 0, 6) == 0


@pytest.mark.slow
def test_restoration_lets_the_stage_go_faster_the_less_detail_is_wanted(specimen, monkeypatch):
    monkeypatch.setattr(resolving, "LENGTHS", (3, 6, 12, 18))
    how = restoring(Motion(4), "wiener", {}, "none")
    fine, coarse = (limit([specimen], how, Motion(4, 30), period) for period in (6, 12))
    # Without restoration a motion of about 2/3 of the detail leaves half of its power.
    assert fine.as_recorded == pytest.approx(4, rel=0.25)
    assert coarse.as_recorded == pytest.approx(8, rel=0.25)
    assert fine.restored > 1.3 * fine.as_recorded
    assert coarse.restored > fine.restored


def test_what_cannot_be_told(specimen):
    how = restoring(Motion(4), "wiener", {}, "none")
    assert limit([], how, Motion(4), 6) is None
    assert limit([specimen], how, Motion(4), 1.5) is None
    assert limit([specimen], how, Gaussian(2), 6) is None


def test_the_length_at_which_half_is_right():
    assert crossing((1, 2, 4, 8), (1.0, 0.8, 0.4)) == pytest.approx(3.5)
    assert crossing((1, 2, 4), (0.4, 0.2)) == 0
    assert crossing((1, 2, 4), (1.0, 0.9, 0.7)) == 4


def test_the_frames_with_most_contrast_are_kept(specimen):
    kept = []
    for factor in (1, 3, 2, 0):
        image = Image(specimen.restored.pixels // 4 * factor, "YX")
        keep(kept, Specimen(image, image))
    ratios = [one.contrast() / kept[-1].contrast() for one in kept]
    assert ratios == pytest.approx([1.5, 1])
