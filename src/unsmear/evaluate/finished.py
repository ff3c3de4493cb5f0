"""Pairs that an evaluation has scored, kept in JSON lines until all of them are in its tables.

An evaluation that was stopped, or of which pairs failed, goes on from there with the same command.
The first line holds what the scores depend on; where that is no longer so, all pairs are scored
again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import unsmear
from unsmear import journal, lease, resume
from unsmear.batches.entry import stamp
from unsmear.data import manifest
from unsmear.data.archive import AnyPath
from unsmear.errors import DataError
from unsmear.evaluate.pairs import Case
from unsmear.evaluate.scores import ChannelScore, MethodWithKernel, Row, Scored
from unsmear.journal import DAMAGE
from unsmear.location import Location

FILE = ".scored.jsonl"
TEXTS = ("name", "group", "split", "restorer", "blur", "family")
OPTIONAL = ("length", "angle", "estimated_length", "estimated_angle")
NUMBERS = ("psnr", "gain_psnr", "ssim", "gain")
"""Fields of a row: texts, numbers or None, and numbers."""


@dataclass(frozen=True)
class Finished:
    """The pairs that are scored so far, by name.

    path: of the journal. asked: its first line. differs: what the scores of an earlier run, which
    are not used, depended on otherwise.
    """

    path: Path
    asked: Mapping[str, Any]
    scored: dict[str, Scored]
    differs: tuple[str, ...] = ()

    def record(self, name: str, scored: Scored) -> None:
        """Keep the scores of a pair; raises an UnsmearError where they cannot be written."""
        if not self.scored:
            journal.write(self.path, [self.asked])
        self.scored[name] = scored
        journal.append(self.path, {"pair": name, **_plain(asdict(scored))})

    def forget(self) -> None:
        """Delete the journal, whose pairs are in the tables."""
        with suppress(OSError):
            self.path.unlink()


@contextmanager
def keeping(output: Path, asked: Mapping[str, Any]) -> Iterator[Finished]:
    """Hold the journal of an output folder inside the context; leave no empty folder.

    Raises OptionError where another process evaluates into the folder, and DataError where nothing
    can be written there.
    """
    made = [folder for folder in (output, *output.parents) if not folder.exists()]
    try:
        with lease.holding(output / f"{FILE}.lease", output):
            yield begun(output / FILE, asked)
    finally:
        with suppress(OSError):
            for folder in made:
                folder.rmdir()


def begun(path: Path, asked: Mapping[str, Any]) -> Finished:
    """Return what an earlier run with the same questions has scored, up to the first damage."""
    asked, scored = json.loads(json.dumps(asked)), dict[str, Scored]()
    empty = Finished(path, asked, scored)
    if not path.exists():
        return empty
    try:
        head, *lines = journal.read(path)
        differs = resume.differing(dict(json.loads(head)), asked)
        if differs:
            return Finished(path, asked, scored, tuple(differs))
        for line in map(json.loads, lines):
            scored[_text(line["pair"])] = _scored(line)
    except (*DAMAGE, DataError):
        pass  # what follows is scored again
    return empty


def describe(
    pairs: Path,
    cases: Sequence[Case],
    contenders: Sequence[MethodWithKernel],
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what the scores depend on: the files as they are now, the methods and the options."""
    files = [file for case in cases for file in (*case.sharp.files, *case.blurred.files)]
    listed = [
        [case.name for case in cases],
        [_stamps(one) for one in (pairs / manifest.FILE, *files)],
    ]
    return {
        "version": unsmear.__version__,
        "files": sha256(json.dumps(listed).encode()).hexdigest(),
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
