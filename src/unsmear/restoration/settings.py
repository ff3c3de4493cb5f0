"""What is asked of a restoration, whatever blurred the image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import DTypeLike

from unsmear.choices import Per
from unsmear.errors import OptionError
from unsmear.restoration import methods
from unsmear.restoration.base import Method
from unsmear.restoration.decision import Decision, Known, decide

Progress = Callable[[int, int], None]
"""Callback with how much of the work is done, and how much there is."""


@dataclass(frozen=True, eq=False)
class Settings:
    """How a method is applied.

    options: the method's own, by name. tile: side of the tiles, pixels; None leaves it to the size
    of the image. uncertainty: whether the half-width of a 90 % prediction interval is given too.
    check: whether the check of a method that is not guarded is reported too. force: whether what
    the consistency check would put back is kept. progress: called as the work goes on. dtype: of
    the result; None for that of the image.

    Raises OptionError for an option that the method does not have, and for the uncertainty of a
    method that has none.
    """

    method: Method
    options: Mapping[str, Any]
    tile: int | None = None
    uncertainty: bool = False
    check: bool = False
    force: bool = False
    progress: Progress | None = None
    dtype: DTypeLike | None = None

    def part(self, number: int, count: int) -> Settings:
        """Return those of one of `count` equal parts of the work; its progress is that of all.

        number: of the part, from 0.
        """
        whole = self.progress
        if whole is None or count == 1:
            return self

        def progress(done: int, everything: int) -> None:
            whole(number * everything + done, count * everything)

        return replace(self, progress=progress)

    def __post_init__(self) -> None:
        methods.check_options(self.method, self.options)
        if self.uncertainty and not self.method.guarded:
            raise OptionError(
                f"uncertainty is not available for {self.method.name}; use a deep-wiener method."
            )


@dataclass(frozen=True, eq=False)
class Job:
    """How images are restored: how a method is applied, and by which movements.

    per: what shares a movement where it is estimated.
    """

    settings: Settings
    per: Per = "auto"

    def decide(self, kernel: Known) -> Decision:
        """Return what to do about a kernel or an estimate; None for what did not move."""
        return decide(kernel, self.settings.force)

    def part(self, number: int, count: int) -> Job:
        """Return the job of one of `count` equal parts of the work; its progress is that of all.

        number: of the part, from 0.
        """
        return replace(self, settings=self.settings.part(number, count))

    def report(self, done: int, everything: int) -> None:
        """Say how much of the work is done."""
        if self.settings.progress is not None:
            self.settings.progress(done, everything)
