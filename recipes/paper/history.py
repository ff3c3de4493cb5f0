"""Training history of a finished run, read from its folder."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from unsmear.train.config import options
from unsmear.train.config.restorer import Run
from unsmear.train.engine import folder as folders

Columns = dict[str, list[float]]


@dataclass(frozen=True)
class History:
    """One run: its configuration, final numbers, and the columns of its two tables."""

    name: str
    run: Run
    summary: dict[str, float | str]
    environment: dict[str, object]
    log: Columns
    validation: Columns

    @property
    def images(self) -> int:
        """Return the number of training images."""
        return int(self.environment["data"]["pairs"])  # type: ignore[index]

    @property
    def samples(self) -> int:
        """Return the number of crops used in training."""
        return int(self.summary["step"]) * self.run.data.batch


def read(folder: Path) -> History:
    """Return the history of a run's folder; raises OptionError or TrainingError if damaged."""
    return History(
        folder.name,
        options.check(options.read(folder / folders.CONFIG)),
        folders.read_json(folder / folders.SUMMARY),
        folders.read_json(folder / folders.ENVIRONMENT),
        columns(folder / "log.csv"),
        columns(folder / "validation.csv"),
    )


def columns(path: Path) -> Columns:
    """Return the columns of a table by name, empty for a table without rows."""
    with path.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    return {name: [float(row[name]) for row in rows] for name in (rows[0] if rows else ())}
