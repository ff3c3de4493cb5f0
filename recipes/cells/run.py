"""Real single cells: whether a classifier finds the same labels after restoring.

    python recipes/cells/run.py --data ../shared/data/hpa_single_cells --output runs/cells

Cuts the mosaics into cells, smears each by 6, 10 and 16 pixels, restores with everything, trains a
classifier for every fold of a cross-validation over mosaics, and writes the table and the page. The
same command goes on after a kill; what is finished is not done again.
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
from unsmear import evaluate
from unsmear.blur import Sampler
from unsmear.cli.progress import map_with_progress
from unsmear.data import manifest, source
from unsmear.data.prepare import Preparation, Selection, prepare
from unsmear.errors import UnsmearError
from unsmear.evaluate import Case, Contender
from unsmear.recovery.restored import keep
from unsmear.train import options
from unsmear.train.folder import SUMMARY, read_json

LENGTHS = (6, 10, 16)
"""Pixels, of the smears, each at an angle of its own for every cell."""
CHANNELS = "RGBY"
METHODS = (
    "deep-wiener",
    "deep-wiener-fast",
    "wiener",
    "wiener-local",
    "unsupervised-wiener",
    "richardson-lucy",
)


def main() -> int:
    """Do what the command line asks for; return the exit code."""
    asked = _arguments()
    try:
        cells = asked.output / "cells"
        print(f"{mosaics.cut(asked.data, cells)} cells in {cells}.", flush=True)
        for length in LENGTHS:
            _smear(cells, asked.output, length, asked.workers)
        if asked.only in ("", "train"):
            for fold in asked.folds_to_train or range(asked.folds):
                _train(asked, fold)
        if asked.only in ("", "restore"):
            for length in asked.lengths or LENGTHS:
                _restore(asked, length)
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
        partial(map_with_progress, workers=workers, description=f"pairs {length} px"),
        {"channels": CHANNELS},
    )


def _train(asked: argparse.Namespace, fold: int) -> None:
    """Train a fold's classifier on the sharp cells of the others, or leave a finished one."""
    pairs = asked.output / f"pairs-{LENGTHS[0]}"  # the sharp cells of all lengths are the same
    folder = asked.output / f"fold-{fold}"
    if (folder / SUMMARY).exists() and read_json(folder / SUMMARY)["reason"] != "stopped":
        return
    divided = folds.divide(manifest.read(pairs), asked.folds)
    learned = folds.write_fold(asked.output / f"data-{fold}", pairs, fold, divided)
    given = folds.options(mosaics.SIDE, asked.epochs, asked.start)
    given["data"] |= {"pairs": learned, "labels": _labels(manifest.read(pairs))}
    from unsmear.train.run import train  # imports torch

    print(f"fold {fold}: {train(options.check(given), folder).reason}.", flush=True)


def _labels(pairs: list[manifest.Pair]) -> list[int]:
    return sorted({label for pair in pairs for label in pair.labels})


def _restore(asked: argparse.Namespace, length: int) -> None:
    cases = cases_of(asked.output / f"pairs-{length}", length)
    chosen = contenders(asked.method, cases)
    each = partial(keep, contenders=chosen, folder=asked.output / f"restored-{length}")
    list(map_with_progress(partial(_kept, each), cases, asked.workers, f"restored {length} px"))


def _kept(each: partial[object], case: Case) -> None:
    """Restore a case, and bring nothing back from the process."""
    each(case)


def cases_of(pairs: Path, length: int) -> list[Case]:
    """Return the cases of one length, whose names tell them from those of the others."""
    cases, _ = evaluate.find_cases(pairs)
    return [replace(case, name=f"{case.name} {length} px") for case in cases]


def contenders(methods: list[str] | None, cases: list[Case]) -> list[Contender]:
    """Return what restores: blind, and ours with the true kernel as well."""
    names = methods or list(METHODS)
    found = evaluate.contenders(names, "both", cases)
    return [one for one in found if one.kernel != "true" or one.method.name == "deep-wiener"]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the mosaics: hpa_single_cells")
    parser.add_argument("--output", type=Path, default=Path("runs/cells"))
    parser.add_argument("--method", action="append", help="a restorer; repeat it")
    parser.add_argument("--start", help="a classifier that each fold begins with")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--epochs", type=float, default=30)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", choices=("", "train", "restore"), default="")
    parser.add_argument("--folds-to-train", type=int, nargs="*", help="those alone")
    parser.add_argument("--lengths", type=int, nargs="*", help="those alone")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
