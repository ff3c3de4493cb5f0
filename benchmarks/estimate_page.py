"""The page of `estimate.py`: which answers were right, how large the errors are, calibration."""

from __future__ import annotations

import itertools
import platform
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unsmear.estimate import Estimate

LENGTHS = (0, 3, 4, 6, 10, 16, 20, 30)
"""Lengths of the straight motions that are measured, pixels."""
KINDS = ("none", "straight", "shake", "defocus")
NOTE = """
Only groups that neither trained nor calibrated the estimator: `cells` are of proticelli_C, `hpa`
quarters of 89_B5_1 at 512 px and the same field at 864 px, `single cells` are masked, then wells
E to H of BBBC013, BBBC022 E, nf1 F7 and H12, and the two sets of nuclei of DSB 2018, smooth fields
in which the first dark band of 3 px lies beyond what they show. At most {count} images a set, 256
px wide where they are larger, except where stated. Angles are random. An answer is right where the
kind is right and length and angle, or the radius, are within the stated half widths; of a shake,
its extent within a quarter and its direction within 15 degrees.
"""


@dataclass(frozen=True)
class Row:
    """A case without its pixels, and its estimate."""

    name: str
    kind: str
    condition: str
    length: float
    angle: float
    radius: float
    estimate: Estimate
    seconds: float
    scores: tuple[float, ...] = ()


def turn(row: Row) -> float:
    """Return the error of the angle, degrees."""
    return abs((row.estimate.angle - row.angle + 90) % 180 - 90)


def right(row: Row) -> bool:
    """Return whether an estimate is right within its stated uncertainty."""
    estimate = row.estimate
    if estimate.kind != row.kind:
        return False
    if estimate.kind == "defocus":
        return abs(estimate.radius - row.radius) <= estimate.radius_error
    return estimate.kind == "none" or (
        abs(estimate.length - row.length) <= estimate.length_error
        and turn(row) <= estimate.angle_error
    )


def report(rows: list[Row], count: int) -> str:
    """Return the page."""
    seconds = np.array([row.seconds for row in rows if row.name != "hpa 864 px"])
    moved = [row for row in rows if row.kind == "straight" and 6 <= row.length <= 20]
    clean = [row for row in moved if row.condition == "clean" and row.estimate.kind == "straight"]
    lines = [
        "# What blurred an image, estimated",
        "",
        "    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python benchmarks/estimate.py "
        f"--count {count}",
        NOTE.format(count=count),
        f"{len(rows)} images; {np.median(seconds):.2f} s each (median of the processor's time; "
        f"{np.percentile(seconds, 90):.2f} s at 90 %) for those up to 256 px, on a busy machine "
        f"({platform.machine()}). Straight, 6 to 20 px, clean: "
        f"{len(clean)} of {sum(r.condition == 'clean' for r in moved)} found; median error "
        f"{np.median([abs(r.estimate.length - r.length) for r in clean]):.3f} px and "
        f"{np.median([turn(r) for r in clean]):.2f} degrees.",
    ]
    by_set = [r for r in rows if r.condition == "clean" and r.kind in ("none", "straight")]
    lines += ["", "## Straight movements, clean", "", *by_length(by_set)]
    lines += ["", "## Kinds", "", "True kinds by row; clean images, then all conditions.", ""]
    lines += [*confusion([r for r in rows if r.condition == "clean"]), "", *confusion(rows)]
    lines += ["", "## Noise, JPEG, saturation", "", *robustness(rows)]
    lines += ["", "## Kernels of shakes, and the paper's recipe", "", *kernels(rows)]
    lines += ["", "## Confidence, and how often the answer was right", "", *calibration(rows), ""]
    return "\n".join(lines)


def by_length(rows: list[Row]) -> list[str]:
    """Return the table of errors by data set and length."""
    lines = [
        "| data set | length, px | images | called straight | length error, px: median | largest | "
        "angle error, degrees: median | largest |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in [*dict.fromkeys(row.name for row in rows), "all"]:
        for length in LENGTHS:
            own = [r for r in rows if name in ("all", r.name) and r.length == length]
            lines.append(f"| {name} | {length} | {errors(own)} |")
    return lines


def errors(own: list[Row]) -> str:
    """Return the numbers of images and of those classified as linear motion, and their errors."""
    motions = [row for row in own if row.estimate.kind == "straight"]
    figures = ["-"] * 4
    if motions and own[0].kind == "straight":
        by = (
            [abs(row.estimate.length - row.length) for row in motions],
            [turn(row) for row in motions],
        )
        figures = [f"{take(e):.2f}" for e in by for take in (np.median, np.max)]
    return f"{len(own)} | {len(motions)} | {' | '.join(figures)}"


def confusion(rows: list[Row]) -> list[str]:
    """Return the confusion matrix of true and estimated kinds."""
    lines = ["| | " + " | ".join(f"told {kind}" for kind in KINDS) + " |", "|---" * 5 + "|"]
    for kind in KINDS:
        estimated_counts = [
            sum(r.estimate.kind == estimated for r in rows if r.kind == kind) for estimated in KINDS
        ]
        lines.append(f"| {kind} | {' | '.join(map(str, estimated_counts))} |")
    return lines


def robustness(rows: list[Row]) -> list[str]:
    """Return the table of conditions."""
    lines = [
        "| condition | straight, 5 to 22 px: images | called straight | length error, px: median | "
        "largest | angle error, degrees: median | largest | sharp called none | acted on | "
        "shakes called so | defocus called so |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for condition in dict.fromkeys(row.condition for row in rows):
        own = [row for row in rows if row.condition == condition]
        moved = [r for r in own if r.kind == "straight" and 5 <= r.length <= 22]
        shares = [share(own, kind, lambda r: r.estimate.kind == r.kind) for kind in KINDS]
        acted = share(own, "none", lambda r: r.estimate.sure)
        lines.append(
            f"| {condition} | {errors(moved)} | {shares[0]} | {acted} | {shares[2]} | {shares[3]} |"
        )
    return lines


def share(rows: list[Row], kind: str, holds: Callable[[Row], bool]) -> str:
    """Return "3 of 4": of the rows of a kind, those for which it holds."""
    own = [row for row in rows if row.kind == kind]
    return f"{sum(map(holds, own))} of {len(own)}" if own else "-"


def kernels(rows: list[Row]) -> list[str]:
    """Return the table of kernels that were found point by point or as a recipe."""
    lines = [
        "PSNR after the best gain, medians, restored by `wiener`. Correlation: of the kernel found "
        "with the true one, or its half-turn if that is nearer.",
        "",
        "| what | condition | images | correlation | blurred, dB | kernel found | its half-turn | "
        "true kernel | better than blurred |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for kind in ("shake", "straight"):
        for condition in dict.fromkeys(row.condition for row in rows):
            own = np.array(
                [r.scores for r in rows if r.scores and (r.kind, r.condition) == (kind, condition)]
            )
            if len(own):
                middle = np.median(own, axis=0)
                figures = " | ".join(f"{value:.1f}" for value in middle[1:])
                better = f"{np.sum(own[:, 2] > own[:, 1])} of {len(own)}"
                what = f"{kind} | {condition} | {len(own)} | {middle[0]:.2f}"
                lines.append(f"| {what} | {figures} | {better} |")
    return lines


def calibration(rows: list[Row]) -> list[str]:
    """Return the calibration table: confidence against the share of right estimates."""
    lines = ["| confidence | all: answers | stated | right |"]
    lines[0] += "".join(f" {kind}: answers | right |" for kind in KINDS)
    lines.append("|---" * 12 + "|")
    for low, high in itertools.pairwise((0, 0.5, 0.7, 0.8, 0.9, 0.95, 1.01)):
        taken = [r for r in rows if low <= r.estimate.confidence < high]
        stated = f"{np.mean([r.estimate.confidence for r in taken]):.0%}" if taken else "-"
        cells = [f"{len(taken)} | {stated} | {rate(taken)}"]
        for kind in KINDS:
            own = [r for r in taken if r.estimate.kind == kind]
            cells.append(f"{len(own)} | {rate(own)}")
        lines.append(f"| {low:g} to {min(high, 1):g} | {' | '.join(cells)} |")
    return lines


def rate(rows: list[Row]) -> str:
    """Return how many are right."""
    return f"{np.mean([right(row) for row in rows]):.0%}" if rows else "-"
