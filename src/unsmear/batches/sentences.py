"""How far a run is, in sentences."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import PurePath

from unsmear.batches import advice
from unsmear.batches.at_work import AtWork
from unsmear.batches.entry import counted
from unsmear.batches.status import Status

NAMED = 10
"""Largest number of failures, and of images at work, that are named."""
RESUMED = ("restore", "estimate", "stream")
"""Commands that go on where a call was stopped if they are told to."""


def of(status: Status) -> list[str]:
    """Return the lines of `unsmear status`."""
    return [
        *summary(status),
        *_at_work(status),
        *_listed("failed", status.failed),
        *_listed("unsure", status.unsure),
        *_listed("passed over", status.passed_over),
        *([f"last: {status.last}"] if status.last else []),
    ]


def summary(status: Status) -> list[str]:
    """Return the sentences on the whole run."""
    counts = counted(status.counts)
    of = f" of {status.files}" if status.files else ""  # of a stream, it may not be known
    files = "file" if (status.files or status.files_done) == 1 else "files"
    lines = [
        f"{status.output}: {status.command}, {_state(status)}.",
        f"{status.files_done}{of} {files} done{_counted(status, counts)}.",
    ]
    lines += [f"{count} {warning}." for warning, count in status.warnings.items()]
    lines += [what for action, what in advice.FOR_ALL.items() if action in status.counts]
    pace = _pace(status)
    lines += [pace] if pace else []
    lines += [
        f"{count} results were made with other options: {difference}."
        for difference, count in status.mixed.items()
    ]
    if status.damaged:
        these = f"{again(status.command)} does these"
        lines.append(f"{status.damaged} lines of the record cannot be read: {these}.")
    return lines


def _counted(status: Status, counts: str) -> str:
    """Return how many images became what; those of earlier calls are named as such."""
    if status.files_on_record > status.files_done:
        return f"; on record, with earlier calls: {counts}"
    return f": {counts or 'no image yet'}"


def again(command: str) -> str:
    """Return what does the images that are not done."""
    return "the same call with --resume" if command in RESUMED else "the same call"


def _state(status: Status) -> str:
    if status.state == "ended":
        return f"ended with exit code {status.code}; begun {status.began}"
    if status.state == "stopped":
        return f"stopped: not running; begun {status.began}; {again(status.command)} goes on"
    return f"running since {status.began}"


def _pace(status: Status) -> str:
    """Return the sentence on rate and time left; "" before the first image."""
    if status.images_per_second is None:
        return ""
    left = "" if status.seconds_left is None else f", about {duration(status.seconds_left)} left"
    pace = 60 * status.images_per_second
    return f"{pace:{'.0f' if pace >= 100 else '.3g'}} images a minute{left}."


def duration(seconds: float) -> str:
    """Return a time in words: "40 s", "12 min", "3 h 20 min", "2 d 5 h"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def _at_work(status: Status) -> list[str]:
    """Return the line on images that workers are busy with, or were when the run was stopped."""
    if not status.at_work:
        return []
    named = [_worked_on(work, status.state == "running") for work in status.at_work[:NAMED]]
    title = "at work" if status.state == "running" else "not finished"
    return [f"{title}: {', '.join(named)}{_more(len(status.at_work))}."]


def _worked_on(work: AtWork, running: bool) -> str:
    parts = [f"{work.done} of {work.total} parts"] if work.total else []
    parts += [f"for {duration(max(time.time() - work.since, 0))}"] if running else []
    return f"{work.image} ({', '.join(parts)})" if parts else work.image


def _listed(title: str, why: Mapping[str, str]) -> list[str]:
    if not why:
        return []
    lines = [f"  {_with_name(*item)}" for item in list(why.items())[:NAMED]]
    more = _more(len(why))
    return [f"{title}:", *lines, *([f"  {more.strip()} (--json lists all)"] if more else [])]


def _with_name(image: str, sentence: str) -> str:
    """Return a sentence that begins with the image's name, as most do by themselves."""
    return sentence if PurePath(image).name in sentence else f"{image}: {sentence}"


def _more(count: int) -> str:
    return f" and {count - NAMED} more" if count > NAMED else ""
