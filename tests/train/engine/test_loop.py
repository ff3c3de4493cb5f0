"""The loop's own arithmetic: rates, clipping, what a step is made of."""

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from unsmear.train.config.restorer import Optimiser
from unsmear.train.data.dataset import Batch
from unsmear.train.engine.build import optimiser
from unsmear.train.engine.learner import Turn
from unsmear.train.engine.loop import Plan, Rate, State, steps


def test_a_constant_rate_rises_in_a_straight_line_and_stays():
    rate = Rate(warm=3)
    assert [rate(step) for step in range(5)] == [0.25, 0.5, 0.75, 1, 1]


def test_a_cosine_falls_from_the_warm_up_to_nothing_at_the_last_step():
    rate = Rate(warm=10, steps=110)
    assert rate(10) == 1
    assert rate(60) == pytest.approx(0.5)
    assert rate(109) == pytest.approx(0, abs=1e-3)
    assert rate(110) == rate(500) == 0


def test_a_straight_line_falls_in_the_second_half_of_the_run():
    rate = Rate(steps=100, decay="linear")
    assert [rate(step) for step in (0, 50, 75, 100, 500)] == [1, 1, 0.5, 0, 0]


class Line:
    """Learns a number to be 1 by its square error, a slope of 2 x distance."""

    def __init__(self):
        self.networks = {"line": nn.Linear(1, 1, bias=False)}
        nn.init.zeros_(self.networks["line"].weight)
        self.turns = (Turn("line", self.losses),)

    def losses(self, batch):
        return {"loss": (self.networks["line"](batch.blurred) - batch.sharp).square().mean()}


def walk(batches, **plan):
    """Return the learner and its steps by plain gradient descent."""
    fabric, learner = Fabric(accelerator="cpu"), Line()
    descent = optimiser(Optimiser(name="sgd", rate=0.1), learner.networks["line"])
    learner.networks["line"], descent = fabric.setup(learner.networks["line"], descent)
    return learner, steps(fabric, learner, {"line": descent}, batches, Plan(**plan), State())


def moved(**plan):
    """Return the weight after a step."""
    unit = torch.ones(1, 1)
    learner, walked = walk((Batch(unit, unit, number) for number in range(10)), **plan)
    next(walked)
    return float(learner.networks["line"].weight.detach())


def test_a_step_goes_against_the_slope():
    assert moved() == pytest.approx(0.2)


def test_a_long_gradient_is_cut():
    assert moved(clip=0.5) == pytest.approx(0.05)


def test_the_rate_scales_the_step():
    assert moved(rate=Rate(warm=1)) == pytest.approx(0.1)


def test_several_batches_make_one_mean_step():
    assert moved(accumulate=3) == pytest.approx(0.2)


def test_a_turn_follows_the_loss_that_it_names():
    unit = torch.ones(1, 1)
    learner, walked = walk(iter([Batch(unit, unit, 0)]))
    learner.turns = (
        Turn("line", lambda batch: {"loss": 0 * learner.losses(batch)["loss"]}),
        Turn("line", lambda batch: {"other": learner.losses(batch)["loss"]}, minimised="other"),
    )
    assert next(walked).losses == {"loss": 0.0, "other": 1.0}
    assert float(learner.networks["line"].weight.detach()) == pytest.approx(0.2)


def test_weight_decay_is_l2_in_adam_and_apart_in_adamw():
    weight = nn.Linear(1, 1, bias=False)
    optimisers = [
        optimiser(Optimiser(name=name, weight_decay=0.1), weight) for name in ("adam", "adamw")
    ]
    assert [type(built).__name__ for built in optimisers] == ["Adam", "AdamW"]
    assert all(built.param_groups[0]["weight_decay"] == 0.1 for built in optimisers)


def test_steps_end_with_the_batches():
    unit = torch.ones(1, 1)
    _, walked = walk(iter([Batch(unit, unit, 0)]))
    assert [step.number for step in walked] == [1]
