"""Table I as Markdown: what is printed beside ours, and what of its remarks our figures show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from formats import interval, table
from systems import SHARED, System
from unsmear.blur import Paper
from unsmear.evaluate import ALL, BLURRED, SHARP, Row, summarise
from unsmear.metrics.bootstrap import mean_intervals
from unsmear.recovery.analysis.results import Results
from unsmear.recovery.output.tables import percent, span
from unsmear.tables import narrow_markdown
from unsmear.train.config.restorer import Run

OURS = {
    "wiener-local": ("Wiener 5x5, as in the paper", "Table V", "5.6402 / 0.0361 / 42.9, HPA"),
    "deep-wiener, estimated kernel": ("ours: deep-wiener, estimated kernel", "", "-"),
}
"""Rows that are not trained here: what they are, where the paper has them, and what is printed."""
HEAD = (
    "architecture",
    "loss",
    "cited",
    "network here (published)",
    "printed: PSNR / SSIM / F1, % of sharp's",
    "PSNR, dB",
    "PSNR after the best gain, dB",
    "SSIM",
    "macro F1, %",
    "of sharp's, %",
    "recovered, %",
    "parameters",
    "s an image",
)
PAIRS = (
    ("L2 instead of L1", "unet-l2", "unet-l1"),
    ("L2 instead of L1", "two-stage-l2", "two-stage-l1"),
    ("a perceptual loss instead of L1", "unet-perceptual", "unet-l1"),
    ("a critic beside L1", "unet-adversarial", "unet-l1"),
    ("perceptual and adversarial instead of L1", "gan-adversarial", "gan-l1"),
    ("two stages instead of one", "two-stage-l1", "unet-l1"),
    ("three scales instead of a U-Net", "multi-scale-l1", "unet-l1"),
)
"""What differs between two rows, and the rows."""


@dataclass(frozen=True)
class Entry:
    """A trained row.

    parameters: of the network that restores, without a critic. summary: how its training ended.
    run: its whole configuration. environment: of its training.
    """

    system: System
    parameters: int
    summary: Mapping[str, Any]
    run: Run
    environment: Mapping[str, Any]


@dataclass(frozen=True)
class Facts:
    """What the rows share.

    rows: the scores of every image by every restorer. results: what the classifier found.
    seconds: processor time for an image, by restorer. classifier: its name. minutes: of training.
    side: of an image, pixels.
    """

    rows: Sequence[Row]
    results: Results
    seconds: Mapping[str, float]
    classifier: str
    minutes: float
    side: int


def write(entries: Sequence[Entry], facts: Facts, command: str) -> str:
    """Return the page."""
    parts = [
        "# The paper's Table I, with figures",
        f"    {command}",
        _words(entries, facts),
        "## Table I",
        narrow_markdown([HEAD, *_rows(entries, facts)], words=range(5)).strip(),
        _about(facts),
        "## What changes with the loss and the architecture",
        "Differences on the same test images, at equal training time, with 95 % intervals.",
        _differences(entries, facts),
        "## What was scaled down",
        _scaled(entries, facts),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _words(entries: Sequence[Entry], facts: Facts) -> str:
    blurred = [row for row in facts.rows if row.restorer == BLURRED]
    trained = entries[0].environment["data"]["pairs"] if entries else 0
    blur = Paper()
    return (
        "Table I of the paper names architectures and losses, without a figure. Here each of them "
        f"is trained for {facts.minutes:g} minutes of processor time on one thread, on the same "
        f"{trained} pairs, and scored on {len(blurred)} others. The pairs are by the paper's "
        f"protocol: {facts.side}x{facts.side} pixels, RGB, 8 bits, its blur of degree "
        f"{blur.degree}, which also darkens to {blur.recipe().sum():.2f}. F1 is that of "
        f"{facts.classifier} for the labels. Intervals are 95 % over the test images."
    )


def _rows(entries: Sequence[Entry], facts: Facts) -> list[tuple[str, ...]]:
    scores, labels = _scores(facts), _labels(facts)
    rows = [(SHARP, "", "", "", "", "infinite", "infinite", "1", *labels[SHARP], "", "")]
    rows.append(
        (
            BLURRED,
            "",
            "Table VI",
            "",
            "- / - / 29.9, HPA",
            *scores[BLURRED],
            *labels[BLURRED],
            "",
            "",
        )
    )
    for name, (words, cited, printed) in OURS.items():
        seconds = f"{facts.seconds[name]:.2f}"
        rows.append((words, "", cited, "", printed, *scores[name], *labels[name], "", seconds))
    for entry in entries:
        system = entry.system
        rows.append((
            system.architecture, system.loss, system.cited, system.network, system.printed,
            *scores[system.name], *labels[system.name],
            f"{entry.parameters:,}", f"{facts.seconds[system.name]:.2f}",
        ))  # fmt: skip
    return rows


def _scores(facts: Facts) -> dict[str, tuple[str, str, str]]:
    lines = [line for line in summarise(facts.rows) if line.blur == ALL]
    return {
        line.restorer: (interval(line.psnr), interval(line.gain_psnr), interval(line.ssim, 3))
        for line in lines
        if line.restorer != SHARP
    }


def _labels(facts: Facts) -> dict[str, tuple[str, str, str]]:
    """Return macro F1, its share of the sharp images', and the share of the gap that is closed."""
    found = {line.restorer: line for line in facts.results.overall}
    sharp = found[SHARP].averages["macro_f1"].value
    labels = {}
    for name, line in found.items():
        f1 = line.averages["macro_f1"]
        recovery = line.recovery.get("macro_f1")
        share = recovery.share if recovery else None
        ends = {SHARP: "100", BLURRED: "0"}
        recovered = span(share, 0) if share else ends.get(name, "no gap")
        labels[name] = span(f1), percent(f1.value / sharp), recovered
    return labels


def _about(facts: Facts) -> str:
    return (
        "**Printed** is what the source in the column before reports, on its own images: HPA with "
        "the paper's classifier (its F1 by the sharp images' 58.75 %), or GoPro's photographs. "
        "**The PSNR after the best gain** takes brightness out; the recipe darkens, networks that "
        "are trained on such pairs brighten, and ours and the Wiener filter keep the total "
        "intensity. **Recovered** is (F1 - blurred) / (sharp - blurred), as in Table VI. "
        "Parameters are those of the network that restores, without a critic. Seconds are the "
        f"processor time of an RGB image of {facts.side}x{facts.side} on one thread. The networks "
        "are our corrected ones (no checkerboards, no batch normalisation, a correction to the "
        "blurred image); `paper-table-5.md` has those of the paper as they were, and says why."
    )


def _differences(entries: Sequence[Entry], facts: Facts) -> str:
    by_name = {entry.system.name: entry for entry in entries}
    labels = {line.restorer: line for line in facts.results.overall}
    rows = []
    for words, first, second in PAIRS:
        if first in by_name and second in by_name:
            f1 = [labels[name].averages["macro_f1"].value for name in (first, second)]
            one, other = by_name[first], by_name[second]
            rows.append((
                f"{words}: {first} against {second}",
                _signed(facts, first, second, lambda row: row.psnr),
                _signed(facts, first, second, lambda row: row.gain_psnr),
                _signed(facts, first, second, lambda row: row.ssim, 3),
                f"{100 * (f1[0] - f1[1]):+.1f}",
                f"{one.parameters / other.parameters:.2f}",
                f"{facts.seconds[first] / facts.seconds[second]:.2f}",
                f"{_steps(one)} / {_steps(other)}",
            ))  # fmt: skip
    head = (
        "", "PSNR, dB", "after the best gain, dB", "SSIM", "macro F1, points",
        "times the parameters", "times the seconds", "steps",
    )  # fmt: skip
    return table(head, rows) if rows else ""


def _signed(
    facts: Facts, first: str, second: str, value: Callable[[Row], float], digits: int = 2
) -> str:
    """Return the mean of first - second over the images, with its interval."""
    one, other = (
        {row.name: row for row in facts.rows if row.restorer == name} for name in (first, second)
    )
    names = sorted(one.keys() & other.keys())
    values = np.array([[value(one[name]) - value(other[name])] for name in names])
    (mean,) = mean_intervals(values, [one[name].group for name in names], seed=0)
    text = f"{mean.value:+.{digits}f}"
    if mean.low is None or mean.high is None:
        return text
    return f"{text} ({mean.low:+.{digits}f} to {mean.high:+.{digits}f})"


def _steps(entry: Entry) -> int:
    return int(entry.summary["step"])


def _scaled(entries: Sequence[Entry], facts: Facts) -> str:
    rows = []
    for entry in entries:
        data, summary = entry.run.data, entry.summary
        rows.append((
            f"{entry.system.name}: {entry.system.network}", str(_steps(entry)),
            str(_steps(entry) * data.batch), str(summary["best_step"]),
            f"{summary['processor_seconds'] / 60:.2f}", f"{summary['seconds'] / 60:.2f}",
        ))  # fmt: skip
    head = (
        "", "steps", "crops seen", "step that is scored", "minutes of processor time", "minutes",
    )  # fmt: skip
    size, batch = SHARED["data"]["size"], SHARED["data"]["batch"]
    where = ", ".join(dict.fromkeys(str(entry.environment["machine"]) for entry in entries))
    return (
        f"The published networks train for days on a GPU; these for {facts.minutes:g} minutes on "
        f"{where}, one thread each, with crops of {size}x{size} pixels, {batch} at a time, a "
        "learning rate that falls to 0 within the time, and fewer channels and blocks, as the "
        "table says with the published numbers in brackets. So the order is that of a short "
        "training: a network with slow steps sees few crops.\n\n" + table(head, rows)
    )
