"""Defaults of options from a file: `unsmear.toml` in the current folder, or UNSMEAR_CONFIG.

The file has a table for each command, `[restore]`, with options by their names. What the command
line says wins. Whoever wrote the file, its use is said on stderr, and what names code, other
machines or places to write to is refused: a folder may come from a stranger.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts.config import Dict

from unsmear import plain_files
from unsmear.cli.console import say
from unsmear.errors import OptionError, error_text, shortened

if TYPE_CHECKING:
    from cyclopts import App
    from cyclopts.argument import ArgumentCollection

FILE, VARIABLE = "unsmear.toml", "UNSMEAR_CONFIG"
LARGEST = 2**20
"""Largest file that is read, bytes."""
NEVER = frozenset({
    "--config", "--dashboard", "--dry-run", "--force", "--from", "--json", "--measure", "--output",
    "--overwrite", "--quiet", "--report", "--scheduler", "--sheet", "--show", "--slurm", "--study",
})  # fmt: skip
"""Options that must be typed: they run code, reach other machines, or say what is written where,
and whether and how this call prints."""
WITHOUT = frozenset({"cite", "completion", "doctor", "status"})
"""Commands that take no defaults, so that no mistake in a file stops them."""


@dataclass(frozen=True)
class Used:
    """The defaults that a call has taken from a file. options: by name, as the file has them."""

    file: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


_USED: ContextVar[Used | None] = ContextVar("used", default=None)


def used() -> Used:
    """Return the defaults that this call has taken."""
    return _USED.get() or Used()


def fill(
    known: Collection[str], app: App, commands: tuple[str, ...], arguments: ArgumentCollection
) -> None:
    """Give a command's arguments the defaults of the file, where the command line has none.

    known: the names of all commands.

    Raises OptionError for a file that cannot be read, and for a table or an option that is unknown
    or must be typed.
    """
    _USED.set(None)
    if not commands or commands[0] in WITHOUT:
        return
    path = _path()
    tables = _read(path) if path is not None else {}
    _check_tables(tables, set(known) - WITHOUT, path)
    options = _table(tables, commands)
    taken = {name: value for name, value in options.items() if _is_free(name, arguments, path)}
    if not taken:
        return
    # The names of the commands are tables, not options.
    Dict(taken, source=str(path), use_commands_as_keys=False)(app, commands, arguments)
    _USED.set(Used(str(path), taken))
    said = ", ".join(f"{_named(name)} {_text(value)}" for name, value in taken.items())
    say(f"Defaults from {path}: {said}.", sys.stderr)


def _is_free(name: str, arguments: ArgumentCollection, path: Path | None) -> bool:
    """Return whether an option was not typed, so that its default counts.

    Raises OptionError for one that is unknown, or that must be typed.
    """
    try:
        argument = None if _named(name) in NEVER else arguments.match(_named(name))[0]
    except ValueError as error:
        raise OptionError(f"{path}: {_unknown(name, arguments)}") from error
    if argument is None or argument.name in NEVER:
        raise OptionError(f"{path}: {_named(name)} must be typed: it is no default.")
    return not argument.tokens


def _path() -> Path | None:
    given = os.environ.get(VARIABLE)
    if given is not None:
        return Path(given) if given else None
    return Path(FILE) if Path(FILE).exists() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        text = plain_files.read_bytes(path, LARGEST).decode("utf-8-sig")
        return plain_files.parse_toml(text)
    except (OSError, ValueError) as error:
        raise OptionError(
            f"{path}: the defaults cannot be read ({error_text(error)}); "
            f"{VARIABLE}= goes on without them."
        ) from error


def _check_tables(tables: Mapping[str, Any], known: Collection[str], path: Path | None) -> None:
    """Raise OptionError for what is no table of a command."""
    for name, table in tables.items():
        if name not in known or not isinstance(table, dict):
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean [{near[0]}]?" if near else ", such as [restore]."
            raise OptionError(f"{path}: {name} must be the table of a command{hint}")


def _table(tables: Mapping[str, Any], commands: Sequence[str]) -> dict[str, Any]:
    """Return the options of a command; one of a command of its own lies in a table of tables."""
    found: Any = tables
    for command in commands:
        found = found.get(command, {}) if isinstance(found, dict) else {}
    return found if isinstance(found, dict) else {}


def _unknown(name: str, arguments: ArgumentCollection) -> str:
    known = [known.lstrip("-") for a in arguments for known in a.names if known.startswith("--")]
    near = get_close_matches(name.replace("_", "-"), known, 1)
    return f"{name} is no option{f'; did you mean {near[0]}?' if near else '.'}"


def _named(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _text(value: Any) -> str:
    return shortened(" ".join(map(str, value)) if isinstance(value, list) else str(value))
