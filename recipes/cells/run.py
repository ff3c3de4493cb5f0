"""Real single cells: label predictions before and after restoration.

    python recipes/cells/run.py --data ../shared/data/hpa_single_cells --output runs/cells

Cuts the mosaics into cells, blurs each by 6, 10 and 16 pixels, restores with all methods, trains a
classifier for every fold of a cross-validation over mosaics, and writes the table and the page. The
same command resumes a stopped run; finished work is skipped.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does, before NumPy
sys.path.insert(0, str(Path(__file__).parent))

import folds
import mosaics
import report
from unsmear import classify, evaluate
from unsmear.blur import Sampler
from unsmear.checkpoints import checkpoint
from unsmear.cli.jobs.progress import map_with_progress
from unsmear.cluster import Where
from unsmear.data import manifest, source
from unsmear.data.prepare import Preparation, Selection, prepare
from unsmear.errors import UnsmearError
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
MEASURES = ("intensity", "nuclei", "colocalisation")
PAGE = Path(__file__).parents[2] / "benchmarks" / "recovery-cells.md"
METHODS = (
    "deep-wiener",
    "deep-wiener-fast",
    "wiener",
    "wiener-local",
    "richardson-lucy",
)


def main() -> int:
    """Run the steps of the command line; return the exit code."""
    arguments = _arguments()
    try:
        cells = arguments.output / "cells"
        print(f"{mosaics.cut(arguments.data, cells)} cells in {cells}.", flush=True)
        for length in LENGTHS:
            _smear(cells, arguments.output, length, arguments.workers)
        if arguments.only in ("", "train"):
            for fold in range(arguments.folds):
                _train(arguments, fold)
        if arguments.only in ("", "restore"):
            _restore(arguments)
        if arguments.only in ("", "report"):
            report.write(_predict(arguments), arguments.output, arguments.page, _facts(arguments))
        return 0
    except UnsmearError as error:
        print(f"cells: {error}", file=sys.stderr)
        return 1


def _smear(cells: Path, output: Path, length: int, workers: int) -> None:
    sampler = Sampler("motion", {"length": float(length), "angle": (0.0, 180.0)})
    prepare(
        source.find([cells], channels=CHANNELS),
        output / f"pairs-{length}",
        Preparation(sampler, size=mosaics.SIDE, seed=length),
        Selection("50/50"),  # the folds divide them
        partial(map_with_progress, where=Where(workers), description=f"pairs {length} px"),
        {"channels": CHANNELS},
    )


def _train(arguments: argparse.Namespace, fold: int) -> None:
    """Train the classifier of a fold on the sharp cells of the other folds; skip a finished one.

    A run with other folds or other options is refused.
    """
    pairs = arguments.output / f"pairs-{LENGTHS[0]}"  # the sharp cells of all lengths are the same
    folder = arguments.output / f"fold-{fold}"
    divided = folds.divide(manifest.read(pairs), arguments.folds)
    learned = folds.write_fold(arguments.output / f"data-{fold}", pairs, fold, divided)
    given = folds.options(mosaics.SIDE, arguments.epochs, arguments.share, arguments.start)
    given["data"] |= {"pairs": learned, "labels": _labels(manifest.read(pairs))}
    from unsmear.train.run import train  # imports torch

    print(f"fold {fold}: {train(options.check(given), folder).reason}.", flush=True)


def _labels(pairs: list[manifest.Pair]) -> list[int]:
    return sorted({label for pair in pairs for label in pair.labels})


def _restore(arguments: argparse.Namespace) -> None:
    cases = cases_of(arguments.output)
    each = partial(
        keep, contenders=contenders(arguments.method, cases), folder=_restored_folder(arguments)
    )
    list(
        map_with_progress(partial(_restore_case, each), cases, Where(arguments.workers), "restored")
    )


def _restored_folder(arguments: argparse.Namespace) -> Path:
    folder: Path = arguments.output / "restored"
    return folder


def _restore_case(each: partial[object], case: Case) -> None:
    """Restore a pair in a worker process, without returning the images."""
    each(case)


def _predict(arguments: argparse.Namespace) -> Predictions:
    """Return the predictions of each fold's classifier for the cells it was not trained on."""
    cases = cases_of(arguments.output)
    pairs = arguments.output / f"pairs-{LENGTHS[0]}"
    divided = folds.divide(manifest.read(pairs), arguments.folds)
    parts = []
    for fold in range(arguments.folds):
        own = [case for case in cases if divided[case.group] == fold]
        questions = Request(
            tuple(contenders(arguments.method, cases)),
            classify.load(arguments.output / f"fold-{fold}" / "last", classify.VIEWS),
            tuple(map(measures.find, MEASURES)),
            restored_folder=_restored_folder(arguments),
        )
        answers, problems = run.answer(
            arguments.output / f"answers-{fold}",
            own,
            questions,
            run.describe(pairs, own, questions, MEASURES),
            partial(
                map_with_progress, where=Where(arguments.workers), description=f"asked, fold {fold}"
            ),
        )
        for problem in problems:
            print(problem, file=sys.stderr)
        parts.append(answers)
    return folds.choose_thresholds(parts)


def _facts(arguments: argparse.Namespace) -> dict[str, str]:
    """Return facts about the classifiers, by name."""
    card = classify.load(arguments.output / "fold-0" / "last").card
    begun = card.get("begun_with")
    shipped = checkpoint.locate(START)
    if begun and begun["sha256"] == shipped.sha256:
        begun = {"name": shipped}
    return {
        "cells": f"{len(cases_of(arguments.output)) // len(LENGTHS)} in {arguments.folds} folds",
        "classifiers": f"{card['network']}, {card['step']} steps each, "
        f"{'begun with ' + str(begun['name']) if begun else 'from the beginning'}",
    }


def cases_of(output: Path) -> list[Case]:
    """Return the pairs of all lengths, with the length in their names."""
    renamed = []
    for length in LENGTHS:
        cases, _ = evaluate.find_cases(output / f"pairs-{length}")
        renamed += [replace(case, name=f"{case.name} {length} px") for case in cases]
    return renamed


def contenders(methods: list[str] | None, cases: list[Case]) -> list[MethodWithKernel]:
    """Return the methods: all blind ones, and deep-wiener with the true kernel as well."""
    names = methods or list(METHODS)
    candidates = evaluate.contenders(names, "both", cases)
    return [
        candidate
        for candidate in candidates
        if candidate.kernel != "true" or candidate.method.name == "deep-wiener"
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of the mosaics (hpa_single_cells)"
    )
    parser.add_argument("--output", type=Path, default=Path("runs/cells"))
    parser.add_argument("--method", action="append", help="method to restore with; may be repeated")
    parser.add_argument("--start", default=START, help="initial (pretrained) weights of each fold")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--epochs", type=float, default=30)
    parser.add_argument(
        "--share", type=float, default=0.1, help="fraction of the cells used for validation"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", choices=("", "train", "restore", "report"), default="")
    parser.add_argument("--page", type=Path, default=PAGE, help="Markdown file for the tables")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
