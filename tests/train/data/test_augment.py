"""Augmentation: exact turns, the same for both images and all channels, repeatable."""

import numpy as np
import pytest
import torch

from unsmear.errors import OptionError
from unsmear.train.config.classifier import LabelAugment
from unsmear.train.config.restorer import Augment
from unsmear.train.data.augment import Augmentation
from unsmear.train.data.dataset import Batch, Labelled

ALL = Augment(zoom=(0.7, 1.5))
DIHEDRAL = [
    lambda plane, turn=turn, flip=flip: np.rot90(plane[:, ::-1] if flip else plane, turn)
    for turn in range(4)
    for flip in (False, True)
]


@pytest.fixture
def batch():
    images = torch.rand(24, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    return Batch(images, 1 - images, 0)


def applied(plane, changed):
    """Return which of the eight turns and mirrors of a square was applied; exactly one."""
    (which,) = [k for k, turn in enumerate(DIHEDRAL) if np.array_equal(turn(plane), changed)]
    return which


def test_turns_and_flips_are_exact_and_shared(batch):
    changed = Augmentation(Augment(), 1)(batch, 3)
    all_applied = set()
    for number in range(24):
        planes = (*batch.blurred[number], *batch.sharp[number])
        after = (*changed.blurred[number], *changed.sharp[number])
        which = {applied(a.numpy(), b.numpy()) for a, b in zip(planes, after, strict=True)}
        assert len(which) == 1
        all_applied |= which
    assert all_applied == set(range(8))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (Augment(flips=False), {0, 2, 4, 6}),
        (Augment(rotations=False), {0, 1, 4, 5}),
        (Augment(flips=False, rotations=False), {0}),
    ],
)
def test_what_is_off_does_not_happen(batch, config, expected):
    all_applied = set()
    for number in range(4):
        changed = Augmentation(config, 0)(batch, number)
        pairs = zip(batch.sharp[:, 0].numpy(), changed.sharp[:, 0].numpy(), strict=True)
        all_applied |= {applied(before, after) for before, after in pairs}
    assert all_applied == expected


def test_turns_go_anticlockwise():
    """So that a movement's angle grows by 90 degrees."""
    stripe = torch.zeros(1, 1, 5, 5)
    stripe[..., 2, 3:] = 1  # towards +x
    up = torch.zeros(1, 1, 5, 5)
    up[..., :2, 2] = 1
    for number in range(40):
        after = Augmentation(Augment(flips=False), 0)(Batch(stripe, stripe, 0), number).sharp
        turns = np.random.default_rng([0, 5, number])
        turns.integers(2, size=(2, 1))
        if int(turns.integers(4, size=1)[0]) == 1:
            assert torch.equal(after, up)
            return
    raise AssertionError("no turn by 90 degrees in 40 batches")


def test_everything_follows_from_seed_and_number(batch):
    once = Augmentation(ALL, 1)(batch, 3)
    torch.rand(5)
    again = Augmentation(ALL, 1)(batch, 3)
    assert torch.equal(once.blurred, again.blurred)
    assert torch.equal(once.sharp, again.sharp)
    for other in (Augmentation(ALL, 2)(batch, 3), Augmentation(ALL, 1)(batch, 4)):
        assert not torch.equal(once.sharp, other.sharp)


def test_a_zoom_is_the_same_for_both_and_for_all_channels(batch):
    grey = batch.blurred[:, :1].expand(-1, 3, -1, -1)
    changed = Augmentation(ALL, 0)(Batch(grey, grey, 0), 7)
    assert torch.equal(changed.blurred, changed.sharp)
    for channel in (1, 2):
        assert torch.equal(changed.sharp[:, 0], changed.sharp[:, channel])
    assert not any(
        torch.allclose(changed.sharp[number], grey[number], atol=1e-3) for number in range(24)
    )


def test_a_zoom_of_two_doubles_lengths_about_the_middle():
    dots = torch.zeros(1, 1, 33, 33)
    dots[..., 16, 16] = dots[..., 16, 20] = 1
    config = Augment(flips=False, rotations=False, zoom=(2, 2))
    zoomed = Augmentation(config, 0)(Batch(dots, dots, 0), 0).sharp[0, 0]
    assert zoomed[16, 16] == pytest.approx(1, abs=1e-4)
    assert zoomed[16, 24] == pytest.approx(1, abs=1e-4)
    assert zoomed[16, 20] == pytest.approx(0, abs=1e-4)


def test_a_zoom_brings_no_dark_border():
    white = torch.ones(1, 3, 16, 16)
    config = Augment(zoom=(0.5, 0.5))
    zoomed = Augmentation(config, 0)(Batch(white, white, 0), 0).sharp
    assert torch.allclose(zoomed, white)


def test_images_that_are_not_square_are_refused():
    images = torch.zeros(2, 1, 8, 16)
    with pytest.raises(OptionError, match="square"):
        Augmentation(Augment(), 0)(Batch(images, images, 0), 0)


STILL = {"flips": False, "rotations": False}


@pytest.fixture
def labelled():
    images = torch.rand(24, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    return Labelled(images, torch.eye(24), 0)


def test_a_gain_is_drawn_for_each_channel_and_nothing_is_whiter_than_white(labelled):
    changed = Augmentation(LabelAugment(**STILL, gain=(0.5, 2)), 1)(labelled, 3)
    gains = (changed.image / labelled.image).amax((-2, -1))
    assert len(gains.unique()) == 24 * 3
    assert 0.5 <= gains.min() < 0.6
    assert 1.7 < gains.max() <= 2
    assert gains.log().mean().abs() < 0.15  # as often darker as brighter
    expected = (labelled.image * gains[..., None, None]).clamp(max=1)
    torch.testing.assert_close(changed.image, expected)
    torch.testing.assert_close(changed.labels, labelled.labels)


def test_noise_has_up_to_the_deviation_that_is_asked_for(labelled):
    changed = Augmentation(LabelAugment(**STILL, noise=0.1), 1)(labelled, 3)
    noise = changed.image - labelled.image
    deviations = noise.std((1, 2, 3))
    assert deviations.min() < 0.02
    assert 0.08 < deviations.max() < 0.105
    torch.testing.assert_close(noise.mean((1, 2, 3)), torch.zeros(24), atol=0.02, rtol=0)


def test_light_and_noise_are_repeatable_and_off_by_default(labelled):
    asked = LabelAugment(zoom=(0.9, 1.1), gain=(0.7, 1.4), noise=0.02)
    first, again, another = (Augmentation(asked, 1)(labelled, number).image for number in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, another)
    assert torch.equal(Augmentation(LabelAugment(**STILL), 1)(labelled, 3).image, labelled.image)


def test_where_a_classifiers_options_are_left_its_images_move_as_a_restorers_do(labelled):
    batch = Batch(labelled.image, labelled.image, 0)
    moved = Augmentation(ALL, 1)(batch, 3).sharp
    same = Augmentation(LabelAugment(zoom=ALL.zoom), 1)(labelled, 3).image
    torch.testing.assert_close(same, moved)
