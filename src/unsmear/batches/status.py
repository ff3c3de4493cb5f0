"""How far a run is: counts, rate, time left, what failed."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from unsmear import lease
from unsmear.batches import at_work, layout, mixing, record
from unsmear.batches.at_work import AtWork
from unsmear.batches.entry import FAILED, PASSED_OVER, UNSURE, Entry
from unsmear.batches.record import Record
from unsmear.errors import OptionError

State = Literal["running", "stopped", "ended"]
"""A run that was killed, or interrupted, is stopped: its process is gone and it has not ended."""


@dataclass(frozen=True)
class Status:
    """How far the last call on an output folder is.

    files, files_done: of the call, with those that it left, for they were there; a file may hold
    several images. files_on_record: of all calls. counts: images of all calls by what became of
    them. warnings: likewise. images_per_second: of the call; None before its first. seconds_left:
    None where it is not known or nothing runs. failed, passed_over, unsure: why, by image. at_work:
    images of the workers. mixed: number of results made with other options, by what differs.
    damaged: lines of the journal that cannot be read. last: the sentence on the last image. code:
    exit code of a call that ended.
    """

    output: str
    command: str
    state: State
    began: str
    files: int
    files_done: int
    files_on_record: int
    counts: dict[str, int]
    warnings: dict[str, int]
    images_per_second: float | None
    seconds_left: float | None
    failed: dict[str, str]
    passed_over: dict[str, str]
    unsure: dict[str, str]
    at_work: tuple[AtWork, ...]
    mixed: dict[str, int]
    damaged: int
    last: str
    code: int | None

    def to_dict(self) -> dict[str, Any]:
        """Return the status as JSON values."""
        working = [
            {name: value for name, value in asdict(work).items() if name != "entry"}
            for work in self.at_work
        ]
        return asdict(self) | {"at_work": working}


def read(output: Path) -> Status:
    """Return the status of the run in an output folder; raises OptionError where none is."""
    if output.exists() and not output.is_dir():
        raise OptionError(f"{output}: a batch must be named by its output folder, got a file.")
    alive = lives(output)  # before its journal: one that ends in between was not killed
    return of(record.read(output), alive)


def lives(output: Path) -> bool:
    """Return whether the process lives that writes the record of an output folder."""
    return lease.state(layout.lease(output), layout.clock(output)) == "taken"


def of(run: Record, alive: bool) -> Status:
    """Return the status that follows from a record. alive: whether its process lives."""
    session, number = run.sessions[-1], len(run.sessions)
    state: State = "ended" if run.ended is not None else "running" if alive else "stopped"
    entries = list(run.entries.values())
    images = [entry for entry in entries if entry.action != PASSED_OVER]
    recent = [entry for entry in images if entry.session == number]
    began = session.began.timestamp() if session.began else 0.0
    until = time.time() if state == "running" else max([e.at for e in recent], default=began)
    rate = len(recent) / (until - began) if recent and until > began else None
    done = session.there + _files_done(entries, number)
    left = max(session.files - done, 0)
    new_files = done - session.there
    last = max(images, key=lambda entry: entry.at, default=None)
    return Status(
        output=str(run.output),
        command=session.command,
        state=state,
        began=session.began.astimezone().isoformat(" ", "seconds") if session.began else "",
        files=session.files,
        files_done=done,
        files_on_record=len({entry.item or entry.image for entry in images}),
        counts=dict(Counter(entry.action for entry in entries)),
        warnings=dict(Counter(warning for entry in images for warning in entry.warnings)),
        images_per_second=rate,
        seconds_left=left * (until - began) / new_files
        if state == "running" and new_files
        else None,
        failed=_sentences(entries, FAILED),
        passed_over=_sentences(entries, PASSED_OVER),
        unsure=_sentences(entries, UNSURE),
        at_work=tuple(work for work in at_work.read(run.output) if work.entry is None),
        mixed=dict(mixing.groups(run)),
        damaged=run.damaged,
        last=last.sentence if last else "",
        code=run.ended,
    )


def _sentences(entries: Iterable[Entry], action: str) -> dict[str, str]:
    return {entry.image: entry.sentence for entry in entries if entry.action == action}


def _files_done(entries: Iterable[Entry], session: int) -> int:
    """Return how many files a call has done, all their images."""
    images: Counter[str] = Counter()
    whole: dict[str, int] = defaultdict(int)
    touched = set()
    for entry in entries:
        if entry.action != PASSED_OVER:
            file = entry.item or entry.image
            images[file] += 1
            whole[file] = entry.of
            touched |= {file} if entry.session == session else set()
    return sum(images[file] >= whole[file] for file in touched)
