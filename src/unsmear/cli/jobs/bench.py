"""Job of `unsmear bench`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

from unsmear import speed
from unsmear.atomic import write_aside
from unsmear.choices import Runtime
from unsmear.cli.console import say
from unsmear.cli.jobs.announcement import announce_all
from unsmear.cores import CORES
from unsmear.errors import MissingExtra, OptionError, UnsmearError
from unsmear.restoration import methods as restoring

PACKAGES = {"torch": "torch", "openvino": "openvino"}
"""Packages of the runtimes that are extras."""


def tasks(methods: str, sizes: str, runtimes: str, threads: str, rounds: int) -> list[speed.Task]:
    """Return what is measured, a row each; raises OptionError for what does not exist."""
    return list(
        speed.tasks(
            _methods(methods),
            _runtimes(runtimes),
            [speed.parse_size(text) for text in _texts("sizes", sizes)],
            _threads(threads),
            rounds,
        )
    )


def announce(tasks: Sequence[speed.Task], output: Path | None) -> int:
    """Say what would be measured, a line a row, and what would be written."""
    for task in tasks:
        say(f"would measure {task}.", **asdict(task))
    return 0 if output is None else announce_all("files", [], [output])


def run(tasks: Sequence[speed.Task], output: Path | None) -> int:
    """Measure all rows, print them one by one, and write them to a file; return the exit code."""
    measured: list[speed.Speed] = []
    failed = False
    _write(output, measured)
    say(speed.HEADING)
    for task in tasks:
        try:
            measured.append(speed.measure(task))
        except UnsmearError as error:
            failed = True
            say(str(error), sys.stderr)
        else:
            say(measured[-1].line())
            _write(output, measured)
    return int(failed)


def _write(output: Path | None, measured: list[speed.Speed]) -> None:
    """Write what was measured so far: a run that is stopped keeps its rows."""
    if output is not None:
        rows = json.dumps([row.row() for row in measured], indent=2) + "\n"
        text = rows if output.suffix.lower() == ".json" else speed.markdown(measured)
        write_aside(output, text.encode())


def _texts(option: str, given: str) -> list[str]:
    texts = list(dict.fromkeys(text.strip() for text in given.split(",") if text.strip()))
    if not texts:
        raise OptionError(f"--{option} must name one or more, separated by commas, got none.")
    return texts


def _methods(given: str) -> list[str]:
    names = _texts("methods", given)
    for name in names:
        if name != speed.ESTIMATE:
            restoring.find(name)
    return names


def _runtimes(given: str) -> list[str]:
    names = _texts("runtimes", given)
    for name in names:
        if name not in get_args(Runtime):
            allowed = ", ".join(get_args(Runtime))
            raise OptionError(f"--runtimes must be among {allowed}, got {name}.")
        if name in PACKAGES and find_spec(PACKAGES[name]) is None:
            extra = "train" if name == "torch" else name
            raise MissingExtra(f"--runtimes {name} needs: pip install 'unsmear[{extra}]'.")
    return names


def _threads(given: str) -> list[int]:
    if not given:
        return sorted({1, CORES})
    counts = _texts("threads", given)
    if not all(text.isdecimal() and int(text) for text in counts):
        raise OptionError(f"--threads must be numbers of 1 or more, got {given}.")
    most = max(map(int, counts))
    if most > CORES:
        raise OptionError(f"--threads must be at most {CORES}, the cores here, got {most}.")
    return [int(text) for text in counts]
