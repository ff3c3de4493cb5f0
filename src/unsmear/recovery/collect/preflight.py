"""Checks of the request before any long computation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from unsmear.classify import Classifier
from unsmear.data import lists, manifest
from unsmear.errors import DataError, UnsmearError
from unsmear.evaluate import Case, name_case
from unsmear.recovery import measures
from unsmear.recovery.collect.ask import Request, ask, colours, label_name, places

ALL = "all"
"""Name that selects all built-in measures."""


def choose_measures(
    names: Sequence[str], cases: Iterable[Case], classifier: bool, nuclei: str = ""
) -> tuple[list[str], list[str]]:
    """Return the measures by name or path, each once, and a sentence on each that is left out.

    names: those given. Without names and without a classifier, all measures are taken that the
    images have the channels for. cases: the first readable pair tells the channels. nuclei: the
    channel that shows them, as the user says it.

    Raises OptionError for unknown measures, or for measures that need another channel.
    """
    if not names and classifier:
        return [], []
    for name in names:
        if name != ALL:
            measures.find(name)
    channels = _channels(cases)
    if not names or ALL in names:
        lacking = measures.lacking(list(measures.MEASURES), channels, nuclei)
        able = [name for name in measures.MEASURES if name not in lacking]
        own = (name for name in names if name != ALL)
        left_out = [f"{name} is not measured: {why}." for name, why in lacking.items()]
        return list(dict.fromkeys([*able, *own])), left_out
    measures.check(names, channels, nuclei)
    return list(dict.fromkeys(names)), []


def check_labels(
    cases: Sequence[Case], classifier: Classifier, leave_out: bool = False
) -> list[str]:
    """Return warnings about labels of the classifier that no pair has, and about ignored labels.

    Raises DataError for pairs without labels, or with labels that the classifier does not have.
    """
    without = [case.name for case in cases if not case.labels]
    if without:
        raise DataError(
            f"{without[0]}: every pair must have labels for a classifier, got none for "
            f"{len(without)} of {len(cases)}."
        )
    numbers = {number: case for case in reversed(cases) for number in case.labels}
    used = {place for case in numbers.values() for place in places(case, classifier, leave_out)}
    known_names = {label.lower() for label in classifier.labels}
    names = [label_name(number) for number in sorted(numbers)]
    others = [name for name in names if name.lower() not in known_names]
    warnings = []
    if others:
        warnings.append(
            f"{classifier.name} does not know {', '.join(others)}: left out of the truth."
        )
    empty = [label for place, label in enumerate(classifier.labels) if place not in used]
    if not empty:
        return warnings
    return [
        *warnings,
        f"No image has the label {', '.join(empty)}, which {classifier.name} can find: "
        "macro averages are without.",
    ]


def missing_images(pairs: Path, cases: Iterable[Case]) -> list[str]:
    """Return a warning about IDs in the label list of a folder that have no image."""
    if (pairs / manifest.FILE).exists():  # which has the labels then
        return []
    items = [case.sharp for case in cases]
    listed = lists.labels_beside(items).keys()
    image_names = {
        name for item in items for file in item.files for name in lists.listed_names(file)
    }
    vain = sorted(listed - image_names)
    if not vain:
        return []
    return [
        f"{pairs}: every label listed must have an image, got none for {len(vain)} IDs, "
        f"{vain[0]} among them."
    ]


def try_out(questions: Request, cases: Iterable[Case]) -> None:
    """Classify and measure the first readable pair, without restoring it.

    Raises UnsmearError, in one sentence, for a classifier of other channels, floats without a
    range, or a measure that fails: all other images would fail as well.
    """
    for case in _readable(cases):
        try:
            ask(
                case,
                (),
                questions.classifier,
                questions.measures,
                questions.data_range,
                leave_out=questions.leave_out,
                nuclei=questions.nuclei,
            )
        except UnsmearError as error:
            raise type(error)(name_case(case, str(error))) from error
        return


def _readable(cases: Iterable[Case]) -> Iterator[Case]:
    """Yield the readable pairs; the others are reported when they are processed."""
    for case in cases:
        try:
            case.read()
        except UnsmearError:
            continue
        yield case


def _channels(cases: Iterable[Case]) -> tuple[str, ...]:
    case = next(_readable(cases), None)
    if case is None:
        raise DataError("at least one pair must be readable, got none.")
    return colours(case.sharp.read())
