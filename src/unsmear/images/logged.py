"""Errors that other libraries only log, such as an image that is not complete."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator

from unsmear.errors import ImageError

NOTHING = re.compile(r"(?!)")
"""Matches no text."""


@contextlib.contextmanager
def logged_as_error(
    library: str,
    level: int,
    sentence: str,
    about: str = "",
    but: re.Pattern[str] = NOTHING,
) -> Iterator[None]:
    """Raise ImageError if a library logs at this level or above, and do not print its messages.

    sentence: beginning of the error; the library's first message follows in brackets.
    about: text that a message must contain to count. but: what messages have that do not count.
    """
    records: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = record.getMessage()
            if record.levelno >= level and about in text and not but.search(text):
                records.append(text)

    logger = logging.getLogger(library)
    handler, propagate = Collect(), logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
    if records:
        first = " ".join(records[0].split()).rstrip(".")
        raise ImageError(f"{sentence} ({first}).")


@contextlib.contextmanager
def quiet(library: str) -> Iterator[None]:
    """Print none of a library's messages."""
    logger = logging.getLogger(library)
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
