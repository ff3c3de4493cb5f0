"""What was found in each image: sharp, blurred, and restored by each restorer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from unsmear.errors import DataError
from unsmear.evaluate.scores import BLURRED, SHARP

Numbers = float | list[float]
"""What a measure says of an image: one number, or one for each cell of the sharp image."""


@dataclass(frozen=True)
class Prediction:
    """What was found in one image by one restorer.

    case, group: of the pair; cases of one group are no independent evidence. restorer: "sharp",
    "blurred" or a contender's name. blur: its name, "motion 6 px". length: of the blur applied,
    pixels; None where it has none. labels: the true ones, as numbers of the classifier's.
    probabilities: one for each label; none where no classifier was asked. measures: by name, NaN
    where there was nothing to measure. thresholds: of the classifier that was asked, where that is
    not the one of all `Predictions`.
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
    """All that was found, one row a case and restorer.

    labels: the classifier's, by name; none where none was asked. thresholds: one for each label,
    for every row that has none of its own.
    """

    labels: tuple[str, ...] = ()
    thresholds: tuple[float, ...] = ()
    rows: tuple[Prediction, ...] = ()

    @property
    def restorers(self) -> list[str]:
        """The restorers' names: sharp and blurred first, the others as they came."""
        names = dict.fromkeys(row.restorer for row in self.rows)
        first = [name for name in (SHARP, BLURRED) if name in names]
        return list(dict.fromkeys([*first, *names]))

    @property
    def cases(self) -> list[str]:
        """The cases' names, sorted."""
        return sorted({row.case for row in self.rows})

    @property
    def measures(self) -> list[str]:
        """The names of all measures, as they came."""
        return list(dict.fromkeys(name for row in self.rows for name in row.measures))

    def thresholds_of(self, row: Prediction) -> tuple[float, ...]:
        """Return those of the classifier that answered in this row."""
        return row.thresholds or self.thresholds

    def sorted(self) -> Predictions:
        """Return the same answers by case: the order in which cases were asked says nothing."""
        return replace(self, rows=tuple(sorted(self.rows, key=lambda row: row.case)))


def join(parts: Iterable[Predictions]) -> Predictions:
    """Return several answers as one: of the folds of a cross-validation, each its own classifier.

    Every row keeps the thresholds of its own classifier.

    Raises DataError for parts of other labels, and where a case of one part comes in another.
    """
    parts = list(parts)
    seen: set[str] = set()
    rows: list[Prediction] = []
    for part in parts:
        _check(part, parts[0], seen)
        seen.update(part.cases)
        rows += [replace(row, thresholds=part.thresholds_of(row)) for row in part.rows]
    return replace(parts[0], rows=tuple(rows)) if parts else Predictions()


def _check(part: Predictions, first: Predictions, seen: set[str]) -> None:
    if part.labels != first.labels:
        raise DataError(
            f"answers to join must be of the same labels, {', '.join(first.labels) or 'none'}, "
            f"got {', '.join(part.labels) or 'none'}."
        )
    twice = seen.intersection(part.cases)
    if twice:
        raise DataError(f"{min(twice)}: a case must come in one part of the answers, got two.")
