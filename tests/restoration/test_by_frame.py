"""A time-lapse and positions of the stage: each exposure has a motion of its own."""

import numpy as np
import pytest

import unsmear
from tests.found import find_everywhere
from unsmear.estimate import Estimate
from unsmear.images import Image, frames
from unsmear.restoration import consistency


def counts(*shape):
    return np.random.default_rng(0).integers(0, 999, shape).astype(np.uint16)


@pytest.mark.parametrize(
    ("axes", "shape", "number"),
    [
        ("YX", (8, 9), 1), ("CYX", (2, 8, 9), 1), ("ZCYX", (3, 2, 8, 9), 1),
        ("TYX", (3, 8, 9), 3), ("TZCYX", (3, 2, 2, 8, 9), 3), ("CTYX", (2, 3, 8, 9), 3),
        ("PTYX", (2, 3, 8, 9), 6), ("TPYX", (3, 2, 8, 9), 6), ("TYXS", (2, 8, 9, 3), 2),
    ],
)  # fmt: skip
def test_frames_are_parts_of_the_whole(axes, shape, number):
    image = Image(counts(*shape), axes)
    assert frames.count(image) == number
    parts = frames.split(image)
    assert len(parts) == number
    planes = np.concatenate([part.planes() for _, part in parts])
    np.testing.assert_array_equal(planes, image.planes())
    joined = frames.join(image, [part.pixels for _, part in parts])
    np.testing.assert_array_equal(joined, image.pixels)
    assert len({name for name, _ in parts}) == number


@pytest.fixture
def found(monkeypatch):
    """What is found in a frame is what its first pixel says: a length, 0 for no motion."""

    def estimate(planes):
        length = float(planes[0, 0, 0, 0])
        kind = {"kind": "straight"} if length else {}
        return Estimate(length, 30.0, 0.95, 0.1, 0.5, **kind)

    find_everywhere(monkeypatch, estimate)


def smeared(length, seed=0):
    rng = np.random.default_rng(seed)
    sharp = np.zeros((96, 96), np.float32)
    for y, x in rng.integers(8, 88, (40, 2)):
        sharp[y - 2 : y + 3, x - 2 : x + 3] += rng.uniform(500, 3000)
    blurred = unsmear.convolve(sharp, unsmear.Motion(length, 30).kernel()) if length else sharp
    frame = rng.poisson(blurred + 100).astype(np.uint16)
    frame[0, 0] = length
    return frame


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("dtype", [None, "float32"])
def test_each_frame_is_restored_by_itself(dtype):
    stack = np.stack([smeared(8), smeared(0, 1), smeared(12, 2)])
    restored = unsmear.restore(
        stack, axes="TYX", method="deep-wiener-fast", uncertainty=True, dtype=dtype
    )
    assert restored.touched
    assert (restored.estimate, restored.blur) == (None, None)
    assert [frame.touched for frame in restored.frames] == [True, False, True]
    assert restored.image.dtype == (dtype or np.uint16)
    np.testing.assert_array_equal(restored.image[1], stack[1])
    for number in (0, 2):
        alone = unsmear.restore(
            stack[number], method="deep-wiener-fast", uncertainty=True, dtype=dtype
        )
        np.testing.assert_array_equal(restored.image[number], alone.image)
        np.testing.assert_array_equal(restored.uncertainty[number], alone.uncertainty)
    assert np.isnan(restored.uncertainty[1]).all()
    assert (restored.verdicts[1] == consistency.LEFT).all()
    assert restored.movement == (
        "t=0: linear motion of 8.0 px at 30 degrees (confidence 0.95); "
        "t=1: no motion found (confidence 0.95), left as it was; "
        "t=2: linear motion of 12.0 px at 30 degrees (confidence 0.95)"
    )


@pytest.mark.usefixtures("found")
def test_many_frames_are_counted():
    stack = np.stack([smeared(n, n) for n in (8, 0, 9, 0, 10, 0)])
    restored = unsmear.restore(stack, axes="TYX", method="wiener")
    assert restored.movement == "motions of 8.0 to 10.0 px in 3 of 6 frames, each by itself"
    still = unsmear.restore(np.stack([smeared(0)] * 6), axes="TYX")
    assert not still.touched
    assert still.movement == "no motion found (confidence 0.95)"


@pytest.mark.usefixtures("found")
def test_frames_without_data_and_opacity_come_back():
    stack = np.stack([smeared(8), smeared(9, 1)]).astype(np.float32)
    stack[1] = np.nan
    restored = unsmear.restore(stack, axes="TYX", method="wiener")
    np.testing.assert_array_equal(restored.image[1], stack[1])
    assert [frame.movement for frame in restored.frames][1] == "no data"
    colour = np.stack([np.stack([smeared(8, s) for s in range(4)], -1)] * 2)
    image = Image(colour, "TYXS", alpha=True)
    again = unsmear.restore(image, method="wiener").image
    np.testing.assert_array_equal(again.pixels[..., 3], colour[..., 3])
    assert (again.pixels[..., :3] != colour[..., :3]).any()


def test_a_given_kernel_is_that_of_all_frames():
    stack = np.stack([smeared(8), smeared(8, 1)])
    restored = unsmear.restore(stack, unsmear.Motion(8, 30), axes="TYX", method="wiener")
    assert restored.frames == ()
    assert restored.movement == "linear motion of 8.00 px at 30.0 degrees (given)"
