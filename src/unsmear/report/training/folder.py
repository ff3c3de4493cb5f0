"""What a run's folder holds, as far as it has come."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unsmear import tables
from unsmear.errors import OptionError

Rows = list[dict[str, float]]


@dataclass(frozen=True)
class RunFolder:
    """A run, ended or not.

    toml: the resolved configuration as it stands in the file, config: the same, read.
    steps, validations: the rows of log.csv and validation.csv. summary: how it ended; None where
    it has not, or went on since. pictures: the sample pictures' files by their steps.
    """

    name: str
    toml: str
    config: dict[str, Any]
    environment: dict[str, Any]
    steps: Rows
    validations: Rows
    summary: dict[str, Any] | None
    pictures: dict[int, Path]

    @property
    def labels(self) -> int:
        """How many labels a classifier learns; 0 for a restorer."""
        labels = self.environment.get("data", {}).get("labels")
        return len(labels) if isinstance(labels, dict) else 0

    @property
    def monitor(self) -> str:
        """The score that says what is better."""
        return str(self.config.get("stop", {}).get("monitor", "psnr"))

    @property
    def best(self) -> dict[str, float] | None:
        """The best validation; None before the first."""
        sign = -1 if self.monitor == "loss" else 1
        return max(self.validations, key=lambda row: sign * row[self.monitor], default=None)

    @property
    def step(self) -> int:
        """The last step that is known of."""
        ended = [int(self.summary["step"])] if self.summary else []
        return max([0, *ended, *_steps(self.steps), *_steps(self.validations)])


def read(folder: Path) -> RunFolder:
    """Return what is in a run's folder; raises OptionError where it is no run's."""
    try:
        toml = (folder / "run.toml").read_text(encoding="utf-8")
        config = tomllib.loads(toml)
    except (OSError, ValueError) as error:
        trials = sorted(folder.glob("trials/*/run.toml"))
        hint = f"; perhaps {trials[0].parent}, one of its trials" if trials else ""
        raise OptionError(
            f"{folder}: the folder must be one of `unsmear train`, with its run.toml{hint}."
        ) from error
    steps, validations = tables.read(folder / "log.csv"), tables.read(folder / "validation.csv")
    summary: dict[str, Any] | None = _json(folder / "summary.json") or None
    if summary and max([0, *_steps(steps), *_steps(validations)]) > summary["step"]:
        summary = None  # of an earlier end, after which the run went on
    pictures = {
        int(path.stem): path for path in (folder / "samples").glob("*.png") if path.stem.isdecimal()
    }
    return RunFolder(
        folder.resolve().name,
        toml,
        config,
        _json(folder / "environment.json"),
        steps,
        validations,
        summary,
        pictures,
    )


def _steps(rows: Rows) -> list[int]:
    return [int(row["step"]) for row in rows]


def _json(path: Path) -> dict[str, Any]:
    """Return a file's contents; nothing where it is not there yet."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise OptionError(f"{path}: the file must be a run's JSON ({error}).") from error
    return found
