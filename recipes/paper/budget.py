"""Disk, memory and hours that `run.py --scale full` needs, from what a trial of it took.

    python recipes/paper/run.py --trial 0.01 --data FOLDER --output runs/trial --workers 1
    python recipes/paper/budget.py runs/trial

Prints a table. Every stage's time grows with its images, that of a network with the samples of its
training; time is of one processor core, and a network's is at most so much, for it may stop early.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

import labelled
import networks
import scores
import stages
from scales import SCALES
from unsmear.data import manifest
from unsmear.errors import DataError, UnsmearError
from unsmear.tables import Table, markdown
from unsmear.train.config import options
from unsmear.train.config.options import AnyRun
from unsmear.train.engine import folder as folders

FULL = SCALES["full"]
TRAINED = 0.8
"""Share of the images without the test set that are trained on."""
GB = 1e9


@dataclass(frozen=True)
class Took:
    """What a stage took in all: seconds of a core, and bytes of memory before, at most, on disk."""

    seconds: float
    base: int
    peak: int
    disk: int


@dataclass(frozen=True)
class Need:
    """What a stage takes, and needs at the full scale.

    trial, full: how much work, in words. seconds: of a core, in the trial. hours: of a core.
    memory, disk: bytes.
    """

    stage: str
    trial: str
    full: str
    seconds: float
    hours: float
    memory: float
    disk: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("output", type=Path, help="folder of a finished trial")
    asked = parser.parse_args(arguments)
    try:
        print(markdown(table(list(needs(asked.output)))), end="")
        return 0
    except UnsmearError as error:
        print(f"budget: {error}", file=sys.stderr)
        return 1


def needs(output: Path) -> Iterator[Need]:
    """Yield what the stages of a trial that are there need at the full scale."""
    took = read(output / stages.FILE)
    for stage, done, full in _counted(output):
        if stage in took:
            yield _by_count(stage, took[stage], done, full)
    for name in networks.NAMES:
        if name in took:
            run = networks.configure(name, FULL, output, None, None)
            yield _by_samples(name, took[name], output / name, run, FULL.images)
    if "classifier" in took:
        place = output / labelled.FOLDER / labelled.CLASSIFIER
        given = options.merge(options.preset(FULL.classifier), {"model": FULL.classifier})
        run = options.check(given)
        yield _by_samples("classifier", took["classifier"], place, run, FULL.labelled)


def read(file: Path) -> dict[str, Took]:
    """Return what the stages took, by name; those that were resumed in all.

    Raises DataError for a table that is missing or damaged.
    """
    took: dict[str, Took] = {}
    try:
        with file.open(newline="") as lines:
            for row in csv.DictReader(lines):
                known = took.get(row["stage"], Took(0.0, 0, 0, 0))
                took[row["stage"]] = Took(
                    known.seconds + float(row["processor_seconds"]),
                    max(known.base, int(row["base_bytes"])),
                    max(known.peak, int(row["peak_bytes"])),
                    int(row["disk_bytes"]),
                )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{file}: the table of stages cannot be read ({error}).") from error
    return took


def _counted(output: Path) -> Iterator[tuple[str, int, int]]:
    """Yield the stages whose work is images, with their number in the trial and at full scale."""
    pairs, test = _count(output / "pairs"), _count(output / "pairs", "test")
    yield "pairs", pairs, FULL.images + FULL.test
    yield "scores", test, FULL.test
    yield "diagnoses", min(test, scores.EXAMINED), scores.EXAMINED
    moved = len(labelled.LENGTHS) * FULL.labelled_test
    places = labelled.pair_folders(output)
    yield "labelled pairs", sum(map(_count, places)), FULL.labelled + FULL.labelled_test + moved
    asked = _count(places[0], "test") + sum(map(_count, places[1:]))
    yield "predictions", asked, FULL.labelled_test + moved


def _count(folder: Path, split: str = "") -> int:
    rows = manifest.read(folder) if (folder / manifest.FILE).exists() else []
    return sum(split in ("", row.split) for row in rows)


def _by_count(stage: str, took: Took, done: int, full: int) -> Need:
    factor = full / max(done, 1)
    hours, disk = factor * took.seconds / 3600, factor * took.disk
    words = (f"{done:,} images", f"{full:,} images")
    return Need(stage, *words, took.seconds, hours, took.peak, disk)


def _by_samples(stage: str, took: Took, folder: Path, run: AnyRun, images: int) -> Need:
    """Return the need of a training: by the time of a step, without what comes before the first."""
    summary = folders.read_json(folder / folders.SUMMARY)
    tried = options.check(options.read(folder / folders.CONFIG))
    done = int(summary["step"]) * tried.data.batch * tried.optimiser.accumulate
    full = round(run.stop.epochs * TRAINED * images)
    seconds = float(summary["processor_seconds"])
    memory = took.base + (took.peak - took.base) * run.data.batch / tried.data.batch
    return Need(
        stage,
        f"{done} samples, batch {tried.data.batch}",
        f"{full:,} samples, batch {run.data.batch}",
        took.seconds,
        seconds / done * full / 3600,
        memory,
        took.disk,
    )


def table(needs_: Sequence[Need]) -> Table:
    """Return the table, with the sums of hours and disk."""
    hours, disk = (sum(getattr(need, name) for need in needs_) for name in ("hours", "disk"))
    memory = max((need.memory for need in needs_), default=0.0)
    rows = [
        [
            need.stage,
            need.trial,
            f"{need.seconds:.0f}",
            need.full,
            f"{need.hours:,.1f}",
            f"{need.memory / GB:.1f}",
            f"{need.disk / GB:.2f}",
        ]
        for need in needs_
    ]
    head = ["stage", "trial", "s", "full scale", "core-hours", "memory, GB", "disk, GB"]
    last = ["all", "", "", "", f"{hours:,.1f}", f"{memory / GB:.1f}", f"{disk / GB:.2f}"]
    return [head, *rows, last]


if __name__ == "__main__":
    sys.exit(main())
