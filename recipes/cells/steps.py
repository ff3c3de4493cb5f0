"""Steps from mosaics to predictions: cells, blurs, restored images, and classifiers by fold.

Each step skips what is finished, so that a stopped command goes on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import folds
import mosaics
from unsmear import classify, evaluate
from unsmear.blur import Sampler
from unsmear.cli.jobs.progress import map_with_progress
from unsmear.cluster import Where
from unsmear.data import manifest, source
from unsmear.data.prepare import Preparation, Selection, prepare
from unsmear.evaluate import Case, MethodWithKernel
from unsmear.recovery import measures
from unsmear.recovery.collect import run
from unsmear.recovery.collect.answers import Predictions
from unsmear.recovery.collect.ask import Request
from unsmear.recovery.collect.cache import keep
from unsmear.train.config import options

START = "light-cells"
LENGTHS = (6, 10, 16)
"""Lengths of the linear motion blur in pixels; each cell has a random angle."""
CHANNELS = "RGBY"
METHODS = (
    "deep-wiener",
    "deep-wiener-fast",
    "wiener",
    "wiener-local",
    "richardson-lucy",
)


@dataclass(frozen=True)
class Learner:
    """What one of several classifiers that are cross-validated has of its own.

    folder: of its folds and predictions, within the experiment's. start: initial (pretrained)
    weights. training: options beside those of `folds.options`. division: random seed of the
    division into folds. measures: taken of the same images.
    """

    folder: str = ""
    start: str | None = START
    training: dict[str, Any] = field(default_factory=dict)
    division: int = 0
    measures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Experiment:
    """Where everything lies, and what all classifiers share.

    methods: of restoration, by name or the path of weights. epochs, share: of the training of a
    fold, as `folds.options` takes them. side: of a cell's image, pixels.
    """

    output: Path
    methods: tuple[str, ...]
    folds: int
    epochs: float
    share: float
    workers: int
    side: int = mosaics.SIDE

    @property
    def pairs(self) -> Path:
        """Folder of the pairs of one length; the sharp cells of all lengths are the same."""
        return self.output / f"pairs-{LENGTHS[0]}"

    def divided(self, learner: Learner) -> dict[str, int]:
        """Return the fold of every mosaic."""
        return folds.divide(manifest.read(self.pairs), self.folds, learner.division)

    def place(self, learner: Learner, kind: str, fold: int) -> Path:
        """Return a folder of a fold: of its "fold" (training), "data" or "answers"."""
        return self.output / learner.folder / f"{kind}-{fold}"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of an experiment to a command line."""
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of the mosaics (hpa_single_cells)"
    )
    parser.add_argument("--output", type=Path, default=Path("runs/cells"))
    parser.add_argument("--method", action="append", help="method to restore with; may be repeated")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--epochs", type=float, default=30)
    parser.add_argument(
        "--share", type=float, default=0.1, help="fraction of the cells used for validation"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--side", type=int, default=mosaics.SIDE, help="side of a cell's image in pixels"
    )


def experiment(arguments: argparse.Namespace) -> Experiment:
    """Return the experiment of these options."""
    return Experiment(
        arguments.output,
        tuple(arguments.method or METHODS),
        arguments.folds,
        arguments.epochs,
        arguments.share,
        arguments.workers,
        arguments.side,
    )


def cut(experiment: Experiment, data: Path) -> None:
    """Write the cells of the mosaics in `data`, and their pairs for each length."""
    cells = experiment.output / "cells"
    print(f"{mosaics.cut(data, cells, experiment.side)} cells in {cells}.", flush=True)
    for length in LENGTHS:
        sampler = Sampler("motion", {"length": float(length), "angle": (0.0, 180.0)})
        prepare(
            source.find([cells], channels=CHANNELS),
            experiment.output / f"pairs-{length}",
            Preparation(sampler, size=experiment.side, seed=length),
            Selection("50/50"),  # the folds divide them
            _each(experiment, f"pairs {length} px"),
            {"channels": CHANNELS},
        )


def train(experiment: Experiment, learner: Learner, fold: int) -> None:
    """Train the classifier of a fold on the sharp cells of the other folds; skip a finished one.

    A run with other folds or other options is refused.
    """
    learned = folds.write_fold(
        experiment.place(learner, "data", fold),
        experiment.pairs,
        fold,
        experiment.divided(learner),
    )
    given = folds.options(experiment.side, experiment.epochs, experiment.share, learner.start)
    given["data"] |= {"pairs": learned, "labels": labels(experiment)}
    given = options.merge(given, learner.training)
    from unsmear.train.run import train as go  # imports torch

    reason = go(options.check(given), experiment.place(learner, "fold", fold)).reason
    print(f"{learner.folder} fold {fold}: {reason}.".lstrip(), flush=True)


def labels(experiment: Experiment) -> list[int]:
    """Return the labels that the cells have."""
    return sorted({label for pair in manifest.read(experiment.pairs) for label in pair.labels})


def restore(experiment: Experiment) -> None:
    """Restore every pair by every method."""
    cases = cases_of(experiment.output)
    restorers = contenders(experiment.methods, cases)
    each = partial(_keep, contenders=restorers, folder=experiment.output / "restored")
    list(_each(experiment, "restored")(each, cases))


def _keep(case: Case, contenders: Sequence[MethodWithKernel], folder: Path) -> None:
    """Restore a pair in a worker process, without returning the images."""
    keep(case, contenders, folder)


def predict(experiment: Experiment, learner: Learner) -> Predictions:
    """Return the predictions of each fold's classifier for the cells it was not trained on."""
    cases = cases_of(experiment.output)
    divided = experiment.divided(learner)
    parts = []
    for fold in range(experiment.folds):
        own = [case for case in cases if divided[case.group] == fold]
        questions = Request(
            tuple(contenders(experiment.methods, cases)),
            classify.load(experiment.place(learner, "fold", fold) / "last", classify.VIEWS),
            tuple(map(measures.find, learner.measures)),
            restored_folder=experiment.output / "restored",
        )
        answers, problems = run.answer(
            experiment.place(learner, "answers", fold),
            own,
            questions,
            run.describe(experiment.pairs, own, questions, learner.measures),
            _each(experiment, f"asked, {learner.folder} fold {fold}".replace("  ", " ")),
        )
        for problem in problems:
            print(problem, file=sys.stderr)
        parts.append(answers)
    return folds.choose_thresholds(parts)


def cases_of(output: Path) -> list[Case]:
    """Return the pairs of all lengths, with the length in their names."""
    renamed = []
    for length in LENGTHS:
        cases, _ = evaluate.find_cases(output / f"pairs-{length}")
        renamed += [replace(case, name=f"{case.name} {length} px") for case in cases]
    return renamed


def contenders(methods: Sequence[str], cases: Sequence[Case]) -> list[MethodWithKernel]:
    """Return the methods: all blind ones, and deep-wiener with the true kernel as well."""
    return [
        candidate
        for candidate in evaluate.contenders(methods, "both", cases)
        if candidate.kernel != "true" or candidate.method.name == "deep-wiener"
    ]


def _each(experiment: Experiment, description: str) -> partial[Any]:
    return partial(map_with_progress, where=Where(experiment.workers), description=description)
