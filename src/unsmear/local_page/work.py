"""What a worker is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from unsmear.data.item import Item
from unsmear.data.source import Survey
from unsmear.errors import OptionError
from unsmear.estimate.result import Estimate

LONGEST = 512.0
"""Of a given motion, pixels."""


class News(Protocol):
    """Tells the server what a worker is at."""

    def __call__(self, what: str, done: int = 0, total: int = 0) -> None:
        """Say what is done, the parts that are done, and all of them; 0 and 0 where none count."""


@dataclass(frozen=True)
class Wanted:
    """How images are restored.

    length, angle: of a motion that is given, pixels and degrees; None to estimate it. uncertainty,
    force: as in `unsmear restore`. floats: whether results are float32.
    """

    length: float | None = None
    angle: float | None = None
    uncertainty: bool = False
    force: bool = False
    floats: bool = False

    @classmethod
    def of(cls, values: dict[str, Any]) -> Wanted:
        """Return what a browser asks for; raises OptionError for what nobody can ask for."""
        motion = values.get("motion")
        length = angle = None
        if motion is not None:
            length, angle = (_number(motion, name) for name in ("length", "angle"))
            if not 0 < length <= LONGEST:
                raise OptionError(f"length must be above 0, to {LONGEST:g} pixels, got {length:g}.")
            angle %= 180
        flags = {name: values.get(name) is True for name in ("uncertainty", "force", "floats")}
        return cls(length, angle, **flags)


def _number(values: Any, name: str) -> float:
    try:
        number = float(values[name])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise OptionError(f"{name} must be a number.") from error
    if number != number or abs(number) > 1e6:
        raise OptionError(f"{name} must be a number, got {number}.")
    return number


@dataclass(frozen=True)
class Batch:
    """Images that are restored in one go.

    inputs: what the user gave. survey: all images that lie together, which decides the names of
    results. chosen: the ids of those to be restored.
    output: folder of the results. recorded: whether that keeps the record of a batch. axes: that
    were given on the page for all that are chosen, "" for none.
    """

    wanted: Wanted
    inputs: tuple[str, ...]
    survey: Survey
    chosen: tuple[str, ...]
    output: Path
    recorded: bool
    axes: str = ""

    @property
    def items(self) -> list[Item]:
        """The images that are restored."""
        return [item for item in self.survey.items if item.id in set(self.chosen)]


@dataclass(frozen=True)
class Seen:
    """What an image is.

    about: its size and type in words. items: those in a file of several. unnamed: why its axes must
    be given, "" where they are known.
    """

    about: str = ""
    planes: int = 1
    channels: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()
    unnamed: str = ""


@dataclass(frozen=True)
class Finding:
    """What was found for an exposure, in words. estimate: None where the kernel was given."""

    planes: str
    movement: str
    moved: bool
    estimate: Estimate | None = None


@dataclass(frozen=True)
class Done:
    """What became of an image: as in the record of a batch.

    outputs: the files of its result. beside: its uncertainty, where that was asked for.
    """

    action: str
    sentence: str
    outputs: tuple[Path, ...] = ()
    estimates: tuple[Finding, ...] = ()
    beside: tuple[Path, ...] = ()


class Work(Protocol):
    """What a worker process does. folder: where it leaves pictures of the image."""

    def see(self, news: News, item: Item, folder: Path) -> Seen:
        """Say what an image is, and draw it."""

    def estimate(self, news: News, item: Item, folder: Path) -> Sequence[Finding]:
        """Say what moved how, and mark it."""

    def begin(self, news: News, batch: Batch) -> None:
        """Begin to restore images."""

    def restore(self, news: News, item: Item, folder: Path) -> Done:
        """Restore an image of the batch, write its result, and draw it."""

    def end(self, news: News, batch: Batch) -> None:
        """End the batch, though the process that began it may have been stopped."""
