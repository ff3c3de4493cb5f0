"""Console tables of the commands."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from unsmear.errors import printable

if TYPE_CHECKING:
    from rich.console import Console


WIDE = 200
"""Width in characters where stdout is no terminal: a table in a file is never cut."""


def console() -> Console:
    """Return the console of stdout; it prints names as they are, brackets included."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else WIDE, highlight=False, markup=False)


def show_table(title: str, cells: Sequence[Sequence[str]]) -> None:
    """Print a table, its header first; the first column holds names."""
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for number, name in enumerate(cells[0]):
        table.add_column(name, justify="right" if number else "left")
    for row in cells[1:]:
        table.add_row(*row)
    console().print(table)


def say(text: str, stream: TextIO | None = None) -> bool:
    """Print a line, to stdout by default; return whether it was printed.

    Control characters in it, such as those of a file's name, become escapes. A stream that is full
    loses the line, and the work goes on.
    """
    stream = stream or sys.stdout
    try:
        print(printable(text), file=stream, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        if stream is not sys.stderr:
            say(f"stdout cannot be written ({error.strerror}).", sys.stderr)
        return False
    return True


def print_any_name() -> None:
    """Let stdout and stderr print escapes for names that they cannot encode."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
