"""Pairs that an evaluation has scored, kept in JSON lines until all of them are in its tables.

An evaluation that was stopped, or of which pairs failed, goes on from there with the same command.
The first line holds what all scores depend on, by which the file is named: scores of other options
lie in another file. Each further line has the scores of a pair, and by what its files are known.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import unsmear
from unsmear import journal, lease
from unsmear.batches.entry import stamp
from unsmear.data import manifest
from unsmear.data.archive import AnyPath
from unsmear.errors import DataError
from unsmear.evaluate.pairs import Case
from unsmear.evaluate.scores import ChannelScore, MethodWithKernel, Row, Scored
from unsmear.journal import DAMAGE
from unsmear.location import Location

LEASE = ".scored.lease"
NAME = ".scored-{}.jsonl"
DIGITS = 8
HEAD = ("version", "manifest", "methods", "options")
"""Names of the files, of the journals by a checksum of their first line; and what that has."""
TEXTS = ("name", "group", "split", "restorer", "blur", "family")
OPTIONAL = ("length", "angle", "estimated_length", "estimated_angle")
NUMBERS = ("psnr", "gain_psnr", "ssim", "gain")
"""Fields of a row: texts, numbers or None, and numbers."""


@dataclass(frozen=True)
class Finished:
    """The pairs that are scored so far, by name.

    path: of the journal. asked: its first line. stamps: by what the files of each pair are known.
    """

    path: Path
    asked: Mapping[str, Any]
    stamps: Mapping[str, list[Any]]
    scored: dict[str, Scored] = field(default_factory=dict)

    def record(self, name: str, scored: Scored) -> None:
        """Keep the scores of a pair; raises an UnsmearError where they cannot be written."""
        if not self.path.exists():
            journal.write(self.path, [self.asked])
        self.scored[name] = scored
        line = {"pair": name, "files": self.stamps[name], **_plain(asdict(scored))}
        journal.append(self.path, line)

    def forget(self) -> None:
        """Delete the journals of the folder: tables of another evaluation replace its own."""
        for path in self.path.parent.glob(NAME.format("?" * DIGITS)):
            with suppress(OSError, *DAMAGE, DataError):
                first, *_ = journal.complete(path)  # ValueError where no line is whole
                if set(json.loads(first)) == set(HEAD):
                    path.unlink()


@contextmanager
def keeping(output: Path, asked: Mapping[str, Any], cases: Sequence[Case]) -> Iterator[Finished]:
    """Hold the journal of an output folder inside the context; leave no empty folder.

    asked: as `describe` gives it. Raises OptionError where another process evaluates into the
    folder, and DataError where nothing can be written there.
    """
    missing = [folder for folder in (output, *output.parents) if not folder.exists()]
    try:
        with lease.holding(output / LEASE, output):
            yield begun(output, asked, cases)
    finally:
        with suppress(OSError):
            for folder in missing:
                folder.rmdir()


def begun(output: Path, asked: Mapping[str, Any], cases: Sequence[Case]) -> Finished:
    """Return what an earlier run with the same questions has scored, up to the first damage, of
    pairs whose files are as they were.
    """
    head = json.dumps(asked, sort_keys=True)
    path = output / NAME.format(sha256(head.encode()).hexdigest()[:DIGITS])
    stamps = {
        case.name: [_stamps(file) for file in (*case.sharp.files, *case.blurred.files)]
        for case in cases
    }
    finished = Finished(path, json.loads(head), json.loads(json.dumps(stamps)))
    sound: list[Any] = []
    try:
        first, *lines = journal.read(path) if path.exists() else [head.encode()]
        if json.loads(first) != finished.asked:
            path.unlink()
            lines = []
        for line in map(json.loads, lines):
            if line["files"] == finished.stamps.get(line["pair"]):
                finished.scored[_text(line["pair"])] = _scored(line)
            sound.append(line)
    except DAMAGE:
        # What follows is scored again, and kept where a later run reads it.
        with suppress(*DAMAGE, DataError, OSError):
            journal.write(path, [finished.asked, *sound])
    except (DataError, OSError):
        pass  # all is scored again
    return finished


def describe(
    pairs: Path, contenders: Sequence[MethodWithKernel], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what all scores depend on: the manifest, the methods and the options."""
    listed = pairs / manifest.FILE
    return {
        "version": unsmear.__version__,
        "manifest": sha256(listed.read_bytes()).hexdigest() if listed.is_file() else "",
        "methods": [[one.name, one.method.cited] for one in contenders],
        "options": dict(options),
    }


def _stamps(file: AnyPath | Location) -> list[Any]:
    """Return by what a file, an archive that holds it, or a folder of chunks is known again."""
    if isinstance(file, Location):  # nothing is asked of the network for it
        return [str(file)]
    path = file if isinstance(file, Path) else Path(str(file.root.filename))
    inside = sorted(path.rglob("*")) if path.is_dir() else []
    return [str(file), *(stamp(one) for one in (path, *inside))]


def _plain(value: Any) -> Any:
    """Return a value for JSON, which has no infinity and no NaN: their names instead."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _scored(line: Mapping[str, Any]) -> Scored:
    """Return the scores on a line; raises one of DAMAGE for a damaged one."""
    return Scored(
        rows=tuple(map(_row, line["rows"])),
        seconds={_text(name): _number(value) for name, value in line["seconds"].items()},
        megapixels=_number(line["megapixels"]),
        peak=_number(line["peak"]),
    )


def _row(values: Mapping[str, Any]) -> Row:
    if not isinstance(values["worse"], bool):
        raise TypeError("whether a row is worse must be true or false")
    fields: dict[str, Any] = {name: _text(values[name]) for name in TEXTS}
    fields |= {name: _number(values[name]) for name in NUMBERS}
    fields |= {name: None if values[name] is None else _number(values[name]) for name in OPTIONAL}
    channels = tuple(
        ChannelScore(_text(one["channel"]), _number(one["psnr"]), _number(one["ssim"]))
        for one in values["channels"]
    )
    return Row(**fields, worse=values["worse"], channels=channels)


def _number(value: Any) -> float:
    if isinstance(value, str):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("a number must be one")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a name must be a text")
    return value
