"""Lines of a run's record: what became of one image."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePath
from types import NoneType
from typing import Any

from unsmear.errors import shown

RESTORED = "restored"
LEFT = "left unchanged"
UNSURE = "unsure"
"""It is open whether the image moved, or how; it is left unchanged."""
ESTIMATED = "estimated"
FAILED = "failed"
PASSED_OVER = "passed over"
ALREADY_THERE = "already there"
UNFINISHED = (FAILED, PASSED_OVER)
"""Actions that leave no result; every other one leaves it in the output folder."""

AFTER_SUCCESS = (LEFT, UNSURE, ALREADY_THERE, PASSED_OVER, FAILED)
"""Order in which counts name what else became of images, after what was wanted."""

LATEST = 2.5e11
"""Latest time of a record, seconds since 1970: the year 9892."""
TEXTS = ("planes", "movement", "kind", "processed", "doubt")
NUMBERS = ("confidence", "length", "angle", "radius", "number", "missing")
"""What of `Entry.found` is text, and what are numbers or nothing, where it is there."""

Input = tuple[str, int, int]
"""Path, size in bytes and time of the last change (nanoseconds since 1970) of an input file; -1
where the file system does not say it."""


def counted(counts: Mapping[str, int]) -> str:
    """Return counts of actions as words, success first: "2 restored, 1 unsure, 1 failed"."""
    order = {action: place for place, action in enumerate(AFTER_SUCCESS, 1)}
    actions = sorted(counts, key=lambda action: order.get(action, 0))
    return ", ".join(f"{counts[action]} {action}" for action in actions)


def stamp(path: Path) -> tuple[int, int]:
    """Return the size of a file and the time of its last change, -1 where that is not known."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return -1, -1
    return found.st_size, found.st_mtime_ns


@dataclass(frozen=True)
class Entry:
    """What became of one image.

    image: its id, unique in the run. action: "blurred", "prepared", or one of the above.
    sentence: the line that was printed: what was done, or why it was not.
    item: the id of its file, another one where a file holds several images; of: how many it holds.
    found: what was found for each exposure: its planes, the movement in words and in numbers, and
    whether it was restored. outputs: files of the result, relative to the output folder.
    tiles_replaced: fraction of its tiles that failed the consistency check, None without one.
    report: page on it, relative to the output folder where it lies in it or beside it, "" for none.
    inputs: its files as they were before they were read. warnings: what the summary counts.
    copies: the files of a result that are copies of its input files, as they were when written.
    seconds: computing time. at: when it was done, seconds since 1970. session: number of the call,
    from 1.
    """

    image: str
    action: str
    sentence: str = ""
    item: str = ""
    of: int = 1
    found: tuple[Mapping[str, Any], ...] = ()
    outputs: tuple[str, ...] = ()
    tiles_replaced: float | None = None
    report: str = ""
    inputs: tuple[Input, ...] = ()
    copies: tuple[Input, ...] = ()
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    at: float = 0.0
    session: int = 0

    @property
    def done(self) -> bool:
        """Whether a result is in the output folder."""
        return self.action not in UNFINISHED

    def action_of(self, found: Mapping[str, Any]) -> str:
        """Return what became of an exposure, one of `found`."""
        if found.get("restored"):
            return RESTORED
        if found.get("unsure"):
            return UNSURE
        if "restored" in found:
            return LEFT
        return ESTIMATED if self.action == UNSURE else self.action

    def of_inputs(self, inputs: tuple[Input, ...]) -> bool:
        """Return whether these are its input files, unchanged; a folder may have another name."""
        return _without_folders(self.inputs) == _without_folders(inputs)

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as JSON values, without what is empty."""
        return {name: value for name, value in asdict(self).items() if value not in ("", (), None)}

    @classmethod
    def from_dict(cls, line: Mapping[str, Any]) -> Entry:
        """Return the entry of a line; names of later versions are left out.

        Raises one of `journal.DAMAGE` for a line that is none.
        """
        known = {field.name: line[field.name] for field in fields(cls) if field.name in line}
        for name in ("found", "outputs", "warnings"):
            known[name] = tuple(known.get(name, ()))
        for name in ("inputs", "copies"):
            known[name] = tuple((str(a), int(b), int(c)) for a, b, c in known.get(name, ()))
        entry = cls(**known)
        entry._check()
        return entry

    def _check(self) -> None:
        """Raise TypeError or ValueError for values of another kind than the fields have."""
        texts = (self.image, self.action, self.sentence, self.item, self.report)
        _check_all(str, (*texts, *self.outputs, *self.warnings))
        _check_all(int, (self.of, self.session))
        _check_all((int, float, NoneType), (self.tiles_replaced, self.seconds, self.at))
        if not 0 <= self.at < LATEST:
            raise ValueError(f"a time must be seconds since 1970, got {shown(self.at)}")
        _check_all(Mapping, self.found)
        for found in self.found:
            _check_all(str, (found[name] for name in TEXTS if name in found))
            _check_all((int, float, NoneType), (found[name] for name in NUMBERS if name in found))


def _check_all(kind: Any, values: Iterable[Any]) -> None:
    """Raise TypeError for a value of another kind, and for a number that is not finite."""
    for value in values:
        infinite = isinstance(value, float) and not math.isfinite(value)
        if infinite or not isinstance(value, kind):
            raise TypeError(f"it holds {shown(value)}, which is of the wrong kind")


def _without_folders(inputs: tuple[Input, ...]) -> list[Input]:
    return [(PurePath(path).name, size, changed) for path, size, changed in inputs]
