"""One run of `unsmear open`: the images that are shown, what was dropped, and what is done."""

from __future__ import annotations

import itertools
import json
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from unsmear.data import source
from unsmear.data.item import Item
from unsmear.data.source import Survey
from unsmear.errors import ImageError, OptionError, UnsmearError
from unsmear.images.axes import check
from unsmear.local_page.jobs import Jobs
from unsmear.local_page.looking import MARKS, VALUES
from unsmear.local_page.pixels import Cabinet, Rectangle, picture
from unsmear.local_page.shelf import Place, Shelf, Shown
from unsmear.local_page.uploads import Uploads
from unsmear.local_page.work import Wanted, Work
from unsmear.plain_files import read_json
from unsmear.report.restoration import view
from unsmear.report.restoration.display import Stretch

LARGEST = 4096
"""Largest side of a picture that is sent, pixels."""


@dataclass(frozen=True)
class Folder:
    """The folder that is opened: what lies in it, by its name, and where results go.

    earlier: ids of the images that have a result there already.
    """

    name: str
    survey: Survey
    output: Path
    earlier: frozenset[str] = frozenset()


@dataclass
class Session:
    """What one start of the program shows.

    folder: for pictures, drops and their results; deleted at the end. make: the work of the worker
    process. opened: the folder that is opened; None without one. axes: of files that do not say.
    """

    folder: Path
    make: Callable[[], Work]
    opened: Folder | None = None
    axes: str | None = None
    name: str = field(default_factory=lambda: secrets.token_hex(8))
    shelf: Shelf = field(default_factory=Shelf)
    cabinet: Cabinet = field(default_factory=Cabinet)
    _drops: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _open: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.jobs = Jobs(self.shelf, self.make)
        self.uploads = Uploads(self.folder / "drops")
        self.uploads.folder.mkdir(parents=True, exist_ok=True)
        if self.opened is not None:
            given, opened = (self.opened.name,), self.opened
            place = Place(given, opened.survey, opened.output, True, earlier=opened.earlier)
            self._show(place)

    def close(self) -> None:
        """Stop everything and delete what was kept for the page."""
        self.shelf.close()
        self.jobs.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def about(self) -> dict[str, Any]:
        """Return what a browser is told of the session."""
        if self.opened is None:
            return {"folder": "", "output": "", "remarks": []}
        remarks = self.opened.survey.sentences()
        return {"folder": self.opened.name, "output": str(self.opened.output), "remarks": remarks}

    def _show(self, place: Place) -> list[Shown]:
        added = self.shelf.add(place.survey.items, place, self.folder / "images")
        self.jobs.look_at(added)
        return added

    def begin_drop(self) -> str:
        """Return the name of a drop."""
        drop = str(next(self._drops))
        self._open.add(drop)
        return drop

    def is_open(self, drop: str) -> bool:
        """Return whether files of a drop are still taken."""
        return drop in self._open

    def end_drop(self, drop: str) -> dict[str, Any]:
        """Show the images of a drop; return how many there are, and what is not read."""
        self._open.discard(drop)
        folder = self.uploads.folder / drop
        try:
            survey = source.survey([folder / "images"], axes=self.axes)
        except UnsmearError as error:
            remark = str(error).removeprefix(f"{folder / 'images'}: ")
            return {"images": 0, "remarks": [remark]}
        added = self._show(Place((), survey, folder / "restored", recorded=False, drop=drop))
        remarks = [text.replace(f"{folder / 'images'}/", "") for text in survey.sentences()]
        return {"images": len(added), "remarks": remarks}

    def give_axes(self, keys: list[str], axes: object) -> int:
        """Have images looked at again by axes, those that need some; return how many.

        Raises OptionError or AxesError for axes that no image has.
        """
        if not isinstance(axes, str) or not axes.strip():
            raise OptionError("axes must be given, such as ZCYX.")
        letters = axes.strip().upper()
        check(letters, (1,) * len(letters), "the image")
        wanting = [shown for shown in self.shelf.chosen(dict.fromkeys(keys)) if shown.unnamed]
        for shown in wanting:
            item = shown.item.with_axes(letters)
            changes = {"item": item, "axes": letters, "sentences": (), "unnamed": False}
            self.shelf.put(shown.key, state="waiting", **changes)
        self.jobs.look_at(wanting)
        return len(wanting)

    def restore(self, keys: list[str], wanted: Wanted) -> int:
        """Have images restored, but for those that are being restored; return how many."""
        return self.jobs.restore(self.shelf.chosen(dict.fromkeys(keys)), wanted)

    def values(self, shown: Shown) -> dict[str, Any]:
        """Return the values of an image's view, as far as they are known."""
        values = _values(shown)
        del values["stretch"]
        names = values["pictures"]
        address = f"/images/{shown.key}/{{}}.png?{shown.pictured}"
        values["pictures"] = {name: address.format(name) for name in names}
        marks = shown.folder / MARKS
        if view.RESTORED_PICTURE not in names and marks.is_file():
            of_planes = json.loads(marks.read_bytes())
            values["movements"] = of_planes[min(values["shown"], len(of_planes) - 1)]
        return values

    def part(
        self,
        shown: Shown,
        layer: str,
        plane: int,
        channel: int,
        rectangle: Rectangle | None,
        largest: int,
    ) -> bytes:
        """Return a part of a layer as a PNG file, see `pixels.picture`; channel: -1 for all."""
        stretch = Stretch(**_values(shown)["stretch"])
        restored = layer == view.RESTORED_PICTURE
        item = (lambda: _result(shown)) if restored else (lambda: shown.item)
        key = (shown.key, layer, shown.pictured if restored else 0)
        pixels = self.cabinet.pixels(key, item)
        alone = None if channel < 0 else channel
        return picture(pixels, stretch, plane, alone, rectangle, min(max(largest, 1), LARGEST))


def _values(shown: Shown) -> dict[str, Any]:
    try:
        values: dict[str, Any] = read_json(shown.folder / VALUES)
    except FileNotFoundError as error:
        raise ImageError(f"{shown.item.id}: there is no picture yet.") from error
    return values


def _result(shown: Shown) -> Item:
    """Return the result of an image as an item."""
    if not shown.outputs:
        raise ImageError(f"{shown.item.id}: there is no result.")
    result = source.survey(list(shown.outputs)).items[0]
    return (
        result if len(result.files) == len(shown.outputs) else replace(result, files=shown.outputs)
    )
