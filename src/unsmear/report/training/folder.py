"""Reader of the folder of a training run, finished or not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unsmear import plain_files, tables
from unsmear.errors import OptionError, error_text

Rows = list[dict[str, float]]


@dataclass(frozen=True)
class RunFolder:
    """The contents of a run's folder.

    toml: text of the resolved configuration; config: the same, parsed. steps, validations: the
    rows of log.csv and validation.csv. summary: how the run ended; None while it is in progress.
    pictures: files of the sample pictures by step.
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
        """Number of labels of a classifier; 0 for a restorer."""
        labels = self.environment.get("data", {}).get("labels")
        return len(labels) if isinstance(labels, dict) else 0

    @property
    def monitor(self) -> str:
        """Name of the score that decides which weights are best."""
        return str(self.config.get("stop", {}).get("monitor", "psnr"))

    @property
    def best(self) -> dict[str, float] | None:
        """Row of the best validation; None before the first."""
        sign = -1 if self.monitor == "loss" else 1
        return max(self.validations, key=lambda row: sign * row[self.monitor], default=None)

    @property
    def step(self) -> int:
        """The last logged step."""
        ended = [int(self.summary["step"])] if self.summary else []
        return max([0, *ended, *_steps(self.steps), *_steps(self.validations)])


def read(folder: Path) -> RunFolder:
    """Read the folder of a run; raises OptionError for a folder that is not of a run."""
    try:
        toml = plain_files.read(folder / "run.toml")
        config = plain_files.parse_toml(toml)
    except (OSError, ValueError) as error:
        trials = sorted(folder.glob("trials/*/run.toml"))
        hint = f"; try one of its trials, such as {trials[0].parent}" if trials else ""
        raise OptionError(
            f"{folder}: the folder must be a run of `unsmear train`, with a run.toml, or the "
            f"output of a batch{hint}."
        ) from error
    steps, validations = tables.read(folder / "log.csv"), tables.read(folder / "validation.csv")
    summary: dict[str, Any] | None = _json(folder / "summary.json") or None
    if summary and max([0, *_steps(steps), *_steps(validations)]) > summary["step"]:
        summary = None  # outdated: the run was resumed
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
    """Return the contents of a JSON file; empty where it does not exist yet."""
    try:
        contents = plain_files.read_json(path)
        if not isinstance(contents, dict):
            raise ValueError("it is no object")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise OptionError(f"{path}: the file must be valid JSON ({error_text(error)}).") from error
    return contents
