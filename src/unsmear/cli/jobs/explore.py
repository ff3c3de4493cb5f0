"""Job of `unsmear explore`."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from unsmear.cli.console import console
from unsmear.cli.jobs import batch
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


def run(source: str, output: Path, axes: str | None, where: Where) -> int:
    """Print and write the statistics; return the exit code."""
    data_set = data.read_source(source, axes)
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
        print(f"unsmear: the figures are not drawn. {error}", file=sys.stderr)
    print(f"Written to {output}: {', '.join(path.name for path in written) or 'nothing'}.")
    failures = [image.failure for image in described if image.failure]
    for failure in failures:
        print(failure, file=sys.stderr)
    if failures:
        print(f"{len(failures)} of {len(described)} images cannot be read.", file=sys.stderr)
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
    print(f"{len(data_set.items) or len(data_set.labels):,} images")
    if data_set.items and data_set.labels:
        print(f"{len(data_set.items) - len(data_set.labels):,} of them without labels")
    if data_set.unused:
        print(f"{data_set.unused:,} labelled IDs without an image")


def _print_labels(labels: data.Labels) -> None:
    table = _table("label", "", "images", "share")
    for row in data.label_counts(labels):
        table.add_row(str(row.label), row.name, f"{row.images:,}", f"{row.share:.1%}")
    console().print(table)
    counts = [f"{row.labels}: {row.images:,}" for row in data.labels_per_image(labels)]
    print(f"labels per image  {', '.join(counts)}")
    twice = sum(len(set(of_image)) < len(of_image) for of_image in labels.values())
    if twice:
        print(f"{twice:,} images list a label twice; it is counted once")
    pairs = _table("together", "", "images", "by chance")
    for pair in data.label_pairs(labels)[:10]:
        pairs.add_row(pair.first, pair.second, f"{pair.images:,}", f"{pair.expected:,.0f}")
    if pairs.rows:
        console().print(pairs)


def _print_channels(rows: Sequence[ChannelRow]) -> None:
    """Print one line per channel: medians over its images."""
    sizes = Counter(f"{row.height}x{row.width} {row.dtype}" for row in rows)
    print(f"sizes  {', '.join(size for size, _ in sizes.most_common(5))}")
    of_channel = defaultdict(list)
    for row in rows:
        of_channel[row.channel].append(row)
    table = _table(
        "median over images", "images", "mean", "99 %", "saturated", "sharpness", "quartiles"
    )
    for name, channel in of_channel.items():
        sharp = Spread.of(row.sharpness for row in channel)
        table.add_row(
            name,
            f"{len(channel):,}",
            f"{Spread.of(row.mean for row in channel).median:.4g}",
            f"{Spread.of(row.p99 for row in channel).median:.4g}",
            f"{Spread.of(row.saturated for row in channel).median:.2%}",
            f"{sharp.median:.4g}",
            f"{sharp.lower:.4g} to {sharp.upper:.4g}",
        )
    console().print(table)


def _print_correlations(rows: Sequence[CorrelationRow]) -> None:
    """Print the correlation of each pair of channels, the paper's pair first."""
    table = _table("correlation", "images", "mean", "median", "quartiles", "median in cells")
    spreads = correlation_spreads(rows)
    for pair in sorted(spreads, key=lambda pair: pair != COINCIDE):
        everywhere, cells = spreads[pair]
        table.add_row(
            " and ".join(pair),
            f"{everywhere.images:,}",
            f"{everywhere.mean:.3f}",
            f"{everywhere.median:.3f}",
            f"{everywhere.lower:.3f} to {everywhere.upper:.3f}",
            f"{cells.median:.3f}",
            style="bold" if pair == COINCIDE else "",
        )
    console().print(table)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for place, column in enumerate(columns):
        left = place == 0 or not column
        table.add_column(column, justify="left" if left else "right", no_wrap=True)
    return table
