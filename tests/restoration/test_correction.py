"""A camera's pattern is taken out before a restoration, and is in the result again."""

from __future__ import annotations

import numpy as np
import pytest

import unsmear
from tests.images.test_camera_maps import SHAPE, exposed, maps
from unsmear import CameraMaps

MOTION = unsmear.Motion(8, 30)


@pytest.fixture(scope="module")
def scene() -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Return electrons at rest, the maps of a camera, and what it recorded of them in motion."""
    rng = np.random.default_rng(3)
    points = np.zeros(SHAPE)
    points[rng.integers(0, SHAPE[0], 60), rng.integers(0, SHAPE[1], 60)] = 20000
    sharp = unsmear.convolve(points, unsmear.Gaussian(1.5).kernel()) + 20
    known = maps()
    return sharp, known, exposed(known, unsmear.convolve(sharp, MOTION.kernel()))


def test_maps_make_a_result_better_and_it_has_the_counts_of_the_input(scene):
    sharp, known, recorded = scene

    def error(restored: np.ndarray) -> float:
        light = (restored - known["offset"]) / known["gain"]
        good = known["variance"] < 100
        return float(np.sqrt(np.mean((light - sharp)[good] ** 2)))

    plain = unsmear.restore(recorded, MOTION, method="wiener")
    camera = CameraMaps(**known)
    restored = unsmear.restore(recorded, MOTION, method="wiener", camera=camera)
    assert restored.touched
    assert restored.image.dtype == np.uint16
    assert error(restored.image) < 0.9 * error(plain.image)
    assert restored.outliers >= 40
    assert restored.image.mean(dtype=float) == pytest.approx(recorded.mean(dtype=float), rel=0.02)
    floats = unsmear.restore(recorded, MOTION, method="wiener", camera=camera, dtype="float32")
    assert np.abs(floats.image - restored.image).max() <= 0.51


def test_what_is_left_alone_is_as_it_was_recorded(scene):
    _, known, recorded = scene
    camera, flat = CameraMaps(**known), np.full(SHAPE, 100, np.uint16)
    untouched = unsmear.restore(flat, camera=camera)
    assert not untouched.touched
    assert (untouched.image == flat).all()
    stack = np.stack([recorded, flat + recorded])
    restored = unsmear.restore(stack, {"0": MOTION, "1": None}, axes="CYX", camera=camera)
    assert (restored.image[1] == stack[1]).all()
    assert (restored.image[0] != stack[0]).any()


def test_frames_have_the_pattern_too(scene):
    _, known, recorded = scene
    stack = np.stack([recorded, recorded])
    kernels = {"t=0": MOTION, "t=1": None}
    restored = unsmear.restore(stack, kernels, axes="TYX", camera=CameraMaps(**known))
    for frame, pixels, before in zip(restored.frames, restored.image, stack, strict=True):
        assert (frame.image.pixels == pixels).all()
        assert frame.touched == (pixels != before).any()
