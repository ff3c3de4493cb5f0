"""Frames from a folder that is being written."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from unsmear import images
from unsmear.choices import FrameOrder
from unsmear.errors import AxesError, ImageError, OptionError
from unsmear.streaming.frame import Frame

LOOK = 0.02
"""Seconds between two looks into the folder."""
NUMBER = re.compile(r"(\d{1,15})(?!.*\d)")
"""The last number in a name without its ending."""


@dataclass(eq=False)
class _File:
    """A file that was seen. size, changed: as they were at the last look; since: when they were
    seen to change, arrived: when it was first seen, by `time.monotonic`; settled: whether two looks
    saw the same.
    """

    name: str
    number: int | None
    arrived: float
    since: float
    size: int
    changed: int
    settled: bool = False


@dataclass(eq=False)
class Folder:
    """The frames of a folder, while it is written or afterwards.

    order: by the last number in the names, or as the files come. count: number of frames, with
    those of `done`; None where it is not known. idle: seconds without a new frame after which it
    ends; 0 takes what is there. patience: seconds that are waited for a number that is missing, and
    for a file that cannot be read. done: names that are left out, for they are done.

    Attributes that say how it ended: `given`, the number of frames that were given, and `short`,
    the number of those that are missing from `count`.
    """

    path: Path
    order: FrameOrder = "number"
    count: int | None = None
    idle: float = 10.0
    patience: float = 2.0
    done: Collection[str] = ()
    given: int = 0
    short: int = 0
    _files: dict[str, _File] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)
    _expected: int | None = None
    _looked: float = 0.0
    _moved: float = 0.0
    _gap_since: float | None = None

    def __post_init__(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise OptionError(f"{self.path}: frames must be in a folder, got a file.")
        if self.count is not None and self.count < 1:
            raise OptionError(f"count must be 1 or more frames, got {self.count}.")
        for name, value in (("idle", self.idle), ("patience", self.patience)):
            if not 0 <= value < float("inf"):
                raise OptionError(f"{name} must be 0 or more seconds, got {value}.")

    def __iter__(self) -> Iterator[Frame]:
        self._known = set(self.done)
        self._finished = {number_of(name) for name in self.done}
        self._moved = self._looked = time.monotonic()
        self.given = 0
        while True:
            self._look()
            frame = self._next()
            if frame is not None:
                self.given += 0 if frame.missing else 1
                self._moved = time.monotonic()
                yield frame
            elif self._is_over():
                return
            else:
                time.sleep(LOOK)

    def _look(self) -> None:
        """Look which files are there, and which of them still change."""
        now, last = time.monotonic(), self._looked
        try:
            entries = list(os.scandir(self.path))
        except FileNotFoundError:
            entries = []
        except OSError as error:
            raise OptionError(
                f"{self.path}: the folder cannot be read ({error.strerror})."
            ) from error
        for entry in entries:
            if entry.name.startswith(".") or not entry.name.lower().endswith(images.SUFFIXES):
                continue
            if entry.name not in self._known:
                self._note(entry, now, last)
        self._looked = now

    def _note(self, entry: os.DirEntry[str], now: float, last: float) -> None:
        """Note a file as it is now."""
        try:
            stat = entry.stat()
        except FileNotFoundError:  # renamed in between
            return
        seen = self._files.get(entry.name)
        if seen is None:
            # Between two looks: when it was written last, if the clocks agree.
            written = now - (time.time() - stat.st_mtime)
            arrived = min(max(written, last), now)
            seen = _File(entry.name, number_of(entry.name), arrived, now, -1, 0)
            self._files[entry.name] = seen
        same = (seen.size, seen.changed) == (stat.st_size, stat.st_mtime_ns)
        seen.settled = same and stat.st_size > 0
        if not same:
            seen.size, seen.changed, seen.since = stat.st_size, stat.st_mtime_ns, now
            self._moved = now

    def _next(self) -> Frame | None:
        """Return the frame whose turn it is; None where it is not there yet."""
        waiting = [file for file in self._files.values() if file.name not in self._known]
        if not waiting:
            return None
        if self.order == "arrival" or any(file.number is None for file in waiting):
            return self._read(min(waiting, key=lambda file: (file.arrived, file.name)))
        first = min(waiting, key=lambda file: (file.number or 0, file.name))
        if self._expected is None:
            self._expected = first.number
        while self._expected in self._finished and self._expected is not None:
            self._expected += 1
        number, expected = first.number or 0, self._expected or 0
        if number > expected:
            return self._missing(expected, number)
        self._gap_since = None
        return self._read(first)

    def _read(self, file: _File) -> Frame | None:
        """Return a file as a frame, as soon as it is whole; one that is damaged too, in the end."""
        if not file.settled and time.monotonic() - file.since < self.patience:
            return None
        path = self.path / file.name
        try:
            image = images.read(path)
        except (ImageError, AxesError) as error:
            if time.monotonic() - file.since < self.patience:
                return None
            frame = Frame(file.name, None, file.number, file.arrived, path, problem=str(error))
        else:
            frame = Frame(file.name, image, file.number, file.arrived, path)
        self._known.add(file.name)
        del self._files[file.name]
        if file.number is not None and file.number == self._expected:
            self._expected += 1
        return frame

    def _missing(self, expected: int, number: int) -> Frame | None:
        """Return what stands for frames that do not come, after some patience."""
        now = time.monotonic()
        self._gap_since = now if self._gap_since is None else self._gap_since
        if now - self._gap_since < self.patience:
            return None
        self._gap_since, self._expected = None, number
        last = number - 1
        names = f"frame {expected}" if last == expected else f"frames {expected} to {last}"
        problem = f"{names} did not come within {self.patience:g} s of a later one; left out."
        return Frame(names, None, expected, now, problem=problem, missing=number - expected)

    def _is_over(self) -> bool:
        """Return whether no more frames are waited for."""
        done = self.given + len(self.done)
        if self.count is not None and done >= self.count:
            return True
        if any(file.name not in self._known for file in self._files.values()):
            return False
        if time.monotonic() - self._moved < self.idle:
            return False
        self.short = max(0, (self.count or 0) - done)
        return True


def number_of(name: str) -> int | None:
    """Return the last number in a file's name, None without one: 12 of "frame-000012.ome.tif"."""
    stem = name.lower()
    for ending in (*images.SUFFIXES, ".ome"):
        stem = stem.removesuffix(ending)
    found = NUMBER.search(stem.removesuffix(".ome"))
    return None if found is None else int(found[1])
