"""The figures of a recovery as PNG files: by label (F1, gained and lost, confusions), by the blur's
length, calibration and measures.

Colours are those of Okabe and Ito ("Color Universal Design", 2008), which colour-blind readers can
tell apart; every restorer has its own mark beside its colour.
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
"""Inches of every figure, so that their letters are of one size on a page."""
DPI = 140
NAME = 26
"""Letters of a name's line."""
BARS = 6
"""Of a label: sharp, blurred and four restorers can still be told apart."""


@dataclass(frozen=True)
class Look:
    """How a restorer is drawn in every figure."""

    colour: str
    mark: str


def looks(restorers: Sequence[str]) -> dict[str, Look]:
    """Return each restorer's look; sharp is black, blurred is grey."""
    found = {SHARP: Look("#000000", "D"), BLURRED: Look("#8a8a8a", "d")}
    others = [name for name in restorers if name not in found]
    for number, name in enumerate(others):
        colour = OKABE_ITO[number % len(OKABE_ITO)]
        found[name] = Look(colour, MARKS[number % len(MARKS)])
    return found


def png(figure: Figure) -> bytes:
    """Return a figure as a PNG file."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", bbox_inches="tight")
    return stream.getvalue()


def draw_labels(
    labels: Sequence[str],
    support: Sequence[int],
    f1: Mapping[str, ArrayLike],
    looks: Mapping[str, Look],
) -> bytes:
    """Return the bars of F1 by label, a colour a restorer.

    support: test images that have the label. f1: (L,) for each restorer, from 0 to 1; not above
    BARS restorers. Labels without test images have no bars.

    Raises MissingExtra without matplotlib.
    """
    thick = 0.8 / len(f1)
    figure = new_figure(WIDTH, 1.2 + len(labels) * (0.16 + 0.1 * len(f1)), dpi=DPI)
    axes = figure.subplots()
    places = np.arange(len(labels))
    there = np.asarray(support) > 0
    for number, (name, values) in enumerate(f1.items()):
        offset = (number - (len(f1) - 1) / 2) * thick
        axes.barh(
            places[there] + offset,
            np.asarray(values)[there],
            height=0.92 * thick,
            color=looks[name].colour,
            label=name,
        )
    for place in places[~there]:
        axes.text(0.01, place, "no test image", va="center", fontsize=8, color="0.4")
    names = [
        f"{named(label)}\n{_images(count)}" for label, count in zip(labels, support, strict=True)
    ]
    axes.set_yticks(places, names, fontsize=8)
    axes.set(xlim=(0, 1), ylim=(len(labels) - 0.45, -0.55))
    axes.set_xlabel("F1 of the label", fontsize=9)
    plain(axes, "x")
    legend_above(figure, axes)
    return png(figure)


def draw_changes(
    labels: Sequence[str], lost: Mapping[str, ArrayLike], gained: Mapping[str, ArrayLike]
) -> bytes:
    """Return two maps, a row a label and a column a restorer: how often it was lost and gained.

    lost, gained: (L,) images for each restorer, against what is found on the sharp image.

    Raises MissingExtra without matplotlib.
    """
    names = list(lost)
    counts = [
        np.column_stack([np.asarray(of[name]) for name in names]).astype(int)
        for of in (lost, gained)
    ]
    most = max(1, *(int(one.max(initial=0)) for one in counts))
    figure = new_figure(WIDTH, 1.6 + 0.3 * len(labels), dpi=DPI)
    panels = figure.subplots(1, 2, sharey=True)
    titles = ("lost: found on sharp, not here", "gained: found here, not on sharp")
    for axes, one, title, shades in zip(panels, counts, titles, ("Oranges", "Blues"), strict=True):
        _count_map(axes, one, most, shades)
        axes.set_title(title, fontsize=9)
        _name_columns(axes, names)
    panels[0].set_yticks(range(len(labels)), [named(label) for label in labels], fontsize=8)
    return png(figure)


def draw_swaps(labels: Sequence[str], counts: ArrayLike, title: str) -> bytes:
    """Return the map of what was gained where something was lost.

    counts: (L + 1, L + 1) images in which the row's label was lost and the column's was gained; the
    last row is for nothing lost, the last column for nothing gained. Labels that were neither are
    left out.

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
    axes.set_yticks(range(len(rows)), [named(lost[row]) for row in rows], fontsize=8)
    _name_columns(axes, [gained[column] for column in columns])
    axes.set_ylabel("label lost", fontsize=9)
    axes.set_xlabel("label gained in the same image", fontsize=9)
    # Set apart: the images in which only one of both happened.
    axes.axhline(len(rows) - 1.5, color="black", linewidth=1)
    axes.axvline(len(columns) - 1.5, color="black", linewidth=1)
    return png(figure)


def named(name: str) -> str:
    """Return a long name on several lines."""
    return "\n".join(textwrap.wrap(name, NAME)) or name


def plain(axes: Axes, grid: str) -> None:
    """Take away what is no data; leave lines to read values by: grid is "x", "y" or "both"."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=grid, alpha=0.3)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)


def legend_above(figure: Figure, axes: Axes, columns: int = 3) -> None:
    """Put the names of what is drawn above everything, where they hide nothing."""
    handles, names = axes.get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside upper left", ncols=columns, fontsize=8, frameon=False
    )


def _images(count: int) -> str:
    return f"{count} image{'' if count == 1 else 's'}"


def _count_map(axes: Axes, counts: NDArray[Any], most: int, shades: str) -> None:
    """Draw counts with their numbers; 0 stays empty, so that the eye finds the others."""
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
    """Write names aslant, each on one line: beside one another they never meet."""
    axes.set_xticks(range(len(names)), names, fontsize=8, rotation=40)
    for tick in axes.get_xticklabels():
        tick.set(ha="right", rotation_mode="anchor")


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
