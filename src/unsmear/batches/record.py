"""Reading of a run's record, also while the run writes it or after it was killed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from unsmear import journal, plain_files
from unsmear.batches import layout
from unsmear.batches.entry import Entry, stamp
from unsmear.errors import OptionError, error_text, shown


@dataclass(frozen=True)
class Session:
    """One call of a command on an output folder.

    began: with its time zone. files: number of files of the call; there: of those that it left, for
    an earlier call had made their results. options: what may change a result, as the command line
    names it, without what was not given; others: what changes none. weights: SHA-256 of the
    method's weights; "" without any. environment: versions and command, see `unsmear.environment`.
    """

    command: str
    options: Mapping[str, Any]
    others: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    weights: str = ""
    environment: Mapping[str, Any] = field(default_factory=dict)
    files: int = 0
    there: int = 0
    began: datetime | None = None

    @property
    def decisive(self) -> dict[str, Any]:
        """What may change a result, by name."""
        version = self.environment.get("unsmear")
        weights = self.weights or None
        return {"command": self.command, **self.options, "weights": weights, "unsmear": version}


@dataclass(frozen=True)
class Record:
    """All that a run's folder says.

    sessions: its calls in order. entries: the last one of each image, by its id, in the order in
    which they were done. ended: exit code of the last call; None while it runs and where it was
    stopped. ended_at: when, seconds since 1970. damaged: number of lines that cannot be read; their
    images count as not done.
    """

    output: Path
    sessions: tuple[Session, ...] = ()
    entries: Mapping[str, Entry] = field(default_factory=dict)
    ended: int | None = None
    ended_at: float = 0.0
    damaged: int = 0

    def session_of(self, entry: Entry) -> Session:
        """Return the call that made an entry."""
        return self.sessions[entry.session - 1]

    def unchanged_copies(self) -> frozenset[Path]:
        """Return the files in the output folder that are copies and were not changed since.

        They are of images that were left as they were.
        """
        return frozenset(
            self.output / path
            for entry in self.entries.values()
            for path, *as_copied in entry.copies
            if stamp(self.output / path) == tuple(as_copied)
        )


def exists(output: Path) -> bool:
    """Return whether an output folder holds a record."""
    return layout.asked(output).exists()


def read(output: Path) -> Record:
    """Return the record in an output folder; an incomplete last line is passed over.

    Raises OptionError for a folder without one, and for one whose `run.toml` is damaged.
    """
    sessions = tuple(_sessions(output))
    entries: dict[str, Entry] = {}
    ended, ended_at, damaged = None, 0.0, 0
    path = layout.results(output)
    for line in journal.complete(path) if path.exists() else ():
        try:
            parsed = json.loads(line)
            if "ended" in parsed:
                number, code, at = int(parsed["ended"]), int(parsed["code"]), float(parsed["at"])
                ended, ended_at = code if number == len(sessions) else None, at
                continue
            entry = Entry.from_dict(parsed)
            if not 1 <= entry.session <= len(sessions):
                raise ValueError(f"session {entry.session} is unknown")
        except journal.DAMAGE:
            damaged += 1
            continue
        entries.pop(entry.image, None)
        entries[entry.image] = entry
    return Record(output, sessions, entries, ended, ended_at, damaged)


def _sessions(output: Path) -> list[Session]:
    path = layout.asked(output)
    try:
        tables = plain_files.read_toml(path)["session"]
        return [_session(table) for table in tables]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise OptionError(
            f"{output}: the folder must have the record of a batch ({path}), got none; a single "
            "image leaves no record."
        ) from error
    except OSError as error:
        raise OptionError(f"{path}: the record cannot be read ({error.strerror}).") from error
    except (*journal.DAMAGE, UnicodeDecodeError) as error:
        raise OptionError(f"{path}: the record is damaged ({error_text(error)}).") from error


def _session(table: Mapping[str, Any]) -> Session:
    """Return the call that a table describes; raises one of `journal.DAMAGE` for another table."""
    began, environment = table["began"], dict(table.get("environment", {}))
    if not isinstance(began, datetime) or not 1970 <= began.year < 9000:
        raise ValueError(f"began must be a time, got {shown(began)}")
    if not isinstance(environment.get("defaults", {}).get("options", {}), Mapping):
        raise TypeError("the defaults must be a table")
    return Session(
        command=str(table["command"]),
        options=dict(table.get("options", {})),
        others=dict(table.get("others", {})),
        inputs=tuple(map(str, table.get("inputs", ()))),
        weights=str(table.get("weights", "")),
        environment=environment,
        files=int(table["files"]),
        there=int(table["there"]),
        began=began,
    )
