"""The interval's factors hold what they promise in images that are alike those of the fit."""

from dataclasses import replace

import numpy as np
import pytest

from recipes.weights import interval
from recipes.weights.interval import Row, fit


def rows(count, seed, texture=0.0, reach=1.0, size=800):
    """Return images whose errors have half-widths that are known, up to a factor of their own."""
    generator = np.random.default_rng(seed)
    found = []
    for index in range(count):
        widths = np.exp(generator.normal(0, 0.5, size))
        sigma = np.hypot(widths * np.sqrt(reach), texture) * np.exp(generator.normal(0, 0.1))
        errors = np.abs(generator.normal(0, sigma))
        found.append(Row(("a", "b")[index % 2], errors, widths, texture, reach))
    return found


def covered(found, fitted):
    return np.array([(row.errors <= row.half_widths(fitted)).mean() for row in found])


@pytest.mark.slow
def test_each_image_and_their_mean_are_held():
    kinds = [(0.0, 1.0), (3.0, 1.0), (0.0, 2.0)]
    seen, new = ([row for kind in kinds for row in rows(20, seed, *kind)] for seed in (1, 2))
    fitted = fit(seen)
    # Nine tenths of a normal distribution are within 1.64 standard deviations.
    assert 1.5 < fitted.scale < 2.3
    assert fitted.longer == pytest.approx(0.5, abs=0.15)
    shares = covered(new, fitted)
    assert 0.89 < shares.mean() < 0.97
    assert shares.min() > 0.8
    plain = [replace(row, texture=0.0) for row in new]
    assert covered(plain, fitted).min() < 0.7


def test_a_crop_is_the_same_for_the_same_generator():
    plane = np.random.default_rng(3).random((800, 500))
    parts = [interval.crop(plane, np.random.default_rng(5)) for _ in range(2)]
    np.testing.assert_array_equal(*parts)
    assert parts[0].shape == (352, 352)
    assert 0 <= parts[0].min() <= parts[0].max() <= 1


@pytest.mark.parametrize("seed", range(8))
def test_cameras_give_counts_that_their_offset_and_gain_explain(seed):
    light = np.full((40, 40), 0.6)
    counts, offset, gain = interval.expose(light, np.random.default_rng(seed))
    assert counts.dtype in (np.uint8, np.uint16)
    assert ((counts - offset) / gain).mean() == pytest.approx(0.6, abs=0.02)
