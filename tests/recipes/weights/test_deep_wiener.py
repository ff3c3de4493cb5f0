"""Training of the restorers: the loss falls, and an interrupted run ends as any other."""

import cv2
import numpy as np
import pytest
import torch

from recipes.weights import deep_wiener
from recipes.weights.datasets import Plane
from recipes.weights.deep_wiener import begin, loss_of, rate_at, resume, save, train
from recipes.weights.restorer_samples import Samples

OPTIONS = {
    "one": {"versions": 4, "constants": 2, "widths": (8, 8), "depth": 1},
    "fast": {"versions": 2, "constants": 2, "widths": (4, 4), "depth": 1},
}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def samples():
    noise = np.random.default_rng(1).random((96, 96))
    plane = cv2.GaussianBlur(noise, (0, 0), 1.5)
    counts = (60000 * ((plane - plane.min()) / np.ptp(plane)) ** 2).astype(np.uint16)
    return Samples([Plane("0", "synthetic", "0", counts)], seed=3, side=48)


class Cached:
    """The first samples, drawn once; they are the same whenever they are drawn."""

    def __init__(self, samples, count):
        self.side, self.drawn = samples.side, [samples[number] for number in range(count)]

    def __getitem__(self, number):
        return self.drawn[number % len(self.drawn)]


def weights(state):
    parts = [network.state_dict() for network in state.networks.values()]
    return [value.clone() for part in (*parts, *state.averages.values()) for value in part.values()]


@pytest.mark.slow
def test_a_few_steps_lower_the_loss(samples):
    state = begin(0, options=OPTIONS)
    losses = list(train(state, Cached(samples, 8), 120, workers=0))
    assert state.step == len(losses) == 120
    for name in OPTIONS:
        first, last = (
            np.mean([step[name] for step in losses[part]])
            for part in (slice(0, 10), slice(-10, None))
        )
        assert last < first - 0.02, name  # of the very same samples, at a rate still rising


@pytest.mark.slow
def test_a_stopped_run_ends_as_an_unbroken_one(samples, tmp_path):
    drawn = Cached(samples, 24)
    unbroken = begin(0, options=OPTIONS)
    list(train(unbroken, drawn, 6, workers=0))
    stopped = begin(0, options=OPTIONS)
    for losses in train(stopped, drawn, 6, workers=0):
        assert losses.keys() == OPTIONS.keys()
        if stopped.step == 3:
            save(stopped, tmp_path)
            break
    resumed = begin(99, options=OPTIONS)
    resume(resumed, tmp_path)
    assert resumed.step == 3
    list(train(resumed, drawn, 6, workers=0))
    assert resumed.step == 6
    pairs = zip(weights(resumed), weights(unbroken), strict=True)
    assert all(torch.equal(ours, theirs) for ours, theirs in pairs)
    pairs = zip(weights(resumed), weights(stopped), strict=True)
    assert not all(torch.equal(ours, theirs) for ours, theirs in pairs)


def test_a_run_without_a_state_begins_at_the_beginning(tmp_path):
    state = begin(0, options=OPTIONS)
    resume(state, tmp_path)
    assert state.step == 0


def test_a_run_past_its_steps_is_done(samples, tmp_path):
    state = begin(0, options=OPTIONS)
    state.step = 9
    assert not list(train(state, samples, 6, workers=0))
    save(state, tmp_path)
    saved = torch.load(tmp_path / "state.pt", weights_only=True)
    assert (saved["step"], saved["machine"]) == (9, deep_wiener.machine(state.device))
    assert saved["machine"].endswith("without a GPU")


def test_a_seed_gives_the_same_beginning():
    first, same, different = (weights(begin(seed, options=OPTIONS)) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first, same, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, different, strict=True))


def test_the_rate_rises_and_falls():
    rates = [rate_at(step, 2000) for step in range(2001)]
    assert rates[0] < 0.01
    assert max(rates) == 1
    assert rates[-1] == 0
    assert all(np.diff(rates[: deep_wiener.WARM]) > 0)
    assert all(np.diff(rates[-500:]) < 0)


def test_the_loss_counts_bright_and_dim_planes_alike_and_no_padding(samples):
    network = begin(0, options=OPTIONS).networks["one"]
    torch.nn.init.normal_(network.last.weight, std=0.05)
    sample = samples[0]
    versions, constants, sharp = (
        torch.from_numpy(part)[None] for part in (sample.versions, sample.constants, sample.sharp)
    )
    padded = [torch.nn.functional.pad(part, (0, 16, 0, 16)) for part in (versions, sharp)]
    with torch.inference_mode():
        fit = float(loss_of(network, versions, constants, sharp))
        brighter = float(loss_of(network, 2 * versions, 2 * constants, 2 * sharp))
        beyond = float(loss_of(network, padded[0], constants, padded[1]))
    assert brighter - fit == pytest.approx(np.log(2), abs=1e-3)
    assert beyond == pytest.approx(fit, abs=0.02)
