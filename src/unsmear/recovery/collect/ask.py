"""Every question asked of every image: sharp, blurred, and restored by each contender."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unsmear.classify import Classifier
from unsmear.data.labels import LABELS
from unsmear.errors import DataError, ImageError, UnsmearError, no_memory
from unsmear.evaluate import SHARP, Case, MethodWithKernel, name_case, restore_all
from unsmear.images import Image
from unsmear.images.scaling import range_of
from unsmear.recovery import measures as measuring
from unsmear.recovery.collect.answers import Numbers, Prediction
from unsmear.recovery.collect.cache import keep
from unsmear.recovery.measures import Measure

DIGITS, SIGNIFICANT = 6, 9
"""Of a probability after the point, and of a measure: another processor's last bit is not kept."""


@dataclass(frozen=True)
class Request:
    """What all cases are asked; it can be sent to another process.

    contenders: what restores. classifier: None where labels are not asked for. measures: what else
    is asked, as `measures.find` gives it. data_range: from black to white in counts; None takes an
    integer dtype's own. kept: where restored images are written, and read where they are there.
    leave_out: whether labels that the classifier does not know are no concern, or an error.
    """

    contenders: tuple[MethodWithKernel, ...] = ()
    classifier: Classifier | None = None
    measures: tuple[Measure, ...] = ()
    data_range: float | None = None
    kept: Path | None = None
    leave_out: bool = False


@dataclass(frozen=True)
class Asked:
    """What one case gave: its answers, or the sentence that says why there are none."""

    answers: tuple[Prediction, ...] = ()
    problem: str = ""


def attempt(questions: Request, case: Case) -> Asked:
    """Return what a case gives; what goes wrong is a sentence, so that the other cases go on."""
    try:
        found = ask(
            case,
            questions.contenders,
            questions.classifier,
            questions.measures,
            questions.data_range,
            questions.kept,
            questions.leave_out,
        )
    except UnsmearError as error:
        return Asked(problem=name_case(case, str(error)))
    except MemoryError:
        return Asked(problem=no_memory(case.name))
    return Asked(tuple(found))


def ask(
    case: Case,
    contenders: Sequence[MethodWithKernel],
    classifier: Classifier | None = None,
    measures: Sequence[Measure] = (),
    data_range: float | None = None,
    kept: Path | None = None,
    leave_out: bool = False,
) -> list[Prediction]:
    """Return the answers for a case: sharp, blurred, and one for each contender.

    The case is restored once by each contender; an estimate is shared. A contender for the true
    kernel has no answer where the blur is not known. kept, leave_out: see
    `Request`.

    Raises UnsmearError where a file cannot be read, restored, classified or measured.
    """
    sharp, blurred = case.read()
    range_of(sharp, data_range)  # before the restoring: a range that is missing shows at once
    if classifier is not None:
        places(case, classifier, leave_out)
    if kept is not None:
        restored = keep(case, contenders, kept)
    else:
        restored = restore_all(case, sharp, blurred, contenders).images
    return answer(case, restored, classifier, measures, data_range, leave_out)


def answer(
    case: Case,
    images: Mapping[str, Image],
    classifier: Classifier | None = None,
    measures: Sequence[Measure] = (),
    data_range: float | None = None,
    leave_out: bool = False,
) -> list[Prediction]:
    """Return the answers for a case whose images are there already: by restorer, sharp first.

    Raises UnsmearError where one cannot be classified or measured.
    """
    truth = () if classifier is None else places(case, classifier, leave_out)
    shares = _probabilities(list(images.values()), classifier, data_range)
    measured = _measure(images, measures, data_range)
    length = None if case.blur is None else case.blur.get("length")
    return [
        Prediction(
            case.name,
            case.group,
            restorer,
            case.blur_name(),
            None if length is None else float(length),
            truth,
            share,
            measured[restorer],
        )
        for restorer, share in zip(images, shares, strict=True)
    ]


def places(case: Case, classifier: Classifier, leave_out: bool = False) -> tuple[int, ...]:
    """Return a case's labels as numbers of the classifier's, found by their names.

    leave_out: whether those that the classifier does not have are passed over.

    Raises DataError for a label that the classifier does not have, and for a case without labels.
    """
    if not case.labels:
        raise DataError(f"{case.name}: a pair must have labels for a classifier, got none.")
    known = {name.lower(): place for place, name in enumerate(classifier.labels)}
    names = list(dict.fromkeys(map(label_name, case.labels)))
    missing = [name for name in names if name.lower() not in known]
    if missing and not leave_out:
        raise DataError(
            f"{case.name}: labels must be those of {classifier.name} "
            f"({', '.join(classifier.labels)}), got {', '.join(missing)}; "
            "--other-labels leave-out goes on without them."
        )
    return tuple(known[name.lower()] for name in names if name not in missing)


def label_name(number: int) -> str:
    """Return a label's name; of a number that no label has, the number."""
    return LABELS[number] if 0 <= number < len(LABELS) else f"number {number}"


def _probabilities(
    images: Sequence[Image], classifier: Classifier | None, data_range: float | None
) -> list[tuple[float, ...]]:
    if classifier is None:
        return [()] * len(images)
    found = classifier.probabilities(images, data_range)
    return [tuple(round(float(share), DIGITS) for share in row) for row in found]


def _measure(
    images: Mapping[str, Image], measures: Sequence[Measure], data_range: float | None
) -> dict[str, dict[str, Numbers]]:
    """Return what is measured in each restorer's image, all in the cells of the sharp one."""
    if not measures:
        return {restorer: {} for restorer in images}
    sharp = images[SHARP]
    seen = measuring.see(_units(sharp, data_range), colours(sharp), sharp.pixel_size)
    measured = {}
    for restorer, image in images.items():
        found = measuring.take(replace(seen, planes=_units(image, data_range)), measures)
        measured[restorer] = {name: _rounded(value) for name, value in found.items()}
    return measured


def colours(image: Image) -> tuple[str, ...]:
    """Return the channels' names in small letters; those without one are called by their place."""
    names = image.channels or ("",) * image.planes().shape[1]
    return tuple(name.lower() or f"channel {place}" for place, name in enumerate(names))


def _units(image: Image, data_range: float | None) -> NDArray[np.float32]:
    planes = image.planes()
    if len(planes) != 1:
        raise ImageError(
            f"{image.name}: an image to measure must be one plane, "
            f"got {len(planes)} ({image.axes})."
        )
    return np.asarray(planes[0] / np.float32(range_of(image, data_range)), np.float32)


def _rounded(value: Numbers) -> Numbers:
    if isinstance(value, list):
        return [float(f"{one:.{SIGNIFICANT}g}") for one in value]
    return float(f"{value:.{SIGNIFICANT}g}")
