"""The images on the page, and what is known of each; every change has a number."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from unsmear.data.item import Item
from unsmear.data.source import Survey

State = Literal["waiting", "seen", "estimated", "restored", "unchanged", "failed"]
"""What is known of an image; a failed one cannot be read, or not be restored."""


TOLD = ("key", "group", "state", "about", "planes", "channels", "verdict", "sentences", "advice",
        "busy", "done", "total", "pictured", "change", "unnamed", "axes")  # fmt: skip
"""What a browser is told of an image as it is here."""


@dataclass(frozen=True)
class Place:
    """Images that lie together: a folder, or what was dropped at once.

    inputs: what the user gave. output: where results go. recorded: whether that is the user's own
    folder, which keeps a record; else the results wait there to be downloaded. drop: the number of
    what was dropped, "" for a folder. earlier: ids of images that had a result at the start.
    """

    inputs: tuple[str, ...]
    survey: Survey
    output: Path
    recorded: bool
    drop: str = ""
    earlier: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Shown:
    """An image on the page.

    key: its number in addresses. folder: of its pictures. group: its plate, "" for none. about:
    size and type in words. verdict: of an estimate, see `advice.verdict`. sentences: what was found
    or done; advice: what to do. busy: "" while nothing is done with it, "waiting" where it waits to
    be restored, or what is done. done, total: parts of that. outputs: files of its result.
    beside: its uncertainty. unnamed: whether its axes must be given. axes: those that were given on
    the page, "" for none. pictured: number of the last change of its pictures. change: number of
    the last change.
    """

    key: str
    item: Item
    place: Place
    folder: Path
    group: str = ""
    state: State = "waiting"
    about: str = ""
    planes: int = 1
    channels: tuple[str, ...] = ()
    verdict: str = ""
    sentences: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    busy: str = ""
    done: int = 0
    total: int = 0
    outputs: tuple[Path, ...] = ()
    beside: tuple[Path, ...] = ()
    unnamed: bool = False
    axes: str = ""
    pictured: int = 0
    change: int = 0

    @property
    def written(self) -> tuple[Path, ...]:
        """All files that were written for it, which can be downloaded."""
        return (*self.outputs, *self.beside)

    def to_dict(self) -> dict[str, Any]:
        """Return what a browser is told of it."""
        own = {name: getattr(self, name) for name in TOLD}
        return own | {
            "name": self.item.id,
            "results": [path.name for path in self.written],
            "earlier": self.item.id in self.place.earlier,
            "dropped": not self.place.recorded,
        }


@dataclass
class Shelf:
    """All images, by their keys, in order."""

    shown: dict[str, Shown] = field(default_factory=dict)
    removed: dict[str, int] = field(default_factory=dict)
    change: int = 0
    closed: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _count: int = 0

    def add(self, items: Sequence[Item], place: Place, folder: Path) -> list[Shown]:
        """Put images on the page; folder: where their pictures go, each in one of its own."""
        with self._changed:
            groups = _groups(place.survey)
            added = []
            for item in items:
                self._count += 1
                key = str(self._count)
                group = groups.get(item.files[0], "") if item.of_plate else ""
                shown = Shown(key, item, place, folder / key, group, change=self._next())
                shown.folder.mkdir(parents=True)
                self.shown[key] = shown
                added.append(shown)
            self._changed.notify_all()
            return added

    def put(self, key: str, **changes: Any) -> Shown | None:
        """Change what is known of an image; None where it is no longer there."""
        with self._changed:
            if key not in self.shown:
                return None
            number = self._next()
            if changes.pop("drawn", False):
                changes["pictured"] = number
            self.shown[key] = replace(self.shown[key], **changes, change=number)
            self._changed.notify_all()
            return self.shown[key]

    def remove(self, key: str) -> None:
        """Take an image off the page, such as a file in whose place its images come."""
        with self._changed:
            self.shown.pop(key, None)
            self.removed[key] = self._next()
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def since(self, change: int, seconds: float) -> tuple[int, list[Shown], list[str]]:
        """Return the last change, what changed after another one, and which images went.

        Waits for a change for so many seconds.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.change > change or self.closed, seconds)
            fresh = [shown for shown in self.shown.values() if shown.change > change]
            gone = [key for key, number in self.removed.items() if number > change]
            return self.change, fresh, gone

    def chosen(self, keys: Iterable[str]) -> list[Shown]:
        """Return the images with some keys, those that are there."""
        with self._changed:
            return [self.shown[key] for key in keys if key in self.shown]

    def _next(self) -> int:
        self.change += 1
        return self.change


def _groups(survey: Survey) -> dict[object, str]:
    """Return the plate of each file of one, by a name that no other plate of the survey has."""
    names = [plate.name or plate.root.resolve().name for plate in survey.plates]
    return {
        file: name if names.count(name) == 1 else f"{name} in {plate.root.resolve().name}"
        for plate, name in zip(survey.plates, names, strict=True)
        for file in plate.fields
    }
