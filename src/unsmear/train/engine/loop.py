"""The loop: a generator of steps; logging, checkpoints, progress and stopping watch it.

    for step in steps(fabric, learner, optimisers, batches, plan, state):
        ...  # look at step, save, stop

A step depends on the weights, its number and its batches alone: random numbers are drawn anew from
(seed, step), so that a run that was killed ends as one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from lightning_fabric import Fabric
from torch.optim import Optimizer

from unsmear.errors import TrainingError
from unsmear.train.data.dataset import Batch
from unsmear.train.engine.learner import Learner, Turn, scalar


@dataclass(frozen=True)
class Rate:
    """The learning rate over a run, as a factor.

    warm: steps of its straight rise. steps: of the run, over which a cosine falls to 0; None
    keeps it (Loshchilov and Hutter, ICLR 2017).
    """

    warm: int = 0
    steps: int | None = None

    def __call__(self, step: int) -> float:
        """Return the factor for step number `step`, the first of which is 0."""
        rise = min(1.0, (step + 1) / (self.warm + 1))
        if self.steps is None:
            return rise
        done = (step - self.warm) / max(1, self.steps - self.warm)
        return rise * 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, done))))


@dataclass(frozen=True)
class Plan:
    """How the steps are made.

    seed: of what the networks draw. rate: at a step, as a factor of each optimiser's own.
    accumulate: batches whose gradients are added up for a step. clip: the largest norm of a
    network's gradient; None lets all be.
    """

    seed: int = 0
    rate: Rate = Rate()
    accumulate: int = 1
    clip: float | None = None


@dataclass
class State:
    """What a run knows of itself beside weights and optimisers.

    step: done so far. plateau: the factor by which the rate was lowered. best, best_step: of the
    validations; validated, scores: the latest one's step and scores. stale, flat: validations
    since the best, and since the rate was last lowered. seconds, waited: of training, and of these
    for data. sums, noted: of the losses since the log's latest row, and of how many steps.
    """

    step: int = 0
    plateau: float = 1.0
    best: float | None = None
    best_step: int = 0
    validated: int = 0
    scores: dict[str, float] = field(default_factory=dict)
    stale: int = 0
    flat: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)
    noted: int = 0


@dataclass(frozen=True)
class Step:
    """What a step was: its number, from 1; its losses by name; the rate's factor."""

    number: int
    losses: Mapping[str, float]
    rate: float


def steps(
    fabric: Fabric,
    learner: Learner,
    optimisers: Mapping[str, Optimizer],
    batches: Iterator[Batch],
    plan: Plan,
    state: State,
) -> Iterator[Step]:
    """Train, yielding every step; `state` goes along.

    optimisers: by network, each group with its `initial_lr`. batches: those after the state's step.

    Raises TrainingError for a loss that is not finite; the step's networks may have moved then.
    """
    while True:
        began = time.perf_counter()
        parts = list(islice(batches, plan.accumulate))
        if not parts:
            return
        state.waited += time.perf_counter() - began
        # One stream a step and process, for what has no generator of its own: dropout.
        torch.manual_seed(hash((plan.seed, state.step, fabric.global_rank)) % 2**63)
        rate = plan.rate(state.step) * state.plateau
        losses: dict[str, float] = {}
        for turn in learner.turns:
            optimiser = optimisers[turn.network]
            for group in optimiser.param_groups:
                group["lr"] = group["initial_lr"] * rate
            # Of one name, the first turn's: "loss" is the restorer's.
            losses = _take(fabric, learner, turn, optimiser, parts, plan, state.step + 1) | losses
        state.step += 1
        state.seconds += time.perf_counter() - began
        yield Step(state.step, losses, rate)


def _take(
    fabric: Fabric,
    learner: Learner,
    turn: Turn,
    optimiser: Optimizer,
    parts: Sequence[Batch],
    plan: Plan,
    step: int,
) -> dict[str, float]:
    """Move one network, and return its losses, averaged over the parts."""
    network: Any = learner.networks[turn.network]
    sums: dict[str, float] = {}
    optimiser.zero_grad(set_to_none=True)
    for number, batch in enumerate(parts, 1):
        with fabric.no_backward_sync(network, enabled=number < len(parts)):
            with fabric.autocast():
                losses = turn.losses(batch)
            values = scalar(losses)
            _check(fabric, values, step, batch)
            fabric.backward(losses["loss"] / len(parts))
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + value / len(parts)
    if plan.clip is not None:
        fabric.clip_gradients(network, optimiser, max_norm=plan.clip, error_if_nonfinite=False)
    optimiser.step()
    return sums


def _check(fabric: Fabric, losses: Mapping[str, float], step: int, batch: Batch) -> None:
    """Raise TrainingError for a loss that is no number, in all processes where one has it."""
    wrong = {name: value for name, value in losses.items() if not math.isfinite(value)}
    elsewhere = 0.0
    if fabric.world_size > 1:
        flag = torch.tensor(float(bool(wrong)), device=fabric.device)
        elsewhere = float(fabric.all_reduce(flag, reduce_op="sum"))  # type: ignore[arg-type]
    for name, value in wrong.items():
        raise TrainingError(
            f"step {step}, batch {batch.number}: the loss {name!r} must be finite, got {value}."
        )
    if elsewhere:
        raise TrainingError(f"step {step}: the losses of all processes must be finite.")
