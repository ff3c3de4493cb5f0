"""Figures of a recovery analysis with their captions, for HTML and Markdown reports."""

from __future__ import annotations

from collections.abc import Sequence
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
from unsmear.report.recovery.plots import BARS, Point, Style
from unsmear.report.recovery.text import F1, NAMES

NONE: Point = (float("nan"), None, None)
"""Point of a missing value, which is not drawn."""


@dataclass(frozen=True)
class CaptionedFigure:
    """A figure as PNG data.

    name: for the file name. alt: alternative text for readers who cannot see the figure. caption:
    what it shows and how to read it.
    """

    name: str
    alt: str
    caption: str
    png: bytes


def draw(results: Results) -> list[CaptionedFigure]:
    """Return every figure for which the results have data.

    Raises MissingExtra without matplotlib.
    """
    scored = [line.restorer for line in results.overall]
    restorers = list(dict.fromkeys([*scored, *(row.restorer for row in results.measures)]))
    styles = plots.styles(restorers)
    chosen = [line.restorer for line in choose(results.overall)] or restorers
    measures = [row for row in results.measures if row.restorer in chosen]
    correlations = draw_correlations(measures, styles)
    if results.aligned is None:
        return correlations
    aligned, agreements = results.aligned, results.agreements
    return [
        draw_labels(aligned, results.overall, styles),
        draw_changes(aligned, agreements),
        *draw_swaps(aligned, results.overall, agreements),
        *draw_lengths(results.lines, styles),
        draw_calibration(results.calibrations, styles),
        *correlations,
    ]


def draw_labels(
    aligned: Aligned, lines: Sequence[Line], styles: dict[str, Style]
) -> CaptionedFigure:
    """Return F1 by label of the sharp images, the blurred images and up to four methods.

    lines: over all images.
    """
    shown = choose(lines)
    support = aligned.truth.sum(axis=0).tolist()
    f1 = {line.restorer: line.scores.f1 for line in shown}
    omitted = len(lines) - len(shown)
    note = f" {omitted} further methods are in the tables only." if omitted else ""
    return CaptionedFigure(
        "labels",
        f"Bars of F1 for each of {len(support)} labels: {', '.join(f1)}.",
        "F1 of each label, and the number of test images that have it. With few images F1 is "
        f"uncertain.{note}",
        plots.draw_labels(aligned.labels, support, f1, styles),
    )


def draw_changes(aligned: Aligned, agreements: Sequence[Agreement]) -> CaptionedFigure:
    """Return the numbers of labels that each method lost and gained against the sharp images."""
    compared = [entry for entry in agreements if entry.restorer != SHARP]
    lost = {entry.restorer: entry.lost for entry in compared}
    gained = {entry.restorer: entry.gained for entry in compared}
    return CaptionedFigure(
        "changes",
        "Two maps of counts, a row per label and a column per method: labels lost, labels gained.",
        "Number of images in which a label was lost (false negatives) or gained (false positives); "
        "the reference is the prediction on the sharp image, not the true label. A good method "
        "leaves both maps pale.",
        plots.draw_changes(aligned.labels, lost, gained),
    )


def draw_swaps(
    aligned: Aligned, lines: Sequence[Line], agreements: Sequence[Agreement]
) -> list[CaptionedFigure]:
    """Return which labels the best and the worst method lost and gained in the same image.

    A method without differences to the sharp images has no figure.
    """
    by_name = {entry.restorer: entry for entry in agreements}
    ranked = rank(lines)
    chosen = dict(zip(("best", "worst"), dict.fromkeys([*ranked[:1], *ranked[-1:]]), strict=False))
    return [
        CaptionedFigure(
            f"swaps-{place}",
            f"Map of counts: label lost (row) and label gained (column) in the same image, {name}.",
            f"{name}, the {place} by {NAMES[F1]}: number of images in which the label of the row "
            "was lost and the label of the column was gained, against the sharp image.",
            plots.draw_swaps(aligned.labels, by_name[name].swaps, name),
        )
        for place, name in chosen.items()
        if by_name[name].swaps.any()
    ]


def draw_lengths(lines: Sequence[Line], styles: dict[str, Style]) -> list[CaptionedFigure]:
    """Return F1 and recovery by length or name of the blur; nothing for a single blur."""
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
        CaptionedFigure(
            "lengths",
            f"Curves of {NAMES[F1]} and of its recovery by blur: {', '.join(names)}.",
            f"The {NAMES[F1]} and its recovery by blur, with 95 % intervals; images: {of_each}. "
            "Recovery is not available for a blur without a significant gap.",
            plots.draw_lengths(subsets, f1, recovery, styles, NAMES[F1]),
        )
    ]


def draw_calibration(
    calibrations: Sequence[Calibration], styles: dict[str, Style]
) -> CaptionedFigure:
    """Return the reliability curves of all methods."""
    errors = {calibration.restorer: calibration.error for calibration in calibrations}
    curves = {calibration.restorer: _curve(calibration) for calibration in calibrations}
    return CaptionedFigure(
        "calibration",
        "Reliability curves: share of true labels over predicted probability, for each method.",
        "Share of true labels over the probability that the classifier predicts; on the dashed "
        "line both are equal. In the names: the expected calibration error.",
        plots.draw_reliability(curves, errors, styles),
    )


def draw_correlations(
    measures: Sequence[Agreeing], styles: dict[str, Style]
) -> list[CaptionedFigure]:
    """Return the correlation of measures with the sharp image; nothing where none varies."""
    shown = [row for row in measures if row.restorer != SHARP]
    by_place = {(row.restorer, row.measure): row.correlation for row in shown}
    names = [
        name
        for name in dict.fromkeys(row.measure for row in shown)
        if any(by_place[key] is not None for key in by_place if key[1] == name)
    ]
    if not names:
        return []
    points = {
        restorer: [_point(by_place.get((restorer, name))) for name in names]
        for restorer in dict.fromkeys(row.restorer for row in shown)
    }
    return [
        CaptionedFigure(
            "correlations",
            f"Correlation with the sharp image of {len(names)} measures: {', '.join(points)}.",
            "Correlation of each measure with that of the sharp image, with 95 % intervals; "
            "none is shown where the values do not vary.",
            plots.draw_correlations(names, points, styles),
        )
    ]


def choose(lines: Sequence[Line], count: int = BARS) -> list[Line]:
    """Return the lines of sharp, blurred and the best methods; the worst is always included."""
    fixed = [line for line in lines if line.restorer in (SHARP, BLURRED)]
    ranked = rank(lines)
    free = count - len(fixed)
    chosen = ranked if len(ranked) <= free else [*ranked[: free - 1], ranked[-1]]
    return fixed + [line for line in lines if line.restorer in chosen]


def rank(lines: Sequence[Line]) -> list[str]:
    """Return the methods, without sharp and blurred, the highest F1 first."""
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


def _curve(calibration: Calibration) -> tuple[list[float], list[float]]:
    """Return mean probability and share of true labels of each bin that is not empty."""
    points = [
        (part.probability, part.share)
        for part in calibration.bins
        if part.probability is not None and part.share is not None
    ]
    return [probability for probability, _ in points], [share for _, share in points]
