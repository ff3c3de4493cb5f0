"""The interval is fitted to an image: its scale evened, its texture added, long motions widened."""

import numpy as np
import pytest

from unsmear.blur import Motion, convolve
from unsmear.checkpoints import checkpoint
from unsmear.errors import WeightsError
from unsmear.restoration.learned.interval import (
    NORMAL,
    Interval,
    evened,
    from_card,
    left_in_texture,
    longer,
)

KERNEL = Motion(10, 30).kernel()


def textured(sigma, share=1.0, noise=0.01):
    """Return a blurred plane whose left part has grain; the rest is flat."""
    generator = np.random.default_rng(2)
    grain = sigma * generator.normal(size=(256, 256))
    grain[:, int(share * 256) :] = 0
    recorded = convolve(5 + grain.astype(np.float32), KERNEL)
    return recorded + noise * generator.normal(size=recorded.shape).astype(np.float32)


@pytest.mark.parametrize("sigma", [0.5, 2.0])
def test_a_texture_that_is_everywhere_is_measured(sigma):
    # A motion of 10 px takes most of a white texture away.
    assert 0.4 * sigma < left_in_texture(textured(sigma), KERNEL) < sigma


def test_a_texture_that_is_not_everywhere_does_not_count():
    assert left_in_texture(textured(2.0, share=0.5), KERNEL) < 0.1
    assert left_in_texture(np.full((80, 100), 3.0, np.float32), KERNEL) == 0


def test_the_texture_grows_with_the_gain_and_not_with_the_offset():
    plane = textured(1.0).astype(np.float64)
    once = left_in_texture(plane, KERNEL)
    assert left_in_texture(40 * plane + 300, KERNEL) == pytest.approx(40 * once, rel=1e-4)


def test_the_scale_is_evened_around_its_mean():
    widths = np.array([[1.0, 4.0], [4.0, 9.0]], np.float32)
    mean = np.sqrt(np.square(widths).mean())
    np.testing.assert_allclose(evened(widths), np.sqrt(widths * mean), rtol=1e-6)
    assert not evened(np.zeros((3, 3), np.float32)).any()


def test_only_motions_beyond_the_trained_ones_are_wider():
    assert longer(Motion(12, 20).kernel(), 0.5) == 1
    assert longer(Motion(44, 20).kernel(), 0.5) == pytest.approx(2**0.5, rel=0.02)


def test_every_plane_has_its_own_interval():
    blurred = np.stack([textured(1.0), textured(0.0)])[None]
    network = np.stack([np.full((256, 256), width, np.float32) for width in (0.2, 0.3)])[None]
    widths = Interval(2.0, 0.5).widths(network, blurred, KERNEL)
    texture = NORMAL * left_in_texture(blurred[0, 0], KERNEL)
    np.testing.assert_allclose(widths[0, 0], np.hypot(0.4, texture), rtol=1e-5)
    alone = Interval(2.0, 0.5).widths(network[:, 1:], blurred[:, 1:], KERNEL)
    np.testing.assert_array_equal(widths[:, 1:], alone)


def test_the_shipped_cards_have_factors_and_others_may_lack_them():
    for name in ("deep-wiener", "deep-wiener-lean", "deep-wiener-fast"):
        factors = from_card(name, checkpoint.load(name).card)
        assert factors.scale > 0
    loaded = checkpoint.load("deep-wiener")
    without = {k: v for k, v in loaded.card.items() if k != "interval"}

    def of(card):
        return from_card(loaded.name, card)

    assert of(without) is None
    with pytest.raises(WeightsError, match="scale and longer"):
        of({**without, "interval": {"scale": 1.0}})
