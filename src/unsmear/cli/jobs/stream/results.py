"""Results of a stream: written in order, recorded, and said."""

from __future__ import annotations

import filecmp
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from unsmear import images
from unsmear.batches.entry import FAILED, LEFT, RESTORED, Entry
from unsmear.batches.writer import Writer
from unsmear.cli.console import say
from unsmear.cli.jobs.record import note
from unsmear.errors import ImageError, UnsmearError, is_full_disk
from unsmear.images import note as notes
from unsmear.streaming import Restoring, Streamed
from unsmear.streaming.checking import Check
from unsmear.streaming.frame import PASSED

COMMAND = "stream"
LATE, LATER = "over the budget", "came later"


class DiskFullError(UnsmearError):
    """No more results can be written."""


@dataclass(frozen=True)
class Gap:
    """Frames that did not come: a file's number may say that they are many.

    first: number of the first of them. came: numbers of those that came later.
    """

    first: int
    count: int
    came: set[int] = field(default_factory=set)

    def is_closed_by(self, number: int | None) -> bool:
        """Note that a frame came; return whether all of the gap have come."""
        if number is not None and 0 <= number - self.first < self.count:
            self.came.add(number)
        return len(self.came) == self.count


@dataclass(frozen=True)
class Results:
    """Where results go.

    gaps: frames that did not come, by the name of their entry. overwrite: whether files
    of other origin are replaced.
    """

    output: Path
    how: Restoring
    writer: Writer
    gaps: dict[str, Gap]
    overwrite: bool = False

    def write(self, streamed: Streamed) -> Streamed:
        """Write a frame's result; return the frame, failed where that cannot be.

        Raises DiskFullError where there is no room: the frames that follow would fail too.
        """
        if streamed.image is None:
            return streamed
        path = self.path_of(streamed)
        try:
            self._check_free(path, streamed.frame.path)
            if streamed.action == LEFT and streamed.frame.path is not None:
                images.copy(streamed.frame.path, path)
            else:
                images.write(path, streamed.image, self._note(streamed))
        except UnsmearError as error:
            if is_full_disk(error):
                raise DiskFullError(
                    f"{self.output}: the disk is full; the frames before {streamed.name} are "
                    "written. Make room; the same call with --resume goes on."
                ) from error
            return replace(streamed, image=None, action=FAILED, reason=str(error))
        return streamed

    def path_of(self, streamed: Streamed) -> Path:
        """Return the file of a frame's result; one without a file becomes an OME-TIFF."""
        file = streamed.frame.path
        if file is None:
            return self.output / f"{streamed.name}.ome.tif"
        if streamed.action == LEFT:
            return self.output / file.name
        ending = images.written_ending(file)
        return self.output / (file.name.removesuffix(file.suffix) + ending)

    def say(self, streamed: Streamed) -> bool:
        """Record what became of a frame, then print it; return whether it was printed.

        Raises DataError where the record cannot be written.
        """
        entry = self._entry(streamed)
        self.writer.add([entry, *self._closed(streamed)])
        printed = say(
            entry.sentence,
            sys.stderr if streamed.action == FAILED else sys.stdout,
            **{name: value for name, value in entry.to_dict().items() if name != "sentence"},
        )
        self.say_checks(streamed.checks)
        return printed

    def say_checks(self, checks: Sequence[Check]) -> None:
        """Print checks of the motion, to stderr where they warn."""
        for check in checks:
            say(check.sentence(), sys.stderr if check.warns else sys.stdout, **check.to_dict())

    def _closed(self, streamed: Streamed) -> list[Entry]:
        """Return entries in the place of those on frames that did not come, and now have."""
        frame = streamed.frame
        if frame.missing:
            first = frame.number or 0
            self.gaps[frame.name] = Gap(first, frame.missing)
            return []
        closed = []
        for name, gap in list(self.gaps.items()):
            if gap.is_closed_by(frame.number):
                del self.gaps[name]
                closed.append(Entry(name, LATER, f"{name}: came later", at=round(time.time(), 3)))
        return closed

    def _entry(self, streamed: Streamed) -> Entry:
        file = streamed.frame.path
        inputs = () if file is None else (_stamp(file),)
        outputs = () if streamed.image is None else (self.path_of(streamed).name,)
        return Entry(
            streamed.name,
            streamed.action,
            _sentence(streamed),
            item=streamed.name,
            found=(_found(streamed),),
            outputs=outputs,
            inputs=inputs,
            warnings=(LATE,) if streamed.late else (),
            seconds=round(streamed.seconds, 3),
            at=round(time.time(), 3),
        )

    def _note(self, streamed: Streamed) -> str:
        """Return the processing record of a result."""
        if streamed.action == PASSED:
            return note(COMMAND, passed_through=streamed.reason)
        if streamed.action == LEFT:
            return note(COMMAND, left_unchanged=streamed.reason)
        return note(COMMAND, method=self.how.method.name, movement=streamed.movement)

    def _check_free(self, path: Path, file: Path | None) -> None:
        """Raise ImageError for a path that holds a file of another origin."""
        if self.overwrite or not path.exists() or COMMAND in notes.commands(path):
            return
        if file is not None and path.is_file() and filecmp.cmp(file, path, shallow=False):
            return
        raise ImageError(
            f"{path}: the output folder must have no other file of this name, got one that is no "
            "result of `unsmear stream`; --overwrite replaces it."
        )


def _sentence(streamed: Streamed) -> str:
    """Return the line on a frame."""
    if streamed.action == FAILED:
        named = streamed.reason.startswith(streamed.name)
        return streamed.reason if named else f"{streamed.name}: {streamed.reason}"
    why = streamed.movement if streamed.action == RESTORED else streamed.reason
    late = ", late" if streamed.late else ""
    return f"{streamed.name}: {why}, {streamed.action}; after {streamed.latency:.2f} s{late}"


def _found(streamed: Streamed) -> dict[str, Any]:
    """Return what the record says of a frame."""
    found: dict[str, Any] = {
        "planes": "",
        "movement": streamed.movement or streamed.reason,
        "number": streamed.number,
        "latency": round(streamed.latency, 4),
        "late": streamed.late,
        "borders": streamed.borders,
        "missing": streamed.frame.missing,
        "checks": [check.to_dict() for check in streamed.checks],
    }
    if streamed.action in (RESTORED, LEFT):
        found["restored"] = streamed.action == RESTORED
    return found


def _stamp(file: Path) -> tuple[str, int, int]:
    try:
        stat = file.stat()
    except OSError:
        return str(file), -1, -1
    return str(file), stat.st_size, stat.st_mtime_ns
