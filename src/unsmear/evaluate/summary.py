"""Summary of scores: means with bootstrap intervals, over all images and by blur."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsmear.evaluate.scores import BLURRED, SHARP, Row, Scored
from unsmear.metrics.bootstrap import Interval, mean_intervals

Array = NDArray[np.float64]

ALL = "all"
"""Name in place of the blur in the lines over all images."""
RESAMPLES = 10_000
MEASURES = ("psnr", "gain_psnr", "ssim", "gain")


@dataclass(frozen=True)
class Line:
    """Mean scores of one restorer over the images of one blur, or over all images.

    images: number of images in the means. psnr, gain_psnr, gain: dB. worse: share of all images
    whose PSNR fell below the blurred one's.
    """

    blur: str
    restorer: str
    images: int
    psnr: Interval
    gain_psnr: Interval
    ssim: Interval
    gain: Interval
    worse: float


@dataclass(frozen=True)
class Speed:
    """Computing time of a restorer: seconds, and megapixels of all channels and planes."""

    restorer: str
    images: int
    megapixels: float
    seconds: float

    @property
    def seconds_per_megapixel(self) -> float:
        """The mean over all pixels, not over images."""
        return self.seconds / self.megapixels


def summarise(rows: Sequence[Row], seed: int = 0, resamples: int = RESAMPLES) -> list[Line]:
    """Return a line for each restorer, over all images first, then by blur.

    Intervals are percentiles of a cluster bootstrap, 2.5 % to 97.5 %: images of one group are drawn
    together. Restorers of the same images share their draws, so adding a restorer does not change
    the intervals of others. Infinite values (perfect images) make infinite means. Pairs that
    nothing blurred (see `unblurred`) would make every mean so: beside others they are left out, and
    only `worse` counts them. Where all are such, and one became imperfect, the mean gain is minus
    infinity.
    """
    subsets = {ALL: list(rows)}
    for blur in sorted({row.blur for row in rows}, key=_natural):
        subsets[blur] = [row for row in rows if row.blur == blur]
    return [
        line
        for blur, subset in subsets.items()
        for line in _summarise_subset(blur, subset, seed, resamples)
    ]


def unblurred(rows: Sequence[Row]) -> list[str]:
    """Return the names of the pairs whose blurred image is the sharp one, empty ones among them."""
    return [row.name for row in rows if row.restorer == BLURRED and row.psnr == np.inf]


def speeds(scored: Sequence[Scored]) -> list[Speed]:
    """Return the computing time of each restorer, in order of appearance."""
    names = dict.fromkeys(name for case in scored for name in case.seconds)
    times = []
    for name in names:
        cases = [case for case in scored if name in case.seconds]
        pixels = sum(case.megapixels for case in cases)
        times.append(Speed(name, len(cases), pixels, sum(case.seconds[name] for case in cases)))
    return times


def find_best(lines: Sequence[Line]) -> str:
    """Return the restorer with the highest mean PSNR over all images; "" where there is none."""
    restored = [
        line for line in lines if line.blur == ALL and line.restorer not in (SHARP, BLURRED)
    ]
    return max(restored, key=lambda line: line.psnr.value).restorer if restored else ""


def find_examples(rows: Sequence[Row], restorer: str) -> dict[str, Row]:
    """Return the rows of the images with the best, median and worst gain of a restorer."""
    ranked = sorted((row for row in rows if row.restorer == restorer), key=lambda row: -row.gain)
    if len(ranked) < 3:
        return dict(zip(("best", "worst"), ranked, strict=False))
    return {"best": ranked[0], "median": ranked[len(ranked) // 2], "worst": ranked[-1]}


def _summarise_subset(blur: str, rows: Sequence[Row], seed: int, resamples: int) -> list[Line]:
    worse: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        worse[row.restorer].append(row.worse)
    perfect = set(unblurred(rows))
    by_restorer: dict[str, list[Row]] = defaultdict(list)
    for row in [row for row in rows if row.name not in perfect] or rows:
        by_restorer[row.restorer].append(row)
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for restorer, rows_of_restorer in by_restorer.items():
        alike[tuple(row.name for row in rows_of_restorer)].append(restorer)
    intervals: dict[str, list[Interval]] = {}
    for restorers in alike.values():
        values = np.concatenate([_values(by_restorer[name]) for name in restorers], axis=1)
        groups = [row.group for row in by_restorer[restorers[0]]]
        stacked = mean_intervals(values, groups, seed, resamples)
        for place, name in enumerate(restorers):
            intervals[name] = stacked[place * len(MEASURES) : (place + 1) * len(MEASURES)]
    lines = []
    for name, rows_of_restorer in by_restorer.items():
        psnr, gain_psnr, ssim, gain = intervals[name]
        share, count = sum(worse[name]) / len(worse[name]), len(rows_of_restorer)
        lines.append(Line(blur, name, count, psnr, gain_psnr, ssim, gain, share))
    return lines


def _values(rows: Sequence[Row]) -> Array:
    return np.array([[getattr(row, name) for name in MEASURES] for row in rows], np.float64)


def _natural(text: str) -> list[tuple[int, str]]:
    """Return a key by which "motion 6 px" comes before "motion 10 px"."""
    parts = re.split(r"(\d+)", text)
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]
