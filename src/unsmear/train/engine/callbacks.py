"""Callbacks of a run: the caller's callback, the writer of logs, the saver of checkpoints."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from unsmear.resume import flat
from unsmear.train.config import options
from unsmear.train.engine.job import Job
from unsmear.train.engine.log import Csv, Log, MLflow, Picture, TensorBoard
from unsmear.train.engine.loop import Step
from unsmear.train.engine.state import save as save_state


class Callback:
    """Callback of `train`, such as a progress bar; subclasses override the events they need."""

    def begin(self, step: int, last: int) -> None:
        """Called when the run begins after `step`; `last` is its last step."""

    def step(self, step: Step) -> None:
        """Called after every step."""

    def validation(self, step: int, scores: Mapping[str, float]) -> bool:
        """Called after every validation; return True to end the run as "pruned"."""
        return False


@dataclass(frozen=True)
class LogWriter:
    """Writes the averaged losses and the validation scores to a run's logs.

    logs: of the first process; the list is empty in the others.
    """

    job: Job
    logs: list[Log]

    def step(self, step: Step) -> None:
        """Add a step to the averages, and write a row every `log.every` steps."""
        job, state = self.job, self.job.state
        for name, value in step.losses.items():
            state.sums[name] = state.sums.get(name, 0.0) + value
        state.noted += 1
        if step.number % job.run.log.every == 0 or step.number == job.last_step:
            row = {
                "step": step.number,
                "epoch": job.epoch(step.number),
                "samples": step.number * job.samples_per_step,
                "seconds": state.seconds,
                "rate": step.rate * job.run.optimiser.rate,
                **{name: total / state.noted for name, total in state.sums.items()},
            }
            state.sums, state.noted = {}, 0
            for log in self.logs:
                log.steps(row)

    def validation(self, scores: Mapping[str, float], picture: Picture | None) -> None:
        """Write the scores of the validation after the latest step."""
        step = self.job.state.step
        row = {"step": step, "epoch": self.job.epoch(step), **scores}
        for log in self.logs:
            log.validation(row, picture)

    def close(self) -> None:
        """Finish all logs."""
        for log in self.logs:
            log.close()


def open_logs(job: Job) -> list[Log]:
    """Return the configured logs, which continue after the run's latest step."""
    if not job.first:
        return []
    logs: list[Log] = [Csv(job.folder, job.state.step)]
    if job.run.log.tensorboard:
        logs.append(TensorBoard(job.folder, job.state.step))
    if job.run.log.mlflow:
        logs.append(MLflow(job.folder, flat(options.dump(job.run))))
    return logs


@dataclass
class Saver:
    """Saves the state from which a run can be continued.

    saved: time of the latest save, on the monotonic clock, seconds.
    """

    job: Job
    saved: float = field(default_factory=time.monotonic)

    def overdue(self) -> bool:
        """Return whether the latest save was longer ago than the run's `log.save_minutes`."""
        return time.monotonic() - self.saved > 60 * self.job.run.log.save_minutes

    def save(self) -> None:
        """Save; raises TrainingError for weights that are not finite."""
        job = self.job
        if job.first:
            save_state(job.folder, job.state, job.task.learner.networks, job.optimisers)
        self.saved = time.monotonic()
