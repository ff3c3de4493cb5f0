"""Directional Fourier ring correlation, on drawn images whose movement and light are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, shift

from tests.moved_texture import ANGLE, SIDE, Plane, recorded, sharp
from unsmear.blur import Motion
from unsmear.metrics import halves, resolution
from unsmear.metrics.resolution import Direction, Resolution


def _split(plane: NDArray[Any]) -> halves.Halves:
    parts = halves.split(plane, np.random.default_rng(2))
    assert parts is not None
    return parts


def _both(found: Resolution) -> tuple[float, float]:
    assert found.along is not None
    assert found.across is not None
    return found.along, found.across


def _resolution(length: float, **light: float) -> tuple[float, float]:
    """Return the resolution along and across a movement."""
    kernel = Motion(length, ANGLE).kernel()
    direction = Direction(ANGLE, length)
    return _both(resolution.of_recorded(_split(recorded(length, **light)), direction, kernel))


def _wiener(plane: Plane, kernel: Plane) -> Plane:
    """Return a plane after a linear deconvolution."""
    padded = np.zeros(plane.shape)
    padded[: len(kernel), : len(kernel)] = kernel
    transfer = np.fft.fft2(np.roll(padded, (-(len(kernel) // 2),) * 2, (0, 1)))
    inverse = transfer.conj() / (np.abs(transfer) ** 2 + 0.003)
    return np.asarray(np.fft.ifft2(np.fft.fft2(plane) * inverse).real)


def test_a_movement_takes_detail_along_its_direction_alone() -> None:
    still = _resolution(0)
    for length in (8, 12, 18):
        along, across = _resolution(length)
        assert along == pytest.approx(length, rel=0.1)
        assert across == pytest.approx(still[1], rel=0.15)
    assert max(still) < 3.5


def test_less_light_shows_less() -> None:
    bright, dim = (_resolution(0, photons=photons) for photons in (1000, 30))
    assert min(np.divide(dim, bright)) > 1.3


def test_a_restoration_regains_what_the_movement_turned_over_and_no_more() -> None:
    kernel, direction = Motion(12, ANGLE).kernel(), Direction(ANGLE, 12)
    parts = _split(recorded(12))
    before = _both(resolution.of_recorded(parts, direction, kernel))
    restored = _wiener(parts.first, kernel)
    after = _both(resolution.of_restored(parts, direction, kernel, restored))
    assert _resolution(0)[0] <= after[0] < 0.7 * before[0]
    assert after[1] == pytest.approx(before[1], rel=0.15)


def test_what_is_not_restored_is_not_said_to_be() -> None:
    kernel, direction = Motion(12, ANGLE).kernel(), Direction(ANGLE, 12)
    parts = _split(recorded(12))
    after = resolution.of_restored(parts, direction, kernel, parts.first)
    assert after.along == pytest.approx(12, rel=0.1)


@pytest.mark.parametrize("kind", ["invented texture", "smoothed noise"])
def test_inventions_do_not_count(kind: str) -> None:
    """Two restored halves would share them, and be said to resolve 2 px."""
    kernel, direction = Motion(12, ANGLE).kernel(), Direction(ANGLE, 12)
    parts = _split(recorded(12, photons=100))
    restored = _wiener(parts.first, kernel)
    honest = _both(resolution.of_restored(parts, direction, kernel, restored))
    texture = np.random.default_rng(5).standard_normal((SIDE, SIDE)) * 3 * parts.first.std()
    restored = restored + texture if kind == "invented texture" else gaussian_filter(restored, 1)
    found = _both(resolution.of_restored(parts, direction, kernel, restored))
    assert min(np.divide(found, honest)) > 0.9


def test_noise_alone_shows_nothing() -> None:
    for seed in range(5):
        noise = np.random.default_rng(seed).poisson(40, (SIDE, SIDE))
        found = resolution.of_recorded(_split(noise.astype(float)), Direction(10.0 * seed))
        assert found == Resolution(None, None)


def test_counts_may_be_scaled_and_rounded() -> None:
    photons = recorded(0, photons=200)
    stored = photons, np.uint16(photons * 60 + 400), np.uint8(np.rint(photons * 0.8))
    found = [_both(resolution.of_recorded(_split(plane), Direction(0.0))) for plane in stored]
    assert found[1] == pytest.approx(found[0], rel=0.05)
    assert found[2] == pytest.approx(found[0], rel=0.05)


def test_halves_share_their_light_and_not_their_noise() -> None:
    light = np.maximum(200 * gaussian_filter(sharp(), 3), 1)
    photons = np.random.default_rng(4).poisson(light).astype(float)
    parts = _split(photons)
    np.testing.assert_allclose((parts.first + parts.second) / 2, photons)
    first, second = (part - light for part in (parts.first, parts.second))
    assert first.var() == pytest.approx(2 * light.mean(), rel=0.1)
    assert abs(np.mean(first * second)) < 0.1 * light.mean()


def test_noise_that_neighbours_share_is_not_taken_for_detail() -> None:
    photons = recorded(8, photons=200)
    for plane in (gaussian_filter(photons, 0.7), shift(photons, (0.5, 0.4), order=1)):
        assert halves.split(plane, np.random.default_rng(0)) is None


@pytest.mark.parametrize(
    "plane",
    [np.full((256, 256), 7.0), recorded(0)[:100], np.where(sharp() > 0.9, np.nan, sharp())],
    ids=["constant", "small", "missing values"],
)
def test_what_cannot_be_split(plane: Plane) -> None:
    assert halves.split(plane, np.random.default_rng(0)) is None


def test_the_direction_of_a_kernel() -> None:
    for angle in (0, 20, 90, 150):
        found = Direction.of(Motion(14, angle).kernel())
        assert (found.angle - angle + 90) % 180 - 90 == pytest.approx(0, abs=0.5)
        assert found.length == pytest.approx(14, rel=0.03)
    assert Direction.of(np.ones((1, 1))).length == 0


def test_a_shifted_kernel_leaves_contrast_upright() -> None:
    kernel = np.zeros((11, 11))
    kernel[2, 7] = 1
    parts, direction = _split(recorded(0)), Direction(ANGLE)
    shifted = resolution.of_recorded(parts, direction, kernel)
    plain = resolution.of_recorded(parts, direction)
    assert (shifted.along, shifted.across) == pytest.approx((plain.along, plain.across))


def test_micrometres_where_pixels_are_not_square() -> None:
    assert resolution.micrometres(4, 0, (0.2, 0.1)) == pytest.approx(0.4)
    assert resolution.micrometres(4, 90, (0.2, 0.1)) == pytest.approx(0.8)
