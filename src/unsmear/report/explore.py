"""Figures of a data set: labels, intensities, sharpness, correlation of channels."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unsmear.data.image_statistics import ChannelRow, CorrelationRow
from unsmear.data.label_statistics import Labels, label_counts, label_pairs, labels_per_image
from unsmear.data.labels import LABELS
from unsmear.report.figure import new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {"red": "#d62728", "green": "#2ca02c", "blue": "#1f77b4", "yellow": "#e0a800"}
"""Colours of the channels of the Human Protein Atlas."""
GREY = "#555555"
"""Colour of channels with other names."""


def draw(
    folder: Path,
    labels: Labels,
    channels: Sequence[ChannelRow],
    correlations: Sequence[CorrelationRow],
) -> list[Path]:
    """Write the figures as PNG files into a folder, those that have data; return the files.

    Raises MissingExtra where matplotlib is not installed.
    """
    drawn = {}
    if labels:
        drawn["label_counts.png"] = draw_label_counts(labels)
        drawn["labels_per_image.png"] = draw_labels_per_image(labels)
        drawn["label_pairs.png"] = draw_label_pairs(labels)
    if channels:
        drawn["intensities.png"] = draw_intensities(channels)
        drawn["sharpness.png"] = draw_sharpness(channels)
    if correlations:
        drawn["correlations.png"] = draw_correlations(correlations)
    for name, figure in drawn.items():
        save(figure, folder / name)
    return [folder / name for name in drawn]


def draw_label_counts(labels: Labels) -> Figure:
    """Return bars of how many images have each label, the most frequent on top."""
    rows = sorted(label_counts(labels), key=lambda row: row.images)
    figure = new_figure(7, 5.5)
    axes = figure.add_subplot()
    bars = axes.barh([f"{row.name} ({row.label})" for row in rows], [row.images for row in rows])
    axes.bar_label(bars, [f"{row.images:,}" for row in rows], padding=2, fontsize=7)
    axes.set_xscale("symlog")
    axes.margins(x=0.15, y=0.01)
    axes.set(xlabel=f"images with the label, of {len(labels):,}")
    axes.tick_params(axis="y", labelsize=7)
    return figure


def draw_labels_per_image(labels: Labels) -> Figure:
    """Return bars of how many images have one label, two, and so on."""
    rows = labels_per_image(labels)
    figure = new_figure(4, 3)
    axes = figure.add_subplot()
    bars = axes.bar([str(row.labels) for row in rows], [row.images for row in rows])
    axes.bar_label(bars, [f"{row.images:,}" for row in rows], fontsize=7)
    axes.set(xlabel="labels per image", ylabel="images")
    return figure


def draw_label_pairs(labels: Labels) -> Figure:
    """Return the matrix of images that have both labels, as logarithms to base 10."""
    together = np.full((len(LABELS), len(LABELS)), np.nan)
    for row in label_pairs(labels):
        a, b = LABELS.index(row.first), LABELS.index(row.second)
        together[a, b] = together[b, a] = math.log10(row.images)
    figure = new_figure(7.5, 6.5)
    axes = figure.add_subplot()
    picture = axes.imshow(together, cmap="viridis", vmin=0)
    names = [name if len(name) < 30 else f"{name[:20]}..." for name in LABELS]
    axes.set_xticks(range(len(LABELS)), names, rotation=90, fontsize=7)
    axes.set_yticks(range(len(LABELS)), names, fontsize=7)
    figure.colorbar(picture, label="images with both labels, log10")
    return figure


def draw_intensities(rows: Sequence[ChannelRow]) -> Figure:
    """Return box plots over images of each channel's mean, 99th percentile, saturated share."""
    figure = new_figure(9, 3.2)
    shown = {
        "mean, counts": "mean",
        "99th percentile, counts": "p99",
        "share of saturated pixels": "saturated",
    }
    for place, (title, field) in enumerate(shown.items(), start=1):
        axes = figure.add_subplot(1, len(shown), place)
        _boxes(axes, _by_channel(rows, field))
        axes.set_title(title, fontsize=9)
    return figure


def draw_sharpness(rows: Sequence[ChannelRow]) -> Figure:
    """Return box plots over images of each channel's sharpness."""
    figure = new_figure(5, 3.5)
    axes = figure.add_subplot()
    _boxes(axes, _by_channel(rows, "sharpness"))
    if any(row.sharpness > 0 for row in rows):
        axes.set_yscale("log")
    axes.set(ylabel="variance of the Laplacian")
    return figure


def draw_correlations(rows: Sequence[CorrelationRow]) -> Figure:
    """Return box plots over images of the correlation of each pair of channels.

    On the left over all pixels, on the right only over the pixels of cells.
    """
    figure = new_figure(9, 3.6)
    titles = {"pearson": "all pixels", "pearson_cells": "pixels of cells"}
    for place, (field, title) in enumerate(titles.items(), start=1):
        values: dict[str, list[float]] = defaultdict(list)
        for row in rows:
            if math.isfinite(getattr(row, field)):
                values[f"{row.first}\n{row.second}"].append(getattr(row, field))
        axes = figure.add_subplot(1, 2, place)
        _boxes(axes, values)
        axes.set(ylim=(-1.05, 1.05), title=title, ylabel="Pearson's correlation")
        axes.axhline(0, color="black", linewidth=0.5)
    return figure


def _by_channel(rows: Sequence[ChannelRow], field: str) -> dict[str, list[float]]:
    values: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        values[row.channel].append(getattr(row, field))
    return values


def _boxes(axes: Any, values: dict[str, list[float]]) -> None:
    """Draw a box per name, with every image as a point."""
    if not values:
        return
    axes.boxplot(list(values.values()), showfliers=False, widths=0.5)
    axes.set_xticks(range(1, len(values) + 1), list(values), fontsize=7)
    for place, (name, numbers) in enumerate(values.items(), start=1):
        # Spread evenly, not at random, so that the figure is reproducible.
        beside = place + np.linspace(-0.2, 0.2, len(numbers))
        axes.plot(beside, numbers, ".", color=COLOURS.get(name, GREY), markersize=3, alpha=0.5)
