"""Plots of a recovery analysis as PNG data: labels, blur length, calibration, measures.

The colours are those of Okabe and Ito ("Color Universal Design", 2008), which colour-blind readers
can tell apart; every method also has its own marker.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unsmear.evaluate import BLURRED, SHARP
from unsmear.report.figure import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OKABE_ITO = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKS = ("o", "s", "^", "v", "P", "X", "<", ">")
WIDTH = 8.0
"""Width of every figure, inches, so that the font size is the same on a page."""
DPI = 140
"""Resolution of the figures, pixels per inch."""
NAME = 26
"""Largest number of characters in a line of a name."""
BARS = 6
"""Largest number of bars per label: sharp, blurred and four methods."""


@dataclass(frozen=True)
class Style:
    """Colour and marker of a method in all figures."""

    colour: str
    mark: str


def styles(restorers: Sequence[str]) -> dict[str, Style]:
    """Return the style of each method; sharp is black, blurred is grey."""
    styles = {SHARP: Style("#000000", "D"), BLURRED: Style("#8a8a8a", "d")}
    methods = [name for name in restorers if name not in styles]
    for number, name in enumerate(methods):
        colour = OKABE_ITO[number % len(OKABE_ITO)]
        styles[name] = Style(colour, MARKS[number % len(MARKS)])
    return styles


def png(figure: Figure) -> bytes:
    """Return a figure as a PNG file."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", bbox_inches="tight")
    return stream.getvalue()


def draw_labels(
    labels: Sequence[str],
    support: Sequence[int],
    f1: Mapping[str, ArrayLike],
    styles: Mapping[str, Style],
) -> bytes:
    """Return bars of F1 by label, one colour per method.

    support: number of test images that have the label. f1: (L,) for each method, from 0 to 1; at
    most BARS methods. Labels without test images have no bars.

    Raises MissingExtra without matplotlib.
    """
    thick = 0.8 / len(f1)
    figure = new_figure(WIDTH, 1.2 + len(labels) * (0.16 + 0.1 * len(f1)), dpi=DPI)
    axes = figure.subplots()
    places = np.arange(len(labels))
    present = np.asarray(support) > 0
    for number, (name, values) in enumerate(f1.items()):
        offset = (number - (len(f1) - 1) / 2) * thick
        axes.barh(
            places[present] + offset,
            np.asarray(values)[present],
            height=0.92 * thick,
            color=styles[name].colour,
            label=name,
        )
    for place in places[~present]:
        axes.text(0.01, place, "no test image", va="center", fontsize=8, color="0.4")
    names = [
        f"{wrapped(label)}\n{_images(count)}" for label, count in zip(labels, support, strict=True)
    ]
    axes.set_yticks(places, names, fontsize=8)
    axes.set(xlim=(0, 1), ylim=(len(labels) - 0.45, -0.55))
    axes.set_xlabel("F1 of the label", fontsize=9)
    plain_axes(axes, "x")
    legend_above(figure, axes)
    return png(figure)


def draw_changes(
    labels: Sequence[str], lost: Mapping[str, ArrayLike], gained: Mapping[str, ArrayLike]
) -> bytes:
    """Return two maps of counts, a row per label and a column per method: lost and gained.

    lost, gained: (L,) images for each method, relative to the prediction on the sharp image.

    Raises MissingExtra without matplotlib.
    """
    names = list(lost)
    maps = [
        np.column_stack([np.asarray(by_name[name]) for name in names]).astype(int)
        for by_name in (lost, gained)
    ]
    most = max(1, *(int(counts.max(initial=0)) for counts in maps))
    figure = new_figure(WIDTH, 1.6 + 0.3 * len(labels), dpi=DPI)
    panels = figure.subplots(1, 2, sharey=True)
    titles = ("lost: only on the sharp image", "gained: not on the sharp image")
    for axes, counts, title, shades in zip(panels, maps, titles, ("Oranges", "Blues"), strict=True):
        _count_map(axes, counts, most, shades)
        axes.set_title(title, fontsize=9)
        _name_columns(axes, names)
    panels[0].set_yticks(range(len(labels)), [wrapped(label) for label in labels], fontsize=8)
    return png(figure)


def draw_swaps(labels: Sequence[str], counts: ArrayLike, title: str) -> bytes:
    """Return the map of labels lost and gained in the same image.

    counts: (L + 1, L + 1), images in which the label of the row was lost and that of the column was
    gained; the last row is for nothing lost, the last column for nothing gained. Labels without
    counts are left out.

    Raises MissingExtra without matplotlib.
    """
    array = np.asarray(counts).astype(int)
    rows = [row for row in range(len(labels)) if array[row].any()] + [len(labels)]
    columns = [column for column in range(len(labels)) if array[:, column].any()] + [len(labels)]
    shown = array[np.ix_(rows, columns)]
    figure = new_figure(min(WIDTH, 4 + 0.4 * len(columns)), 2.4 + 0.3 * len(rows), dpi=DPI)
    axes = figure.subplots()
    _count_map(axes, shown, max(1, int(shown.max())), "Purples")
    axes.set_title(title, fontsize=10)
    lost, gained = [*labels, "nothing lost"], [*labels, "nothing gained"]
    axes.set_yticks(range(len(rows)), [wrapped(lost[row]) for row in rows], fontsize=8)
    _name_columns(axes, [gained[column] for column in columns])
    axes.set_ylabel("label lost", fontsize=9)
    axes.set_xlabel("label gained in the same image", fontsize=9)
    # A line separates the images in which a label was only lost or only gained.
    axes.axhline(len(rows) - 1.5, color="black", linewidth=1)
    axes.axvline(len(columns) - 1.5, color="black", linewidth=1)
    return png(figure)


def wrapped(name: str) -> str:
    """Return a name, wrapped to several lines if it is long."""
    return "\n".join(textwrap.wrap(name, NAME)) or name


def plain_axes(axes: Axes, grid: str) -> None:
    """Remove the frame and draw grid lines; grid is "x", "y" or "both"."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=grid, alpha=0.3)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)


def legend_above(figure: Figure, axes: Axes, columns: int = 3) -> None:
    """Draw the legend above the axes, where it hides no data."""
    handles, names = axes.get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside upper left", ncols=columns, fontsize=8, frameon=False
    )


def _images(count: int) -> str:
    return f"{count} image{'' if count == 1 else 's'}"


def _count_map(axes: Axes, counts: NDArray[Any], most: int, shades: str) -> None:
    """Draw a map of counts with their numbers; cells with 0 stay empty."""
    axes.imshow(counts, cmap=shades, vmin=0, vmax=most, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            dark = count > 0.55 * most
            colour = "white" if dark else "black"
            axes.text(column, row, str(count), ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(np.arange(counts.shape[1] + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(counts.shape[0] + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="0.85", linewidth=0.6)
    axes.tick_params(which="both", length=0)


def _name_columns(axes: Axes, names: Sequence[str]) -> None:
    """Write the column names rotated, each on one line, so that they never overlap."""
    axes.set_xticks(range(len(names)), names, fontsize=8, rotation=40)
    for tick in axes.get_xticklabels():
        tick.set(ha="right", rotation_mode="anchor")


Point = tuple[float, float | None, float | None]
"""A value and the limits of its interval; None without an interval."""


def draw_lengths(
    blurs: Sequence[str],
    f1: Mapping[str, Sequence[Point]],
    recovery: Mapping[str, Sequence[Point]],
    styles: Mapping[str, Style],
    title: str = "F1",
) -> bytes:
    """Return F1 and recovery by blur, with intervals, side by side.

    blurs: names, mildest first. f1, recovery: for each method a point per blur, as fractions; NaN
    for a missing value.

    Raises MissingExtra without matplotlib.
    """
    figure = new_figure(WIDTH, 3.9, dpi=DPI)
    left, right = figure.subplots(1, 2)
    for axes, points in ((left, f1), (right, recovery)):
        _by_blur(axes, points, styles)
        axes.set_xticks(range(len(blurs)), [wrapped(blur) for blur in blurs])
        axes.set_xlim(-0.5, len(blurs) - 0.5)
        plain_axes(axes, "y")
    left.set_title(title, fontsize=9)
    left.set_ylim(bottom=-0.02)  # a marker at 0 is not cut
    right.set_title(f"recovery of {title}: 0 is blurred, 1 is sharp", fontsize=9)
    for level in (0, 1):
        right.axhline(level, color="0.4", linewidth=0.8, linestyle="--")
    right.set_ylim(*_window([point for row in recovery.values() for point in row]))
    legend_above(figure, left)
    return png(figure)


def draw_reliability(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    errors: Mapping[str, float],
    styles: Mapping[str, Style],
) -> bytes:
    """Return reliability curves: share of true labels over predicted probability.

    curves: for each method the mean probabilities of the bins and their shares of true labels.
    errors: expected calibration errors, as fractions.

    Raises MissingExtra without matplotlib.
    """
    figure = new_figure(0.75 * WIDTH, 0.7 * WIDTH, dpi=DPI)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.5", linewidth=1, linestyle="--", label="ideal")
    for name, (probabilities, shares) in curves.items():
        style = styles[name]
        label = f"{name}: {100 * errors[name]:.1f} %"
        axes.plot(
            probabilities, shares, color=style.colour, marker=style.mark, markersize=5, label=label
        )
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_xlabel("predicted probability", fontsize=9)
    axes.set_ylabel("share of true labels", fontsize=9)
    plain_axes(axes, "both")
    legend_above(figure, axes, columns=2)
    return png(figure)


def draw_correlations(
    measures: Sequence[str], points: Mapping[str, Sequence[Point]], styles: Mapping[str, Style]
) -> bytes:
    """Return the correlation of each measure with the sharp image, one marker per method.

    points: for each method a point per measure, from -1 to 1; NaN for a missing value.

    Raises MissingExtra without matplotlib.
    """
    figure = new_figure(WIDTH, 1.2 + len(measures) * (0.14 + 0.07 * len(points)), dpi=DPI)
    axes = figure.subplots()
    for number, (name, row) in enumerate(points.items()):
        offset = 0.7 * ((number + 0.5) / len(points) - 0.5)
        values, ends = _columns(row)
        places = np.arange(len(measures)) + offset
        style = styles[name]
        axes.hlines(places, *ends, color=style.colour, linewidth=1.2)
        axes.plot(values, places, style.mark, color=style.colour, markersize=4, label=name)
    axes.set_yticks(range(len(measures)), [wrapped(measure) for measure in measures])
    axes.set_ylim(len(measures) - 0.5, -0.5)
    axes.set_xlabel("Pearson's correlation with the sharp image; 1 is ideal", fontsize=9)
    lowest = min((low for row in points.values() for low in _lows(row)), default=0.0)
    axes.set_xlim(lowest - 0.05 * (1 - lowest) - 0.001, 1 + 0.05 * (1 - lowest) + 0.001)
    for line in range(1, len(measures)):
        axes.axhline(line - 0.5, color="0.9", linewidth=0.6)
    plain_axes(axes, "x")
    legend_above(figure, axes)
    return png(figure)


def _by_blur(
    axes: Axes, points: Mapping[str, Sequence[Point]], styles: Mapping[str, Style]
) -> None:
    for number, (name, row) in enumerate(points.items()):
        values, ends = _columns(row)
        # Side by side, so that intervals of equal methods do not hide each other.
        places = np.arange(len(row)) + 0.3 * ((number + 0.5) / len(points) - 0.5)
        style = styles[name]
        line = "--" if name == SHARP else "-"
        axes.vlines(places, *ends, color=style.colour, linewidth=1.2)
        axes.plot(
            places,
            values,
            color=style.colour,
            linestyle=line,
            marker=style.mark,
            markersize=5,
            linewidth=1,
            label=name,
        )


def _columns(row: Sequence[Point]) -> tuple[list[float], tuple[list[float], list[float]]]:
    """Return the values and their limits, which equal the value without an interval."""
    values = [value for value, _, _ in row]
    lows = [value if low is None else low for value, low, _ in row]
    highs = [value if high is None else high for value, _, high in row]
    return values, (lows, highs)


def _lows(row: Sequence[Point]) -> list[float]:
    return [low for low in _columns(row)[1][0] if np.isfinite(low)]


def _window(points: Sequence[Point]) -> tuple[float, float]:
    """Return axis limits that include every value; very wide intervals are cut."""
    values = [value for value, _, _ in points if np.isfinite(value)]
    lowest, highest = min([0.0, *values]), max([1.0, *values])
    return max(lowest, -2.0) - 0.25, min(highest, 3.0) + 0.25
