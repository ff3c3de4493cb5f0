"""Where the tables of the commands go."""

from __future__ import annotations

import sys

from rich.console import Console

WIDE = 200
"""Columns of text where nobody watches: a table in a file is never cut."""


def console() -> Console:
    """Return the console of stdout; names in its tables stay as they are, brackets too."""
    return Console(width=None if sys.stdout.isatty() else WIDE, highlight=False, markup=False)
