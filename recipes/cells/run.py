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
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does, before NumPy
sys.path.insert(0, str(Path(__file__).parent))

import report
import steps
from steps import START, Experiment, Learner
from unsmear import classify
from unsmear.checkpoints import checkpoint
from unsmear.errors import UnsmearError

MEASURES = ("intensity", "nuclei", "colocalisation")
PAGE = Path(__file__).parents[2] / "benchmarks" / "recovery-cells.md"


def main() -> int:
    """Run the steps of the command line; return the exit code."""
    arguments = _arguments()
    experiment = steps.experiment(arguments)
    learner = Learner(start=arguments.start, measures=MEASURES)
    try:
        steps.cut(experiment, arguments.data)
        if arguments.only in ("", "train"):
            for fold in range(experiment.folds):
                steps.train(experiment, learner, fold)
        if arguments.only in ("", "restore"):
            steps.restore(experiment)
        if arguments.only in ("", "report"):
            answers = steps.predict(experiment, learner)
            report.write(answers, experiment.output, arguments.page, _facts(experiment, learner))
        return 0
    except UnsmearError as error:
        print(f"cells: {error}", file=sys.stderr)
        return 1


def _facts(experiment: Experiment, learner: Learner) -> dict[str, str]:
    """Return facts about the classifiers, by name."""
    card = classify.load(experiment.place(learner, "fold", 0) / "last").card
    begun = card.get("begun_with")
    shipped = checkpoint.locate(START)
    if begun and begun["sha256"] == shipped.sha256:
        begun = {"name": shipped}
    cells = len(steps.cases_of(experiment.output)) // len(steps.LENGTHS)
    return {
        "cells": f"{cells} in {experiment.folds} folds",
        "side": f"{experiment.side} pixels",
        "classifiers": f"{card['network']}, {card['step']} steps each, "
        f"{'begun with ' + str(begun['name']) if begun else 'from the beginning'}",
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    steps.add_options(parser)
    parser.add_argument("--start", default=START, help="initial (pretrained) weights of each fold")
    parser.add_argument("--only", choices=("", "train", "restore", "report"), default="")
    parser.add_argument("--page", type=Path, default=PAGE, help="Markdown file for the tables")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
