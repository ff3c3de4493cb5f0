"""Complete results of a recovery analysis, in reading order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from unsmear.errors import DataError
from unsmear.evaluate.scores import BLURRED, SHARP
from unsmear.metrics.bootstrap import RESAMPLES
from unsmear.recovery.analysis.agreement import Agreement, agree, agree_by_blur
from unsmear.recovery.analysis.aligned import Aligned, align
from unsmear.recovery.analysis.calibration import Calibration, calibrate
from unsmear.recovery.analysis.contrasts import (
    Above,
    Below,
    describe,
    describe_below,
    find_above,
    find_below,
)
from unsmear.recovery.analysis.detection import Detection, detect
from unsmear.recovery.analysis.measures import Agreeing, Values, align_values, compare_values
from unsmear.recovery.analysis.paired_tests import Comparison, compare
from unsmear.recovery.analysis.summary import ALL, Line, summarise
from unsmear.recovery.collect.answers import Predictions

NOTICED = 0.01
"""Median relative error of a measure from which a warning is given."""
RARE = 5
"""Number of groups with a label below which bootstrap draws may miss that label."""
FEW = 20
"""Number of groups below which bootstrap intervals are known to be too narrow."""


@dataclass(frozen=True, eq=False)
class Results:
    """All results of an analysis; parts are empty where no classifier or no measure was used.

    aligned: the images behind the label scores. notes: sentences that a reader must know beside the
    numbers.
    """

    aligned: Aligned | None = None
    lines: tuple[Line, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    agreements_by_blur: tuple[Agreement, ...] = ()
    calibrations: tuple[Calibration, ...] = ()
    above: tuple[Above, ...] = ()
    below: tuple[Below, ...] = ()
    measures: tuple[Agreeing, ...] = ()
    measures_by_blur: tuple[Agreeing, ...] = ()
    detections: tuple[Detection, ...] = ()
    detections_by_blur: tuple[Detection, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def warnings(self) -> list[str]:
        """Warnings about restorers that score above the sharp or below the blurred images."""
        return [*map(describe, self.above), *map(describe_below, self.below)]

    @property
    def overall(self) -> list[Line]:
        """The lines over all images, sharp and blurred first."""
        return [line for line in self.lines if line.kind == ALL]

    @property
    def best(self) -> str:
        """The restorer with the highest micro F1 over all images; "" where there is none."""
        restored = [line for line in self.overall if line.restorer not in (SHARP, BLURRED)]
        if not restored:
            return ""
        return max(restored, key=lambda line: line.averages["micro_f1"].value).restorer


def conclude(answers: Predictions, seed: int = 0, resamples: int = RESAMPLES) -> Results:
    """Return all results of these predictions.

    seed: random seed of the bootstrap and permutations, shared by all restorers. Raises DataError
    where there is no prediction, or no image that every restorer has.
    """
    if not any(row.probabilities or row.measures for row in answers.rows):
        raise DataError("the predictions must hold labels or measures, got none of either.")
    values, notes = align_values(answers)
    measured = _measured(values, seed, resamples)
    if not any(row.probabilities for row in answers.rows):
        notes = [
            *notes,
            *_few(len({row.group for row in answers.rows})),
            *name_farther(measured.measures),
        ]
        return replace(measured, notes=tuple(notes))
    aligned, problems = align(answers)
    return replace(
        measured,
        aligned=aligned,
        lines=tuple(summarise(aligned, seed, resamples)),
        comparisons=tuple(compare(aligned, seed=seed, resamples=resamples)),
        agreements=tuple(agree(aligned, seed, resamples)),
        agreements_by_blur=tuple(agree_by_blur(aligned, seed, resamples)),
        calibrations=tuple(calibrate(aligned)),
        above=tuple(find_above(aligned, seed, resamples)),
        below=tuple(find_below(aligned, seed, resamples)),
        notes=tuple(
            dict.fromkeys(
                [*problems, *notes, *_cautions(aligned), *name_farther(measured.measures)]
            )
        ),
    )


def _measured(values: Sequence[Values], seed: int, resamples: int) -> Results:
    """Return the results of the measures alone."""
    by_blur = [part for value in values for part in value.by_blur()]
    measures, measures_by_blur = (
        tuple(agreeing for part in parts for agreeing in compare_values(part, seed, resamples))
        for parts in (values, by_blur)
    )
    detections, detections_by_blur = (
        tuple(detect(parts, seed, resamples)) for parts in (values, by_blur)
    )
    return Results(
        measures=measures,
        measures_by_blur=measures_by_blur,
        detections=detections,
        detections_by_blur=detections_by_blur,
    )


def name_farther(measures: Sequence[Agreeing]) -> list[str]:
    """Return a warning for each restorer whose measures are farther from sharp than blurred.

    Only measures whose interval shows it and whose median relative error is large enough.
    """
    worse: dict[str, list[str]] = {}
    for agreeing in measures:
        sure = agreeing.recovered is not None and (agreeing.recovered.high or 0.0) < 0
        if sure and (agreeing.relative_error is None or agreeing.relative_error >= NOTICED):
            worse.setdefault(agreeing.restorer, []).append(agreeing.measure)
    return [
        f"{restorer} is farther from sharp than the blurred images in {', '.join(names)}."
        for restorer, names in worse.items()
    ]


def _few(groups: int) -> list[str]:
    if groups >= FEW:
        return []
    are = "is 1 group" if groups == 1 else f"are {groups} groups"
    effect = "no interval" if groups == 1 else "the intervals are too narrow"
    return [f"There {are} of images: {effect}."]


def _cautions(aligned: Aligned) -> list[str]:
    notes = _few(len(set(aligned.groups)))
    if not aligned.truth.any():
        notes.append("No image has a true label: only agreement with sharp says something.")
    support = aligned.truth.sum(axis=0).tolist()
    missing = [name for name, images in zip(aligned.labels, support, strict=True) if not images]
    if missing and len(missing) < len(aligned.labels):
        notes.append(f"No image has {', '.join(missing)}: macro means are without.")
    return [*notes, *_rare(aligned)]


def _rare(aligned: Aligned) -> list[str]:
    """Return a warning about labels in so few groups that a bootstrap draw can miss them."""
    groups = np.array(aligned.groups)
    held = {
        label: len(set(groups[aligned.truth[:, at]].tolist()))
        for at, label in enumerate(aligned.labels)
    }
    rare = [f"{label} ({count})" for label, count in held.items() if 0 < count < RARE]
    if not rare:
        return []
    return [
        f"Labels in fewer than {RARE} groups of images: {', '.join(rare)}. Draws of groups can "
        "miss them: the intervals of macro and harmonic F1 hold that chance too, and of these "
        "labels alone nothing is sure."
    ]
