"""Augmentation: exact turns, the same for both images and all channels, repeatable."""

import numpy as np
import pytest
import torch

from unsmear.errors import OptionError
from unsmear.train.augment import Augmentation
from unsmear.train.batch import Batch
from unsmear.train.config import Augment

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


def found(plane, changed):
    """Return which of the eight turns and mirrors of a square was applied; exactly one."""
    (which,) = [k for k, turn in enumerate(DIHEDRAL) if np.array_equal(turn(plane), changed)]
    return which


def test_turns_and_flips_are_exact_and_shared(batch):
    changed = Augmentation(Augment(), 1)(batch, 3)
    seen = set()
    for number in range(24):
        planes = (*batch.blurred[number], *batch.sharp[number])
        after = (*changed.blurred[number], *changed.sharp[number])
        which = {found(a.numpy(), b.numpy()) for a, b in zip(planes, after, strict=True)}
        assert len(which) == 1
        seen |= which
    assert seen == set(range(8))


@pytest.mark.parametrize(
    ("config", "some"),
    [
        (Augment(flips=False), {0, 2, 4, 6}),
        (Augment(rotations=False), {0, 1, 4, 5}),
        (Augment(flips=False, rotations=False), {0}),
    ],
)
def test_what_is_off_does_not_happen(batch, config, some):
    seen = set()
    for number in range(4):
        changed = Augmentation(config, 0)(batch, number)
        pairs = zip(batch.sharp[:, 0].numpy(), changed.sharp[:, 0].numpy(), strict=True)
        seen |= {found(before, after) for before, after in pairs}
    assert seen == some


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
