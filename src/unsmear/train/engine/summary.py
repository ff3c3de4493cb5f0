"""Summary of a finished run: `summary.json`."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from unsmear.train.engine import folder as folders
from unsmear.train.engine.job import Job
from unsmear.train.engine.stopping import Reason


@dataclass(frozen=True)
class Summary:
    """How a run ended.

    reason: see `stopping.Reason`. step: the last step. best, best_step: best monitored score and
    its step; None before the first validation. samples_per_second, samples_per_second_alone: speed
    with and without the time spent waiting for data. seconds: training time. blurred: the monitored
    score of the blurred images; None where the loss is monitored, and for classifiers.
    processor_seconds: processor time of the training, over all threads of its process.
    """

    reason: Reason
    step: int
    best: float | None
    best_step: int
    samples_per_second: float
    samples_per_second_alone: float
    seconds: float
    blurred: float | None = None
    processor_seconds: float = 0.0


def summarise(job: Job, reason: Reason) -> Summary:
    """Return the summary of a run that has ended, and write it into the run's folder."""
    state = job.state
    samples = state.step * job.samples_per_step
    summary = Summary(
        reason,
        state.step,
        state.best,
        state.best_step,
        samples / max(state.seconds, 1e-9),
        samples / max(state.seconds - state.waited, 1e-9),
        state.seconds,
        state.scores.get(f"blurred_{job.run.stop.monitor}"),
        state.processor_seconds,
    )
    if job.first:
        folders.write_json(job.folder / folders.SUMMARY, asdict(summary))
    return summary
