"""Paths of irregular motions: their kernels and spectra, the search, and when it is believed."""

import numpy as np
import pytest
from scipy import ndimage

from unsmear.blur import Motion, convolve
from unsmear.estimate import estimate_planes, fitting, likelihood, path_fit, path_model, spectrum


def cells(seed=0, side=320):
    """Return (side, side) of blobs with sharp borders and grains on a dark ground, 0 to 220."""
    generator = np.random.default_rng(seed)
    noise = generator.standard_normal((side, side))
    grains = ndimage.gaussian_filter(generator.standard_normal(noise.shape), 0.9)
    shapes = ndimage.gaussian_filter(noise, 9) > 0.015
    return np.clip(shapes * (90 + 43 * grains / grains.std()) + 6, 0, 220).astype(np.float32)


def recorded(kernel, seed=0):
    """Return (1, 1, 256, 256) in 8 bit, cut out of a larger blurred field."""
    return np.rint(convolve(cells(seed), kernel)[32:-32, 32:-32]).astype(np.uint8)[None, None]


def corner(length=8.0, angle=25.0):
    """Return the values of a path with a right angle, near enough in 12 orders."""
    steps = np.zeros((2, 400))
    steps[0, :200] = steps[1, 200:] = length / 200
    turn = np.deg2rad(angle)
    path = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]] @ np.cumsum(steps, 1)
    return (np.linalg.pinv(path_model.cosines(12, 400, first=0)) @ path.T)[1:].ravel()


def test_kernel_is_centred_and_follows_the_path():
    kernel = path_model.kernel(np.array([4.0, 0.0]))
    offset = np.arange(len(kernel)) - len(kernel) // 2
    assert kernel.sum() == pytest.approx(1)
    assert kernel.sum(0) @ offset == pytest.approx(0, abs=1e-9)
    assert kernel.sum(1)[len(kernel) // 2] == pytest.approx(1)  # no movement across
    assert kernel.sum(0) @ offset**2 == pytest.approx(8, abs=0.3)  # of 4 cos


def test_y_grows_downwards():
    # From the left to the right, and a long rest at the right, at the bottom.
    kernel = path_model.kernel(np.array([-3.0, -3.0, 1.0, 1.0]))
    rows, columns = np.nonzero(kernel > 1e-9)
    assert np.corrcoef(rows, columns)[0, 1] > 0.9


@pytest.mark.parametrize("by", [2, 4])
def test_pooled_spectrum_has_the_same_transfer(by):
    measured = spectrum.measure(recorded(np.ones((1, 1))))
    pooled = path_model.pooled(measured, by)
    assert pooled.side == measured.side // by
    kernel = Motion(9, 30).kernel()
    whole = likelihood.Problem(measured).transfer(kernel)
    small = likelihood.Problem(pooled).transfer(kernel)
    assert small.mean() == pytest.approx(whole.mean(), rel=0.1)
    assert pooled.power.mean() == pytest.approx(measured.power.mean(), rel=0.05)


def test_descent_ends_at_the_path_from_nearby():
    true = np.array([5.0, 1.0, 1.0, -3.0, -1.0, 0.5])
    kernel = path_model.kernel(true)
    problem = likelihood.Problem(path_model.pooled(spectrum.measure(recorded(kernel)), 4))
    texture = fitting.fit_held(problem, problem.transfer(kernel)).texture
    near = true + np.array([0.5, -0.4, 0.4, 0.4, -0.3, 0.3])
    model = path_model.Model(problem, 3, 0.5, texture[0], count=64)
    before, after = (model.descend(near[None], texture, steps) for steps in (0, 12))
    assert after.loss[0] < before.loss[0] - 100
    np.testing.assert_allclose(after.values[0], true, atol=0.15)


def test_alike_sees_through_shift_and_half_turn():
    kernel = path_model.kernel(corner())
    moved = np.pad(kernel[::-1, ::-1], ((3, 1), (0, 4)))
    assert path_fit.alike(kernel, moved) == pytest.approx(1)
    assert path_fit.alike(kernel, Motion(12, 70).kernel()) < 0.8


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_corner_is_found_and_acted_on(seed):
    kernel = path_model.kernel(corner(8, 25 + 50 * seed))
    estimate = estimate_planes(recorded(kernel, seed))
    assert estimate.kind == "shake"
    assert estimate.sure == estimate.path_found
    if estimate.sure:
        found = estimate.kernel()
        assert path_fit.alike(found, kernel) > 0.85
        assert path_fit.alike(found, kernel) > path_fit.alike(Motion(11, 70).kernel(), kernel)


@pytest.mark.slow
def test_linear_motion_needs_no_path():
    estimate = estimate_planes(recorded(Motion(10, 40).kernel()))
    assert estimate.kind == "straight"
    assert not estimate.path_found
