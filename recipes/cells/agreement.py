"""Three classifiers of real single cells: their agreement, and the restorers' order by each.

    python recipes/cells/agreement.py --data ../shared/data/hpa_single_cells --output runs/cells

Each classifier is cross-validated over the mosaics, as in `run.py`, whose finished folds, restored
images and predictions are used: the first is that of `run.py`; the second has other folds and
another random seed; the third is another network, narrower and deeper, that learns from drawn cells
first. Writes benchmarks/agreement-cells.md. The same command resumes a stopped run; finished work
is skipped.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does, before NumPy
sys.path.insert(0, str(Path(__file__).parent))

import agreement_page
import folds
import steps
from run import MEASURES
from steps import Experiment, Learner
from unsmear.atomic import write_aside
from unsmear.checkpoints import checkpoint
from unsmear.errors import UnsmearError
from unsmear.recovery.analysis.aligned import Aligned, align
from unsmear.train.config import options

PAGE = Path(__file__).parents[2] / "benchmarks" / "agreement-cells.md"
FIRST, FOLDS, NETWORK = "light", "light, other folds", "narrow"
NARROW: dict[str, Any] = {"options": {"features": 16, "stages": 5}}
DRAWN: dict[str, Any] = {
    "model": "light",
    "seed": 2,
    "licence": folds.LICENCE,
    "data": {"channels": steps.CHANNELS, "crop": 192, "batch": 16, "workers": 0},
    "log": {"tensorboard": False},
    **NARROW,
}
"""Training of the third classifier on drawn cells."""


def main() -> int:
    """Run the steps of the command line; return the exit code."""
    arguments = _arguments()
    experiment = steps.experiment(arguments)
    try:
        steps.cut(experiment, arguments.data)
        steps.restore(experiment)
        learners = _learners(experiment, arguments)
        for learner in learners.values():
            for fold in range(experiment.folds):
                steps.train(experiment, learner, fold)
        if arguments.only != "train":
            aligned = {name: _predicted(experiment, each) for name, each in learners.items()}
            page = agreement_page.write(aligned, _given(arguments))
            write_aside(arguments.page, page.encode())
        return 0
    except UnsmearError as error:
        print(f"cells: {error}", file=sys.stderr)
        return 1


def _learners(experiment: Experiment, arguments: argparse.Namespace) -> dict[str, Learner]:
    """Return the classifiers by name; the third learns from drawn cells here, if it has not."""
    drawn = experiment.output / "narrow" / "drawn"
    data = {
        "labels": steps.labels(experiment),
        "epoch": arguments.drawn,
        "validation": max(arguments.drawn // 5, 2),
    }
    given = {"data": data, "stop": {"epochs": arguments.drawn_epochs}}
    training = options.merge(options.merge(options.preset("light"), DRAWN), given)
    from unsmear.train.run import train  # imports torch

    print(f"narrow, drawn cells: {train(options.check(training), drawn).reason}.", flush=True)
    return {
        FIRST: Learner(measures=MEASURES),
        FOLDS: Learner("other-folds", training={"seed": 1}, division=1),
        NETWORK: Learner("narrow", str(drawn / checkpoint.BEST), {"seed": 2, **NARROW}, division=2),
    }


def _predicted(experiment: Experiment, learner: Learner) -> Aligned:
    aligned, problems = align(steps.predict(experiment, learner))
    for problem in problems:
        print(problem, file=sys.stderr)
    return aligned


def _given(arguments: argparse.Namespace) -> str:
    """Return the options that change the figures and are not the defaults, as they are typed."""
    parser = _parser()
    words = [f"--method {method}" for method in arguments.method or ()]
    for name in ("folds", "epochs", "share", "side", "drawn", "drawn_epochs"):
        value = getattr(arguments, name)
        if value != parser.get_default(name):
            words.append(f"--{name.replace('_', '-')} {value:g}")
    return " ".join(words)


def _arguments() -> argparse.Namespace:
    return _parser().parse_args()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    steps.add_options(parser)
    parser.add_argument("--drawn", type=int, default=2000, help="drawn cells of the third network")
    parser.add_argument(
        "--drawn-epochs", type=float, default=10, help="epochs of the third network on these"
    )
    parser.add_argument("--only", choices=("", "train"), default="")
    parser.add_argument("--page", type=Path, default=PAGE, help="Markdown file for the tables")
    return parser


if __name__ == "__main__":
    sys.exit(main())
