"""Pixels without data get their most probable values, given those around them."""

import numpy as np
import pytest

from unsmear.blur import Motion, convolve
from unsmear.restoration import filling
from unsmear.synthetic import draw_field

MOTION = Motion(10, 40)


def blurred(side, seed=0):
    sharp = draw_field(np.random.default_rng(seed), (side + 40, side + 40)).planes[0]
    image = convolve((sharp / 255).astype(np.float32), MOTION.kernel())[20:-20, 20:-20]
    return np.asarray(image, np.float32)


def at(shape, *places, size=5):
    mask = np.zeros((1, 1, *shape), bool)
    for y, x in places:
        mask[..., max(0, y) : y + size, max(0, x) : x + size] = True
    return mask


def filled(image, mask):
    """Return how the filled image differs from what was there, and how one at its mean does."""
    plain = np.where(mask[0, 0], image.mean(), image)
    values = filling.continued(plain[None, None], mask, MOTION.kernel())[0, 0]
    np.testing.assert_array_equal(values[~mask[0, 0]], image[~mask[0, 0]])
    return tuple(float(np.sqrt(np.square(v - image)[mask[0, 0]].mean())) for v in (values, plain))


@pytest.mark.parametrize(
    ("place", "best"), [((60, 70), 0.05), ((0, 60), 0.05), ((155, 80), 0.15), ((-3, -3), 0.2)]
)
def test_a_gap_gets_what_was_there(place, best):
    differences = [filled(blurred(160, seed), at((160, 160), place)) for seed in range(4)]
    difference, plain = np.sqrt(np.square(differences).mean(axis=0))
    assert plain > 0.02
    assert difference < best * plain


def test_large_gaps_are_approached_to_what_small_ones_are_solved_to(monkeypatch):
    image = blurred(128)
    image += np.random.default_rng(1).normal(0, 0.02, image.shape).astype(np.float32)
    mask = at(image.shape, (20, 30), (60, 64), (124, 50), (80, 110), size=8)
    directly = filling.continued(image[None, None], mask, MOTION.kernel())
    monkeypatch.setattr(filling, "_pieces", lambda *_: None)
    in_steps = filling.continued(image[None, None], mask, MOTION.kernel())
    inside = mask.copy()
    inside[..., -20:, :] = False  # beside the border the first round alone is compared
    np.testing.assert_allclose(in_steps[inside], directly[inside], atol=1e-3)
    np.testing.assert_allclose(in_steps[mask], directly[mask], atol=0.05)


def test_pieces_are_solved_as_the_whole_is(monkeypatch):
    image = blurred(300)
    image += np.random.default_rng(1).normal(0, 0.01, image.shape).astype(np.float32)
    mask = image > np.quantile(image, 0.98)
    units = np.where(mask, image[mask].min(), image)[None, None]
    whole = filling.continued(units, mask[None, None], MOTION.kernel())[0, 0]
    monkeypatch.setattr(filling, "DIRECT", 700)
    parts = filling.continued(units, mask[None, None], MOTION.kernel())[0, 0]
    assert not np.array_equal(parts, whole)
    left = np.square(units[0, 0] - image)[mask].mean()
    assert np.square(parts - whole)[mask].mean() < 0.05 * left
    assert np.square(parts - image)[mask].mean() < 1.1 * np.square(whole - image)[mask].mean()


def test_blocks_fill_as_the_whole_does(monkeypatch):
    image = blurred(300)
    image += np.random.default_rng(1).normal(0, 0.01, image.shape).astype(np.float32)
    mask = at(image.shape, (98, 97), (30, 250), (201, 150), (197, 5), size=7)
    whole = filling.continued(image[None, None], mask, MOTION.kernel())
    monkeypatch.setattr(filling, "BLOCK", 100)
    parts = filling.continued(image[None, None], mask, MOTION.kernel())
    np.testing.assert_allclose(parts, whole, atol=2e-3)
    assert not np.array_equal(parts, whole)


def test_nothing_around_or_nothing_to_reach_across_leaves_it():
    image = blurred(64)[None, None]
    everywhere = np.ones(image.shape, bool)
    np.testing.assert_array_equal(filling.continued(image, everywhere, MOTION.kernel()), image)
    point = np.ones((1, 1))
    mask = at((64, 64), (20, 20))
    np.testing.assert_array_equal(filling.continued(image, mask, point), image)
