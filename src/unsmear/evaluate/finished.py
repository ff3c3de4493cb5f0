"""Pairs that an evaluation has scored, kept in JSON lines until its tables are written.

An evaluation that was stopped goes on from there with the same command. The first line holds what
the scores depend on; where that is no longer so, or a line is damaged, all pairs are scored again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

import unsmear
from unsmear import journal, lease
from unsmear.data import manifest
from unsmear.errors import DataError
from unsmear.evaluate.pairs import Case
from unsmear.evaluate.scores import ChannelScore, MethodWithKernel, Row, Scored
from unsmear.images.tiff.reading import stamp
from unsmear.journal import DAMAGE

FILE = "scored.jsonl"
TEXTS = ("name", "group", "split", "restorer", "blur", "family")
"""Fields of a row that are texts; the others but `worse` and `channels` are numbers or None."""


@dataclass(frozen=True)
class Finished:
    """The pairs that are scored so far, by name.

    path: of the journal. asked: its first line.
    """

    path: Path
    asked: Mapping[str, Any]
    scored: dict[str, Scored]

    def record(self, name: str, scored: Scored) -> None:
        """Keep the scores of a pair; raises DataError where they cannot be written."""
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
    """Hold the journal of an output folder inside the context.

    Raises OptionError where another process evaluates into the folder, and DataError where nothing
    can be written there.
    """
    is_new = not output.exists()
    try:
        with lease.holding(output / f".{FILE}.lease", output):
            yield begun(output / FILE, asked)
    finally:
        if is_new:
            with suppress(OSError):
                output.rmdir()  # where nothing was scored


def begun(path: Path, asked: Mapping[str, Any]) -> Finished:
    """Return what an earlier run with the same questions has scored, as far as it can be read."""
    asked = json.loads(json.dumps(asked))
    empty = Finished(path, asked, {})
    if not path.exists():
        return empty
    try:
        head, *lines = map(json.loads, journal.read(path))
        if head != asked:
            return empty
        return Finished(path, asked, {_text(line["pair"]): _scored(line) for line in lines})
    except (*DAMAGE, DataError):
        return empty


def describe(
    pairs: Path,
    cases: Sequence[Case],
    contenders: Sequence[MethodWithKernel],
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what the scores depend on: the files as they are now, the methods and the options."""
    files = [pairs / manifest.FILE]
    files += [
        file
        for case in cases
        for file in (*case.sharp.files, *case.blurred.files)
        if isinstance(file, Path)
    ]
    listed = [(str(file), stamp(file)) for file in files]
    return {
        "unsmear": unsmear.__version__,
        "files": sha256(json.dumps([[case.name for case in cases], listed]).encode()).hexdigest(),
        "methods": [[one.name, one.method.cited] for one in contenders],
        "options": dict(options),
    }


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
    if {field.name for field in fields(Row)} != set(values):
        raise KeyError("another row")
    converted: dict[str, Any] = {name: _number(value) for name, value in values.items()
                                 if name not in (*TEXTS, "worse", "channels")}  # fmt: skip
    converted |= {name: _text(values[name]) for name in TEXTS}
    channels = tuple(
        ChannelScore(_text(one["channel"]), _number(one["psnr"]), _number(one["ssim"]))
        for one in values["channels"]
    )
    return Row(**converted, worse=bool(values["worse"]), channels=channels)


def _number(value: Any) -> Any:
    if isinstance(value, str):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        raise TypeError("a number must be one")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a name must be a text")
    return value
