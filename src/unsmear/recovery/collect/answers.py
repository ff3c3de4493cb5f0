"""Predictions of labels and measures for sharp, blurred and restored images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from unsmear.errors import DataError
from unsmear.evaluate.scores import BLURRED, SHARP

Numbers = float | list[float]
"""Value of a measure: one number for an image, or one for each cell of the sharp image."""


@dataclass(frozen=True)
class Prediction:
    """Prediction for one image of one restorer.

    case, group: names of the pair and of its cluster for the cluster bootstrap. restorer: "sharp",
    "blurred" or the name of a method. blur: name of the blur, "motion 6 px". length: of the blur
    applied, pixels; None where it has none. labels: the true labels, as indices into those of the
    classifier. probabilities: one for each label; empty without a classifier. measures: values by
    name, NaN where there was nothing to measure. thresholds: those of the classifier used, where
    they differ from those of all `Predictions`.
    """

    case: str
    group: str
    restorer: str
    blur: str = "unknown"
    length: float | None = None
    labels: tuple[int, ...] = ()
    probabilities: tuple[float, ...] = ()
    measures: dict[str, Numbers] = field(default_factory=dict)
    thresholds: tuple[float, ...] = ()


@dataclass(frozen=True)
class Predictions:
    """All predictions, one row for each pair and restorer.

    labels: names of the classifier's labels; empty without a classifier. thresholds: one for each
    label, for every row that has none of its own.
    """

    labels: tuple[str, ...] = ()
    thresholds: tuple[float, ...] = ()
    rows: tuple[Prediction, ...] = ()

    @property
    def restorers(self) -> list[str]:
        """Names of the restorers: sharp and blurred first, the others in order of appearance."""
        names = dict.fromkeys(row.restorer for row in self.rows)
        first = [name for name in (SHARP, BLURRED) if name in names]
        return list(dict.fromkeys([*first, *names]))

    @property
    def cases(self) -> list[str]:
        """Names of the pairs, sorted."""
        return sorted({row.case for row in self.rows})

    @property
    def measures(self) -> list[str]:
        """Names of all measures, in order of appearance."""
        return list(dict.fromkeys(name for row in self.rows for name in row.measures))

    def thresholds_of(self, row: Prediction) -> tuple[float, ...]:
        """Return the thresholds of the classifier that made this row."""
        return row.thresholds or self.thresholds

    def sorted(self) -> Predictions:
        """Return the same predictions sorted by pair, whatever the order of computation."""
        return replace(self, rows=tuple(sorted(self.rows, key=lambda row: row.case)))


def join(parts: Iterable[Predictions]) -> Predictions:
    """Return the predictions of several folds as one; each fold has its own classifier.

    Every row keeps the thresholds of its own classifier.

    Raises DataError for parts with different labels, and for a pair that is in two parts.
    """
    parts = list(parts)
    names: set[str] = set()
    rows: list[Prediction] = []
    for part in parts:
        _check(part, parts[0], names)
        names.update(part.cases)
        rows += [replace(row, thresholds=part.thresholds_of(row)) for row in part.rows]
    return replace(parts[0], rows=tuple(rows)) if parts else Predictions()


def _check(part: Predictions, first: Predictions, names: set[str]) -> None:
    if part.labels != first.labels:
        raise DataError(
            f"predictions to join must have the same labels, {', '.join(first.labels) or 'none'}, "
            f"got {', '.join(part.labels) or 'none'}."
        )
    twice = names.intersection(part.cases)
    if twice:
        raise DataError(f"{min(twice)}: a pair must be in one part of the predictions, got two.")
