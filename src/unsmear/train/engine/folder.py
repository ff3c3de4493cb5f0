"""Run folder: configuration, environment and checkpoints of one run, which can be continued."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import tomli_w
import torch

from unsmear import lease, plain_files, resume
from unsmear.atomic import sweep, write_aside
from unsmear.environment import describe as describe_environment
from unsmear.errors import OptionError, TrainingError, error_text
from unsmear.train.config import options
from unsmear.train.config.restorer import Settings

CONFIG, ENVIRONMENT, SUMMARY = "run.toml", "environment.json", "summary.json"
LEASE = ".run.lease"

FREE = (
    *("stop.epochs", "stop.steps", "stop.minutes", "stop.processor_minutes", "stop.patience"),
    "data.workers",
    *("log.every", "log.save_minutes", "log.pictures", "log.tensorboard", "log.mlflow"),
    *("machine.accelerator", "machine.channels_last", "machine.compile"),
)
"""Options that may change when a run is continued: its end, its logs and its hardware."""

PACKAGES = ("torch", "numpy", "lightning-fabric", "kornia", "opencv-python-headless")


@contextmanager
def holding(folder: Path) -> Iterator[None]:
    """Hold the lease of a run's folder inside the context: two runs would write its logs twice.

    A folder that was made for it, and in which nothing was written, is deleted again.

    Raises OptionError where another process holds it, and DataError where it cannot be written.
    """
    is_new = not folder.exists()
    try:
        with lease.holding(folder / LEASE, folder):
            yield
    finally:
        if is_new:
            with suppress(OSError):  # it is not empty
                folder.rmdir()


def open_folder(folder: Path, run: Settings) -> None:
    """Create the folder and write `run.toml`, or check that the existing folder is of this run.

    Raises OptionError for a folder with another run, or with files that belong to no run.
    """
    path = folder / CONFIG
    if path.exists():
        # Options that were added after the run began take their defaults.
        before = options.check(options.read(path), str(path))
        differing = resume.differing(
            resume.flat(options.dump(before)), resume.flat(options.dump(run)), FREE
        )
        if differing:
            raise OptionError(
                f"{folder}: the folder must be new or of this same run, got a run that differs in "
                f"{', '.join(sorted(differing))}."
            )
    elif folder.exists() and any(not file.name.startswith(LEASE) for file in folder.iterdir()):
        raise OptionError(f"{folder}: the folder must be new, empty or a run's, got other files.")
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    write_aside(path, tomli_w.dumps(options.dump(run)).encode())


def note_environment(
    folder: Path,
    data: Mapping[str, Any],
    seed: int,
    device: torch.device,
    begun_with: Mapping[str, Any] | None = None,
) -> None:
    """Write a run's environment to `environment.json`; a continued run adds to the earlier entries.

    begun_with: origin of the pretrained weights, if any.

    Raises OptionError where the data are not those that the run began with.
    """
    path = folder / ENVIRONMENT
    record = environment(data, seed, device)
    if begun_with is not None:
        record["begun_with"] = dict(begun_with)
    if path.exists():
        before = read_json(path)
        if before["data"]["hash"] != record["data"]["hash"]:
            raise OptionError(
                f"{folder}: the data must be those that the run began with, got different data "
                f"(their hash is not the one in {ENVIRONMENT}); start a run in a new folder."
            )
        starts = ("revision", "command", "machine")
        again = [*before.get("again", ()), {name: record[name] for name in starts}]
        record = {**before, "again": again}
    write_json(path, record)


def environment(data: Mapping[str, Any], seed: int, device: torch.device) -> dict[str, Any]:
    """Return a run's environment: versions, machine, revision, data, seed and command."""
    return {
        **describe_environment(PACKAGES),
        "machine": machine(device),
        "threads": torch.get_num_threads(),
        "data": dict(data),
        "seed": seed,
    }


def machine(device: torch.device) -> str:
    """Return the name of the GPU, or the number of processor cores, in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{os.cpu_count()} processor cores, without a GPU"


def write_json(path: Path, contents: Mapping[str, Any]) -> None:
    """Write a JSON file, whole or not at all."""
    write_aside(path, (json.dumps(contents, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON file's contents; raises TrainingError where it cannot be read."""
    try:
        contents: dict[str, Any] = plain_files.read_json(path)
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"{path}: the file must be a run's JSON ({error_text(error)})."
        ) from error
    return contents
