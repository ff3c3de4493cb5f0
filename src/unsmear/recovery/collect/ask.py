"""Classify and measure every image: sharp, blurred, and restored by each method."""

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
from unsmear.images import Image, check_no_gaps
from unsmear.images.scaling import range_of
from unsmear.recovery import measures as measuring
from unsmear.recovery.collect.answers import Numbers, Prediction
from unsmear.recovery.collect.cache import keep
from unsmear.recovery.measures import MaskedImage, Measure
from unsmear.segmentation import Masks

DIGITS, SIGNIFICANT = 6, 9
"""Decimals of a stored probability and significant digits of a stored measure.

Rounding hides differences between processors in the last bit.
"""


@dataclass(frozen=True)
class Request:
    """Settings for the predictions of all pairs; it can be sent to another process.

    contenders: the methods that restore. classifier: None for no label predictions. measures: as
    `measures.find` gives them. data_range: from black to white in counts; None takes an integer
    dtype's own. restored_folder: folder of restored images; images already there are read, others
    are written.
    leave_out: whether labels that the classifier does not know are ignored, or an error.
    nuclei: the channel that shows them, by name or number; "" for what its name says.
    """

    contenders: tuple[MethodWithKernel, ...] = ()
    classifier: Classifier | None = None
    measures: tuple[Measure, ...] = ()
    data_range: float | None = None
    restored_folder: Path | None = None
    leave_out: bool = False
    nuclei: str = ""


@dataclass(frozen=True)
class Asked:
    """Result for one pair: its predictions, or an error message."""

    answers: tuple[Prediction, ...] = ()
    problem: str = ""


def attempt(questions: Request, case: Case) -> Asked:
    """Return the result for a pair; an error becomes a message, so that other pairs go on."""
    try:
        predictions = ask(
            case,
            questions.contenders,
            questions.classifier,
            questions.measures,
            questions.data_range,
            questions.restored_folder,
            questions.leave_out,
            questions.nuclei,
        )
    except UnsmearError as error:
        return Asked(problem=name_case(case, str(error)))
    except MemoryError:
        return Asked(problem=no_memory(case.name))
    return Asked(tuple(predictions))


def ask(
    case: Case,
    contenders: Sequence[MethodWithKernel],
    classifier: Classifier | None = None,
    measures: Sequence[Measure] = (),
    data_range: float | None = None,
    restored_folder: Path | None = None,
    leave_out: bool = False,
    nuclei: str = "",
) -> list[Prediction]:
    """Return the predictions for a pair: sharp, blurred, and one for each method.

    Each method restores the pair once; they share one blur estimate. A non-blind method with the
    true kernel has no prediction where the blur is not known.
    restored_folder, leave_out, nuclei: see `Request`.

    Raises UnsmearError where a file cannot be read, restored, classified or measured.
    """
    sharp, blurred = case.read()
    range_of(sharp, data_range)  # before the restoring: a range that is missing shows at once
    if classifier is not None:
        places(case, classifier, leave_out)
    if restored_folder is not None:
        restored = keep(case, contenders, restored_folder)
    else:
        restored = restore_all(case, sharp, blurred, contenders).images
    return answer(case, restored, classifier, measures, data_range, leave_out, nuclei)


def answer(
    case: Case,
    images: Mapping[str, Image],
    classifier: Classifier | None = None,
    measures: Sequence[Measure] = (),
    data_range: float | None = None,
    leave_out: bool = False,
    nuclei: str = "",
) -> list[Prediction]:
    """Return the predictions for a pair from its images by restorer, sharp first.

    Raises UnsmearError where one cannot be classified or measured.
    """
    truth = () if classifier is None else places(case, classifier, leave_out)
    shares = _probabilities(list(images.values()), classifier, data_range)
    measured = _measure(case, images, measures, data_range, nuclei)
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
    """Return the labels of a pair as indices into the classifier's labels, matched by name.

    leave_out: whether labels that the classifier does not have are ignored.

    Raises DataError for a label that the classifier does not have, and for a pair without labels.
    """
    if not case.labels:
        raise DataError(f"{case.name}: a pair must have labels for a classifier, got none.")
    index_of = {name.lower(): place for place, name in enumerate(classifier.labels)}
    names = list(dict.fromkeys(map(label_name, case.labels)))
    missing = [name for name in names if name.lower() not in index_of]
    if missing and not leave_out:
        raise DataError(
            f"{case.name}: labels must be those of {classifier.name} "
            f"({', '.join(classifier.labels)}), got {', '.join(missing)}; "
            "--other-labels leave-out goes on without them."
        )
    return tuple(index_of[name.lower()] for name in names if name not in missing)


def label_name(number: int) -> str:
    """Return the name of a label, or its number where it has no name."""
    return LABELS[number] if 0 <= number < len(LABELS) else f"number {number}"


def _probabilities(
    images: Sequence[Image], classifier: Classifier | None, data_range: float | None
) -> list[tuple[float, ...]]:
    if classifier is None:
        return [()] * len(images)
    probabilities = classifier.probabilities(images, data_range)
    return [tuple(round(float(share), DIGITS) for share in row) for row in probabilities]


def _measure(
    case: Case,
    images: Mapping[str, Image],
    measures: Sequence[Measure],
    data_range: float | None,
    nuclei: str = "",
) -> dict[str, dict[str, Numbers]]:
    """Return the measures of each restorer's image, all in the cells of the sharp image."""
    if not measures:
        return {restorer: {} for restorer in images}
    sharp = images[SHARP]
    units = _units(sharp, data_range)
    masked = measuring.segment_image(units, colours(sharp), sharp.pixel_size, nuclei)
    masked = replace(masked, true_nuclei=_true_nuclei(case, masked))
    measured = {}
    for restorer, image in images.items():
        values = measuring.take(replace(masked, planes=_units(image, data_range)), measures)
        measured[restorer] = {name: _rounded(value) for name, value in values.items()}
    return measured


def _true_nuclei(case: Case, sharp: MaskedImage) -> Masks | None:
    """Return the masks of the true nuclei; raises ImageError for some of another size."""
    masks = case.read_nuclei()
    if masks is not None and masks.shape != sharp.nuclei.shape:
        raise ImageError(
            f"nuclei/{case.name}: masks must be {sharp.nuclei.shape} as the sharp image, "
            f"got {masks.shape}."
        )
    return masks


def colours(image: Image) -> tuple[str, ...]:
    """Return the channels' names in small letters; those without one are called by their place."""
    names = image.channels or ("",) * image.planes().shape[1]
    return tuple(name.lower() or f"channel {place}" for place, name in enumerate(names))


def _units(image: Image, data_range: float | None) -> NDArray[np.float32]:
    planes = check_no_gaps(image, "recovery").planes()
    if len(planes) != 1:
        raise ImageError(
            f"{image.name}: an image to measure must be one plane, "
            f"got {len(planes)} ({image.axes})."
        )
    return np.asarray(planes[0] / np.float32(range_of(image, data_range)), np.float32)


def _rounded(value: Numbers) -> Numbers:
    if isinstance(value, list):
        return [float(f"{number:.{SIGNIFICANT}g}") for number in value]
    return float(f"{value:.{SIGNIFICANT}g}")
