"""Batch processing: one line or one error per image; an error does not stop the batch."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from unsmear.batches import advice, at_work
from unsmear.batches.entry import ALREADY_THERE, FAILED, Entry, counted, stamp
from unsmear.cli.console import as_json, say
from unsmear.cli.jobs.progress import opened_for, share_out
from unsmear.cli.jobs.recording import UNRECORDED, Recording, inputs_of
from unsmear.cluster import Where, Workers, WorkersLostError, opened
from unsmear.data.item import Item
from unsmear.data.source import Survey
from unsmear.errors import UnsmearError, no_memory, unforeseen
from unsmear.images.image import SeveralImagesError
from unsmear.location import Location


@dataclass(frozen=True)
class Outcome:
    """The result of one image: the line to print, or an error.

    what: the word that the summary counts: "restored", "left unchanged".
    warnings: what the summary counts beside it: "clipped", "written without all metadata".
    later: an image that is too large to be one task; its parts are shared out when all others are
    done.
    outputs, report, found, tiles_replaced: as in its entry, which `attempt` makes. copied: whether
    the outputs are copies of the input files.
    """

    what: str = ""
    done: str = ""
    error: str = ""
    warnings: tuple[str, ...] = ()
    later: Item | None = None
    outputs: tuple[Path | Location, ...] = ()
    copied: bool = False
    report: Path | None = None
    found: tuple[Mapping[str, Any], ...] = ()
    tiles_replaced: float | None = None
    entry: Entry | None = None

    def say(self) -> bool:
        """Print the line, an error to stderr; return whether it was printed."""
        fields = {} if self.entry is None else self.entry.to_dict()
        line = fields.pop("sentence", self.error or self.done)
        return say(line, sys.stderr if self.error else sys.stdout, **fields)


@dataclass(frozen=True)
class _Asked:
    """What is done with items. output: the folder of the record, None where none is kept."""

    work: Callable[[Item], Outcome]
    in_parts: Callable[[Workers, Item], Outcome] | None
    output: Path | None


def run(
    work: Callable[[Item], Outcome],
    survey: Survey,
    where: Where,
    what: str,
    record: Recording = UNRECORDED,
    in_parts: Callable[[Workers, Item], Outcome] | None = None,
) -> int:
    """Do `work` on every item, print its lines and a summary; return the exit code.

    work: importable by name, unless it is done here.
    what: the outcome of success, "restored"; it labels the progress bar and leads the summary.
    record: of the batch; what it has is not done again.
    in_parts: does, in this process, what `work` has left for later; its workers take the parts.
    """
    outcomes = [Outcome(ALREADY_THERE) for _ in record.there()]
    printed = True
    for image in record.there():
        printed &= say(f"{image}: already there", image=image, action=ALREADY_THERE)
    for parts in each(work, survey, where, what, record, in_parts):
        for outcome in parts:
            outcomes.append(outcome)
            printed &= outcome.say()
    return max(summarise(outcomes, survey, what), int(not printed))


def summarise(outcomes: Sequence[Outcome], survey: Survey, what: str) -> int:
    """Print what was passed over, and how many images became what; return the exit code.

    what: the outcome of success, which leads.
    """
    failed = sum(bool(outcome.error) for outcome in outcomes)
    code, printed = report_passed_over(survey), True
    if len(outcomes) > 1 or failed or code:
        counts = {what: 0} | Counter(outcome.what for outcome in outcomes if not outcome.error)
        counts = {**counts, FAILED: failed}
        warned = Counter(warning for outcome in outcomes for warning in outcome.warnings)
        noted = "".join(f" {count} {warning}." for warning, count in warned.items())
        printed = say(f"{counted(counts)}.{noted}", counts=counts, warnings=warned)
    for action, sentence in advice.FOR_ALL.items():
        if not as_json() and any(outcome.what == action for outcome in outcomes):
            printed &= say(sentence)
    return code if printed and not failed else 1


def each(
    work: Callable[[Item], Outcome],
    survey: Survey,
    where: Where,
    what: str,
    record: Recording = UNRECORDED,
    in_parts: Callable[[Workers, Item], Outcome] | None = None,
) -> Iterator[list[Outcome]]:
    """Do `work` on the items that are not on record, put them on it, and yield their outcomes.

    The arguments are those of `run`; a file that holds several images has an outcome for each.
    """
    asked = _Asked(work, in_parts, record.output)
    for parts in _attempted(asked, record.remaining(survey.items), where, what):
        record.add([outcome.entry for outcome in parts if outcome.entry is not None])
        yield parts


def _attempted(
    asked: _Asked, items: Sequence[Item], where: Where, what: str
) -> Iterator[list[Outcome]]:
    """Yield the outcomes of each item, those of what is left for later last."""
    attempted = partial(attempt, asked.work, asked.output)
    left: list[Item] = []
    with ExitStack() as stack:
        workers = stack.enter_context(opened_for(items, where))
        for parts in share_out(workers, attempted, items, what, name, _lost):
            left += [outcome.later for outcome in parts if outcome.later is not None]
            yield [outcome for outcome in parts if outcome.later is None]
        if left and workers.client is None:
            workers = stack.enter_context(opened(where))
        for item in left:
            assert asked.in_parts is not None  # for mypy: a work that leaves items has it
            in_parts = partial(asked.in_parts, workers)
            yield [_recorded(in_parts, asked.output, item, _entry_of(item))]


def report_passed_over(survey: Survey) -> int:
    """Print what was found and is not read; return the exit code: 1 where an image is among it."""
    for sentence in survey.sentences():
        say(sentence, sys.stderr)
    return 1 if survey.incomplete else 0


def attempt(work: Callable[[Item], Outcome], output: Path | None, item: Item) -> list[Outcome]:
    """Return the outcome of each image in an item's file; an error is an outcome too.

    output: the folder where the batch keeps its record, None where it keeps none.
    """
    whole = _entry_of(item)
    try:
        return [_recorded(work, output, item, whole)]
    except SeveralImagesError:
        pass
    try:
        with item.here() as here:
            return _singles(work, output, here, whole)
    except UnsmearError as error:
        return [_with_entry(Outcome(error=str(error)), whole)]


def _singles(
    work: Callable[[Item], Outcome], output: Path | None, item: Item, whole: Entry
) -> list[Outcome]:
    """Return the outcome of each image in an item's file; whole: the entry of the file."""
    singles = item.expand()
    outcomes = []
    for single in singles:
        part = replace(whole, image=single.id, of=len(singles))
        outcomes.append(_recorded(work, output, single, part))
        if output is not None:
            at_work.progress(output, item.id, len(outcomes), len(singles))
    if output is not None:
        at_work.clear(output, item.id)
    return outcomes


def _entry_of(item: Item) -> Entry:
    return Entry(item.id, FAILED, item=item.id, inputs=inputs_of(item))


def _recorded(
    work: Callable[[Item], Outcome], output: Path | None, item: Item, entry: Entry
) -> Outcome:
    """Return an image's outcome with its entry; the record says that the image is at work."""
    if output is not None:
        at_work.start(output, item.id)
    began = time.monotonic()
    outcome = _attempt(work, item)
    if outcome.later is not None:
        if output is not None:
            at_work.clear(output, item.id)
        return outcome
    seconds = round(time.monotonic() - began, 3)
    outputs = tuple(_below(output, path) for path in outcome.outputs)
    report = "" if outcome.report is None else _below(output, outcome.report)
    copies = tuple((_below(output, path), *stamp(path)) for path in _copies(outcome))
    entry = replace(entry, seconds=seconds, outputs=outputs, copies=copies, report=report)
    outcome = _with_entry(outcome, entry)
    if (
        output is not None
        and outcome.entry is not None
        and outcome.what not in (FAILED, ALREADY_THERE)
    ):
        at_work.finish(output, outcome.entry)
    return outcome


def _with_entry(outcome: Outcome, entry: Entry) -> Outcome:
    return replace(
        outcome,
        entry=replace(
            entry,
            action=outcome.what if not outcome.error else FAILED,
            sentence=outcome.error or outcome.done,
            found=outcome.found,
            tiles_replaced=outcome.tiles_replaced,
            warnings=outcome.warnings,
            at=round(time.time(), 3),
        ),
    )


def _copies(outcome: Outcome) -> list[Path]:
    """Return the files that are copies; folders of Zarrs change without a sign."""
    paths = outcome.outputs if outcome.copied else ()
    return [path for path in paths if isinstance(path, Path) and path.is_file()]


def _below(folder: Path | None, path: Path | Location) -> str:
    """Return a path as it is named in the record of a folder, or as it is without one.

    It is relative to the folder where it lies in it or beside it.
    """
    if folder is None or isinstance(path, Location):
        return str(path)
    there, folder = path.absolute(), folder.absolute()
    if there.is_relative_to(folder):
        return there.relative_to(folder).as_posix()
    # "..", which follows links, leads from the true folder to its neighbours.
    target, base = there.resolve(), folder.resolve()
    if target.is_relative_to(base.parent) and base.parent != base.parent.parent:
        return Path(os.path.relpath(target, base)).as_posix()
    return str(there)


def _attempt(work: Callable[[Item], Outcome], item: Item) -> Outcome:
    name = item.files[0].name
    try:
        return work(item)
    except (SeveralImagesError, WorkersLostError):
        raise
    except UnsmearError as error:
        return Outcome(error=str(error))
    except MemoryError:
        return Outcome(error=no_memory(name))
    # Whatever happens to one image, the others go on.
    except Exception as error:
        return Outcome(error=f"{name}: {unforeseen(error)}")


def name(item: Item) -> str:
    """Return how an item is named where its work is done."""
    return item.id


def _lost(item: Item, sentence: str) -> list[Outcome]:
    return [_with_entry(Outcome(error=sentence), _entry_of(item))]
