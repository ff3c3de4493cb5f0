"""The adversarial learner: whose turn it is, and what the critic is shown."""

import pytest
import torch
from torch import nn

from unsmear.losses.adversarial import Wasserstein
from unsmear.train.data.dataset import Batch
from unsmear.train.engine.learner import CRITIC, RESTORER, Adversarial


class Shift(nn.Module):
    """Adds a number to the image."""

    values = (-1.0, 1.0)

    def __init__(self):
        super().__init__()
        self.offset = nn.Parameter(torch.tensor(0.5))

    def forward(self, blurred):
        return blurred + self.offset


class Scale(nn.Module):
    """Scores a candidate by a multiple of it, and keeps what it was shown."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(2.0))
        self.shown = []

    def forward(self, blurred, candidate):
        self.shown.append((blurred.detach(), candidate.detach()))
        return self.factor * candidate


def content(restored, sharp):
    return {"loss": (restored - sharp).abs().mean()}


@pytest.fixture
def batch():
    blurred, sharp = torch.rand(2, 1, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    return Batch(blurred, sharp, 0)


def learner(**more):
    return Adversarial({RESTORER: Shift(), CRITIC: Scale()}, content, Wasserstein(), **more)


@pytest.mark.parametrize(
    ("first", "order"),
    [(False, [RESTORER, CRITIC, CRITIC, CRITIC]), (True, [CRITIC, CRITIC, CRITIC, RESTORER])],
)
def test_the_turns_are_in_their_order(first, order):
    turns = learner(critic_steps=3, critic_first=first).turns
    assert [turn.network for turn in turns] == order
    assert {turn.network: turn.minimised for turn in turns} == {RESTORER: "loss", CRITIC: "critic"}


@pytest.mark.parametrize("first", [False, True])
def test_the_critic_sees_what_the_restorer_gave_before_its_update(batch, first):
    trained = learner(critic_steps=2, critic_first=first)
    restorer, critic = trained.networks.values()
    expected = 2 * batch.blurred - 1 + 0.5
    for turn in trained.turns:
        turn.losses(batch)[turn.minimised].backward()
        if turn.network == RESTORER:
            with torch.no_grad():
                restorer.offset.add_(10.0)
    shown = [candidate for _, candidate in critic.shown]
    assert len(shown) == 5  # two pairs of the critic's turns and one of the restorer's
    fakes = [shown[0], shown[2], shown[4]] if not first else [shown[1], shown[3], shown[4]]
    for fake in fakes:
        torch.testing.assert_close(fake, expected)
    for blurred, _ in critic.shown:
        torch.testing.assert_close(blurred, 2 * batch.blurred - 1)


@pytest.mark.parametrize("first", [False, True])
def test_each_network_gets_the_gradient_of_its_own_loss(batch, first):
    trained = learner(critic_first=first)
    restorer, critic = trained.networks.values()
    for turn in trained.turns:
        losses = turn.losses(batch)
        losses[turn.minimised].backward()
        if turn.network == CRITIC:
            assert losses["critic"] == losses["critic_fake"] - 2 * (2 * batch.sharp - 1).mean()
    assert restorer.offset.grad == pytest.approx(-2.0, abs=0.51)  # the critic's slope, and content
    fake, real = 2 * batch.blurred - 0.5, 2 * batch.sharp - 1
    torch.testing.assert_close(critic.factor.grad, fake.mean() - real.mean())
