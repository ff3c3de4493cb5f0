"""A search for the best options: trials, each a run of its own, that many processes share.

The study (see `train.search.study`) is one file to which every process appends. A trial's run
folder has all that it takes to go on, so a trial whose process was stopped or killed is finished by
whoever comes next.
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
from unsmear.errors import TrainingError, UnsmearError
from unsmear.train import run as runs
from unsmear.train.config import options
from unsmear.train.config.classifier import LabelRun
from unsmear.train.config.restorer import Run
from unsmear.train.data.labelled import open_examples
from unsmear.train.data.restoration import open_training, open_validation
from unsmear.train.engine import build
from unsmear.train.engine.folder import SUMMARY, read_json
from unsmear.train.engine.loop import Step
from unsmear.train.engine.state import FILE as STATE
from unsmear.train.search import space
from unsmear.train.search.leases import Lease, Leases
from unsmear.train.search.space import Space, Values
from unsmear.train.search.study import STUDY, Search, beside, open_study, sampler_of

BEST, TRIALS = "best.toml", "trials"
KILLS = 3
"""A trial that was killed so often without having saved anything anew has failed."""

Outcome = Literal["done", "pruned", "failed", "stopped", "lost", "unfinished"]
OUTCOMES: dict[TrialState, Outcome] = {
    TrialState.COMPLETE: "done",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


@dataclass(frozen=True)
class Ended:
    """What became of a trial.

    outcome: "stopped" by Ctrl-C, "lost" to a process that thought this one dead; "unfinished" for
    one that somebody is at, or that waits for somebody. score: the best of the monitored ones,
    best_step: where it was reached; seconds: of training. said: why a trial failed.
    """

    number: int
    outcome: Outcome
    values: Values
    score: float | None = None
    best_step: int = 0
    seconds: float = 0.0
    said: str = ""


class SearchCallback:
    """What a caller of `search` wants to be told; each method may be left as it is."""

    def trial(self, number: int, values: Values) -> None:
        """A trial begins or goes on."""

    def begin(self, step: int, last: int) -> None:
        """Its run begins after `step`; `last` is where it ends."""

    def step(self, step: Step) -> None:
        """A step was made."""


def search(
    asked: Search, folder: Path, study: Path | None = None, callback: SearchCallback | None = None
) -> Iterator[Ended]:
    """Make trials until there are enough, yielding what becomes of each.

    folder: has the trials' run folders and `best.toml`, which follows every trial. study: the file
    that processes share [default: in the folder]. Whoever comes first finishes trials that others
    have left; those that others are at are not waited for.

    Raises OptionError for a study of another search, and what every trial would fail of: data
    that are not there, weights of VGG16. An error of a trial is not raised: the trial has failed,
    and its sentence is kept.
    """
    _try(asked.run)
    shared = open_study(asked, study or folder / STUDY)
    claims = Leases(beside(study or folder / STUDY))
    while (found := _next(asked, shared, claims)) is not None:
        trial, claim = found
        with claim.kept():
            ended = _attempt(asked, trial, claim, folder, callback or SearchCallback())
        write_best(asked, shared, folder)
        yield ended
        if ended.outcome == "stopped":
            return


def results(study: Study, searched: Space) -> list[Ended]:
    """Return what became of all trials, the best first, then the pruned, failed, unfinished."""
    found = [_known(one, searched) for one in study.get_trials(deepcopy=False)]
    sign = 1 if study.direction == optuna.study.StudyDirection.MINIMIZE else -1
    order = [*OUTCOMES.values(), "unfinished"]

    def place(one: Ended) -> tuple[int, float, int]:
        score = math.inf if one.score is None else sign * one.score
        return order.index(one.outcome), score, one.number

    return sorted(found, key=place)


def write_best(asked: Search, study: Study, folder: Path) -> None:
    """Write the best trial's configuration, where one has ended, for `unsmear train --config`."""
    best = next((one for one in results(study, asked.space) if one.outcome == "done"), None)
    if best is None:
        return
    run = space.apply(asked.run, best.values)
    head = f"# Trial {best.number:04d}: {asked.run.stop.monitor} {best.score:.6g}\n"
    write_aside(folder / BEST, (head + tomli_w.dumps(options.dump(run))).encode())


def _try(run: Run | LabelRun) -> None:
    """Raise what all trials would, before there are any."""
    if isinstance(run, LabelRun):
        build.classifier_options(run)
        for side in open_examples(run.data, run.seed):
            side.draw(0, 0)
        return
    network: Any = models.build(run.model, **run.options)
    build.content(run, torch.device("cpu"))
    for opened in (open_training, open_validation):
        opened(run.data, run.seed, network.channels).draw(0, 0)


def _next(asked: Search, study: Study, claims: Leases) -> tuple[Trial, Lease] | None:
    """Return a trial to work on, one that was left before a new one; None where none is left."""
    with claims.alone():
        known = study.get_trials(deepcopy=False)
        for one in known:
            if one.state != TrialState.RUNNING:
                continue
            state = claims.state(one.number)
            if state != "taken":
                study.sampler = sampler_of(asked, one.number)
                trial = Trial(study, one._trial_id)  # Optuna has no other way back to a trial
                if state == "orphaned":
                    trial.set_user_attr("kills", trial.user_attrs.get("kills", 0) + 1)
                return trial, claims.claim(one.number)
        if len(known) >= asked.trials:
            return None
        study.sampler = sampler_of(asked, len(known))
        trial = study.ask()
        return trial, claims.claim(trial.number)


def _attempt(
    asked: Search, trial: Trial, claim: Lease, folder: Path, callback: SearchCallback
) -> Ended:
    """Work on a trial to its end, and write into the study how it ended."""
    place = folder / TRIALS / f"{trial.number:04d}"
    # Also for a trial whose process was killed before it had drawn all of them.
    params = {name: trial._suggest(name, one) for name, one in asked.space.dimensions.items()}
    values = asked.space.values(params)
    callback.trial(trial.number, values)
    try:
        _check_kills(trial, place)
        run = space.apply(asked.run, values)
        summary = _summary(place) or runs.train(
            run, place, _TrialCallback(trial, claim, place, callback)
        )
        if summary.reason == "stopped":
            return Ended(trial.number, "stopped", values)
        return _tell(asked, trial, summary)
    except _Lost:
        return Ended(trial.number, "lost", values)
    except Exception as error:  # one trial's end is not the search's
        return _fail(asked, trial, place, error)


def _tell(asked: Search, trial: Trial, summary: runs.Summary) -> Ended:
    if summary.best is None or math.isnan(summary.best):
        raise TrainingError(f"the score must be a number, got {summary.best}.")
    trial.set_user_attr("best_step", summary.best_step)
    trial.set_user_attr("seconds", summary.seconds)
    trial.set_user_attr("best", summary.best)
    if summary.reason == "pruned":
        trial.study.tell(trial, state=TrialState.PRUNED)
    else:
        trial.study.tell(trial, summary.best)
    return _known(trial.study.get_trials(deepcopy=False)[trial.number], asked.space)


def _fail(asked: Search, trial: Trial, place: Path, error: Exception) -> Ended:
    said = " ".join(str(error).split())
    if not isinstance(error, UnsmearError):
        said = f"{type(error).__name__}: {said}"
        if place.is_dir():
            write_aside(place / "error.txt", traceback.format_exc().encode())
    trial.set_user_attr("said", said)
    trial.study.tell(trial, state=TrialState.FAIL)
    # What the failed trial held on the device lives as long as the error's frames do.
    traceback.clear_frames(error.__traceback__)
    _free_device()
    return _known(trial.study.get_trials(deepcopy=False)[trial.number], asked.space)


def _free_device() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _check_kills(trial: Trial, place: Path) -> None:
    """Raise TrainingError for a trial that kills its process whenever it goes on."""
    state = place / STATE
    saved = state.stat().st_mtime_ns if state.exists() else 0
    if trial.user_attrs.get("saved") != saved:
        trial.set_user_attr("saved", saved)
        trial.set_user_attr("kills", 0)
    elif trial.user_attrs.get("kills", 0) >= KILLS:
        raise TrainingError(
            f"the trial must not end its process, which was killed {KILLS} times before anything "
            "was saved; perhaps the machine's memory ran out."
        )


def _summary(place: Path) -> runs.Summary | None:
    """Return how a trial's run has ended, where only the study was not told any more."""
    path = place / SUMMARY
    if not path.exists():
        return None
    summary = runs.Summary(**read_json(path))
    return None if summary.reason == "stopped" else summary


def _known(trial: FrozenTrial, searched: Space) -> Ended:
    kept = trial.user_attrs
    return Ended(
        trial.number,
        OUTCOMES.get(trial.state, "unfinished"),
        searched.values(trial.params),
        kept.get("best"),
        kept.get("best_step", 0),
        kept.get("seconds", 0.0),
        kept.get("said", ""),
    )


class _Lost(Exception):  # noqa: N818 -- it is no error, and never leaves this file
    """Another process has taken the trial."""


@dataclass(frozen=True)
class _TrialCallback(runs.Callback):
    """Tells the study of validations, and ends a run that is pruned, or another's by now."""

    trial: Trial
    claim: Lease
    place: Path
    callback: SearchCallback

    def begin(self, step: int, last: int) -> None:
        self.callback.begin(step, last)

    def step(self, step: Step) -> None:
        self.callback.step(step)

    def validation(self, step: int, scores: Mapping[str, float]) -> bool:
        if not self.claim.held():
            raise _Lost
        # Trials with other batches have other steps; their validations can be compared.
        number = len(tables.read(self.place / "validation.csv"))
        monitor = self.trial.study.user_attrs["search"]["stop.monitor"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a validation that a kill has undone is told again
            self.trial.report(scores[monitor], number)
        return self.trial.should_prune()
