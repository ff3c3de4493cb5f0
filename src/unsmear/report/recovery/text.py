"""Verdicts and warnings of a recovery analysis, in sentences for microscopists."""

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

Decisions = NDArray[np.bool_]
"""Whether each label (column) is predicted in each image (row)."""
Grade = Literal["good", "partly", "bad", "unclear"]
WORDS: dict[Grade, str] = {"good": "✓", "partly": "≈", "bad": "✗", "unclear": "?"}
"""Symbol of each grade, so that it does not depend on colour."""
F1 = "micro_f1"
"""Score of the verdict, in which every location counts alike. Where the blur has no significant
effect on it, the verdict uses the next average of NAMES."""
NAMES = {"micro_f1": "micro F1", "macro_f1": "macro F1", "harmonic_f1": "harmonic F1"}
"""Averages of F1 in order of preference, with their titles."""
SURVIVES = 0.9
"""Recovery, as a fraction of the gap, above which the biology survives if the whole interval is."""
ADDED = 10
"""False positives per 100 locations of the sharp images at which a method fails, if the blurred
images have fewer."""


@dataclass(frozen=True)
class Verdict:
    """The verdict on a method: a grade, a short text, and a sentence with the numbers."""

    restorer: str
    grade: Grade
    short: str
    sentence: str


@dataclass(frozen=True)
class Caution:
    """A warning, and the labels and images it applies to, if the text does not name them."""

    text: str
    where: str = ""


def verdicts(lines: Sequence[Line], decisions: Mapping[str, Decisions]) -> list[Verdict]:
    """Return a verdict for every method, the best F1 first.

    lines: over all images. decisions: (N, L) by restorer.
    """
    restored = [line for line in lines if line.restorer not in (SHARP, BLURRED)]
    name = _decisive(restored)
    restored.sort(key=lambda line: -line.averages[name].value)
    return [_verdict(line, decisions, name) for line in restored]


def _decisive(lines: Sequence[Line]) -> str:
    """Return the first average of F1 that the blur lowers significantly; without one, the first."""
    shares = (name for name in NAMES if any(line.recovery[name].share for line in lines))
    return next(shares, F1)


def warnings(results: Results) -> list[Caution]:
    """Return the warnings that limit what the numbers mean."""
    above = [_above(entry) for entry in results.above if entry.sure]
    below = [_below(entry) for entry in results.below if entry.sure]
    plain_axes = [*_no_gap(results.overall), *results.notes]
    return [*above, *below, *map(Caution, plain_axes)]


def within_chance(results: Results) -> list[Caution]:
    """Return the warnings that are not significant: they may be due to chance."""
    above = [_above(entry) for entry in results.above if not entry.sure]
    return [*above, *(_below(entry) for entry in results.below if not entry.sure)]


def _above(above: Above) -> Caution:
    whole = describe(above)
    if not above.labels:
        return Caution(whole)
    first = f"{above.labels[0].label}:"
    text, _, where = whole.partition(f" {first}")
    return Caution(text, f"{first}{where}")


def _below(below: Below) -> Caution:
    text = describe_below(replace(below, labels={}) if below.averages else below)
    return Caution(text, describe_below(below).removeprefix(text).strip())


def _no_gap(lines: Sequence[Line]) -> list[str]:
    """Return a sentence for each gap that is not significant; it is the same for all methods."""
    averages: dict[str, list[str]] = {}
    for name, recovery in next((line.recovery for line in lines if line.recovery), {}).items():
        if recovery.share is None:
            averages.setdefault(recovery.reason, []).append(NAMES[name])
    return [
        f"Recovery of {', '.join(names)} is not available: {reason}."
        for reason, names in averages.items()
    ]


def _verdict(line: Line, decisions: Mapping[str, Decisions], name: str) -> Verdict:
    own, blurred = (
        _changes(decisions[SHARP], decisions[restorer]) for restorer in (line.restorer, BLURRED)
    )
    grade, short = _grade(line, name)
    if grade != "bad" and own and blurred and own[1] >= max(ADDED, blurred[1] + 1):
        grade, short = "bad", "it adds locations that are not there."
    sentence = f"{_change_sentence(own, blurred)} {_recovery_sentence(line, name)}"
    return Verdict(line.restorer, grade, short, sentence)


def _grade(line: Line, name: str) -> tuple[Grade, str]:
    gain, share = line.gain[name], line.recovery[name].share
    if gain.low is None:
        return "unclear", "one group of images is not enough for a verdict."
    if gain.below:
        return "bad", "it does harm: its images score below the blurred images."
    if share is None:
        return "unclear", "the blur has no significant effect, so there is nothing to recover."
    if not gain.above:
        return "bad", "no significant improvement over the blurred images."
    if line.loss[name].below:
        return "unclear", "it scores above the sharp images, which is suspicious: see the warnings."
    if share.low is not None and share.low >= SURVIVES:
        return "good", "the biology survives."
    if share.value >= SURVIVES:
        return "partly", "the biology probably survives; more images are needed to be sure."
    return "partly", "a part of the biology survives."


def _changes(sharp: Decisions, own: Decisions) -> tuple[float, float] | None:
    """Return true and false positives per 100 locations of sharp; None where it has none."""
    total = int(sharp.sum())
    if not total:
        return None
    return 100 * int((own & sharp).sum()) / total, 100 * int((own & ~sharp).sum()) / total


def _change_sentence(own: tuple[float, float] | None, blurred: tuple[float, float] | None) -> str:
    if own is None or blurred is None:
        return "The classifier finds no location in the sharp images."
    again, added = round(own[0]), round(own[1])
    return (
        f"Of 100 locations found in the sharp images, {again} {'is' if again == 1 else 'are'} "
        f"found again (blurred images: {blurred[0]:.0f}), and {added} "
        f"{'other is' if added == 1 else 'others are'} added (blurred images: {blurred[1]:.0f})."
    )


def _recovery_sentence(line: Line, name: str) -> str:
    recovery = line.recovery[name]
    if recovery.share is None:
        return f"Recovery is not available: {recovery.reason}."
    share = tables.span(recovery.share, 0).replace(" [", " % [")
    share = share if "%" in share else f"{share} %"
    if recovery.share.value < 0:
        return f"Recovery of {NAMES[name]}: {share}; below 0 is worse than the blurred images."
    low = recovery.share.low
    more = ", more than the gap to the sharp images" if low is not None and low > 1 else ""
    return f"Recovery of {NAMES[name]}: {share} of the loss by the blur{more}."
