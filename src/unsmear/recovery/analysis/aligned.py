"""Label predictions of all restorers aligned on the same images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unsmear.errors import DataError
from unsmear.evaluate.scores import BLURRED, SHARP
from unsmear.metrics import classification as metric
from unsmear.recovery.collect.answers import Prediction, Predictions

Array = NDArray[np.float64]
Decisions = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Aligned:
    """Predictions for N image pairs and L labels, by restorer.

    labels: names. truth: (N, L). thresholds: (N, L), for each pair those of the classifier that
    predicted it; a cross-validation has several classifiers. probabilities: (N, L) by restorer,
    sharp and blurred first. cases, groups, blurs: (N,) names; a group is a cluster of the cluster
    bootstrap. lengths: (N,) pixels, NaN where there is none.
    """

    labels: tuple[str, ...]
    truth: Decisions
    thresholds: Array
    probabilities: Mapping[str, Array]
    cases: tuple[str, ...]
    groups: tuple[str, ...]
    blurs: tuple[str, ...]
    lengths: Array

    def __post_init__(self) -> None:
        """Raise DataError for shapes that do not fit, or where sharp or blurred is missing."""
        for name in (SHARP, BLURRED):
            if name not in self.probabilities:
                raise DataError(
                    f"the predictions must include those of the {name} images, got none."
                )
        for values in self.probabilities.values():
            metric.check(self.truth, values)
            metric.decide(values, self.thresholds)

    @property
    def restorers(self) -> tuple[str, ...]:
        """Their names, sharp and blurred first."""
        return tuple(self.probabilities)

    def only(self, chosen: NDArray[np.intp]) -> Aligned:
        """Return the pairs at these indices."""
        return replace(
            self,
            truth=self.truth[chosen],
            thresholds=self.thresholds[chosen],
            probabilities={name: values[chosen] for name, values in self.probabilities.items()},
            cases=tuple(self.cases[place] for place in chosen),
            groups=tuple(self.groups[place] for place in chosen),
            blurs=tuple(self.blurs[place] for place in chosen),
            lengths=self.lengths[chosen],
        )

    @cached_property
    def predicted(self) -> dict[str, Decisions]:
        """Return (N, L) by restorer: the labels predicted in its images."""
        return {
            name: metric.decide(values, self.thresholds)
            for name, values in self.probabilities.items()
        }


def align(answers: Predictions) -> tuple[Aligned, list[str]]:
    """Return the pairs that have a prediction of every restorer, and warnings.

    An image on which one restorer failed is left out for all restorers, so that all are compared on
    the same images. A warning names it. Another warning says where intervals may be too narrow.

    Raises DataError where no pair remains, where no classifier was used, or for labels that the
    classifier does not have.
    """
    names, complete, problems = complete_cases(answers, lambda row: bool(row.probabilities))
    if not complete:
        problems = problems or ["No classifier was used."]
        raise DataError(
            f"the predictions must include an image that every restorer has, got none. "
            f"{' '.join(problems)}"
        )
    aligned = _align(answers, names, complete)
    return aligned, problems + find_twins(aligned)


def complete_cases(
    answers: Predictions, has: Callable[[Prediction], bool]
) -> tuple[list[str], list[Mapping[str, Prediction]], list[str]]:
    """Return restorers, the pairs that all of them have, and warnings for pairs that some lack.

    has: whether a row counts. A pair is its rows by restorer.
    """
    by_case: dict[str, dict[str, Prediction]] = {}
    for row in filter(has, answers.sorted().rows):
        by_case.setdefault(row.case, {})[row.restorer] = row
    present = {name for rows in by_case.values() for name in rows}
    names = [name for name in answers.restorers if name in present]
    complete = [rows for rows in by_case.values() if len(rows) == len(names)]
    return names, list(complete), _left_out(by_case, names)


def _left_out(by_case: Mapping[str, Iterable[str]], names: Sequence[str]) -> list[str]:
    """Return a warning for each restorer without predictions for some pairs.

    by_case: for each pair, the names of the restorers that have a prediction.
    """
    problems = []
    for name in names:
        missing = [case for case, restorers in by_case.items() if name not in restorers]
        if missing:
            problems.append(
                f"{name} has no prediction for {len(missing)} of {len(by_case)} images, which are "
                f"left out for all; the first is {missing[0]}."
            )
    return problems


def find_twins(aligned: Aligned) -> list[str]:
    """Return a warning where one sharp image seems to be in several groups.

    Such images have exactly the same predicted probabilities.
    """
    groups: dict[bytes, set[str]] = {}
    for values, group in zip(aligned.probabilities[SHARP], aligned.groups, strict=True):
        groups.setdefault(values.tobytes(), set()).add(group)
    twins = sum(len(names) for names in groups.values() if len(names) > 1)
    if not twins:
        return []
    return [
        f"{twins} groups hold a sharp image with exactly the same predictions as a sharp image of "
        f"another group: if these are blurs of one image, the intervals are too narrow."
    ]


def _align(
    answers: Predictions, names: Sequence[str], cases: Sequence[Mapping[str, Prediction]]
) -> Aligned:
    first = [predictions[names[0]] for predictions in cases]
    lengths = [np.nan if row.length is None else row.length for row in first]
    return Aligned(
        labels=answers.labels,
        truth=_truth(first, len(answers.labels)),
        thresholds=_stack([answers.thresholds_of(row) for row in first]),
        probabilities={
            name: _stack([predictions[name].probabilities for predictions in cases])
            for name in names
        },
        cases=tuple(row.case for row in first),
        groups=tuple(row.group or row.case for row in first),
        blurs=tuple(row.blur for row in first),
        lengths=np.array(lengths, np.float64),
    )


def _stack(rows: Sequence[tuple[float, ...]]) -> Array:
    """Return (N, L); raises DataError for rows of different lengths."""
    lengths = sorted({len(row) for row in rows})
    if len(lengths) > 1:
        raise DataError(
            f"all predictions must have the same number of probabilities, got {lengths[0]} in one "
            f"and {lengths[-1]} in another."
        )
    return np.array(rows, np.float64)


def _truth(rows: Sequence[Prediction], count: int) -> Decisions:
    truth = np.zeros((len(rows), count), np.bool_)
    for truth_row, row in zip(truth, rows, strict=True):
        outside = [label for label in row.labels if not 0 <= label < count]
        if outside:
            raise DataError(
                f"{row.case}: labels must be the classifier's, 0 to {count - 1}, got {outside[0]}."
            )
        truth_row[list(row.labels)] = True
    return truth
