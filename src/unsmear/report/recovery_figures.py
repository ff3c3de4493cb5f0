"""The figures of a recovery by label, as PNG files: F1, gained and lost labels, and what for what.

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
