"""Measure `estimate` on real images of unseen groups: kinds, errors, calibration.

    python benchmarks/estimate.py [--data ../shared/data] [--count 2]

Writes estimate.md beside this file. The images are blurred here, linear motion by a kernel
that is not from the package, with a simulated 8-bit camera.
"""

from __future__ import annotations

import argparse
import itertools
import math
import multiprocessing
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from recipes.weights import datasets
from unsmear.blur import Blur, Defocus, Paper, Trajectory
from unsmear.estimate import Estimate, estimate_planes
from unsmear.estimate.shake_fit import equivalent, resized
from unsmear.images import Image
from unsmear.restoration import pipeline

LENGTHS = (0, 3, 4, 6, 10, 16, 20, 30)
CONDITIONS = (
    "clean", "peak 10000", "peak 1000", "peak 300", "peak 100", "JPEG 95", "JPEG 75", "JPEG 50",
    "saturated",
)  # fmt: skip
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
Pixels = NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    """An image, its blur, and the camera. length, angle: of a motion."""

    name: str
    sharp: Pixels
    kind: str
    condition: str
    length: float = 0.0
    angle: float = 0.0
    blur: Blur | None = None


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


def main() -> None:
    """Run the measurement and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).parent / "../../shared/data")
    parser.add_argument("--count", type=int, default=2, help="number of images of each data set")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    if not options.data.is_dir():
        sys.exit(f"the real images are not in {options.data}; nothing measured.")
    cases = list(all_cases(options.data, options.count))
    with multiprocessing.get_context("fork").Pool(options.workers) as pool:
        rows = pool.map(measured, cases, chunksize=4)
    text = report(rows, options.count)
    Path(__file__).with_suffix(".md").write_text(text)
    print(text)


def images(data: Path, count: int) -> Iterator[tuple[str, Pixels]]:
    """Yield (data set, (channel, y, x) in 0..1)."""
    for file in sorted((data / "proticelli").glob("*.tif"))[-3:][:count]:
        cell = ((tifffile.imread(file)[..., :3] + 1) / 2).clip(0, 1).astype(np.float32)
        yield "cells", shrunk(np.moveaxis(cell, -1, 0), 256)
    field = np.stack(
        [cv2.imread(str(data / f"hpa/89_B5_1_{c}.jpg")).max(2) for c in ("red", "green", "blue")]
    )
    small = shrunk(field.astype(np.float32) / 255, 512)
    for y, x in ((0, 0), (256, 256), (0, 256), (256, 0))[:count]:
        yield "hpa", small[:, y : y + 256, x : x + 256]
    yield "hpa 864 px", shrunk(field.astype(np.float32) / 255, 864)
    for blue in sorted((data / "hpa_single_cells").glob("*_blue.jpg"))[15 : 15 + count]:
        files = [blue.with_name(blue.name.replace("blue", c)) for c in ("red", "green", "blue")]
        cell = np.stack([cv2.imread(str(file)).max(2) for file in files])[:, :512, 512:1024]
        yield "single cells", shrunk(cell.astype(np.float32) / 255, 256)
    yield from unseen(data, count)


def unseen(data: Path, count: int) -> Iterator[tuple[str, Pixels]]:
    """Yield crops of the other sets' test groups, all channels of a field together."""
    from recipes.weights.estimator_samples import by_field

    fields: dict[str, list[Pixels]] = {}
    for name, members in by_field(list(datasets.real(data, "test"))).items():
        folder = name.split("/")[0]
        if folder in ("proticelli", "hpa"):
            continue
        whole = np.stack([plane.counts for plane in members]).astype(np.float32)
        fields.setdefault(folder, []).append(whole / max(255.0, whole.max()))
    generator = np.random.default_rng(0)
    for folder, planes in fields.items():
        for index in generator.permutation(len(planes))[:count]:
            y, x = ((side - min(side, 256)) // 2 for side in planes[index].shape[1:])
            yield folder, planes[index][:, y : y + 256, x : x + 256]


def shrunk(image: Pixels, side: int) -> Pixels:
    """Return the image at another size."""
    return np.stack(
        [cv2.resize(plane, (side, side), interpolation=cv2.INTER_AREA) for plane in image]
    )


def all_cases(data: Path, count: int) -> Iterator[Case]:
    """Yield every case: all lengths and kinds clean, one of each kind in the other conditions."""
    for number, (name, sharp) in enumerate(images(data, count)):
        generator = np.random.default_rng([1, number])
        for length in LENGTHS:
            kind = "straight" if length else "none"
            yield Case(name, sharp, kind, "clean", length, float(generator.uniform(0, 180)))
        for condition in CONDITIONS:
            if condition != "clean":
                length, angle = generator.uniform(5, 22), generator.uniform(0, 180)
                yield Case(name, sharp, "straight", condition, float(length), float(angle))
                yield Case(name, sharp, "none", condition)
            if condition in ("clean", "peak 1000", "peak 300", "JPEG 75", "saturated"):
                yield shaken(name, sharp, condition, generator)
                radius = float(generator.uniform(2, 7))
                yield Case(name, sharp, "defocus", condition, blur=Defocus(radius))
        if name.startswith("hpa"):
            paper = Paper(6, -45)
            length, _, angle = equivalent(paper.kernel())
            yield Case(name, sharp, "straight", "the paper's recipe", length, angle, paper)


def shaken(name: str, sharp: Pixels, condition: str, generator: np.random.Generator) -> Case:
    """Return a shake of which the path is neither a point nor a line."""
    while True:
        length, shake = float(generator.uniform(8, 50)), float(generator.uniform(0.1, 1))
        blur = Trajectory(length, shake, int(generator.integers(2**31)))
        extent, across, angle = equivalent(blur.kernel())
        if blur.kernel().shape[0] <= 31 and extent > 4 and across > 0.15 * extent:
            return Case(name, sharp, "shake", condition, extent, angle, blur)


def measured(case: Case) -> Row:
    """Return the estimate for a case, and for irregular motion how well its kernel restores."""
    kernel = case.blur.kernel() if case.blur else line_kernel(case.length, case.angle)
    counts = photographed(case, kernel)
    begun = time.process_time()
    estimate = estimate_planes(counts)
    seconds = time.process_time() - begun
    radius = case.blur.radius if isinstance(case.blur, Defocus) else 0.0
    scores: tuple[float, ...] = ()
    if (case.kind == "shake" and estimate.kind == "shake") or isinstance(case.blur, Paper):
        scores = kernel_scores(case, counts, kernel, estimate)
    truth = (case.length, case.angle, radius)
    return Row(case.name, case.kind, case.condition, *truth, estimate, seconds, scores)


def photographed(case: Case, kernel: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return (1, channel, y, x) in 8 bit."""
    if isinstance(case.blur, Paper):
        return case.blur.apply(np.rint(case.sharp * 255).astype(np.uint8))[None]
    blurred = np.stack(
        [cv2.filter2D(p, -1, kernel[::-1, ::-1], borderType=4) for p in case.sharp]
    ).clip(0, None)
    how, _, level = case.condition.partition(" ")
    if how == "saturated":
        blurred *= 1.6 / max(float(np.percentile(blurred, 99.9)), 1e-3)
    if how == "peak":
        generator = np.random.default_rng(int(level))
        brightest = max(float(blurred.max()), 1e-3)
        blurred = generator.poisson(blurred / brightest * int(level)) / int(level)
    counts = np.rint(blurred.clip(0, 1) * 255).astype(np.uint8)
    if how == "JPEG":
        packed = [
            cv2.imencode(".jpg", p, [cv2.IMWRITE_JPEG_QUALITY, int(level)])[1] for p in counts
        ]
        counts = np.stack([cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE) for jpeg in packed])
    return counts[None]


def line_kernel(length: float, angle: float) -> NDArray[np.float64]:
    """Return the kernel of a linear motion as a dense line of points, distributed bilinearly."""
    count = max(1, int(32 * length))
    times = (np.arange(count) + 0.5) / count - 0.5
    size = 2 * (int(length) // 2 + 2) + 1
    x = size // 2 + length * times * math.cos(math.radians(angle))
    y = size // 2 - length * times * math.sin(math.radians(angle))
    kernel = np.zeros((size, size))
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    for down, right in itertools.product((0, 1), (0, 1)):
        weight = np.abs(1 - down - (y - row)) * np.abs(1 - right - (x - column))
        np.add.at(kernel, (row + down, column + right), weight)
    return kernel / kernel.sum()


def kernel_scores(
    case: Case, counts: NDArray[np.uint8], kernel: NDArray[np.float64], estimate: Estimate
) -> tuple[float, ...]:
    """Return the kernels' correlation, and the PSNR (after the best gain) of the image as it is,
    restored by `wiener` with the found kernel, its half-turn, and with the true one.
    """
    own, true = resized(estimate.kernel(), 41), resized(kernel, 41)
    alike = [
        float((k * true).sum() / np.sqrt((k**2).sum() * (true**2).sum()))
        for k in (own, own[::-1, ::-1])
    ]
    image = Image(counts[0], "CYX")
    results = [image.pixels] + [
        pipeline.apply_method(image, "wiener", k).image.pixels
        for k in (estimate.kernel(), estimate.kernel()[::-1, ::-1], kernel)
    ]
    return (max(alike), *(gain_matched(result / 255, case.sharp) for result in results))


def gain_matched(restored: Pixels, sharp: Pixels) -> float:
    """Return the PSNR after the best single gain, dB; a border of 16 px left out."""
    inner = (slice(None), slice(16, -16), slice(16, -16))
    first, second = restored[inner].astype(float), sharp[inner].astype(float)
    gain = float((first * second).sum() / max((first * first).sum(), 1e-12))
    return float(-10 * np.log10(np.mean((gain * first - second) ** 2) + 1e-12))


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


if __name__ == "__main__":
    main()
