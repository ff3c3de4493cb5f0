"""Console tables of the commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

WIDE = 200
"""Width in characters where stdout is no terminal: a table in a file is never cut."""


def console() -> Console:
    """Return the console of stdout; it prints names as they are, brackets included."""
    return Console(width=None if sys.stdout.isatty() else WIDE, highlight=False, markup=False)


def show_table(title: str, cells: Sequence[Sequence[str]]) -> None:
    """Print a table, its header first; the first column holds names."""
    table = Table(title=title, title_justify="left")
    for number, name in enumerate(cells[0]):
        table.add_column(name, justify="right" if number else "left")
    for row in cells[1:]:
        table.add_row(*row)
    console().print(table)
