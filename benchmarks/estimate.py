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
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from estimate_page import LENGTHS, Row, report
from recipes.weights import datasets
from unsmear.blur import Blur, Defocus, Paper, Trajectory
from unsmear.estimate import Estimate, estimate_planes
from unsmear.estimate.shake_fit import equivalent, resized
from unsmear.images import Image
from unsmear.restoration import pipeline

CONDITIONS = (
    "clean", "peak 10000", "peak 1000", "peak 300", "peak 100", "JPEG 95", "JPEG 75", "JPEG 50",
    "saturated",
)  # fmt: skip
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


if __name__ == "__main__":
    main()
