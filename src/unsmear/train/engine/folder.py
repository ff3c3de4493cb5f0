"""A run's folder: one run each, the same one whenever it is started again."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import tomli_w
import torch

import unsmear
from unsmear import resume
from unsmear.atomic import write_aside
from unsmear.errors import OptionError, TrainingError
from unsmear.train.config import options
from unsmear.train.config.restorer import Settings

CONFIG, ENVIRONMENT, SUMMARY = "run.toml", "environment.json", "summary.json"

FREE = (
    *("stop.epochs", "stop.steps", "stop.minutes", "stop.patience", "data.workers"),
    *("log.every", "log.save_minutes", "log.pictures", "log.tensorboard", "log.mlflow"),
    *("machine.accelerator", "machine.channels_last", "machine.compile"),
)
"""What may change when a run is started again: when it ends, what it logs, what it runs on."""

PACKAGES = ("torch", "numpy", "lightning-fabric", "kornia", "opencv-python-headless")


def open_folder(folder: Path, run: Settings) -> None:
    """Make the folder and write `run.toml`, or make sure that what is there is this run.

    Raises OptionError for a folder with another run, or with files that are no run's.
    """
    path = folder / CONFIG
    if path.exists():
        # Options that it has not heard of have their defaults: it began before they were.
        before = options.check(options.read(path), str(path))
        differing = resume.differing(flat(options.dump(before)), flat(options.dump(run)), FREE)
        if differing:
            raise OptionError(
                f"{folder}: the folder must be new or of this same run, got one that differs in "
                f"{', '.join(sorted(differing))}."
            )
    elif folder.exists() and any(folder.iterdir()):
        raise OptionError(f"{folder}: the folder must be new, empty or of a run, got other files.")
    folder.mkdir(parents=True, exist_ok=True)
    write_aside(path, tomli_w.dumps(options.dump(run)).encode())


def flat(given: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return the options by their full names."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{before}{name}.")
        else:
            found[before + name] = value
    return found


def note_environment(
    folder: Path,
    data: Mapping[str, Any],
    seed: int,
    device: torch.device,
    begun_with: Mapping[str, Any] | None = None,
) -> None:
    """Write what makes a run to `environment.json`; a later start joins the earlier ones.

    Raises OptionError where the data are not those that the run began with.
    """
    path = folder / ENVIRONMENT
    said = environment(data, seed, device)
    if begun_with is not None:
        said["begun_with"] = dict(begun_with)
    if path.exists():
        before = read_json(path)
        if before["data"]["hash"] != said["data"]["hash"]:
            raise OptionError(
                f"{folder}: the data must be those that the run began with, got others "
                f"({ENVIRONMENT} has the hash of the former)."
            )
        starts = ("revision", "command", "machine")
        again = [*before.get("again", ()), {name: said[name] for name in starts}]
        said = {**before, "again": again}
    write_json(path, said)


def environment(data: Mapping[str, Any], seed: int, device: torch.device) -> dict[str, Any]:
    """Return what makes a run: versions, machine, revision, the data's description, the command."""
    return {
        "unsmear": unsmear.__version__,
        "revision": revision(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "machine": machine(device),
        "threads": torch.get_num_threads(),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "data": dict(data),
        "seed": seed,
    }


def revision() -> str:
    """Return the git revision of this package's own repository, with + for changes; "" for none."""
    home = Path(__file__).resolve().parents[4]
    if not (home / ".git").exists():
        return ""

    def git(*words: str) -> str:
        command = ["git", "-C", str(home), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def machine(device: torch.device) -> str:
    """Return what computes, in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{os.cpu_count()} processor cores, without a GPU"


def write_json(path: Path, said: Mapping[str, Any]) -> None:
    """Write a JSON file, whole or not at all."""
    write_aside(path, (json.dumps(said, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON file's contents; raises TrainingError where there are none."""
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path}: the file must be a run's JSON ({error}).") from error
    return found


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
