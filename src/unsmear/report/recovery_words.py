"""Did the biology survive? A recovery in the words of whoever sits at the microscope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unsmear.evaluate import BLURRED, SHARP
from unsmear.recovery.bootstrap import Interval
from unsmear.recovery.summary import Line

Found = NDArray[np.bool_]
Grade = Literal["good", "partly", "bad", "unclear"]
WORDS: dict[Grade, str] = {"good": "✓", "partly": "≈", "bad": "✗", "unclear": "?"}
"""A sign for each grade, so that it is not told by its colour alone."""
F1 = "macro_f1"
"""The average that the verdict rests on: every location counts alike, the rare ones too."""
NAMES = {"micro_f1": "micro F1", "macro_f1": "macro F1", "harmonic_f1": "harmonic F1"}
WHOLE = 0.9
"""Of the gap: where the whole interval of the recovery is above it, the biology has survived."""


@dataclass(frozen=True)
class Verdict:
    """What is said of a restorer: a grade, a few words, and the numbers that they rest on."""

    restorer: str
    grade: Grade
    short: str
    sentence: str


def verdicts(lines: Sequence[Line], found: Mapping[str, Found]) -> list[Verdict]:
    """Return a verdict for every restorer, the best F1 first.

    lines: over all images. found: (N, L) by restorer.
    """
    restored = [line for line in lines if line.restorer not in (SHARP, BLURRED)]
    restored.sort(key=lambda line: -line.averages[F1].value)
    return [_verdict(line, found) for line in restored]


def percent(interval: Interval, digits: int = 1) -> str:
    """Return an interval in percent, "97.1 % [93.0, 99.8]"."""
    if not np.isfinite(interval.value):
        return "-"
    value = f"{100 * interval.value:.{digits}f}"
    if interval.low is None or interval.high is None:
        return f"{value} %"
    ends = [f"{100 * end:.{digits}f}" for end in (interval.low, interval.high)]
    return f"{value} % [{', '.join(ends)}]"


def _verdict(line: Line, found: Mapping[str, Found]) -> Verdict:
    grade, short = _grade(line)
    return Verdict(line.restorer, grade, short, f"{_kept(line.restorer, found)}{_share(line)}")


def _grade(line: Line) -> tuple[Grade, str]:
    gain, share = line.gain[F1], line.recovery[F1].share
    if gain.low is None:
        return "unclear", "one group of images says too little to judge."
    if gain.below:
        return "bad", "it does harm: less is right after it than in the blurred images themselves."
    if share is None:
        return "unclear", "the blur took nothing that can be shown, so nothing can be won back."
    if not gain.above:
        return "bad", "it is no help that can be shown."
    if line.loss[F1].below:
        return "unclear", "it scores above sharp, which is no triumph: see the warnings."
    if share.low is not None and share.low >= WHOLE:
        return "good", "the biology survives."
    if share.value >= WHOLE:
        return "partly", "the biology survives as far as these images can say; more would tell."
    return "partly", "a part of the biology survives."


def _kept(restorer: str, found: Mapping[str, Found]) -> str:
    """Return how many of 100 locations of the sharp images stay, and how many are added."""
    sharp = found[SHARP]
    there = int(sharp.sum())
    if not there:
        return "On the sharp images the classifier finds nothing. "
    (kept, new), (before, wrong) = (
        (100 * int((found[name] & sharp).sum()) / there,
         100 * int((found[name] & ~sharp).sum()) / there)
        for name in (restorer, BLURRED)
    )  # fmt: skip
    return (
        f"Of 100 locations that the classifier finds on the sharp images it finds {kept:.0f} again "
        f"({before:.0f} without restoring), and {new:.0f} that it does not find there "
        f"({wrong:.0f} without restoring). "
    )


def _share(line: Line) -> str:
    recovery = line.recovery[F1]
    if recovery.share is None:
        return f"No recovery can be told: {recovery.reason}."
    share = percent(recovery.share, 0)
    if recovery.share.value < 0:
        return f"Recovery of {NAMES[F1]}: {share}; below 0 is worse than blurred."
    more = ", more than there was to win" if recovery.share.value > 1 else ""
    return f"Of the {NAMES[F1]} that the blur took, {share} is back{more}."
