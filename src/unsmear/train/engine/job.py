"""A run under way: what it was asked, where it writes, what it teaches, how far it has come."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lightning_fabric import Fabric
from torch.optim import Optimizer

from unsmear.train.config.classifier import LabelRun
from unsmear.train.config.restorer import Run
from unsmear.train.engine.loop import State
from unsmear.train.engine.task import Task


@dataclass(frozen=True)
class Job:
    """What the loop and all that is called after its steps share.

    optimisers: by network, as in the task's learner. state: goes along with the steps.
    """

    fabric: Fabric
    run: Run | LabelRun
    folder: Path
    task: Task
    optimisers: Mapping[str, Optimizer]
    state: State

    @property
    def first(self) -> bool:
        """Whether this is the first of the run's processes, the one that writes."""
        return self.fabric.is_global_zero

    @property
    def samples_per_step(self) -> int:
        """Samples in a step, of all devices together."""
        return self.run.data.batch * self.run.optimiser.accumulate * self.fabric.world_size

    @property
    def last_step(self) -> int:
        """The step after which there is nothing to do."""
        epochs = self.run.stop.epochs
        return self.run.stop.steps or max(
            1, math.ceil(epochs * len(self.task.data) / self.samples_per_step)
        )

    @property
    def validate_every(self) -> int:
        """Steps between two validations."""
        asked = self.run.log.validate_every
        return asked or max(1, len(self.task.data) // self.samples_per_step)

    def epoch(self, step: int) -> float:
        """Return how many times through the data the run has been after a step."""
        return step * self.samples_per_step / len(self.task.data)
