"""Job of `unsmear explore`."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from unsmear.batches.entry import FAILED
from unsmear.cli.console import say, show_table
from unsmear.cli.jobs import batch
from unsmear.cli.jobs.announcement import announce_all
from unsmear.cli.jobs.progress import map_with_progress
from unsmear.cluster import Where
from unsmear.data import label_statistics as data
from unsmear.data.image_statistics import (
    ChannelRow,
    CorrelationRow,
    Description,
    Spread,
    correlation_spreads,
    describe,
)
from unsmear.data.item import Item
from unsmear.errors import MissingExtra
from unsmear.report import explore as figures

COINCIDE = ("red", "yellow")
"""Channels that overlap according to the paper: microtubules and endoplasmic reticulum."""


def run(source: str, output: Path, axes: str | None, where: Where, dry_run: bool = False) -> int:
    """Print and write the statistics; return the exit code. dry_run: whether it is only said."""
    data_set = data.read_source(source, axes)
    if dry_run:
        written = [output / "*.csv", output / "*.png"]
        return announce_all("images", [item.id for item in data_set.items], written)
    described = list(
        map_with_progress(describe, data_set.items, where, "Describing", batch.name, _lost)
    )
    channels = [row for image in described for row in image.channels]
    correlations = [row for image in described for row in image.correlations]
    _print_counts(data_set)
    if data_set.labels:
        _print_labels(data_set.labels)
    if channels:
        _print_channels(channels)
    if correlations:
        _print_correlations(correlations)
    written = _write_tables(output, data_set.labels, channels, correlations)
    try:
        written += figures.draw(output, data_set.labels, channels, correlations)
    except MissingExtra as error:
        say(f"unsmear: the figures are not drawn. {error}", sys.stderr)
    names = [path.name for path in written]
    say(f"Written to {output}: {', '.join(names) or 'nothing'}.", output=output, files=names)
    failures = [image.failure for image in described if image.failure]
    for failure in failures:
        say(failure, sys.stderr, action=FAILED)
    if failures:
        say(f"{len(failures)} of {len(described)} images cannot be read.", sys.stderr)
    return 1 if failures else 0


def _lost(_: Item, sentence: str) -> Description:
    return Description(failure=sentence)


def _write_tables(
    output: Path,
    labels: data.Labels,
    channels: Sequence[ChannelRow],
    correlations: Sequence[CorrelationRow],
) -> list[Path]:
    tables: dict[str, Sequence[object]] = {
        "label_counts.csv": data.label_counts(labels) if labels else [],
        "labels_per_image.csv": data.labels_per_image(labels),
        "label_pairs.csv": data.label_pairs(labels),
        "images.csv": channels,
        "correlations.csv": correlations,
    }
    for name, rows in tables.items():
        if rows:
            data.write_rows(output / name, rows)
    return [output / name for name, rows in tables.items() if rows]


def _print_counts(data_set: data.Source) -> None:
    count = len(data_set.items) or len(data_set.labels)
    say(f"{count:,} images", images=count)
    if data_set.items and data_set.labels:
        say(f"{len(data_set.items) - len(data_set.labels):,} of them without labels")
    if data_set.unused:
        say(f"{data_set.unused:,} labelled IDs without an image")


def _print_labels(labels: data.Labels) -> None:
    counted = data.label_counts(labels)
    cells = [["label", "name", "images", "share"]]
    cells += [[str(r.label), r.name, f"{r.images:,}", f"{r.share:.1%}"] for r in counted]
    show_table("Labels", cells, list(map(asdict, counted)), words=(0, 1))
    counts = [f"{row.labels}: {row.images:,}" for row in data.labels_per_image(labels)]
    say(f"labels per image  {', '.join(counts)}")
    twice = sum(len(set(of_image)) < len(of_image) for of_image in labels.values())
    if twice:
        say(f"{twice:,} images list a label twice; it is counted once")
    pairs = data.label_pairs(labels)[:10]
    cells = [["label", "together with", "images", "by chance"]]
    cells += [[p.first, p.second, f"{p.images:,}", f"{p.expected:,.0f}"] for p in pairs]
    if pairs:
        show_table("Labels together", cells, list(map(asdict, pairs)), words=(0, 1))


def _print_channels(rows: Sequence[ChannelRow]) -> None:
    """Print one line per channel: medians over its images."""
    sizes = Counter(f"{row.height}x{row.width} {row.dtype}" for row in rows)
    say(f"sizes  {', '.join(size for size, _ in sizes.most_common(5))}")
    of_channel = defaultdict(list)
    for row in rows:
        of_channel[row.channel].append(row)
    cells = [["channel", "images", "mean", "99 %", "saturated", "sharpness", "quartiles"]]
    for name, channel in of_channel.items():
        sharp = Spread.of(row.sharpness for row in channel)
        cells.append([
            name,
            f"{len(channel):,}",
            f"{Spread.of(row.mean for row in channel).median:.4g}",
            f"{Spread.of(row.p99 for row in channel).median:.4g}",
            f"{Spread.of(row.saturated for row in channel).median:.2%}",
            f"{sharp.median:.4g}",
            f"{sharp.lower:.4g} to {sharp.upper:.4g}",
        ])  # fmt: skip
    show_table("Channels: median over images", cells)


def _print_correlations(rows: Sequence[CorrelationRow]) -> None:
    """Print the correlation of each pair of channels, the paper's pair first."""
    cells = [["channels", "images", "mean", "median", "quartiles", "median in cells"]]
    spreads = correlation_spreads(rows)
    for pair in sorted(spreads, key=lambda pair: pair != COINCIDE):
        everywhere, in_cells = spreads[pair]
        cells.append([
            " and ".join(pair),
            f"{everywhere.images:,}",
            f"{everywhere.mean:.3f}",
            f"{everywhere.median:.3f}",
            f"{everywhere.lower:.3f} to {everywhere.upper:.3f}",
            f"{in_cells.median:.3f}",
        ])  # fmt: skip
    show_table("Correlation of channels", cells)
