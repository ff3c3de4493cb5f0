"""Hyperparameter search: trials, each a training run, shared by many processes.

The study (see `train.search.study`) is one file to which every process appends. A trial's run
folder holds all that is needed to continue it, so the next process finishes a trial whose process
was stopped or killed.
"""

from __future__ import annotations

import math
import traceback
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import optuna
import tomli_w
import torch
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from unsmear import models, tables
from unsmear.atomic import write_aside
from unsmear.errors import TrainingError, UnsmearError, is_full_disk
from unsmear.lease import Lease
from unsmear.train import run as runs
from unsmear.train.config import options
from unsmear.train.config.classifier import LabelRun
from unsmear.train.config.options import AnyRun
from unsmear.train.config.pretraining import PretrainingRun
from unsmear.train.data.labelled import open_examples
from unsmear.train.data.restoration import open_training, open_validation
from unsmear.train.engine import build
from unsmear.train.engine.folder import SUMMARY, read_json
from unsmear.train.engine.loop import Step
from unsmear.train.engine.state import FILE as STATE
from unsmear.train.search import space
from unsmear.train.search.leases import Leases
from unsmear.train.search.space import Space, Values
from unsmear.train.search.study import (
    STUDY,
    Search,
    full_disk_explained,
    lease_folder,
    open_study,
    sampler_of,
)

BEST, TRIALS = "best.toml", "trials"
KILLS = 3
"""Number of times that a trial's process may be killed without a new checkpoint before it fails."""

Outcome = Literal["done", "pruned", "failed", "stopped", "lost", "unfinished"]
OUTCOMES: dict[TrialState, Outcome] = {
    TrialState.COMPLETE: "done",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


@dataclass(frozen=True)
class Ended:
    """How a trial ended.

    outcome: "stopped" by Ctrl-C; "lost" to another process that took over the lease; "unfinished"
    while a process works on it or none has taken it up again. score: the best value of the
    monitored score; best_step: where it was reached. seconds: of training. blurred: the score of
    the blurred images, None where there is none. error: why the trial failed.
    """

    number: int
    outcome: Outcome
    values: Values
    score: float | None = None
    best_step: int = 0
    seconds: float = 0.0
    error: str = ""
    blurred: float | None = None


class SearchCallback:
    """Callback of `search`; subclasses override the events that they need."""

    def trial(self, number: int, values: Values) -> None:
        """Called when a trial begins or is continued."""

    def begin(self, step: int, last: int) -> None:
        """Called when the trial's run begins after `step`; `last` is its last step."""

    def step(self, step: Step) -> None:
        """Called after every training step."""


def search(
    settings: Search,
    folder: Path,
    study: Path | None = None,
    callback: SearchCallback | None = None,
) -> Iterator[Ended]:
    """Run trials until there are enough, yielding how each one ended.

    folder: for the trials' run folders and for `best.toml`, which is updated after every trial.
    study: the file that processes share [default: in the folder]. Trials that other processes left
    unfinished are finished first; trials that other processes work on are not waited for.

    Raises OptionError for a study of another search, TrainingError where the disk is full, and the
    errors that every trial would raise, such as for missing data or missing weights of VGG. The
    error of a single trial is not raised: the trial has failed, and its message is recorded.
    """
    _check_run(settings.run)
    shared = open_study(settings, study or folder / STUDY)
    leases = Leases(lease_folder(study or folder / STUDY))
    with full_disk_explained(str(folder)):
        write_best(settings, shared, folder)  # a full disk or a kill may have prevented it
    while True:
        with full_disk_explained(str(study or folder / STUDY)):
            leased = _next_trial(settings, shared, leases)
        if leased is None:
            return
        trial, lease = leased
        with full_disk_explained(f"trial {trial.number:04d}"):
            with lease.renewing():
                ended = _run_trial(settings, trial, lease, folder, callback or SearchCallback())
            write_best(settings, shared, folder)
        yield ended
        if ended.outcome == "stopped":
            return


def results(study: Study, searched: Space) -> list[Ended]:
    """Return how all trials ended: the best first, then the pruned, failed and unfinished ones."""
    ended = [_result_of(trial, searched) for trial in study.get_trials(deepcopy=False)]
    sign = 1 if study.direction == optuna.study.StudyDirection.MINIMIZE else -1
    order = [*OUTCOMES.values(), "unfinished"]

    def rank(trial: Ended) -> tuple[int, float, int]:
        score = math.inf if trial.score is None else sign * trial.score
        return order.index(trial.outcome), score, trial.number

    return sorted(ended, key=rank)


def write_best(settings: Search, study: Study, folder: Path) -> None:
    """Write the best trial's configuration, where one has ended, for `unsmear train --config`."""
    ended = results(study, settings.space)
    best = next((trial for trial in ended if trial.outcome == "done"), None)
    if best is None:
        return
    run = space.apply(settings.run, best.values)
    head = f"# Trial {best.number:04d}: {settings.run.stop.monitor} {best.score:.6g}\n"
    write_aside(folder / BEST, (head + tomli_w.dumps(options.dump(run))).encode())


def _check_run(run: AnyRun) -> None:
    """Raise the errors that all trials would raise, before the first one."""
    if isinstance(run, LabelRun):
        build.classifier_options(run)
        for side in open_examples(run.data, run.seed):
            side.draw(0, 0)
        return
    network: Any = models.build(run.model, **run.options)
    if not isinstance(run, PretrainingRun):
        build.content(run, torch.device("cpu"))
    for opened in (open_training, open_validation):
        opened(run.data, run.seed, network.channels).draw(0, 0)


def _next_trial(settings: Search, study: Study, leases: Leases) -> tuple[Trial, Lease] | None:
    """Return a trial to work on, an unfinished one before a new one; None where none is left."""
    with leases.alone():
        known = study.get_trials(deepcopy=False)
        for running in known:
            if running.state != TrialState.RUNNING:
                continue
            state = leases.state(running.number)
            if state != "taken":
                study.sampler = sampler_of(settings, running.number)
                trial = Trial(study, running._trial_id)  # Optuna has no other way back to a trial
                if state == "orphaned":
                    trial.set_user_attr("kills", trial.user_attrs.get("kills", 0) + 1)
                return trial, leases.take(running.number)
        if len(known) >= settings.trials:
            return None
        study.sampler = sampler_of(settings, len(known))
        trial = study.ask()
        return trial, leases.take(trial.number)


def _run_trial(
    settings: Search, trial: Trial, lease: Lease, folder: Path, callback: SearchCallback
) -> Ended:
    """Run a trial to its end, and record in the study how it ended."""
    place = folder / TRIALS / f"{trial.number:04d}"
    # Also for a trial whose process was killed before it had drawn all of them.
    dimensions = settings.space.dimensions
    params = {name: trial._suggest(name, dimension) for name, dimension in dimensions.items()}
    values = settings.space.values(params)
    callback.trial(trial.number, values)
    try:
        _check_kills(trial, place)
        run = space.apply(settings.run, values)
        summary = _summary(place) or runs.train(
            run, place, _TrialCallback(trial, lease, place, callback), held=True
        )
        if summary.reason == "stopped":
            return Ended(trial.number, "stopped", values)
        return _record_end(settings, trial, summary)
    except _LeaseLost:
        return Ended(trial.number, "lost", values)
    except Exception as error:  # a failed trial does not end the search
        if is_full_disk(error):  # nothing can be recorded, and the trial is not to blame
            raise
        return _record_failure(settings, trial, place, error)


def _record_end(settings: Search, trial: Trial, summary: runs.Summary) -> Ended:
    if summary.best is None or math.isnan(summary.best):
        raise TrainingError(f"the score must be a number, got {summary.best}.")
    trial.set_user_attr("best_step", summary.best_step)
    trial.set_user_attr("seconds", summary.seconds)
    trial.set_user_attr("best", summary.best)
    trial.set_user_attr("blurred", summary.blurred)
    if summary.reason == "pruned":
        trial.study.tell(trial, state=TrialState.PRUNED)
    else:
        trial.study.tell(trial, summary.best)
    return _result_of(trial.study.get_trials(deepcopy=False)[trial.number], settings.space)


def _record_failure(settings: Search, trial: Trial, place: Path, error: Exception) -> Ended:
    message = " ".join(str(error).split())
    if not isinstance(error, UnsmearError):
        message = f"{type(error).__name__}: {message}"
        if place.is_dir():
            write_aside(place / "error.txt", traceback.format_exc().encode())
    trial.set_user_attr("said", message)
    trial.study.tell(trial, state=TrialState.FAIL)
    # What the failed trial held on the device lives as long as the error's frames do.
    traceback.clear_frames(error.__traceback__)
    _free_device()
    return _result_of(trial.study.get_trials(deepcopy=False)[trial.number], settings.space)


def _free_device() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _check_kills(trial: Trial, place: Path) -> None:
    """Raise TrainingError for a trial whose process is killed every time that it continues."""
    state = place / STATE
    saved = state.stat().st_mtime_ns if state.exists() else 0
    if trial.user_attrs.get("saved") != saved:
        trial.set_user_attr("saved", saved)
        trial.set_user_attr("kills", 0)
    elif trial.user_attrs.get("kills", 0) >= KILLS:
        raise TrainingError(
            f"the trial's process was killed {KILLS} times before it saved a new checkpoint; "
            "perhaps the machine's memory ran out: lower data.batch or data.size."
        )


def _summary(place: Path) -> runs.Summary | None:
    """Return the summary of a trial's run that has ended without being recorded in the study."""
    path = place / SUMMARY
    if not path.exists():
        return None
    summary = runs.Summary(**read_json(path))
    return None if summary.reason == "stopped" else summary


def _result_of(trial: FrozenTrial, searched: Space) -> Ended:
    attributes = trial.user_attrs
    return Ended(
        trial.number,
        OUTCOMES.get(trial.state, "unfinished"),
        searched.values(trial.params),
        attributes.get("best"),
        attributes.get("best_step", 0),
        attributes.get("seconds", 0.0),
        attributes.get("said", ""),
        attributes.get("blurred"),
    )


class _LeaseLost(Exception):  # noqa: N818 -- it is no error, and never leaves this file
    """Another process has taken over the trial."""


@dataclass(frozen=True)
class _TrialCallback(runs.Callback):
    """Reports validations to the study; ends a run that is pruned or whose lease is lost."""

    trial: Trial
    lease: Lease
    place: Path
    callback: SearchCallback

    def begin(self, step: int, last: int) -> None:
        self.callback.begin(step, last)

    def step(self, step: Step) -> None:
        self.callback.step(step)

    def validation(self, step: int, scores: Mapping[str, float]) -> bool:
        if not self.lease.held():
            raise _LeaseLost
        # Trials of different batch sizes differ in their steps; their validations are comparable.
        number = len(tables.read(self.place / "validation.csv"))
        monitor = self.trial.study.user_attrs["search"]["stop.monitor"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a validation that a kill has undone is reported again
            self.trial.report(scores[monitor], number)
        return self.trial.should_prune()
