"""Validation of a run: score the network, compare with the best, save and export."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from unsmear.atomic import write_aside
from unsmear.errors import TrainingError
from unsmear.images import png
from unsmear.train.config.options import AnyRun
from unsmear.train.engine.callbacks import LogWriter, Saver
from unsmear.train.engine.export import BEST, LAST, export
from unsmear.train.engine.job import Job
from unsmear.train.engine.log import Picture
from unsmear.train.engine.loop import State
from unsmear.train.engine.task import Validation

PICTURES = "samples"


@dataclass(frozen=True)
class Validator:
    """Validates a run in progress, and writes the results to its folder."""

    job: Job
    log: LogWriter
    saver: Saver

    def validate(self) -> dict[str, float]:
        """Score the network, compare with the best, save and export; return the scores.

        Raises TrainingError for a loss that is not finite; earlier checkpoints are kept.
        """
        job = self.job
        result: Validation | None = job.task.validate(job.fabric.device) if job.first else None
        scores: dict[str, float] = job.fabric.broadcast(result.scores if result else {})
        if not math.isfinite(scores["loss"]):  # nor are the weights: keep the saved ones
            raise TrainingError(
                f"step {job.state.step}, validation: the loss must be finite, got {scores['loss']}."
            )
        job.state.scores, job.state.validated = scores, job.state.step
        better = update_best(job.run, job.state, scores[job.run.stop.monitor])
        if result is not None:
            if result.picture is not None:
                write_picture(job.folder, job.state.step, result.picture)
            self.log.validation(scores, result.picture)
        self.saver.save()
        for name in (LAST, BEST) if better else (LAST,):
            export(job, name)
        return scores


def update_best(run: AnyRun, state: State, score: float) -> bool:
    """Return whether a score is the best so far, and record it in the state.

    On a plateau, lower the learning rate after `schedule.patience` validations without a new best.
    """
    sign = -1 if run.stop.monitor == "loss" else 1
    better = state.best is None or sign * score > sign * state.best
    if better:
        state.best, state.best_step, state.stale, state.flat = score, state.step, 0, 0
    else:
        state.stale, state.flat = state.stale + 1, state.flat + 1
    if run.schedule.name == "plateau" and state.flat >= run.schedule.patience:
        state.plateau, state.flat = state.plateau * run.schedule.factor, 0
    return better


def write_picture(folder: Path, step: int, picture: Picture) -> None:
    """Write the picture of a validation into the run's folder of samples."""
    write_aside(folder / PICTURES / f"{step:07d}.png", png.encode(picture))
