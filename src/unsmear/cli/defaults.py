"""Defaults of options from a file: `unsmear.toml` in the current folder, or UNSMEAR_CONFIG.

The file has a table for each command, `[restore]`, with options by their names. What the command
line says wins. Whoever wrote the file, its use is said on stderr, and what names code, other
machines or files is refused: a folder may come from a stranger.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from cyclopts.config import Dict

from unsmear import plain_files
from unsmear.cli.console import say
from unsmear.errors import MisuseError, OptionError, error_text, shortened

if TYPE_CHECKING:
    from cyclopts import App
    from cyclopts.argument import Argument, ArgumentCollection

FILE, VARIABLE = "unsmear.toml", "UNSMEAR_CONFIG"
LARGEST = 2**20
"""Largest file that is read, bytes."""
NEVER = frozenset({
    "--dashboard", "--dry-run", "--force", "--gain-map", "--json", "--kernel", "--measure",
    "--offset-map", "--output", "--overwrite", "--quiet", "--scheduler", "--show", "--variance-map",
})  # fmt: skip
"""Options that must be typed, as must all of the type Path: they run code, reach other machines,
name files, say what is replaced, or how one call prints."""
UNLESS: Mapping[str, str] = {
    "--classifier": "the name of one that comes with the program",
    "--method": "the name of one of the program's",
    "--methods": "names of the program's",
    "--no-data": "a number",
}
"""Options that must be typed unless their value is this; others would name files."""
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

    Raises OptionError for a file that cannot be read, and MisuseError for a table or an option that
    is unknown or must be typed.
    """
    _USED.set(None)
    if not commands or commands[0] in WITHOUT:
        return
    path = _path()
    tables = _read(path) if path is not None else {}
    _check_tables(tables, set(known) - WITHOUT, path)
    options = _table(tables, commands)
    taken = {name: options[name] for name in options if _is_free(name, options, arguments, path)}
    if not taken:
        return
    # The names of the commands are tables, not options.
    Dict(taken, source=str(path), use_commands_as_keys=False)(app, commands, arguments)
    _USED.set(Used(str(path), taken))
    options_in_words = ", ".join(f"{_named(name)} {_text(value)}" for name, value in taken.items())
    say(f"Defaults from {path}: {options_in_words}.", sys.stderr)


def _is_free(
    name: str, options: Mapping[str, Any], arguments: ArgumentCollection, path: Path | None
) -> bool:
    """Return whether an option was not typed, so that its default counts.

    Raises MisuseError for one that is unknown, or that must be typed.
    """
    try:
        argument = None if _named(name) in NEVER else arguments.match(_named(name))[0]
    except ValueError as error:
        raise MisuseError(f"{path}: {_unknown(name, arguments)}") from error
    if argument is None or must_be_typed(argument, options[name]):
        called = _named(name) if argument is None else argument.name
        unless = f" unless it is {UNLESS[called]}" if called in UNLESS else ""
        raise MisuseError(f"{path}: {called} must be typed: it is no default{unless}.")
    return not argument.tokens


def must_be_typed(argument: Argument, value: Any) -> bool:
    """Return whether a value of an option is refused as a default."""
    if argument.get_choices(force=True):
        return False  # as one of these it names nothing
    if argument.name in UNLESS:
        values = value if isinstance(value, list) else [value]
        return not all(_is_plain(argument.name, one) for one in values)
    return argument.name in NEVER or _has_path(argument.hint)


def _is_plain(option: str, value: Any) -> bool:
    """Return whether the value of an option of UNLESS cannot name a file."""
    if option == "--no-data":
        with suppress(TypeError, ValueError):
            float(value)
            return True
        return False
    from unsmear import speed
    from unsmear.checkpoints import checkpoint, published
    from unsmear.restoration import methods

    if not isinstance(value, str):
        return False
    if option == "--classifier":
        return value in checkpoint.shipped()
    known = {*methods.METHODS, *published.networks()}
    if option == "--methods":
        return all(name.strip() in {*known, speed.ESTIMATE} for name in value.split(","))
    return value in known


def _has_path(hint: Any) -> bool:
    """Return whether values of a type are paths, or have paths in them."""
    return hint is Path or any(map(_has_path, get_args(hint)))


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
    """Raise MisuseError for what is no table of a command."""
    for name, table in tables.items():
        if name not in known or not isinstance(table, dict):
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean [{near[0]}]?" if near else ", such as [restore]."
            raise MisuseError(f"{path}: {name} must be the table of a command{hint}")


def _table(tables: Mapping[str, Any], commands: Sequence[str]) -> dict[str, Any]:
    """Return the options of a command; one of a command of its own lies in a table of tables."""
    table: Any = tables
    for command in commands:
        table = table.get(command, {}) if isinstance(table, dict) else {}
    return table if isinstance(table, dict) else {}


def _unknown(name: str, arguments: ArgumentCollection) -> str:
    known = [known.lstrip("-") for a in arguments for known in a.names if known.startswith("--")]
    near = get_close_matches(name.replace("_", "-"), known, 1)
    return f"{name} is no option{f'; did you mean {near[0]}?' if near else '.'}"


def _named(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _text(value: Any) -> str:
    return shortened(" ".join(map(str, value)) if isinstance(value, list) else str(value))
