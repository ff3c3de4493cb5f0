"""Curves of a training run: scores, losses, learning rate, speed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from unsmear.report.figure import new_figure
from unsmear.report.training.folder import Rows, RunFolder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NOT_LOSSES = {"step", "epoch", "samples", "seconds", "rate"}
"""Columns of log.csv that are not losses."""
COLUMNS = 3
PANEL = (3.7, 2.6)
"""Width and height of a panel, inches."""
TRAINING, VALIDATION, BLURRED = "#1f77b4", "#d62728", "#777777"
SCORES = {
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "average_precision": "average precision",
    "micro_f1": "F1, micro",
    "macro_f1": "F1, macro",
}
"""Validation scores of a restorer or a classifier, with their titles; each has a panel."""
POINTS = 40
"""Number of points below which a curve marks each of them, so that a single one is visible."""


def draw(run: RunFolder) -> Figure | None:
    """Return the curves: scores (with those of the blurred images), losses, learning rate, speed.

    None where nothing is logged yet. Raises MissingExtra without matplotlib.
    """
    if not run.steps and not run.validations:
        return None
    losses = names_of_losses(run)
    scores = [name for name in SCORES if run.validations and name in run.validations[-1]]
    count = len(scores) + len(losses) + 2 * bool(run.steps)
    rows = -(-count // COLUMNS)
    figure = new_figure(PANEL[0] * COLUMNS, PANEL[1] * rows, dpi=110)
    panels = [figure.add_subplot(rows, COLUMNS, place) for place in range(1, count + 1)]
    waiting = iter(panels)
    for name in scores:
        _score(next(waiting), run, name)
    for name in losses:
        _loss(next(waiting), run, name)
    if run.steps:
        _rate(next(waiting), run.steps)
        _speed(next(waiting), run.steps)
    for axes in panels:
        axes.tick_params(labelsize=7)
        axes.set_xlabel("step", fontsize=8)
        axes.grid(alpha=0.3)
    return figure


def caption(run: RunFolder) -> str:
    """Return the caption of the curves."""
    interval = run.config.get("log", {}).get("every")
    critic = run.config.get("adversarial", {}).get("loss", "none") != "none"
    adversarial = " The adversarial loss is part of the training loss only." if critic else ""
    lines = (
        "line is the best validation"
        if run.labels
        else "lines are the blurred images and the best validation"
    )
    return (
        f"Losses: means over {interval} training steps (blue) and over the validation (red); "
        f"the dashed {lines}.{adversarial}"
    )


def names_of_losses(run: RunFolder) -> list[str]:
    """Return the names of the logged losses, the one that is minimised first."""
    names = [name for name in (run.steps[0] if run.steps else {}) if name not in NOT_LOSSES]
    return sorted(names, key=lambda name: name != "loss")


def _score(axes: Axes, run: RunFolder, name: str) -> None:
    _plot(axes, run.validations, name, VALIDATION, "validation" if run.labels else "restored")
    blurred = run.validations[-1].get(f"blurred_{name}")
    if blurred is not None:
        axes.axhline(blurred, color=BLURRED, linestyle="--", linewidth=1.2, label="blurred")
    if run.best is not None:
        axes.axvline(run.best["step"], color=VALIDATION, linestyle="--", linewidth=0.7, alpha=0.6)
    axes.set_title(SCORES[name], fontsize=9)
    axes.legend(fontsize=7)


def _loss(axes: Axes, run: RunFolder, name: str) -> None:
    _plot(axes, run.steps, name, TRAINING, "training")
    _plot(axes, run.validations, name, VALIDATION, "validation")
    values = [row[name] for rows in (run.steps, run.validations) for row in rows if name in row]
    if min(values) > 0 and max(values) > 5 * min(values):
        axes.set_yscale("log")
    axes.set_title(name if name == "loss" else f"loss: {name}", fontsize=9)
    if len(axes.lines) > 1:
        axes.legend(fontsize=7)


def _rate(axes: Axes, steps: Rows) -> None:
    _plot(axes, steps, "rate", TRAINING, "")
    axes.set_title("learning rate", fontsize=9)
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
    axes.set_ylim(bottom=0)


def _speed(axes: Axes, steps: Rows) -> None:
    start = {"samples": 0.0, "seconds": 0.0}
    rows = [
        {"step": now["step"], "speed": (now["samples"] - before["samples"]) / spent}
        for before, now in pairwise([start, *steps])
        if (spent := now["seconds"] - before["seconds"]) > 0
    ]
    _plot(axes, rows, "speed", TRAINING, "")
    axes.set_title("samples per second, data included", fontsize=9)
    axes.set_ylim(bottom=0)


def _plot(axes: Axes, rows: Sequence[dict[str, float]], name: str, colour: str, label: str) -> None:
    shown = [(row["step"], row[name]) for row in rows if name in row]
    if shown:
        mark = "." if len(shown) < POINTS else ""
        axes.plot(*zip(*shown, strict=True), color=colour, marker=mark, linewidth=1.2, label=label)
