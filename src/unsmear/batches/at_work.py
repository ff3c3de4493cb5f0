"""What the workers of a run are busy with: one small file an image, rewritten by its worker.

A worker leaves the image's entry there when the result is written; the process that was called
copies it to the journal and deletes the file. So a kill between the two loses nothing. Where these
files cannot be written, the work goes on without them.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from unsmear import plain_files
from unsmear.atomic import write_aside
from unsmear.batches import layout
from unsmear.batches.entry import Entry
from unsmear.errors import UnsmearError
from unsmear.journal import DAMAGE

PAUSE = 1.0
"""Least seconds between two notes of progress within an image."""


@dataclass(frozen=True)
class AtWork:
    """An image that a worker is busy with.

    since: when it began, seconds since 1970. done, total: parts of it, such as blocks of a slide;
    0 and 0 where it has none. process: number of the worker's process. entry: what became of it,
    once its result is written.
    """

    image: str
    since: float
    done: int = 0
    total: int = 0
    process: int = 0
    entry: Entry | None = None


def start(output: Path, image: str) -> None:
    """Note that work on an image begins."""
    _write(output, image, {"image": image, "since": time.time(), "process": os.getpid()})


def progress(output: Path, image: str, done: int, total: int) -> None:
    """Note how many parts of an image are done; what comes too soon after the last is left out."""
    path = _path(output, image)
    with suppress(OSError, *DAMAGE):
        if done < total and time.time() - path.stat().st_mtime < PAUSE:
            return
        _write(output, image, plain_files.read_json(path) | {"done": done, "total": total})


def finish(output: Path, entry: Entry) -> None:
    """Note what became of an image, whose result is written."""
    _write(output, entry.image, {"image": entry.image, "since": 0, "entry": entry.to_dict()})


def clear(output: Path, image: str) -> None:
    """Delete the file of an image whose entry is in the journal."""
    with suppress(OSError):
        _path(output, image).unlink(missing_ok=True)


def read(output: Path) -> list[AtWork]:
    """Return what is at work, the longest first; what cannot be read is left out."""
    found = []
    for path in layout.at_work(output).glob("*.json"):
        with suppress(OSError, *DAMAGE):  # a worker may just have finished it
            found.append(_parse(plain_files.read_json(path)))
    return sorted(found, key=lambda work: work.since)


def _parse(line: Mapping[str, Any]) -> AtWork:
    entry, image, since = line.get("entry"), line["image"], float(line["since"])
    if not isinstance(image, str) or not math.isfinite(since):
        raise ValueError("it must say which image, and since when")
    return AtWork(
        image,
        since,
        int(line.get("done", 0)),
        int(line.get("total", 0)),
        int(line.get("process", 0)),
        None if entry is None else Entry.from_dict(entry),
    )


def _path(output: Path, image: str) -> Path:
    name = sha256(image.encode(errors="surrogateescape")).hexdigest()  # it may be any bytes
    return layout.at_work(output) / f"{name[:24]}.json"


def _write(output: Path, image: str, line: Mapping[str, Any]) -> None:
    with suppress(UnsmearError):
        write_aside(_path(output, image), json.dumps(line, allow_nan=False).encode())
