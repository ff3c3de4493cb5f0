"""What the commands print: lines and tables for people, or JSON objects for programs.

Sentences for people that are no result, such as warnings, go to stderr whatever the form; stdout
has the results. Progress is shown to people alone.
"""

from __future__ import annotations

import io
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, TextIO

from unsmear.errors import WeightsError, bounded, printable

if TYPE_CHECKING:
    from rich.console import Console

Form = Literal["text", "json", "quiet"]
"""How results are printed: as lines and tables, as one JSON object a line, or not at all."""
_FORM: ContextVar[Form] = ContextVar("form", default="text")

WIDE = 200
"""Width in characters where stdout is no terminal: a table in a file is never cut."""


@contextmanager
def printing(form: Form = "text") -> Iterator[None]:
    """Print in a form inside the context; `print_as` may change it there."""
    token = _FORM.set(form)
    try:
        yield
    finally:
        _FORM.reset(token)


def print_as(form: Form) -> None:
    """Print in a form from now on, until the end of the context of `printing`."""
    _FORM.set(form)


def as_json() -> bool:
    """Return whether results are printed as JSON objects."""
    return _FORM.get() == "json"


def shows_progress() -> bool:
    """Return whether somebody reads along, and not a program or nobody."""
    return _FORM.get() == "text"


def console() -> Console:
    """Return the console of stdout; it prints names as they are, brackets included."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else WIDE, highlight=False, markup=False)


def show_table(
    title: str,
    cells: Sequence[Sequence[str]],
    records: Sequence[Mapping[str, Any]] | None = None,
    words: Sequence[int] = (0,),
) -> None:
    """Print a table, its header first.

    records: the rows as JSON objects have them; the cells by default. words: numbers of the columns
    with words; all others are aligned to the right.
    """
    head, *rows = cells
    if as_json():
        for record in records or [dict(zip(head, row, strict=True)) for row in rows]:
            say("", table=title, **record)
    elif _FORM.get() == "text":
        from rich.table import Table

        table = Table(title=title, title_justify="left")
        for number, name in enumerate(head):
            table.add_column(name, justify="left" if number in words else "right", overflow="fold")
        for row in rows:
            table.add_row(*row)
        console().print(table)


def say(text: str, stream: TextIO | None = None, /, **fields: Any) -> bool:
    """Print a line, to stdout by default; return whether it was printed.

    fields: what a JSON object says beside the sentence. With `--json` a line of stdout becomes one,
    and so does one of stderr that has fields, beside itself.

    Control characters in it, such as those of a file's name, become escapes; what stderr repeats of
    a file or an argument has at most 200 characters. A stream that is full loses the line, and the
    work goes on.
    """
    stream = stream or sys.stdout
    object_printed = True
    if as_json() and (fields or (text and stream is sys.stdout)):
        object_printed = _write(_object(text, fields), sys.stdout)
    if stream is sys.stdout and _FORM.get() != "text":
        return object_printed
    line = bounded(text, WeightsError.largest) if stream is sys.stderr else printable(text)
    return _write(line, stream) and object_printed


def _object(text: str, fields: Mapping[str, Any]) -> str:
    record = {**fields, "sentence": text} if text else fields
    return json.dumps(_plain(record), default=str, allow_nan=False)


def _plain(value: Any) -> Any:
    """Return JSON values: NumPy's numbers become Python's, and those that are not finite null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    return value


def _write(line: str, stream: TextIO) -> bool:
    try:
        print(line, file=stream, flush=True)
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
