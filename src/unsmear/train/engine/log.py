"""Logs of a run: CSV files always, TensorBoard and MLflow where configured."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from unsmear import plain_files, tables
from unsmear.atomic import write_aside
from unsmear.errors import MissingExtra

Picture = NDArray[np.uint8]
"""An RGB picture, (y, x, 3), 0 to 255."""


class Log(Protocol):
    """A log of a run's losses and validation scores."""

    def steps(self, row: Mapping[str, float]) -> None:
        """Write the averages over the latest steps; `row["step"]` is the last of them."""

    def validation(self, row: Mapping[str, float], picture: Picture | None) -> None:
        """Write the scores of a validation, and a picture of its first samples if there is one."""

    def close(self) -> None:
        """Finish."""


class Csv:
    """`log.csv` and `validation.csv`."""

    def __init__(self, folder: Path, step: int) -> None:
        self._steps, self._validations = folder / "log.csv", folder / "validation.csv"
        for path in (self._steps, self._validations):
            _cut(path, step)

    def steps(self, row: Mapping[str, float]) -> None:
        """Add a row."""
        tables.append_csv(self._steps, _texts(row))

    def validation(self, row: Mapping[str, float], picture: Picture | None) -> None:
        """Add a row."""
        tables.append_csv(self._validations, _texts(row))

    def close(self) -> None:
        """Do nothing: every row is written at once."""


def _cut(path: Path, step: int) -> None:
    """Drop the rows after the saved step: the steps that a kill has undone will be repeated."""
    if path.exists():
        rows = [_texts(row) for row in tables.read(path) if row.get("step", math.inf) <= step]
        if rows:
            tables.write_csv(path, rows)
        else:
            write_aside(path, b"")


def _texts(row: Mapping[str, float]) -> dict[str, str]:
    return {name: f"{value:.8g}" for name, value in row.items()}


class TensorBoard:
    """Curves and pictures for TensorBoard."""

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def steps(self, row: Mapping[str, float]) -> None:
        """Add a row."""
        self._scalars("train", row)

    def validation(self, row: Mapping[str, float], picture: Picture | None) -> None:
        """Add a row."""
        self._scalars("validation", row)
        if picture is not None:
            self._writer.add_image(
                "blurred, restored, sharp", picture, int(row["step"]), dataformats="HWC"
            )

    def close(self) -> None:
        """Finish."""
        self._writer.close()

    def _scalars(self, part: str, row: Mapping[str, float]) -> None:
        for name, value in row.items():
            if name != "step":
                self._writer.add_scalar(f"{part}/{name}", value, int(row["step"]))


class MLflow:
    """Curves and pictures for MLflow, at MLFLOW_TRACKING_URI or in the working directory.

    The MLflow run has the name of the run's folder.
    """

    def __init__(self, folder: Path, options: Mapping[str, Any]) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # MLflow reports its use
        try:
            import mlflow
        except ImportError as error:
            raise MissingExtra(
                'log.mlflow needs MLflow, which is not installed: pip install "unsmear[mlflow]".'
            ) from error
        self._mlflow: Any = mlflow
        id_file = folder / "mlflow.txt"
        known = plain_files.read(id_file).strip() if id_file.exists() else None
        run = mlflow.start_run(run_id=known, run_name=None if known else folder.name)
        if known is None:
            mlflow.log_params({name: str(value)[:500] for name, value in options.items()})
        write_aside(id_file, run.info.run_id.encode())

    def steps(self, row: Mapping[str, float]) -> None:
        """Add a row."""
        self._metrics("train", row)

    def validation(self, row: Mapping[str, float], picture: Picture | None) -> None:
        """Add a row."""
        self._metrics("validation", row)
        if picture is not None:
            self._mlflow.log_image(picture, f"samples/{int(row['step'])}.png")

    def close(self) -> None:
        """Finish."""
        self._mlflow.end_run()

    def _metrics(self, part: str, row: Mapping[str, float]) -> None:
        named = {f"{part}/{name}": value for name, value in row.items() if name != "step"}
        self._mlflow.log_metrics(named, step=int(row["step"]))
