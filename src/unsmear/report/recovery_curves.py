"""The curves of a recovery, as PNG files: by the blur's length, calibration, measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from unsmear.evaluate import SHARP
from unsmear.report.figure import new_figure
from unsmear.report.recovery_figures import DPI, WIDTH, Look, legend_above, named, plain, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Point = tuple[float, float | None, float | None]
"""A number and the ends of its interval; None where it has no interval."""


def draw_lengths(
    blurs: Sequence[str],
    f1: Mapping[str, Sequence[Point]],
    recovery: Mapping[str, Sequence[Point]],
    looks: Mapping[str, Look],
    what: str = "F1",
) -> bytes:
    """Return F1 and recovery by blur, with intervals, side by side.

    blurs: names, mildest first. f1, recovery: a point for each of them and each restorer, as parts
    of 1; NaN where there is none.

    Raises MissingExtra without matplotlib.
    """
    figure = new_figure(WIDTH, 3.9, dpi=DPI)
    left, right = figure.subplots(1, 2)
    for axes, points in ((left, f1), (right, recovery)):
        _by_blur(axes, points, looks)
        axes.set_xticks(range(len(blurs)), [named(blur) for blur in blurs])
        axes.set_xlim(-0.5, len(blurs) - 0.5)
        plain(axes, "y")
    left.set_title(what, fontsize=9)
    left.set_ylim(bottom=-0.02)  # a mark at 0 is seen whole
    right.set_title(f"recovery of {what}: 0 is blurred, 1 is sharp", fontsize=9)
    for level in (0, 1):
        right.axhline(level, color="0.4", linewidth=0.8, linestyle="--")
    right.set_ylim(*_window([point for row in recovery.values() for point in row]))
    legend_above(figure, left)
    return png(figure)


def draw_reliability(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    errors: Mapping[str, float],
    looks: Mapping[str, Look],
) -> bytes:
    """Return how often a label was true beside how probable the classifier held it.

    curves: for each restorer the bins' mean probabilities and shares of true labels. errors: the
    expected calibration errors, parts of 1.

    Raises MissingExtra without matplotlib.
    """
    figure = new_figure(0.75 * WIDTH, 0.7 * WIDTH, dpi=DPI)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.5", linewidth=1, linestyle="--", label="as it should be")
    for name, (said, true) in curves.items():
        look = looks[name]
        label = f"{name}: {100 * errors[name]:.1f} %"
        axes.plot(said, true, color=look.colour, marker=look.mark, markersize=5, label=label)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_xlabel("probability that the classifier gives", fontsize=9)
    axes.set_ylabel("share of true labels", fontsize=9)
    plain(axes, "both")
    legend_above(figure, axes, columns=2)
    return png(figure)


def draw_correlations(
    measures: Sequence[str], points: Mapping[str, Sequence[Point]], looks: Mapping[str, Look]
) -> bytes:
    """Return each measure's correlation with the sharp image, a mark a restorer.

    points: for each restorer a point for each measure, from -1 to 1; NaN where there is none.

    Raises MissingExtra without matplotlib.
    """
    figure = new_figure(WIDTH, 1.2 + len(measures) * (0.14 + 0.07 * len(points)), dpi=DPI)
    axes = figure.subplots()
    for number, (name, row) in enumerate(points.items()):
        offset = 0.7 * ((number + 0.5) / len(points) - 0.5)
        values, ends = _columns(row)
        places = np.arange(len(measures)) + offset
        look = looks[name]
        axes.hlines(places, *ends, color=look.colour, linewidth=1.2)
        axes.plot(values, places, look.mark, color=look.colour, markersize=4, label=name)
    axes.set_yticks(range(len(measures)), [named(measure) for measure in measures])
    axes.set_ylim(len(measures) - 0.5, -0.5)
    axes.set_xlabel("Pearson's correlation with the sharp image; 1 is what is wanted", fontsize=9)
    lowest = min((low for row in points.values() for low in _lows(row)), default=0.0)
    axes.set_xlim(lowest - 0.05 * (1 - lowest) - 0.001, 1 + 0.05 * (1 - lowest) + 0.001)
    for line in range(1, len(measures)):
        axes.axhline(line - 0.5, color="0.9", linewidth=0.6)
    plain(axes, "x")
    legend_above(figure, axes)
    return png(figure)


def _by_blur(axes: Axes, points: Mapping[str, Sequence[Point]], looks: Mapping[str, Look]) -> None:
    for number, (name, row) in enumerate(points.items()):
        values, ends = _columns(row)
        # Side by side: intervals of equal restorers would hide one another.
        places = np.arange(len(row)) + 0.3 * ((number + 0.5) / len(points) - 0.5)
        look = looks[name]
        line = "--" if name == SHARP else "-"
        axes.vlines(places, *ends, color=look.colour, linewidth=1.2)
        axes.plot(
            places,
            values,
            color=look.colour,
            linestyle=line,
            marker=look.mark,
            markersize=5,
            linewidth=1,
            label=name,
        )


def _columns(row: Sequence[Point]) -> tuple[list[float], tuple[list[float], list[float]]]:
    """Return the values and both ends, which are the values where there is no interval."""
    values = [value for value, _, _ in row]
    lows = [value if low is None else low for value, low, _ in row]
    highs = [value if high is None else high for value, _, high in row]
    return values, (lows, highs)


def _lows(row: Sequence[Point]) -> list[float]:
    return [low for low in _columns(row)[1][0] if np.isfinite(low)]


def _window(points: Sequence[Point]) -> tuple[float, float]:
    """Return the limits that hold every value, but no interval that would flatten all others."""
    values = [value for value, _, _ in points if np.isfinite(value)]
    lowest, highest = min([0.0, *values]), max([1.0, *values])
    return max(lowest, -2.0) - 0.25, min(highest, 3.0) + 0.25
