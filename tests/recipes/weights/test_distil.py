"""Distillation: the student begins as a pruned teacher, and learns its way."""

import cv2
import numpy as np
import pytest
import torch

from recipes.weights import deep_wiener, distil, pruning, taught_samples
from recipes.weights.datasets import Plane
from recipes.weights.restorer_samples import Samples
from recipes.weights.taught_samples import TURNS, complete, draw, order, read, teach
from unsmear.restoration.learned import inference

SIDE, SAMPLES = 48, 4


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", autouse=True)
def small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(taught_samples, "PART", 2)
        patch.setattr(distil, "SIDE", SIDE)
        options = {"versions": 4, "constants": 2, "widths": (32, 16, 16), "hidden": (24, 8, 8)}
        patch.setattr(distil, "STUDENTS", {"own": options})
        yield


def textured(side):
    noise = np.random.default_rng(1).random((2 * side, 2 * side))
    plane = cv2.GaussianBlur(noise, (0, 0), 1.5)
    counts = (60000 * ((plane - plane.min()) / np.ptp(plane)) ** 2).astype(np.uint16)
    return Samples([Plane("0", "synthetic", "0", counts)], seed=3, side=side)


@pytest.fixture(scope="module")
def samples():
    return textured(SIDE)


def teacher(versions, constants):
    """Return planes that none of the versions is."""
    return versions[:2].mean(0), 0.1 * np.abs(versions[1]) + constants[0]


@pytest.fixture(scope="module")
def folder(samples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    assert list(draw(samples, teacher, folder, SAMPLES - 1)) == [2, 4]
    return folder


def weights(state):
    parts = [network.state_dict() for network in state.networks.values()]
    return [value.clone() for part in (*parts, *state.averages.values()) for value in part.values()]


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(weights(first), weights(second), strict=True))


def test_samples_are_kept_with_the_teachers_results(samples, folder, tmp_path):
    taught, kept = teach(samples[3], teacher), read(folder, 3)
    own, theirs = taught.sample, kept.sample
    pairs = (own.versions, theirs.versions), (own.sharp, theirs.sharp), (taught.taught, kept.taught)
    for drawn, stored in pairs:
        assert (stored.shape, stored.dtype) == (drawn.shape, np.float32)
        np.testing.assert_allclose(stored, drawn, atol=1e-7, rtol=6e-4)
    np.testing.assert_array_equal(theirs.constants, own.constants)
    assert complete(folder, SAMPLES)
    assert not complete(folder, SAMPLES + 1)
    assert not complete(tmp_path, 1)


def test_what_is_there_is_not_drawn_again(folder):
    assert list(draw(None, None, folder, SAMPLES)) == [2, 4]


def test_a_turned_sample_is_the_sample_of_the_turned_plane(folder):
    kept = read(folder, 0)
    seen = []
    for turn in range(TURNS):
        turned = kept.turned(turn)
        sample = turned.sample
        expected = np.stack(teacher(sample.versions, sample.constants))
        np.testing.assert_allclose(turned.taught, expected, atol=1e-3)
        assert abs(np.corrcoef(sample.sharp.ravel(), sample.versions[0].ravel())[0, 1]) > 0.3
        assert not any(np.array_equal(sample.sharp, other) for other in seen)
        seen.append(sample.sharp)


def test_every_sample_comes_once_an_epoch_in_another_order():
    places = order(0, 50, 0, 150)
    epochs = [places[start : start + 50] for start in (0, 50, 100)]
    assert all(sorted(number for number, _ in epoch) == list(range(50)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert {turn for _, turn in places} == set(range(TURNS))
    assert order(0, 50, 33, 120) == places[33:120]
    assert order(0, 50, 100, 100) == []
    assert order(1, 50, 0, 50) != epochs[0]


@pytest.mark.slow
def test_the_student_begins_as_the_pruned_teacher(monkeypatch):
    monkeypatch.setattr(pruning, "EVERY", 1)
    shipped, state = inference.load(distil.TEACHER), distil.begin(0)
    samples = textured(160)
    *fitted, other = (teach(samples[number], shipped) for number in range(5))
    distil.start(state, fitted)
    (student,), (average,) = state.networks.values(), state.averages.values()
    assert all(torch.equal(average[name], own) for name, own in student.state_dict().items())
    versions, constants = other.sample.versions, other.sample.constants
    with torch.inference_mode():
        results = student(torch.from_numpy(versions)[None], torch.from_numpy(constants)[None])
    restored, scale = (result.numpy()[0, 0] for result in results)
    change = other.taught[0] - versions[0]
    assert np.square(restored - other.taught[0]).mean() < 0.4 * np.square(change).mean()
    assert np.abs(scale - other.taught[1]).mean() < 0.4 * other.taught[1].mean()


def test_the_loss_is_least_where_the_student_is_right(folder):
    class Answer:
        versions = 4

        def __init__(self, restored, scale):
            self.results = restored, scale

        def __call__(self, versions, constants):
            return self.results

    kept = read(folder, 1)
    versions, constants, sharp, taught = (
        torch.from_numpy(part)[None]
        for part in (kept.sample.versions, kept.sample.constants, kept.sample.sharp, kept.taught)
    )
    restored, scale = taught.chunk(2, 1)

    def loss(restored, scale):
        answer = Answer(restored, scale)
        return float(distil.loss_of(answer, versions, constants, sharp, taught))

    right = loss(restored, scale)
    assert right < loss(versions[:, :1], scale)
    assert right < loss(restored, 3 * scale)
    # As far from the teacher on one side as on the other, but nearer to the truth.
    nearer, further = (restored + part * (sharp - restored) for part in (0.3, -0.3))
    assert loss(nearer, scale) < loss(further, scale)


@pytest.mark.slow
def test_a_few_steps_lower_the_loss(folder):
    state = distil.begin(0)
    losses = list(distil.train(state, folder, 60, SAMPLES, 0))
    assert state.step == len(losses) == 60
    assert np.mean(losses[-8:]) < np.mean(losses[:8]) - 0.02


@pytest.mark.slow
def test_an_interrupted_run_ends_as_any_other(folder, tmp_path):
    unbroken, stopped, resumed = (distil.begin(seed) for seed in (0, 0, 9))
    list(distil.train(unbroken, folder, 6, SAMPLES, 0))
    for _ in distil.train(stopped, folder, 6, SAMPLES, 0):
        if stopped.step == 3:
            deep_wiener.save(stopped, tmp_path)
            break
    deep_wiener.resume(resumed, tmp_path)
    assert not same(resumed, unbroken)
    list(distil.train(resumed, folder, 6, SAMPLES, 0))
    assert resumed.step == 6
    assert same(resumed, unbroken)


def test_a_run_past_its_steps_is_done(folder):
    state = distil.begin(0)
    state.step = 7
    assert not list(distil.train(state, folder, 6, SAMPLES, 0))
    assert not list(distil.train(state, folder, 7, SAMPLES, 0))
    assert state.step == 7


def test_the_rate_rises_and_falls():
    rates = [distil.rate_at(step, 1000) for step in range(1001)]
    assert max(rates) == pytest.approx(distil.RATE, rel=0.01)
    assert all(np.diff(rates[: distil.WARM]) > 0)
    assert all(np.diff(rates[distil.WARM :]) < 0)
    assert rates[-1] == 0
