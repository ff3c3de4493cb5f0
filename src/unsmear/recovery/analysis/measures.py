"""Agreement of image measures (any number, not labels) between restored and sharp images.

A measure gives one number per image, or one per cell of the sharp image. The number of the sharp
image is the truth; the number of the blurred image is the baseline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unsmear.errors import DataError
from unsmear.evaluate.scores import BLURRED, SHARP
from unsmear.metrics import bootstrap
from unsmear.metrics.bootstrap import RESAMPLES, Index, Interval
from unsmear.recovery.analysis.aligned import complete_cases
from unsmear.recovery.analysis.summary import ALL, natural
from unsmear.recovery.collect.answers import Prediction, Predictions

Array = NDArray[np.float64]

FLAT = 1e-12
"""Relative spread below which the values of a measure count as constant (rounding errors)."""


@dataclass(frozen=True)
class Agreeing:
    """Agreement of one measure between one restorer's images and the sharp images.

    count: number of pairs of values, of images or of cells. missing: values that the sharp image
    has and the restored one lacks. mean: of the restorer's values, in the measure's unit. bias:
    mean difference to sharp, in that unit; relative_bias: the same as a fraction of the mean size
    of the sharp values, None where that is 0. correlation: Pearson's; None where either is
    constant. relative_error: median of |difference| / |sharp|, infinite where most sharp values are
    0 and these are not. error: mean |difference|.
    recovered: 1 - error / error of the blurred images, over the values that all three have: 1 is as
    good as sharp, below 0 worse than blurred; None for sharp and blurred, and where the blurred
    images have no error. subset: "all", or the blur's name.
    """

    measure: str
    restorer: str
    count: int
    missing: int
    mean: float | None = None
    bias: Interval | None = None
    relative_bias: float | None = None
    correlation: Interval | None = None
    relative_error: float | None = None
    error: Interval | None = None
    recovered: Interval | None = None
    subset: str = ALL


@dataclass(frozen=True, eq=False)
class Values:
    """Values of one measure for the same image pairs by every restorer.

    by_restorer: (M,), sharp and blurred first, NaN where there is none. groups, blurs: (M,), of
    each number's case. subset: as in `Agreeing`.
    """

    measure: str
    by_restorer: Mapping[str, Array]
    groups: tuple[str, ...]
    blurs: tuple[str, ...]
    subset: str = ALL

    def by_blur(self) -> list[Values]:
        """Return the numbers of each blur; nothing where there is one blur."""
        names = sorted(set(self.blurs), key=natural)
        return [self._only(name) for name in names if len(names) > 1]

    def _only(self, blur: str) -> Values:
        keep = np.array(self.blurs) == blur
        return replace(
            self,
            by_restorer={name: values[keep] for name, values in self.by_restorer.items()},
            groups=tuple(np.array(self.groups)[keep].tolist()),
            blurs=(blur,) * int(keep.sum()),
            subset=blur,
        )


def align_values(answers: Predictions) -> tuple[list[Values], list[str]]:
    """Return the values of every measure, and a warning for each restorer without some pairs.

    Those pairs are left out for all restorers. Raises DataError where a restorer has another number
    of cells than the sharp image, or where sharp, blurred or every pair is missing.
    """
    names, complete, problems = complete_cases(answers, lambda row: bool(row.measures))
    if names and (not complete or names[:2] != [SHARP, BLURRED]):
        raise DataError(
            f"measures must hold an image of {SHARP}, {BLURRED} and every restorer, got none."
        )
    return [_values(name, names, complete) for name in answers.measures], problems


def compare_values(values: Values, seed: int = 0, resamples: int = RESAMPLES) -> list[Agreeing]:
    """Return the agreement of each restorer's values with sharp's, sharp and blurred first.

    A value that is not finite counts as missing and its pair is left out; see `missing`.
    Intervals are those of `summary.summarise`.
    """
    index, groups = bootstrap.index_groups(values.groups)
    draws = bootstrap.draw(groups, seed, resamples)
    return [_compare(values, name, index, draws) for name in values.by_restorer]


def correlate(sums: Array) -> Array:
    """Return Pearson's correlation (...) of sums (..., 6): of 1, x, y, x x, y y and x y.

    x and y are expected with mean 0 and deviation 1 or 0 over all; NaN where either is constant.
    """
    _, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0) / np.maximum(sums[..., 0], 1)
    spread = np.maximum(xx - x**2, 0), np.maximum(yy - y**2, 0)
    varied = (spread[0] > FLAT) & (spread[1] > FLAT)
    below = np.sqrt(np.where(varied, spread[0] * spread[1], 1))
    return np.where(varied, np.clip((xy - x * y) / below, -1, 1), np.nan)


def _compare(values: Values, name: str, index: Index, draws: Array) -> Agreeing:
    sharp, restored, blurred = (values.by_restorer[array] for array in (SHARP, name, BLURRED))
    defined = np.isfinite(sharp)
    pairs = defined & np.isfinite(restored)
    missing = int(defined.sum() - pairs.sum())
    if not pairs.any():
        return Agreeing(values.measure, name, 0, missing, subset=values.subset)
    valid = index[pairs]
    x, difference = sharp[pairs], restored[pairs] - sharp[pairs]
    size = float(np.abs(x).mean())
    bias = _mean(difference, valid, draws)
    three = pairs & np.isfinite(blurred)
    errors, before = (np.abs(array[three] - sharp[three]) for array in (restored, blurred))
    return Agreeing(
        values.measure,
        name,
        int(pairs.sum()),
        missing,
        mean=float(restored[pairs].mean()),
        correlation=_correlation(x, restored[pairs], valid, draws),
        bias=bias,
        relative_bias=bias.value / size if size > 0 else None,
        relative_error=float(np.median(_relative(difference, x))),
        error=_mean(np.abs(difference), valid, draws),
        recovered=None
        if name in (SHARP, BLURRED)
        else _recovered(errors, before, index[three], draws),
        subset=values.subset,
    )


def _correlation(x: Array, y: Array, index: Index, draws: Array) -> Interval | None:
    first, second = _standard(x), _standard(y)
    parts = [np.ones(len(x)), first, second, first * first, second * second, first * second]
    sums = bootstrap.sum_by_group(np.column_stack(parts), index, draws.shape[1])
    value = float(correlate(sums.sum(axis=0)))
    if np.isnan(value):
        return None
    interval = bootstrap.interval(value, correlate(bootstrap.total(draws, sums)))
    if interval.low is None or interval.high is None:
        return interval
    return Interval(value, max(interval.low, -1.0), min(interval.high, 1.0))


def _mean(values: Array, index: Index, draws: Array) -> Interval:
    sums = bootstrap.sum_by_group(
        np.column_stack([values, np.ones(len(values))]), index, draws.shape[1]
    )
    return bootstrap.interval(float(values.mean()), _ratio(bootstrap.total(draws, sums)))


def _recovered(restored: Array, blurred: Array, index: Index, draws: Array) -> Interval | None:
    """Return 1 - error / error of blurred, with its interval; None where blurred has no error."""
    if not blurred.sum() > 0:
        return None
    sums = bootstrap.sum_by_group(np.column_stack([restored, blurred]), index, draws.shape[1])
    value = 1 - float(restored.sum() / blurred.sum())
    return bootstrap.interval(value, 1 - _ratio(bootstrap.total(draws, sums)))


def _ratio(sums: Array) -> Array:
    """Return the first of sums (..., 2) by the second, NaN where that is 0."""
    above, below = sums[..., 0], sums[..., 1]
    return np.where(below > 0, above / np.where(below > 0, below, 1), np.nan)


def _relative(difference: Array, sharp: Array) -> Array:
    """Return |difference| / |sharp|: 0 where both are 0, infinite where only sharp is."""
    empty = np.where(difference == 0, 0.0, np.inf)
    return np.where(sharp == 0, empty, np.abs(difference) / np.where(sharp == 0, 1, np.abs(sharp)))


def _standard(values: Array) -> Array:
    """Return the values standardised to mean 0 and deviation 1; 0 where they are constant."""
    rest = values - values.mean()
    deviation = float(rest.std())
    if deviation <= FLAT * float(np.abs(values).max()):
        return np.zeros(len(values))
    return np.asarray(rest / deviation)


def _values(
    measure: str, names: Sequence[str], cases: Sequence[Mapping[str, Prediction]]
) -> Values:
    parts: dict[str, list[Array]] = {name: [] for name in names}
    groups: list[str] = []
    blurs: list[str] = []
    for predictions in cases:
        row = predictions[SHARP]
        if measure not in row.measures:
            continue
        sharp_values = _numbers(row, measure, 0)
        groups += [row.group or row.case] * len(sharp_values)
        blurs += [row.blur] * len(sharp_values)
        for name in names:
            parts[name].append(_numbers(predictions[name], measure, len(sharp_values)))
    by_restorer = {name: np.concatenate([np.empty(0), *parts[name]]) for name in names}
    return Values(measure, by_restorer, tuple(groups), tuple(blurs))


def _numbers(row: Prediction, measure: str, count: int) -> Array:
    """Return the values of a prediction, `count` times NaN where it has none.

    Raises DataError where a restorer has another number of values; sharp may have any.
    """
    if measure not in row.measures:
        return np.full(count, np.nan)
    numbers = np.atleast_1d(np.asarray(row.measures[measure], np.float64))
    if row.restorer != SHARP and len(numbers) != count:
        raise DataError(
            f"{row.case}: {measure} must be {count} numbers as of the sharp image, "
            f"got {len(numbers)} of {row.restorer}."
        )
    return numbers
