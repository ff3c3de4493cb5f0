"""What a kind of result needs: a part of a folder in which it is built."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from unsmear.images.image import Image
from unsmear.images.slides.places import WritablePlanes
from unsmear.images.slides.slide import Slide


@dataclass(frozen=True)
class Site:
    """Where a result is built, and of what.

    folder: of its parts. name: that the result will have. dtype: of its pixels. block: rows and
    columns of what is written at once.
    """

    folder: Path
    name: str
    slide: Slide
    dtype: np.dtype[Any]
    block: tuple[int, int]

    @property
    def result(self) -> Path:
        """Return where the result itself grows."""
        return self.folder / "result"

    @property
    def stage(self) -> Path:
        """Return where blocks wait that the result cannot take one by one."""
        return self.folder / "stage"

    @cached_property
    def image(self) -> Image:
        """Return the result without its pixels, which are zeros that take no memory."""
        header = self.slide.header
        return replace(header, pixels=np.broadcast_to(np.zeros(1, self.dtype), header.pixels.shape))


class Result(Protocol):
    """A kind of result."""

    def prepare(self) -> None:
        """Make everything that the first block needs."""
        ...

    def planes(self) -> WritablePlanes:
        """Return where blocks are written."""
        ...

    def finish(self, done: str) -> tuple[str, ...]:
        """Complete the result; return what it cannot hold, in words.

        It depends on the blocks alone, and can be done again after it was stopped.
        """
        ...
