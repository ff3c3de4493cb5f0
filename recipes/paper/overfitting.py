"""Whether the paper's DCAE overfits, what helps against it, and what its low scores come from.

    python recipes/paper/overfitting.py --vgg FILE [--scale tiny]

The same command resumes a stopped run; finished networks are skipped. `README.md` in this folder
says what it does.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from shutil import copytree
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before PyTorch: processor time that compares
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

import torch

import diagnoses
import history
import networks
import overfitting_page
import pairs
import remedies
from overfitting_page import Entry
from remedies import Remedy
from scales import Scale
from unsmear import evaluate, models, tables
from unsmear.atomic import write_aside
from unsmear.checkpoints import checkpoint, loading, published
from unsmear.checkpoints.checkpoint import Checkpoint
from unsmear.cli.jobs.train import code_of_stop
from unsmear.data import manifest
from unsmear.errors import UnsmearError, WeightsError
from unsmear.evaluate import MethodWithKernel
from unsmear.restoration import methods
from unsmear.train.config import options
from unsmear.train.config.restorer import Run
from unsmear.train.data.restoration import Sample, open_training
from unsmear.train.engine import build
from unsmear.train.engine.callbacks import Callback
from unsmear.train.engine.export import LAST
from unsmear.train.engine.learner import Content
from unsmear.train.tasks.validation import validate

PAGE = Path(__file__).parents[2] / "benchmarks" / "overfitting.md"
FEW, MANY = "few", "pairs"
"""Folders of the pairs: all, and those with a part of the training images."""
CPU = torch.device("cpu")
SHARED: Mapping[str, Any] = {
    "data": {"size": 48, "batch": 4, "validation": 32, "workers": 0},
    "log": {"every": 16, "validate_every": 16, "tensorboard": False},
    "machine": {"accelerator": "cpu"},
    "licence": networks.LICENCE,
}
"""Options of every training that differ from the paper's, `dcae.toml`."""


@dataclass(frozen=True)
class Budget:
    """How large the comparison is.

    pairs: images; few: of them to train on, for all but the remedy that has more of them.
    changed: options of every training that differ from `SHARED`.
    """

    pairs: Scale
    few: int
    changed: Mapping[str, Any]


BUDGETS = {
    "small": Budget(Scale(160, 0, shares="80/20", drawn=96, side=48), 16, {"stop": {"steps": 128}}),
    # For the tests: seconds, and nothing is learned. Without VGG16, an absolute error.
    "tiny": Budget(
        Scale(6, 0, shares="67/33", drawn=32, side=16, among=(0, 2, 16)),
        2,
        {
            "options": {"filters": [4, 4, 4]},
            "loss": {"perceptual": 0.0, "l1": 1.0},
            "data": {"size": 16, "batch": 1},
            "stop": {"steps": 2},
            "log": {"every": 1, "validate_every": 1},
        },
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the steps of the command line; return the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        return _make(asked)
    except UnsmearError as error:
        print(f"overfitting: {error}", file=sys.stderr)
        return 1


def _make(asked: argparse.Namespace) -> int:
    budget, output = BUDGETS[asked.scale], asked.output
    page = asked.page or (PAGE if asked.scale == "small" else output / PAGE.name)
    vgg = asked.vgg or published.find("vgg16")
    if vgg is None and asked.scale != "tiny":
        raise WeightsError("VGG16's weights are not here, which the paper's loss needs: --vgg FILE")
    report = pairs.make_pairs(output, budget.pairs, None, None, 1)
    for failure in report.failures:
        print(failure, file=sys.stderr)
    take_few(output / MANY, output / FEW, budget.few)
    for remedy in [] if asked.report_only else remedies.chosen(asked.only):
        reason = train(configure(remedy, budget, output, vgg), output / remedy.name)
        print(f"{remedy.name}: {reason}", flush=True)
        if reason == "stopped":
            return code_of_stop()
    if asked.only:
        return 0
    done = [remedy for remedy in remedies.REMEDIES if networks.finished(output / remedy.name)]
    entries = [_entry(remedy, output) for remedy in done]
    overfitting_page.draw(page.parent / "pictures" / "overfitting.png", entries)
    text = overfitting_page.write(entries, "python recipes/paper/overfitting.py --vgg FILE")
    write_aside(page, text.encode())
    print(text)
    return 0


def take_few(source: Path, folder: Path, few: int) -> None:
    """Write a copy of the pairs with the first so many training pairs, and all others."""
    if (folder / manifest.FILE).exists():
        return
    copytree(source, folder, dirs_exist_ok=True, ignore=lambda *_: [manifest.FILE])
    rows = manifest.read(source)
    training = [row for row in rows if row.split == "train"]
    manifest.write(folder, [row for row in rows if row not in training[few:]])


def configure(remedy: Remedy, budget: Budget, output: Path, vgg: Path | None) -> Run:
    """Return the whole configuration of a training: the paper's, but for the remedy's options.

    Raises OptionError as `train.config.options.check` does.
    """
    place = output / (MANY if remedy.all_images else FEW)
    given = options.read(networks.HERE / "dcae.toml")
    own = {"data": {"pairs": str(place)}} | ({"perceptual": {"weights": str(vgg)}} if vgg else {})
    for table in (SHARED, own, remedy.changed, budget.changed):
        given = options.merge(given, table)
    return options.check(given)


def train(run: Run, folder: Path) -> str:
    """Train or resume training; return why it stopped. A finished network is left unchanged."""
    if networks.finished(folder):
        return "finished before"
    from unsmear.train.run import train as go

    return go(run, folder, TrainingScores(run, folder)).reason


TRAINING = "training.csv"
"""Scores of the training images after each validation, in the columns of validation.csv."""


@dataclass
class TrainingScores(Callback):
    """Scores the training images as a validation scores the others: without dropout."""

    run: Run
    folder: Path
    rows: dict[int, dict[str, float]] = field(default_factory=dict)

    def begin(self, step: int, last: int) -> None:
        """Keep the rows up to the step that the run goes on from; add one that a kill prevented."""
        path = self.folder / TRAINING
        known = tables.read(path) if path.exists() else []
        steps = [int(row["step"]) for row in known]
        self.rows = {
            number: row | {"step": number}
            for number, row in zip(steps, known, strict=True)
            if number <= step
        }
        if step and (validated := self._last().card["step"]) not in self.rows:
            self._score(validated)

    def validation(self, step: int, scores: Mapping[str, float]) -> bool:
        """Add a row."""
        self._score(step)
        return False

    def _score(self, step: int) -> None:
        network = loading.build_network(self._last())
        batch = self.run.data.batch
        found = validate(network, self._samples, self._content, CPU, batch, 1).scores
        self.rows[step] = {"step": step} | found
        tables.write_csv(self.folder / TRAINING, list(self.rows.values()))

    def _last(self) -> Checkpoint:
        return checkpoint.load(self.folder / LAST)

    @cached_property
    def _samples(self) -> list[Sample]:
        channels = models.build(self.run.model, **self.run.options).channels
        data = open_training(self.run.data, self.run.seed, channels)
        return [data.draw(0, index) for index in range(len(data))]

    @cached_property
    def _content(self) -> Content:
        return build.content(self.run, CPU)


def _entry(remedy: Remedy, output: Path) -> Entry:
    """Return what became of a training, and what its last weights do to the validation images."""
    folder = output / remedy.name
    found = history.read(folder)
    last = MethodWithKernel(methods.find(str(folder / LAST)))
    cases = evaluate.find_cases(output / FEW, "val")[0]
    examined = [diagnoses.examine(case, {LAST: last}, None) for case in cases]
    return Entry(
        remedy,
        found,
        history.columns(folder / TRAINING),
        diagnoses.mean([images[LAST] for images in examined]),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scale", choices=BUDGETS, default="small")
    parser.add_argument("--output", type=Path, default=Path("runs/overfitting"))
    parser.add_argument("--vgg", type=Path, help="VGG16's weights; else `unsmear weights get`'s")
    parser.add_argument(
        "--only", default="", metavar="NAMES", help="train these, with commas, and write no page"
    )
    parser.add_argument(
        "--report-only", action="store_true", help="write the page from what is finished"
    )
    parser.add_argument(
        "--page",
        type=Path,
        help="where the table is written; by default in benchmarks, at scale tiny in --output",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
