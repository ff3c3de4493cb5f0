"""A stage that settles, jumps, rests, pauses or accelerates."""

import numpy as np
import pytest

from tests.estimate.test_exposures import cells, recorded
from unsmear.blur import Motion
from unsmear.blur.kernel import points_kernel
from unsmear.estimate import (
    estimate_planes,
    evidence,
    motion_fit,
    spectrum,
    stage_fit,
    support,
)
from unsmear.estimate.path_fit import alike


def swing(amplitude, decay, cycles, angle):
    time = (np.arange(6000) + 0.5) / 6000
    place = amplitude * np.exp(-decay * time) * np.cos(2 * np.pi * cycles * time)
    place = place - place.mean()
    turn = np.deg2rad(angle)
    return points_kernel(place * np.cos(turn), -place * np.sin(turn), np.ones(6000))


@pytest.mark.parametrize("values", [(8.0, 4.0, 3.0, 30.0), (5.0, 2.0, 1.3, 120.0)])
def test_the_profile_of_a_swing_has_the_kernel_of_its_moments(values):
    kernel, wanted = stage_fit.settled(values).kernel(), swing(*values)
    assert alike(kernel, wanted) > 0.999
    turned = np.abs(kernel - kernel[::-1, ::-1]).sum()
    assert turned > 0.1  # so that the next line can fail
    reach = max(len(kernel), len(wanted))
    ours, theirs = (np.pad(k, (reach - len(k)) // 2) for k in (kernel, wanted))
    assert np.abs(ours - theirs).sum() < 0.1 * turned + 0.05


def test_a_jump_is_exposed_at_two_places():
    kernel = stage_fit.jumped((10.0, 0.25, 0.0)).kernel()
    row = kernel.sum(0)
    place = np.arange(len(row)) - len(row) // 2
    left, right = row[place < 0], row[place >= 0]
    assert left.sum() == pytest.approx(0.25, abs=0.01)
    distance = place[place >= 0] @ right / right.sum() - place[place < 0] @ left / left.sum()
    assert distance == pytest.approx(10, abs=0.3)


def test_a_pause_is_exposed_longer_at_its_place():
    row = stage_fit.paused((10.0, 0.4, 0.0, 0.0)).kernel().sum(0)
    assert row.max() == pytest.approx(0.4, abs=0.02)
    assert row[row > 0.05][1:] == pytest.approx(0.06, abs=0.025)
    middle = stage_fit.paused((10.0, 0.4, 0.5, 0.0)).kernel().sum(0)
    assert middle == pytest.approx(middle[::-1], abs=1e-6)


def test_an_accelerated_motion_has_the_kernel_of_its_moments():
    time = (np.arange(6000) + 0.5) / 6000
    place = 12 * (0.3 * time + 0.7 * time**2 / 2) / 0.65
    turn = np.deg2rad(30)
    place = place - place.mean()
    wanted = points_kernel(place * np.cos(turn), -place * np.sin(turn), np.ones(6000))
    kernel = stage_fit.ramped((12.0, 0.3, 30.0)).kernel()
    reach = max(len(kernel), len(wanted))
    ours, theirs = (np.pad(k, (reach - len(k)) // 2) for k in (kernel, wanted))
    assert np.abs(ours - theirs).sum() < 0.05
    assert np.abs(ours[::-1, ::-1] - theirs).sum() > 0.2  # the reverse is another one


@pytest.mark.slow
@pytest.mark.parametrize(
    "true",
    [
        stage_fit.paused((10.0, 0.3, 0.0, 40.0)),
        stage_fit.paused((10.0, 0.25, 0.5, 110.0)),
        stage_fit.ramped((12.0, 0.0, 70.0)),
    ],
)
def test_a_rest_a_pause_and_an_acceleration_are_found(true):
    estimate = estimate_planes(recorded(20 * cells(5, 256), true)[None, None])
    assert estimate.sure
    assert estimate.length == pytest.approx(true.length, abs=1)
    assert alike(estimate.kernel(), true.kernel()) > 0.95


@pytest.mark.slow
def test_a_swing_that_dies_away_is_fitted():
    true = stage_fit.settled((16.0, 4.0, 3.0, 30.0))
    gathered = evidence.gather(spectrum.measure(recorded(20 * cells(5, 256), true)[None, None]))
    stage = stage_fit.search(gathered.spectrum, gathered.search, 33.0, [(7.0, 33.0)])
    assert alike(stage.blur.kernel(), true.kernel()) > 0.95
    required = motion_fit.required_improvement(gathered.averages)
    assert gathered.search.best.loss - stage.fit.loss > stage_fit.DROP * required


@pytest.mark.slow
def test_a_jump_is_found():
    true = stage_fit.jumped((10.0, 0.4, 50.0))
    estimate = estimate_planes(recorded(20 * cells(1, 256), true)[None, None])
    assert estimate.sure
    assert alike(estimate.kernel(), true.kernel()) > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("length", [0, 9])
def test_neither_is_found_where_nothing_moved_or_at_constant_speed(length):
    blur = Motion(length, 40)
    gathered = evidence.gather(spectrum.measure(recorded(20 * cells(5, 256), blur)[None, None]))
    stage = stage_fit.search(gathered.spectrum, gathered.search, 40.0, [(9.0, 40.0)])
    assert stage is None or not support.for_few_values(gathered, stage)
