"""The figures of one recovery, with their words: for its page, and for reports in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from unsmear.evaluate import BLURRED, SHARP
from unsmear.metrics.bootstrap import Interval
from unsmear.recovery.analysis.agreement import Agreement
from unsmear.recovery.analysis.aligned import Aligned
from unsmear.recovery.analysis.calibration import Calibration
from unsmear.recovery.analysis.measures import Agreeing
from unsmear.recovery.analysis.results import Results
from unsmear.recovery.analysis.summary import BLUR, LENGTH, Line
from unsmear.report.recovery import plots
from unsmear.report.recovery.plots import BARS, Look, Point
from unsmear.report.recovery.text import F1, NAMES

NONE: Point = (float("nan"), None, None)


@dataclass(frozen=True)
class Drawn:
    """A figure: a word for its file, what it shows, how to read it, and the PNG.

    alt: for those who cannot see it.
    """

    name: str
    alt: str
    caption: str
    png: bytes


def draw(results: Results) -> list[Drawn]:
    """Return every figure that the results have something for.

    Raises MissingExtra without matplotlib.
    """
    every = [line.restorer for line in results.overall]
    every = list(dict.fromkeys([*every, *(one.restorer for one in results.measures)]))
    looks = plots.looks(every)
    told = [line.restorer for line in choose(results.overall)] or every
    found = draw_correlations([one for one in results.measures if one.restorer in told], looks)
    if results.aligned is None:
        return found
    aligned, agreements = results.aligned, results.agreements
    return [
        draw_labels(aligned, results.overall, looks),
        draw_changes(aligned, agreements),
        *draw_swaps(aligned, results.overall, agreements),
        *draw_lengths(results.lines, looks),
        draw_calibration(results.calibrations, looks),
        *found,
    ]


def draw_labels(aligned: Aligned, lines: Sequence[Line], looks: dict[str, Look]) -> Drawn:
    """Return F1 by label of the sharp and the blurred images and of up to four restorers.

    lines: over all images.
    """
    shown = choose(lines)
    support = aligned.truth.sum(axis=0).tolist()
    f1 = {line.restorer: line.scores.f1 for line in shown}
    left = len(lines) - len(shown)
    out = f" {left} further restorers are in the tables alone." if left else ""
    return Drawn(
        "labels",
        f"Bars of F1 for each of {len(support)} labels: {', '.join(f1)}.",
        "F1 of each label, and how many test images have it. A label of few images says little."
        + out,
        plots.draw_labels(aligned.labels, support, f1, looks),
    )


def draw_changes(aligned: Aligned, agreements: Sequence[Agreement]) -> Drawn:
    """Return the labels that each restorer lost and gained against the sharp images."""
    others = [one for one in agreements if one.restorer != SHARP]
    lost = {one.restorer: one.lost for one in others}
    gained = {one.restorer: one.gained for one in others}
    return Drawn(
        "changes",
        "Two maps of numbers, a row a label and a column a restorer: labels lost, labels gained.",
        "In how many images a label was lost or gained against what is found on the sharp image, "
        "whether it is truly there or not. A good restorer leaves both maps pale.",
        plots.draw_changes(aligned.labels, lost, gained),
    )


def draw_swaps(
    aligned: Aligned, lines: Sequence[Line], agreements: Sequence[Agreement]
) -> list[Drawn]:
    """Return what the best and the worst restorer gained where they lost something.

    Nothing of a restorer in whose images all is as in the sharp ones.
    """
    by_name = {one.restorer: one for one in agreements}
    ranked = rank(lines)
    chosen = dict(zip(("best", "worst"), dict.fromkeys([*ranked[:1], *ranked[-1:]]), strict=False))
    return [
        Drawn(
            f"swaps-{place}",
            f"Map of numbers: which label was lost (row) where which was gained (column), {name}.",
            f"{name}, the {place} by {NAMES[F1]}: images in which the row's label was lost and the "
            "column's gained, against the sharp image.",
            plots.draw_swaps(aligned.labels, by_name[name].swaps, name),
        )
        for place, name in chosen.items()
        if by_name[name].swaps.any()
    ]


def draw_lengths(lines: Sequence[Line], looks: dict[str, Look]) -> list[Drawn]:
    """Return F1 and recovery by the blur's length, or by its name; nothing for a single one."""
    kinds = [kind for kind in (LENGTH, BLUR) if len(_subsets(lines, kind)) > 1]
    if not kinds:
        return []
    subsets = _subsets(lines, kinds[0])
    by_place = {(line.restorer, line.subset): line for line in lines if line.kind == kinds[0]}
    names = list(dict.fromkeys(line.restorer for line in lines))
    f1 = {name: [_f1(by_place.get((name, subset))) for subset in subsets] for name in names}
    recovery = {
        name: [_share(by_place.get((name, subset))) for subset in subsets]
        for name in names
        if name not in (SHARP, BLURRED)
    }
    counts = [by_place[(BLURRED, subset)].images for subset in subsets]
    of_each = ", ".join(f"{count} at {name}" for name, count in zip(subsets, counts, strict=True))
    return [
        Drawn(
            "lengths",
            f"Curves of {NAMES[F1]} and of its recovery by blur: {', '.join(names)}.",
            f"The {NAMES[F1]} and its recovery by blur, with 95 % intervals; images: {of_each}. "
            "Where a blur leaves no gap that can be shown there is no recovery.",
            plots.draw_lengths(subsets, f1, recovery, looks, NAMES[F1]),
        )
    ]


def draw_calibration(calibrations: Sequence[Calibration], looks: dict[str, Look]) -> Drawn:
    """Return the reliability curves of all restorers."""
    errors = {one.restorer: one.error for one in calibrations}
    curves = {
        one.restorer: ([said for said, _ in _points(one)], [true for _, true in _points(one)])
        for one in calibrations
    }
    return Drawn(
        "calibration",
        "Reliability curves: probability given beside the share of true labels, for each restorer.",
        "How often a label is truly there when the classifier holds it this probable; on the "
        "dashed line it is as often as it says. In the names: the expected calibration error.",
        plots.draw_reliability(curves, errors, looks),
    )


def draw_correlations(measures: Sequence[Agreeing], looks: dict[str, Look]) -> list[Drawn]:
    """Return how measures correlate with the sharp image's; nothing where none varies."""
    shown = [one for one in measures if one.restorer != SHARP]
    by_place = {(one.restorer, one.measure): one.correlation for one in shown}
    names = [
        name
        for name in dict.fromkeys(one.measure for one in shown)
        if any(by_place[key] is not None for key in by_place if key[1] == name)
    ]
    if not names:
        return []
    points = {
        restorer: [_point(by_place.get((restorer, name))) for name in names]
        for restorer in dict.fromkeys(one.restorer for one in shown)
    }
    return [
        Drawn(
            "correlations",
            f"Correlation with the sharp image of {len(names)} measures: {', '.join(points)}.",
            "Each measure's correlation with that of the sharp image, with 95 % intervals; none is "
            "shown where the numbers do not vary.",
            plots.draw_correlations(names, points, looks),
        )
    ]


def choose(lines: Sequence[Line], count: int = BARS) -> list[Line]:
    """Return the lines of sharp and blurred, and of the best restorers, the worst always there."""
    fixed = [line for line in lines if line.restorer in (SHARP, BLURRED)]
    ranked = rank(lines)
    free = count - len(fixed)
    kept = ranked if len(ranked) <= free else [*ranked[: free - 1], ranked[-1]]
    return fixed + [line for line in lines if line.restorer in kept]


def rank(lines: Sequence[Line]) -> list[str]:
    """Return the restorers, sharp and blurred left out, the highest F1 first."""
    restored = [line for line in lines if line.restorer not in (SHARP, BLURRED)]
    return [line.restorer for line in sorted(restored, key=lambda line: -line.averages[F1].value)]


def _subsets(lines: Sequence[Line], kind: str) -> list[str]:
    return list(dict.fromkeys(line.subset for line in lines if line.kind == kind))


def _f1(line: Line | None) -> Point:
    return _point(None if line is None else line.averages[F1])


def _share(line: Line | None) -> Point:
    return _point(None if line is None else line.recovery[F1].share)


def _point(interval: Interval | None) -> Point:
    return NONE if interval is None else (interval.value, interval.low, interval.high)


def _points(one: Calibration) -> Iterator[tuple[float, float]]:
    for each in one.bins:
        if each.probability is not None and each.share is not None:
            yield each.probability, each.share
