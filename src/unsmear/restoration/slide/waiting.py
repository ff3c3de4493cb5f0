"""Files in which what is told of a block waits until all blocks of a slide are done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile

from unsmear.errors import ImageError
from unsmear.restoration.slide.survey import Block


def file(folder: Path, block: Block, ending: str) -> Path:
    """Return the file of a block. folder: beside the result. ending: of what it holds."""
    place = block.batch, block.channel, block.rows.start, block.columns.start
    return folder / f"{'-'.join(map(str, place))}{ending}"


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raise ImageError where a file of a block is missing or damaged."""
    try:
        yield
    except (OSError, ValueError, EOFError, KeyError, TypeError, BadZipFile) as error:
        raise ImageError(f"{path.name}: the file cannot be read.") from error
