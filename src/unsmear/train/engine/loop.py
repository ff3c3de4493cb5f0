"""Training loop: a generator of steps, whose caller logs, saves checkpoints and stops.

    for step in steps(fabric, learner, optimisers, batches, plan, state):
        ...  # log the step, save, stop

A step depends only on the weights, its number and its batches: random numbers are seeded by (seed,
step), so that a run that was killed and continued ends like an uninterrupted one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from torch.optim import Optimizer

from unsmear.errors import TrainingError
from unsmear.train.data.dataset import Batch
from unsmear.train.engine.learner import Learner, Turn, scalar

Decay = Literal["cosine", "linear"]


@dataclass(frozen=True)
class Rate:
    """Learning-rate schedule, as a factor on the configured learning rate.

    warm: warm-up steps, in which the factor rises linearly. steps: length of the run, at whose end
    the factor is 0; None: no decay. decay: "cosine" (Loshchilov and Hutter, ICLR 2017), or
    "linear", in a straight line over the second half of the run (Isola et al., CVPR 2017).
    """

    warm: int = 0
    steps: int | None = None
    decay: Decay = "cosine"

    def __call__(self, step: int) -> float:
        """Return the factor for step number `step`, counted from 0."""
        rise = min(1.0, (step + 1) / (self.warm + 1))
        if self.steps is None:
            return rise
        done = min(1.0, max(0.0, (step - self.warm) / max(1, self.steps - self.warm)))
        linear = min(1.0, 2 - 2 * done)
        return rise * (linear if self.decay == "linear" else 0.5 + 0.5 * math.cos(math.pi * done))


@dataclass(frozen=True)
class Plan:
    """The settings of the training steps.

    seed: random seed of the networks, as for dropout. rate: learning-rate schedule, as a factor on
    each optimiser's own rate. accumulate: number of batches whose gradients are accumulated in a
    step. clip: largest norm of a network's gradient; None: no clipping.
    """

    seed: int = 0
    rate: Rate = Rate()
    accumulate: int = 1
    clip: float | None = None


@dataclass
class State:
    """The state of a run beside its weights and optimisers.

    step: number of steps done. plateau: factor by which the learning rate was lowered. best,
    best_step: best monitored score and its step. validated, scores: step and scores of the latest
    validation. stale, flat: validations since the best score, and since the best score or the last
    lowering of the learning rate. seconds, waited: training time, and the part of it spent waiting
    for data, seconds. processor_seconds: processor time of the training in this process. sums,
    noted: summed losses since the log's latest row, and the number of steps that they sum.
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
    processor_seconds: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)
    noted: int = 0


@dataclass(frozen=True)
class Step:
    """A training step: its number, from 1; its losses by name; its learning-rate factor."""

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
    """Train, yielding every step; `state` is updated in place.

    optimisers: by network, each group with its `initial_lr`. batches: those after the state's step.

    Raises TrainingError for a loss that is not finite; some networks may already be updated then.
    """
    while True:
        began, computed = time.perf_counter(), time.process_time()
        parts = list(islice(batches, plan.accumulate))
        if not parts:
            return
        state.waited += time.perf_counter() - began
        # One random stream per step and process, for layers without a generator, such as dropout.
        torch.manual_seed(hash((plan.seed, state.step, fabric.global_rank)) % 2**63)
        rate = plan.rate(state.step) * state.plateau
        losses: dict[str, float] = {}
        for turn in learner.turns:
            optimiser = optimisers[turn.network]
            for group in optimiser.param_groups:
                group["lr"] = group["initial_lr"] * rate
            # Where turns share a name the first one counts, such as of a critic's several updates.
            losses = _take(fabric, learner, turn, optimiser, parts, plan, state.step + 1) | losses
        state.step += 1
        state.seconds += time.perf_counter() - began
        state.processor_seconds += time.process_time() - computed
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
    """Update one network, and return its losses, averaged over the batches of the step."""
    network: Any = learner.networks[turn.network]
    sums: dict[str, float] = {}
    optimiser.zero_grad(set_to_none=True)
    for number, batch in enumerate(parts, 1):
        with fabric.no_backward_sync(network, enabled=number < len(parts)):
            with fabric.autocast():
                losses = turn.losses(batch)
            values = scalar(losses)
            _check(fabric, values, step, batch)
            fabric.backward(losses[turn.minimised] / len(parts))
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + value / len(parts)
    if plan.clip is not None:
        fabric.clip_gradients(network, optimiser, max_norm=plan.clip, error_if_nonfinite=False)
    optimiser.step()
    return sums


def _check(fabric: Fabric, losses: Mapping[str, float], step: int, batch: Batch) -> None:
    """Raise TrainingError, in all processes, where a loss is not finite in one of them."""
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
