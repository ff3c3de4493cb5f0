"""Motions in images that are mostly noise."""

from dataclasses import replace

import numpy as np
import pytest

from tests.estimate.test_exposures import cells
from unsmear.blur import Camera, Motion, convolve
from unsmear.estimate import estimate_planes, evidence, fitting, likelihood, motion_fit, spectrum
from unsmear.estimate.families import LINEAR_MOTION

MOTION = Motion(11, 35)


def in_little_light(photons, motion=None, seed=0):
    sharp = cells(seed, 256).astype(np.float32)
    light = sharp if motion is None else convolve(sharp, motion.kernel())
    read_noise = 0.0 if photons is None else 1.6
    camera = Camera(photons=photons, read_noise=read_noise, offset=100, bits=16)
    counts = camera.expose(0.02 + 0.98 * light / sharp.max(), np.random.default_rng(seed))
    return counts[None, None]


@pytest.fixture(scope="module")
def noisy():
    """Return the spectrum of an image in which a motion can hardly be seen."""
    return spectrum.measure(in_little_light(60, MOTION))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_a_motion_is_found_where_most_of_the_image_is_noise(seed):
    found = estimate_planes(in_little_light(100, MOTION, seed))
    assert found.sure
    assert found.length == pytest.approx(MOTION.length, abs=1.2)
    assert abs((found.angle - MOTION.angle + 90) % 180 - 90) < 8


@pytest.mark.slow
@pytest.mark.parametrize("photons", [40, 100, 400])
def test_what_did_not_move_is_left_alone(photons):
    assert not estimate_planes(in_little_light(photons)).sure


@pytest.mark.slow
@pytest.mark.parametrize("photons", [6, 15])
def test_nobody_is_sure_that_nothing_moved_where_something_did(photons):
    found = estimate_planes(in_little_light(photons, MOTION))
    assert found.kind == "none"
    assert found.confidence < 0.3  # the likelihood alone gave 0.75


def test_a_fit_of_nothing_but_noise_begins_with_it():
    noise = np.random.default_rng(0).poisson(100, (1, 1, 128, 128)).astype(np.uint16)
    problem = likelihood.Problem(spectrum.measure(noise), motion_fit.FINE)
    still = np.ones(problem.power.shape[1])
    (row,) = fitting.noisy_texture(problem, still)
    amplitude, model = problem.parts(row, still)
    assert np.mean(amplitude / model) < 0.1
    assert np.mean(problem.power[0] / model) == pytest.approx(1, abs=0.1)


def test_what_is_known_beforehand_holds_a_fit_that_the_image_would_not(noisy):
    problem = likelihood.Problem(noisy, motion_fit.FINE)
    start = (14.0, 50.0)
    pulls = [fitting.Pull(start, errors) for errors in ((0.02, 0.1), (50.0, 500.0))]
    held, free = (
        fitting.fit(problem, LINEAR_MOTION, start, settle_texture=True, pull=pull) for pull in pulls
    )
    assert held.values == pytest.approx(start, abs=0.2)
    assert held.errors[0] < 0.05
    assert free.values != pytest.approx(start, abs=0.5)
    assert pulls[0].cost(LINEAR_MOTION, (14.0, 230.0)) == pytest.approx(0)  # the same direction


def test_a_network_that_is_sure_weighs_more_against_other_motions():
    near, far = (10.0, 178.0), (25.0, 90.0)
    doubtful, sure = (motion_fit.Prior(10.0, 2.0, chance) for chance in (0.3, 0.95))
    assert doubtful.penalty((10.0, 2.0)) == 0
    assert doubtful.penalty(near) == sure.penalty(near) < 4
    assert near[0] < doubtful.penalty(far) < sure.penalty(far) < 30


def test_a_texture_that_explains_the_noise_too_is_worth_less(noisy):
    problem = likelihood.Problem(noisy, motion_fit.FINE)
    still = np.ones(problem.power.shape[1])
    few, many = (
        fitting.fit_held(problem, still, texture, steps=30)
        for texture in (fitting.noisy_texture(problem, still), None)
    )
    assert few.occam <= many.occam
    assert few.score == few.loss + few.occam


def test_the_network_decides_only_where_most_is_noise(noisy):
    gathered = evidence.gather(noisy)
    search = gathered.search
    assert search.share < 0.5
    bright = spectrum.measure(in_little_light(None, Motion(4, 35)))
    assert evidence.gather(bright).search.share > 0.5
    assert replace(search, best=search.still).improvement <= 0
