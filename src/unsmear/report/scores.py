"""Chart of the scores of an evaluation: every image of every restorer, and the means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unsmear.evaluate import ALL, BLURRED, SHARP, Line, Row
from unsmear.report.figure import new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS = (("gain", "PSNR over the blurred image, dB"), ("ssim", "SSIM"))
"""Columns of the chart: the name of a score, and its axis."""
SPREAD = 0.3
"""Half of the height over which the dots of a row are spread, rows."""
DOT, MEAN = "#4c78a8", "#111111"


def draw_scores(path: Path, rows: Sequence[Row], lines: Sequence[Line]) -> None:
    """Write the chart: a row for each restorer, a dot for each image, the mean and its interval.

    rows: of all images. lines: the summary; those over all images have the means.

    Raises MissingExtra without matplotlib.
    """
    overall = [line for line in lines if line.blur == ALL and line.restorer != SHARP]
    figure = new_figure(9, 0.5 * len(overall) + 1.2)
    panels = figure.subplots(1, len(PANELS), sharey=True)
    for axes, (score, title) in zip(panels, PANELS, strict=True):
        for place, line in enumerate(overall):
            values = [getattr(row, score) for row in rows if row.restorer == line.restorer]
            _draw_row(axes, place, np.array(values, float), line, score)
        axes.set_xlabel(title)
        axes.grid(axis="x", alpha=0.3)
    panels[0].axvline(0, color=MEAN, linewidth=0.8)
    panels[0].set_yticks(range(len(overall)), [line.restorer for line in overall])
    panels[0].invert_yaxis()
    save(figure, path)


def _draw_row(axes: Axes, place: int, values: np.ndarray, line: Line, score: str) -> None:
    """Draw the dots of a restorer, and its mean with the 95 % interval."""
    values = values[np.isfinite(values)]
    heights = place + np.linspace(-SPREAD, SPREAD, max(len(values), 1))[: len(values)]
    axes.plot(values, heights, "o", color=DOT, alpha=0.5, markersize=4, markeredgewidth=0)
    mean = getattr(line, score)
    if (line.restorer == BLURRED and score == "gain") or not np.isfinite(mean.value):
        return
    ends = [mean.value if end is None else end for end in (mean.low, mean.high)]
    axes.plot(ends, [place, place], color=MEAN, linewidth=2, solid_capstyle="butt")
    axes.plot([mean.value], [place], "|", color=MEAN, markersize=14, markeredgewidth=2)
