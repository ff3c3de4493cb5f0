"""Saturated pixels are no measurement: neither for the deconvolution nor for its check."""

import cv2
import numpy as np
import pytest

import unsmear
from unsmear.blur import Motion, convolve
from unsmear.restoration import filling, saturation
from unsmear.restoration.restored import clipped_phrase, saturated_phrase

MOTION = Motion(14, 30)


def cells(seed=0, side=192):
    rng = np.random.default_rng(seed)
    field = np.zeros((side, side), np.float32)
    for y, x in rng.integers(0, side, (60, 2)):
        cv2.circle(field, (int(x), int(y)), int(rng.integers(4, 9)), float(rng.uniform(0.3, 1)), -1)
    return cv2.GaussianBlur(field, (0, 0), 1.2)


def camera(field, share, full=255, dtype=np.uint8):
    """Return counts, of which that share is at white, and the light of one count."""
    blurred = convolve(field, MOTION.kernel())
    white = np.quantile(blurred, 1 - share)
    counts, truth = ((part / white * full).clip(0, full) for part in (blurred, field))
    return np.rint(counts).astype(dtype), np.rint(truth).astype(dtype)


def error(a, b):
    return float(np.sqrt(np.mean((a.astype(float) - b)[16:-16, 16:-16] ** 2)))


@pytest.mark.parametrize("method", ["deep-wiener", "wiener", "richardson-lucy"])
@pytest.mark.parametrize(("full", "dtype"), [(255, np.uint8), (4000, np.uint16)])
def test_a_saturated_image_is_restored(method, full, dtype):
    blurred, sharp = camera(cells(), 0.03, full, dtype)
    done = unsmear.restore(blurred, MOTION, method=method)
    assert done.touched
    assert done.saturated == (blurred == full).sum() > 500
    assert error(done.image, sharp) < 0.75 * error(blurred, sharp)
    assert done.image.max() == full
    assert saturated_phrase(done) == f"{done.saturated:,} saturated pixels continued from beside"


def test_floats_keep_what_is_above_white():
    blurred, _ = camera(cells(), 0.03, 4000, np.uint16)
    floats = unsmear.restore(blurred, MOTION, dtype="float32", uncertainty=True)
    counts = unsmear.restore(blurred, MOTION, uncertainty=True)
    assert floats.image.max() > 4100
    np.testing.assert_allclose(np.rint(floats.image.clip(0, 4000)), counts.image, atol=1)
    above = floats.image > 4001
    assert counts.clipped == pytest.approx((above & (blurred < 4000)).sum(), rel=0.05)
    assert "clipped at white (4000)" in clipped_phrase(counts)
    lost = floats.image - counts.image
    assert (counts.uncertainty[above] >= lost[above] - 1).all()


def test_peaks_are_continued_again_where_that_comes_closer():
    light = convolve(cells(), MOTION.kernel())
    white = np.quantile(light, 0.97)
    mask = (light >= white)[None, None]
    cut = np.minimum(light, white)[None, None].astype(np.float32)
    once = np.maximum(cut, filling.continued(cut, mask, MOTION.kernel()))
    twice = saturation.continued(cut, mask, MOTION.kernel())
    left, first, second = (error(light, units[0, 0]) for units in (cut, once, twice))
    assert second < 0.95 * first < 0.5 * left
    long = Motion(30, 30).kernel()
    once = np.maximum(cut, filling.continued(cut, mask, long))
    np.testing.assert_array_equal(saturation.continued(cut, mask, long), once)


def test_a_plane_that_is_not_saturated_is_not_changed():
    field = cells()
    for seed in range(3):
        noisy = np.random.default_rng(seed).poisson(1000 * field + 50).astype(np.uint16)
        assert saturation.find(noisy[None, None]) is None
    flat = np.full((1, 1, 64, 64), 9, np.uint8)
    assert saturation.find(flat) is None
    eight = np.rint(convolve(field, MOTION.kernel()) * 250).astype(np.uint8)
    assert saturation.find(eight[None, None]) is None


def test_only_the_saturated_plane_and_only_its_white_pixels():
    blurred, _ = camera(cells(), 0.02)
    other = (blurred // 2).astype(np.uint8)
    other[blurred == 255] = np.random.default_rng(0).integers(60, 127, (blurred == 255).sum())
    planes = np.stack([blurred, other])[None]
    mask = saturation.find(planes)
    np.testing.assert_array_equal(mask[0, 0], blurred == 255)
    assert not mask[0, 1].any()
    units = (planes / 256).astype(np.float32)
    continued = saturation.continued(units, mask, MOTION.kernel())
    np.testing.assert_array_equal(continued[~mask], units[~mask])
    assert (continued[mask] >= units[mask]).all()
    assert continued.max() > 1.1 * units.max()


def test_the_values_that_were_cut_off_are_nearly_found():
    field = cells(3)
    whole = convolve(field, MOTION.kernel()).astype(np.float32)[None, None]
    white = np.quantile(whole, 0.98)
    mask = whole >= white
    cut = np.minimum(whole, white)
    continued = saturation.continued(cut, mask, MOTION.kernel())
    assert np.abs(continued - whole)[mask].mean() < 0.6 * np.abs(cut - whole)[mask].mean()


def test_pixels_without_data_are_not_saturated():
    blurred, _ = camera(cells(), 0.02)
    holes = np.zeros((1, 1, *blurred.shape), bool)
    holes[..., :96, :] = True
    mask = saturation.find(blurred[None, None], holes)
    assert not mask[holes].any()
    assert mask[~holes].any()


def test_what_is_left_alone_keeps_its_white():
    blurred, _ = camera(cells(), 0.03, 4000, np.uint16)
    done = unsmear.restore(blurred, Motion(14, 120))
    kept = done.verdicts[0, 0] == 2
    assert kept.any()
    tiles = np.kron(kept, np.ones((32, 32), bool))
    np.testing.assert_array_equal(done.image[tiles], blurred[tiles])


def test_defects_of_one_value_are_no_saturated_area():
    planes = np.random.default_rng(0).poisson(200, (1, 1, 96, 96))
    defects = np.zeros(planes.shape, bool)
    defects[0, 0].flat[:: planes.size // 40] = True
    planes[defects] = 4000
    assert saturation.find(planes) is not None
    assert saturation.find(planes, defects) is None
    planes[0, 0, 40:50, 40:50] = 4000
    found = saturation.find(planes, defects)
    assert found is not None
    assert found[0, 0, 40:50, 40:50].sum() == 100 - defects[0, 0, 40:50, 40:50].sum()
