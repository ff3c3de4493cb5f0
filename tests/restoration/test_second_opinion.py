"""What is said of a given kernel that the image contradicts, and what --force does."""

import numpy as np
import pytest

import unsmear

RIGHT = unsmear.Motion(10, 30)


@pytest.fixture(scope="module")
def recorded() -> np.ndarray:
    rng = np.random.default_rng(5)
    sharp = np.zeros((256, 256))
    sharp[rng.integers(0, 256, 300), rng.integers(0, 256, 300)] = 30000
    sharp = unsmear.convolve(sharp, unsmear.Gaussian(1.2).kernel()) + 200
    blurred = unsmear.convolve(sharp, RIGHT.kernel())
    return np.rint(rng.poisson(blurred)).astype(np.uint16)


def test_nothing_is_said_of_the_right_kernel(recorded: np.ndarray) -> None:
    assert unsmear.restore(recorded, RIGHT, method="wiener").movement == (
        "linear motion of 10.00 px at 30.0 degrees (given)"
    )


def test_another_motion_that_the_image_shows_is_named(recorded: np.ndarray) -> None:
    half = unsmear.restore(recorded, unsmear.Motion(5, 30), method="wiener")
    assert half.touched
    assert half.movement.endswith("although the image looks like a motion of 10.0 px at 30 degrees")
    turned = unsmear.restore(recorded, unsmear.Motion(10, 40))
    assert not turned.touched
    assert turned.movement.endswith("image: it looks like a motion of 10.0 px at 30 degrees")


@pytest.mark.parametrize("near", [unsmear.Motion(8.6, 30), unsmear.Motion(10, 37)])
def test_a_kernel_that_is_nearly_right_is_named_too(
    recorded: np.ndarray, near: unsmear.Motion
) -> None:
    said = unsmear.restore(recorded, near, method="wiener").movement
    assert "looks like a motion of 10.0 px at 30 degrees" in said


def test_force_keeps_what_the_check_would_put_back(recorded: np.ndarray) -> None:
    wrong = unsmear.Motion(24, 120)
    assert not unsmear.restore(recorded, wrong).touched
    forced = unsmear.restore(recorded, wrong, force=True)
    assert forced.touched
    assert (forced.image != recorded).mean() > 0.9
