"""The record of a stream, as of a batch: what was asked, and what became of each frame."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from unsmear import environment
from unsmear.atomic import sweep
from unsmear.batches import mixing, sentences, writer
from unsmear.batches.entry import FAILED, Entry
from unsmear.batches.record import Record, Session
from unsmear.batches.writer import Writer
from unsmear.cli.console import say
from unsmear.cli.jobs.recording import PACKAGES
from unsmear.cli.jobs.restore.asked import weights_of
from unsmear.cli.jobs.stream.results import Gap
from unsmear.cli.options.stream import StreamOptions
from unsmear.errors import OptionError

COMMAND = "stream"


@dataclass(frozen=True)
class Kept:
    """The journal of a call, and what earlier ones have left.

    done: names of frames that are done. gaps: frames that did not come, by the name under which
    they are on record.
    """

    writer: Writer
    done: Collection[str]
    gaps: dict[str, Gap]


@contextmanager
def kept_for(asked: StreamOptions, method: str) -> Iterator[Kept]:
    """Keep the record of a stream inside the context, for this process alone.

    method: its name.

    Raises OptionError where another run writes to the folder, where the folder is of another
    command, and where a resumed run would mix results of different options.
    """
    session = _session(asked, method)
    with writer.holding(asked.output):
        sweep(asked.output)
        before = writer.recovered(asked.output)
        if before is not None and before.sessions[-1].command != COMMAND:
            raise OptionError(
                f"{asked.output}: the output must be a new folder, or one of unsmear {COMMAND}, "
                f"got one of unsmear {before.sessions[-1].command}."
            )
        done = _done(before) if before is not None and asked.resume else []
        if before is not None:
            mixing.refuse(asked.output, mixing.differing(before, done, session), COMMAND)
        try:
            names = {entry.image for entry in done}
            gaps = {} if before is None else _gaps(before)
            yield Kept(writer.begin(asked.output, before, session), names, gaps)
        except KeyboardInterrupt:
            how = sentences.again(COMMAND)
            say(f"{asked.output}: what is done is on record; {how} goes on.", sys.stderr)
            raise


def _done(before: Record) -> list[Entry]:
    """Return what is done, with its results in the folder."""
    return [
        entry
        for entry in before.entries.values()
        if entry.outputs and all((before.output / name).exists() for name in entry.outputs)
    ]


def _gaps(before: Record) -> dict[str, Gap]:
    """Return the frames that did not come, by the name of their entry."""
    found = {}
    for entry in before.entries.values():
        said = entry.found[0] if entry.action == FAILED and entry.found else {}
        if said.get("missing"):
            found[entry.image] = Gap(int(said.get("number") or 0), int(said["missing"]))
    return found


def _session(asked: StreamOptions, method: str) -> Session:
    """Return what is asked: what may change a result, apart from what changes none."""
    flow, arriving = asked.flow, asked.arriving
    options = {"method": method, **asked.own, **asdict(asked.motion), "borders": flow.borders}
    others = asdict(arriving) | {
        name: value for name, value in asdict(flow).items() if name != "borders"
    }
    return Session(
        COMMAND,
        _given(options),
        _given(others),
        inputs=(asked.source,),
        weights=weights_of(asked.method),
        environment=environment.describe(PACKAGES),
        files=arriving.count or 0,
    )


def _given(options: dict[str, object]) -> dict[str, object]:
    """Return the options that are given, named as on the command line."""
    return {
        name.replace("_", "-"): value for name, value in options.items() if value not in (None, "")
    }
