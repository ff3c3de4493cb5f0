"""Running job: the configuration, folder, task and state of a run in progress."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lightning_fabric import Fabric
from torch.optim import Optimizer

from unsmear.train.config.options import AnyRun
from unsmear.train.engine.loop import State
from unsmear.train.engine.task import Task


@dataclass(frozen=True)
class Job:
    """The objects that the training loop and its callbacks share.

    optimisers: by network, as in the task's learner. state: updated by every step.
    """

    fabric: Fabric
    run: AnyRun
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
        """Number of samples in a step, summed over all devices."""
        return self.run.data.batch * self.run.optimiser.accumulate * self.fabric.world_size

    @property
    def last_step(self) -> int:
        """Number of the run's last step."""
        epochs = self.run.stop.epochs
        return self.run.stop.steps or max(
            1, math.ceil(epochs * len(self.task.data) / self.samples_per_step)
        )

    @property
    def validate_every(self) -> int:
        """Number of steps between two validations."""
        configured = self.run.log.validate_every
        return configured or max(1, len(self.task.data) // self.samples_per_step)

    def epoch(self, step: int) -> float:
        """Return the number of epochs that the run has completed after a step."""
        return step * self.samples_per_step / len(self.task.data)
