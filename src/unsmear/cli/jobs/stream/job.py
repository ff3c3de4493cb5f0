"""Frames of a moving stage restored as they come, by what a call asks."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from unsmear.atomic import write_aside
from unsmear.batches import layout
from unsmear.blur.coded import RASKAR
from unsmear.cli.console import say
from unsmear.cli.jobs import recording
from unsmear.cli.jobs.announcement import announce_all
from unsmear.cli.jobs.stream.record import Kept, kept_for
from unsmear.cli.jobs.stream.results import Results
from unsmear.cli.options.scan import CODE_OF_PAPER
from unsmear.cli.options.stream import SHARED, StreamOptions
from unsmear.errors import OptionError
from unsmear.streaming import Flow, Frame, StageMotion, Stream, paced, restoring
from unsmear.streaming.folder import Folder
from unsmear.streaming.ring import FrameRing

SUMMARY = "stream.json"
"""Name of the file with the figures, in the folder of the record."""


def run(asked: StreamOptions) -> int:
    """Restore the frames as they come; return the exit code."""
    how = restoring(_motion(asked), asked.method, asked.own, asked.flow.borders)
    _check_source(asked)
    if asked.dry_run:
        return announce_all("sources", [asked.source], [asked.output / "NAME", summary_of(asked)])
    with ExitStack() as stack:
        ring = _ring(asked)
        if ring is not None:
            stack.callback(ring.close)
        kept = stack.enter_context(kept_for(asked, how.method.name))
        source = _folder(asked, kept) if ring is None else ring
        results = Results(asked.output, how, kept.writer, kept.gaps, asked.overwrite)
        frames: Iterable[Frame] = source
        if asked.arriving.rate is not None:
            frames = paced(source, asked.arriving.rate)
        stream = stack.enter_context(Stream(frames, how, _flow(asked), results.write))
        printed = True
        for streamed in stream:
            printed &= results.say(streamed)
        results.say_checks(stream.checks())
        code = _end(asked, stream, source)
        kept.writer.end(code)
        return max(code, recording.write_pages(asked.output, told=True), int(not printed))


def summary_of(asked: StreamOptions) -> Path:
    """Return the path of the figures."""
    return layout.record(asked.output) / SUMMARY


def _motion(asked: StreamOptions) -> StageMotion:
    motion = asked.motion
    code = RASKAR if motion.flutter == CODE_OF_PAPER else motion.flutter
    return StageMotion(motion.speed, motion.exposure, motion.pixel_size, motion.angle, code)


def _flow(asked: StreamOptions) -> Flow:
    flow = asked.flow
    return Flow(
        flow.budget,
        flow.when_late,
        flow.threads,
        flow.borders,
        flow.check_every,
        asked.arriving.patience,
        flow.resolution,
    )


def _check_source(asked: StreamOptions) -> None:
    """Raise OptionError for a source that nothing can come from."""
    if asked.source.startswith(SHARED):
        if asked.resume:
            raise OptionError("--resume is not available for shared memory, which keeps no frames.")
        return
    folder = Path(asked.source)
    if not folder.is_dir() and (folder.exists() or not folder.absolute().parent.is_dir()):
        raise OptionError(f"{folder}: frames must come from a folder, or from shm:NAME.")
    if folder.resolve() == asked.output.resolve():
        raise OptionError(f"the output must be another folder than that of the frames, {folder}.")


def _ring(asked: StreamOptions) -> FrameRing | None:
    """Return the ring in shared memory that frames come from; None where it is a folder."""
    if not asked.source.startswith(SHARED):
        return None
    return FrameRing.attach(asked.source.removeprefix(SHARED))


def _folder(asked: StreamOptions, kept: Kept) -> Folder:
    """Return the folder that frames come from, without those that are done."""
    arriving = asked.arriving
    return Folder(
        Path(asked.source),
        arriving.order,
        arriving.count,
        arriving.idle,
        arriving.patience,
        kept.done,
    )


def _end(asked: StreamOptions, stream: Stream, source: Folder | FrameRing) -> int:
    """Print and write the figures; return the exit code."""
    summary = stream.summary()
    code = 0 if summary.complete else 1
    path = summary_of(asked)
    write_aside(path, (json.dumps(summary.to_dict(), indent=1) + "\n").encode())
    if isinstance(source, Folder) and (source.short or not (summary.frames or source.done)):
        code = 1
        say(_stopped(asked, source, summary.frames), sys.stderr)
    lines = summary.sentences()
    printed = say(lines[0], **summary.to_dict(), summary=path)
    return code if all([printed, *map(partial(say), lines[1:])]) else 1


def _stopped(asked: StreamOptions, source: Folder, frames: int) -> str:
    """Return the sentence on a stage that has stopped."""
    of = f" of {source.count}" if source.count is not None else ""
    before = f" ({len(source.done)} of an earlier call)" if source.done else ""
    return (
        f"{asked.source}: no frame came for {source.idle:g} s, after {frames + len(source.done)}"
        f"{of}{before}: the stage may have stopped; the same call with --resume goes on."
    )
