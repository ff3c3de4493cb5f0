"""Writing of a run's record, by the process that was called alone."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tomli_w

from unsmear import journal, lease
from unsmear.atomic import remove_abandoned, write_aside
from unsmear.batches import at_work, layout, record
from unsmear.batches.entry import Entry
from unsmear.batches.record import Record, Session
from unsmear.errors import OptionError


@dataclass(frozen=True)
class Writer:
    """The journal of a call, whose number is `session`."""

    output: Path
    session: int

    def add(self, entries: Sequence[Entry]) -> None:
        """Add what became of some images; raises DataError where the journal cannot be written."""
        lines = [replace(entry, session=self.session).to_dict() for entry in entries]
        journal.append_all(layout.results(self.output), lines)
        for entry in entries:
            at_work.clear(self.output, entry.image)

    def end(self, code: int) -> None:
        """Note that the call has ended, with its exit code."""
        line = {"ended": self.session, "code": code, "at": time.time()}
        journal.append(layout.results(self.output), line)


@contextmanager
def holding(output: Path) -> Iterator[None]:
    """Hold the lease of an output folder's record inside the context.

    Raises OptionError where another process holds it, and DataError where it cannot be written.
    """
    if layout.record(output).exists() and not layout.record(output).is_dir():
        raise OptionError(
            f"{layout.record(output)}: this name is the folder of a batch's record, got a file; "
            "move it away, or give another output folder."
        )
    with lease.holding(layout.lease(output), output):
        yield


def recovered(output: Path) -> Record | None:
    """Return the record that earlier calls left, None without one; the lease must be held.

    What a kill left is put right: an incomplete last line goes, and the entries of results that
    were written but not yet recorded are added, and files that were being written are deleted.
    """
    if not record.exists(output):
        return None
    path = layout.results(output)
    if path.exists():
        journal.read(path)
    sessions = record.read(output).sessions
    working = at_work.read(output)
    written = [
        replace(work.entry, session=len(sessions)).to_dict()
        for work in working
        if work.entry is not None
    ]
    journal.append_all(path, written)
    remove_abandoned(output, {work.process for work in working if work.entry is None})
    for file in layout.at_work(output).glob("*"):
        file.unlink(missing_ok=True)
    return record.read(output)


def begin(output: Path, before: Record | None, session: Session) -> Writer:
    """Begin a call; the lease must be held. before: what earlier calls left.

    Raises ImageError where the record cannot be written.
    """
    sessions = [*(before.sessions if before else ()), replace(session, began=datetime.now(UTC))]
    tables = [_table(one) for one in sessions]
    text = tomli_w.dumps({"session": tables})
    write_aside(layout.asked(output), text.encode(errors="replace"))  # names may be any bytes
    return Writer(output, len(sessions))


def _table(session: Session) -> dict[str, Any]:
    table = {name: value for name, value in asdict(session).items() if value != ""}
    table["inputs"] = list(session.inputs)
    for part in ("options", "others"):
        table[part] = {n: v for n, v in table[part].items() if v is not None}
    return table
