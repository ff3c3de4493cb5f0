"""Job of `unsmear prepare`."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from unsmear.batches import at_work
from unsmear.batches.entry import ALREADY_THERE, FAILED, Entry
from unsmear.batches.record import Session
from unsmear.blur import Sampler
from unsmear.cli.console import say
from unsmear.cli.jobs import batch, recording
from unsmear.cli.jobs.announcement import announce_all
from unsmear.cli.jobs.progress import map_with_progress
from unsmear.cli.jobs.recording import Recording
from unsmear.cli.options.parameters import BatchOptions
from unsmear.cli.options.prepare import blurs
from unsmear.cluster import Where
from unsmear.data import lists, source, splits
from unsmear.data.item import Item
from unsmear.data.prepare import Outcome, Preparation, Report, Selection, Task, plan
from unsmear.data.prepare import prepare as prepare_pairs
from unsmear.data.source import Survey

OF_PREPARATION = (
    "size",
    "tiles",
    "order",
    "fit",
    "bits",
    "input_range",
    "photons",
    "read_noise",
    "repeats",
)
"""Options that a `Preparation` has too, by the same names."""


def run(
    options: BatchOptions,
    output: Path,
    given: Mapping[str, Any],
    selection: Selection,
    seed: int,
    *,
    labels: bool,
    dry_run: bool,
) -> int:
    """Write the pairs; return the exit code.

    given: the options of frames and blurs, by name. labels: whether those of lists are taken.
    dry_run: whether they are only listed.
    """
    reading: dict[str, Any] = {"axes": options.axes, "channels": given["channels"] or ""}
    survey = _survey(options.inputs, reading, labels)
    preparation = _preparation(given, seed)
    tasks = plan(survey.items, output, preparation, selection, reading)
    items = [task.item for task in tasks]
    session = _session_of(options, given, selection, seed)
    chosen = replace(survey, items=items)
    earlier = recording.Earlier(resumed=True, mixed=True)
    if dry_run:
        recording.check_for(output, session, chosen, earlier)
        return _announce(tasks, selection, output)
    without = _empty_parts(tasks, selection)
    with recording.kept_for(output, session, chosen, earlier) as record:
        report = prepare_pairs(
            survey.items,
            output,
            preparation,
            selection,
            partial(_each, record, items, options.where),
            reading,
        )
        remarks = (without, _sizes(report.sizes, preparation), *_labels(items, labels))
        code = _say_report(report, list(filter(None, remarks)))
        return record.end(max(batch.report_passed_over(survey), code))


def _say_report(report: Report, remarks: Sequence[str]) -> int:
    """Say what failed, what was done to the images, and how many are made; return the exit code."""
    for failure in report.failures:
        say(failure, sys.stderr, action=FAILED)
    for sentence in remarks:
        say(sentence)
    written, failed = len(report.pairs) - report.present, len(report.failures)
    say(
        f"{_pairs(written)} made, {report.present} already there, {failed} failed.",
        made=written,
        already_there=report.present,
        failed=failed,
    )
    return min(failed, 1)


def _announce(tasks: Sequence[Task], selection: Selection, output: Path) -> int:
    """Say which images would be prepared for which split; return the exit code."""
    parts = Counter(task.split for task in tasks)
    images = ", ".join(f"{count} for {part}" for part, count in parts.items())
    sentences = (f"images: {images} ({selection.shares}).", _empty_parts(tasks, selection))
    say(" ".join(filter(None, sentences)), splits=parts)
    written = [output / name for name in ("sharp", "blur", "manifest.csv")]
    return announce_all("images", [task.item.id for task in tasks], written)


def _empty_parts(tasks: Sequence[Task], selection: Selection) -> str:
    """Return a sentence on parts of the split that get no image; "" where each gets some."""
    filled = {task.split for task in tasks}
    empty = [part for part in splits.parse(selection.shares) if part not in filled]
    if not empty or not tasks:
        return ""
    return (
        f"The split {selection.shares} gives no image to {' and '.join(empty)}: there are too few "
        f"({len(tasks)}), or too few groups of them."
    )


def _survey(inputs: Sequence[str], reading: Mapping[str, Any], labels: bool) -> Survey:
    """Return the images; without their labels if none are wanted."""
    survey = source.survey(inputs, labels=labels, **reading)
    if labels:
        return survey
    return replace(survey, items=[replace(item, labels=()) for item in survey.items])


def _labels(items: Sequence[Item], wanted: bool) -> list[str]:
    """Return the sentences on the labels of the chosen images."""
    return lists.sentences(items) if wanted and items else []


def _sizes(sizes: Sequence[tuple[int, int]], preparation: Preparation) -> str:
    """Return a sentence on images that were made smaller, or cut; "" where none was."""
    wanted = preparation.size
    changed = [(h, w) for h, w in sizes if h != w or min(h, w) > wanted]
    if preparation.tiles or not changed:
        return ""
    (height, width), _ = Counter(changed).most_common(1)[0]
    most = f"{width}x{height}" if len(set(changed)) == 1 else f"{width}x{height} and the like"
    how = "their central square, " if preparation.fit == "crop" else ""
    return (
        f"{len(changed)} of {len(sizes)} images, of {most} pixels, are pairs of at most "
        f"{wanted}x{wanted}: {how}made smaller. --tiles {wanted} keeps their resolution, --size "
        "gives another size."
    )


def _session_of(
    options: BatchOptions, given: Mapping[str, Any], selection: Selection, seed: int
) -> Session:
    """Return what is asked, as the record of a batch says it."""
    asked = {
        name: list(value) if isinstance(value, tuple) else value for name, value in given.items()
    }
    return recording.asked("prepare", options, {**asked, **asdict(selection), "seed": seed}, {})


def _each(
    record: Recording,
    items: Sequence[Item],
    where: Where,
    make: Callable[[Task], Outcome],
    tasks: Sequence[Task],
) -> Iterator[Outcome]:
    """Yield the outcomes of the tasks, and record what became of all items."""
    known = record.kept.there.keys() | {task.item.id for task in tasks}
    record.add([_entry(item, ALREADY_THERE, "already there") for item in items
                if item.id not in known])  # fmt: skip
    work = partial(_made, record.output, make)
    for outcome, entry in map_with_progress(work, tasks, where, "prepared", _name, _lost):
        record.add([entry])
        yield outcome


def _made(
    output: Path | None, make: Callable[[Task], Outcome], task: Task
) -> tuple[Outcome, Entry]:
    """Make the pairs of an image; return their outcome, and what the record says of it."""
    began, item = time.monotonic(), task.item
    if output is not None:
        at_work.start(output, item.id)
    entry = replace(_entry(item, "prepared", ""), inputs=recording.inputs_of(item))
    outcome = make(task)
    entry = replace(entry, at=round(time.time(), 3), seconds=round(time.monotonic() - began, 3))
    if outcome.failure:
        return outcome, replace(entry, action=FAILED, sentence=outcome.failure)
    files = [file for pair in outcome.pairs for file in pair.files(Path())]
    sentence = f"{item.id}: {_pairs(len(outcome.pairs))}"
    return outcome, replace(entry, sentence=sentence, outputs=tuple(map(Path.as_posix, files)))


def _entry(item: Item, action: str, said: str) -> Entry:
    return Entry(item.id, action, f"{item.id}: {said}", item.id, at=round(time.time(), 3))


def _pairs(count: int) -> str:
    return "1 pair" if count == 1 else f"{count} pairs"


def _name(task: Task) -> str:
    return task.item.id


def _lost(task: Task, sentence: str) -> tuple[Outcome, Entry]:
    entry = replace(_entry(task.item, FAILED, ""), sentence=sentence)
    return Outcome(failure=sentence), entry


def _preparation(given: Mapping[str, Any], seed: int) -> Preparation:
    chosen = {name: given[name] for name in OF_PREPARATION if given[name] is not None}
    return Preparation(sampler=Sampler(*blurs(given)), seed=seed, **chosen)
