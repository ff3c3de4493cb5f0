"""Batch processing: one line or one error per image; an error does not stop the batch."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from unsmear.cli.console import say
from unsmear.cli.jobs.progress import map_with_progress
from unsmear.cli.options.parameters import BatchOptions
from unsmear.cli.options.paths import check_folder, resolved
from unsmear.cluster import Where
from unsmear.data import source
from unsmear.data.item import Item
from unsmear.data.source import Survey
from unsmear.errors import OptionError, UnsmearError, no_memory
from unsmear.images.image import SeveralImagesError


@dataclass(frozen=True)
class Outcome:
    """The result of one image: the line to print, or an error.

    what: the word that the summary counts: "restored", "left unchanged".
    warnings: what the summary counts beside it: "clipped", "written without all metadata".
    later: an image that is too large to be one task; its parts are shared out when all others are
    done.
    """

    what: str = ""
    done: str = ""
    error: str = ""
    warnings: tuple[str, ...] = ()
    later: Item | None = None


def run(
    work: Callable[[Item], Outcome],
    survey: Survey,
    where: Where,
    what: str,
    in_parts: Callable[[Item], Outcome] | None = None,
) -> int:
    """Do `work` on every item, print its lines and a summary; return the exit code.

    work: importable by name, unless it is done here.
    what: the outcome of success, "restored"; it labels the progress bar and leads the summary.
    in_parts: does, in this process, what `work` has left for later.
    """
    outcomes: list[Outcome] = []
    printed = True
    for parts in _attempted(work, survey, where, what, in_parts):
        for outcome in parts:
            outcomes.append(outcome)
            stream = sys.stderr if outcome.error else sys.stdout
            printed &= say(outcome.error or outcome.done, stream)
    failed = sum(bool(outcome.error) for outcome in outcomes)
    code = report_passed_over(survey)
    if len(outcomes) > 1 or failed or code:
        counts = {what: 0} | Counter(outcome.what for outcome in outcomes if not outcome.error)
        summary = [f"{count} {name}" for name, count in counts.items()]
        warned = Counter(warning for outcome in outcomes for warning in outcome.warnings)
        noted = "".join(f" {count} {warning}." for warning, count in warned.items())
        printed &= say(f"{', '.join([*summary, f'{failed} failed'])}.{noted}")
    return code if printed and not failed else 1


def _attempted(
    work: Callable[[Item], Outcome],
    survey: Survey,
    where: Where,
    what: str,
    in_parts: Callable[[Item], Outcome] | None,
) -> Iterator[list[Outcome]]:
    """Yield the outcomes of each item, those of what is left for later last."""
    attempted = partial(attempt, work)
    left: list[Item] = []
    for parts in map_with_progress(attempted, survey.items, where, what, name, _lost):
        left += [outcome.later for outcome in parts if outcome.later is not None]
        yield [outcome for outcome in parts if outcome.later is None]
    for item in left:
        assert in_parts is not None  # for mypy: a work that leaves items has it
        yield [_attempt(in_parts, item)]


def report_passed_over(survey: Survey) -> int:
    """Print what was found and is not read; return the exit code: 1 where an image is among it."""
    for sentence in survey.sentences():
        say(sentence, sys.stderr)
    return 1 if survey.incomplete else 0


def attempt(work: Callable[[Item], Outcome], item: Item) -> list[Outcome]:
    """Return the outcome of each image in an item's file; an error is an outcome too."""
    try:
        return [_attempt(work, item)]
    except SeveralImagesError:
        pass
    try:
        with item.here() as here:
            return [_attempt(work, single) for single in here.expand()]
    except UnsmearError as error:
        return [Outcome(error=str(error))]


def _attempt(work: Callable[[Item], Outcome], item: Item) -> Outcome:
    name = item.files[0].name
    try:
        return work(item)
    except SeveralImagesError:
        raise
    except UnsmearError as error:
        return Outcome(error=str(error))
    except MemoryError:
        return Outcome(error=no_memory(name))
    # Whatever happens to one image, the others go on.
    except Exception as error:
        return Outcome(error=unforeseen(name, error))


def name(item: Item) -> str:
    """Return how an item is named where its work is done."""
    return item.id


def _lost(_: Item, sentence: str) -> list[Outcome]:
    return [Outcome(error=sentence)]


def unforeseen(name: str, error: Exception) -> str:
    """Return the sentence on an error that no code of ours expects."""
    text = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".")
    return f"{name}: an error that was not foreseen ({text}); please report it."


def find_inputs(options: BatchOptions, output: Path) -> Survey:
    """Return the images to be processed, without those that an earlier run wrote to `output`.

    Raises OptionError where the inputs lie in the output folder: results would overwrite them.
    """
    folder = resolved(check_folder(output))
    # A link to itself is an input that cannot be read, and the others are.
    paths = [Path(source.place_of_text(argument)) for argument in options.inputs if argument]
    for argument, path in zip(filter(None, options.inputs), paths, strict=True):
        if folder == path or (folder == path.parent and not path.is_dir()):
            raise OptionError(
                f"the output must be another folder than the input's, got {output} for {argument}."
            )
    survey = source.survey(options.inputs, axes=options.axes)
    if any(folder.is_relative_to(path) for path in paths):
        return survey.without(folder)
    return survey
