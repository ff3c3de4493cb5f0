"""Did the biology survive? A recovery in the words of whoever sits at the microscope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unsmear.evaluate import BLURRED, SHARP
from unsmear.recovery.analysis.contrasts import Above, Below, describe, describe_below
from unsmear.recovery.analysis.results import Results
from unsmear.recovery.analysis.summary import Line
from unsmear.recovery.output import tables

Found = NDArray[np.bool_]
Grade = Literal["good", "partly", "bad", "unclear"]
WORDS: dict[Grade, str] = {"good": "✓", "partly": "≈", "bad": "✗", "unclear": "?"}
"""A sign for each grade, so that it is not told by its colour alone."""
F1 = "micro_f1"
"""What the verdict rests on: every location found, missed or invented counts alike. Where the blur
took nothing of it that can be shown, the next average of NAMES."""
NAMES = {"micro_f1": "micro F1", "macro_f1": "macro F1", "harmonic_f1": "harmonic F1"}
WHOLE = 0.9
"""Of the gap: where the whole interval of the recovery is above it, the biology has survived."""
INVENTED = 10
"""For 100 locations of the sharp images: where so many are added, and at least one more than the
blur adds, a restorer shows what is not there, however many it finds again."""


@dataclass(frozen=True)
class Verdict:
    """What is said of a restorer: a grade, a few words, and the numbers that they rest on."""

    restorer: str
    grade: Grade
    short: str
    sentence: str


@dataclass(frozen=True)
class Warned:
    """A warning, and in which labels and images it shows; nothing where that is said already."""

    said: str
    where: str = ""


def verdicts(lines: Sequence[Line], found: Mapping[str, Found]) -> list[Verdict]:
    """Return a verdict for every restorer, the best F1 first.

    lines: over all images. found: (N, L) by restorer.
    """
    restored = [line for line in lines if line.restorer not in (SHARP, BLURRED)]
    name = _judged(restored)
    restored.sort(key=lambda line: -line.averages[name].value)
    return [_verdict(line, found, name) for line in restored]


def _judged(lines: Sequence[Line]) -> str:
    """Return the first average of F1 that the blur took something of; of none, the first."""
    shares = (name for name in NAMES if any(line.recovery[name].share for line in lines))
    return next(shares, F1)


def warnings(results: Results) -> list[Warned]:
    """Return what must be known beside the numbers."""
    above = [_above(one) for one in results.above if one.sure]
    below = [_below(one) for one in results.below if one.sure]
    plain = [*_no_gap(results.overall), *results.notes]
    return [*above, *below, *map(Warned, plain)]


def doubts(results: Results) -> list[Warned]:
    """Return warnings that chance explains: other images might not bear them out."""
    above = [_above(one) for one in results.above if not one.sure]
    return [*above, *(_below(one) for one in results.below if not one.sure)]


def _above(above: Above) -> Warned:
    whole = describe(above)
    if not above.labels:
        return Warned(whole)
    first = f"{above.labels[0].label}:"
    said, _, where = whole.partition(f" {first}")
    return Warned(said, f"{first}{where}")


def _below(below: Below) -> Warned:
    said = describe_below(replace(below, labels={}) if below.averages else below)
    return Warned(said, describe_below(below).removeprefix(said).strip())


def _no_gap(lines: Sequence[Line]) -> list[str]:
    """Return a sentence where the blur took nothing: it is the same for every restorer."""
    averages: dict[str, list[str]] = {}
    for name, recovery in next((line.recovery for line in lines if line.recovery), {}).items():
        if recovery.share is None:
            averages.setdefault(recovery.reason, []).append(NAMES[name])
    return [
        f"There is no recovery of {', '.join(names)}: {reason}."
        for reason, names in averages.items()
    ]


def _verdict(line: Line, found: Mapping[str, Found], name: str) -> Verdict:
    own, without = (_changes(found[SHARP], found[name]) for name in (line.restorer, BLURRED))
    grade, short = _grade(line, name)
    if grade != "bad" and own and without and own[1] >= max(INVENTED, without[1] + 1):
        grade, short = "bad", "it shows locations that are not there."
    sentence = f"{_kept(own, without)} {_share(line, name)}"
    return Verdict(line.restorer, grade, short, sentence)


def _grade(line: Line, name: str) -> tuple[Grade, str]:
    gain, share = line.gain[name], line.recovery[name].share
    if gain.low is None:
        return "unclear", "one group of images says too little to judge."
    if gain.below:
        return "bad", "it does harm: less is right after it than in the blurred images themselves."
    if share is None:
        return "unclear", "the blur took nothing that can be shown, so nothing can be won back."
    if not gain.above:
        return "bad", "it is no help that can be shown."
    if line.loss[name].below:
        return "unclear", "it scores above sharp, which is no triumph: see the warnings."
    if share.low is not None and share.low >= WHOLE:
        return "good", "the biology survives."
    if share.value >= WHOLE:
        return "partly", "the biology survives as far as these images can say; more would tell."
    return "partly", "a part of the biology survives."


def _changes(sharp: Found, own: Found) -> tuple[float, float] | None:
    """Return what stays and what is added for 100 locations of sharp; None where it has none."""
    there = int(sharp.sum())
    if not there:
        return None
    return 100 * int((own & sharp).sum()) / there, 100 * int((own & ~sharp).sum()) / there


def _kept(own: tuple[float, float] | None, without: tuple[float, float] | None) -> str:
    if own is None or without is None:
        return "On the sharp images the classifier finds nothing."
    kept, added = round(own[0]), round(own[1])
    return (
        f"Of 100 locations found on the sharp images {kept} {'is' if kept == 1 else 'are'} found "
        f"again ({without[0]:.0f} without restoring), and {added} "
        f"{'other is' if added == 1 else 'others are'} added ({without[1]:.0f} without restoring)."
    )


def _share(line: Line, name: str) -> str:
    recovery = line.recovery[name]
    if recovery.share is None:
        return f"No recovery can be told: {recovery.reason}."
    share = tables.span(recovery.share, 0).replace(" [", " % [")
    share = share if "%" in share else f"{share} %"
    if recovery.share.value < 0:
        return f"Recovery of {NAMES[name]}: {share}; below 0 is worse than blurred."
    low = recovery.share.low
    more = ", more than there was to win" if low is not None and low > 1 else ""
    return f"Of the {NAMES[name]} that the blur took, {share} is back{more}."
