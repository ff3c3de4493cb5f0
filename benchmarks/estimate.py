"""Measure `estimate` on real images: errors, false alarms, what comes true of the confidence.

    python benchmarks/estimate.py [--data ../shared/data] [--count 9]

Writes estimate.md beside this file. The images are blurred here, by a kernel that is not the
package's own, and rounded to 8 bit.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import math
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from unsmear.estimate import Estimate, estimate_blur

LENGTHS = (0, 3, 4, 6, 8, 10, 12, 16, 20, 30)
NOTE = """
Angles are random. Images per data set: at most {count}. `hpa` are quarters of two fields at 512
px, `single cells` are masked. An answer counts as right where the length is within 1 px and the
angle within 5 degrees, or where no motion is found in a sharp image. Errors are of the images in
which motion was found. Fields of nuclei (`dsb2018`) are smooth: the first dark band of 3 px lies
beyond what they show, and most of them are called no motion. The thresholds of
`estimate/confidence.py` were set on other images of `single cells`, `dsb2018` and `bbbc013`; of
`cells`, `hpa` and `hpa_cells` there are too few to keep some aside, so their images were seen
then, at other angles.
"""
Image = NDArray[np.float32]


def main() -> None:
    """Run the measurement and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).parent / "../../shared/data")
    parser.add_argument("--count", type=int, default=9, help="images of a data set")
    options = parser.parse_args()
    if not options.data.is_dir():
        sys.exit(f"the real images are not in {options.data}; nothing measured.")
    begun, rows = time.perf_counter(), []
    for name, image in images(options.data, options.count):
        for length in LENGTHS:
            angle = float(np.random.default_rng([len(rows), length]).uniform(0, 180))
            rows.append((name, length, angle, estimate_blur(blurred(image, length, angle))))
    seconds = (time.perf_counter() - begun) / len(rows)
    text = report(rows, options.count, seconds)
    Path(__file__).with_suffix(".md").write_text(text)
    print(text)


def images(data: Path, count: int) -> Iterator[tuple[str, Image]]:
    """Yield (data set, (y, x, channel) in 0..1)."""
    for file in sorted((data / "proticelli").glob("*.tif"))[:count]:
        cell = ((tifffile.imread(file)[..., :3] + 1) / 2).clip(0, 1).astype(np.float32)
        yield "cells", shrunk(cell, 256)
    for blue in sorted((data / "hpa").glob("*_blue.*")):
        field = shrunk(channels(blue, "red green blue"), 512)
        for y, x in ((0, 0), (0, 256), (256, 0), (256, 256)):
            yield "hpa", field[y : y + 256, x : x + 256]
        yield "hpa 864 px", shrunk(channels(blue, "red green blue yellow"), 864)
    for file in sorted((data / "hpa_cells").glob("*.png"))[:count]:
        yield "hpa_cells", grey_or_colour(file)
    for blue in sorted((data / "hpa_single_cells").glob("*_blue.jpg"))[15 : 15 + count]:
        yield "single cells", shrunk(channels(blue, "red green blue")[:512, 512:1024], 256)
    # the first of each order are those on which the thresholds were set
    generator = np.random.default_rng(0)
    for folder, seen in (("dsb2018_256x256", 40), ("dsb2018_520x696", 20)):
        files = sorted(file for file in (data / folder).iterdir() if file.is_file())
        for index in generator.permutation(len(files))[seen : seen + count]:
            yield folder, grey_or_colour(files[index])
    pairs = wells(data)
    names = sorted(pairs)
    for index in generator.permutation(len(names))[24 : 24 + count]:
        planes = [grey_or_colour(file).max(2) for file in sorted(pairs[names[index]])]
        yield "bbbc013", np.stack(planes, -1)


def wells(data: Path) -> dict[str, list[Path]]:
    """Return the files of BBBC013 by well."""
    found: dict[str, list[Path]] = {}
    with (data / "MANIFEST.csv").open() as stream:
        for row in csv.DictReader(stream):
            if row["file"].startswith("bbbc013_sbs/"):
                found.setdefault(row["group"], []).append(data / row["file"])
    return found


def channels(blue: Path, colours: str) -> Image:
    """Return the channels of a field, given the file of one of them."""
    files = [blue.with_name(blue.name.replace("_blue.", f"_{c}.")) for c in colours.split()]
    return np.stack([grey_or_colour(file).max(2) for file in files], -1)


def grey_or_colour(file: Path) -> Image:
    """Return (y, x, channel) in 0..1; 16 bit are scaled to the brightest pixel."""
    tiff = file.suffix in (".tif", ".tiff")
    pixels = tifffile.imread(file) if tiff else cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    return (pixels / (255 if pixels.max() <= 255 else pixels.max())).astype(np.float32)


def shrunk(image: Image, side: int) -> Image:
    """Return the image at another size."""
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)


def blurred(image: Image, length: float, angle: float) -> NDArray[np.uint8]:
    """Return (1, channel, y, x) in 8 bit, blurred along a dense line of points."""
    count = max(1, 32 * length)
    times = (np.arange(count) + 0.5) / count - 0.5
    size = 2 * (length // 2 + 2) + 1
    x = size // 2 + length * times * math.cos(math.radians(angle))
    y = size // 2 - length * times * math.sin(math.radians(angle))
    kernel = np.zeros((size, size))
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    for down in (0, 1):
        for right in (0, 1):
            weight = np.abs(1 - down - (y - row)) * np.abs(1 - right - (x - column))
            np.add.at(kernel, (row + down, column + right), weight)
    kernel /= kernel.sum()
    planes = [
        cv2.filter2D(image[..., i], -1, kernel, borderType=cv2.BORDER_REFLECT_101)
        for i in range(image.shape[2])
    ]
    return np.rint(np.stack(planes).clip(0, 1) * 255).astype(np.uint8)[None]


Row = tuple[str, int, float, Estimate]


def turn(row: Row) -> float:
    """Return the error of the angle, degrees."""
    return abs((row[3].angle - row[2] + 90) % 180 - 90)


def right(row: Row) -> bool:
    """Return whether an answer counts as right."""
    if row[1] == 0 or not row[3].found:
        return row[1] == 0 and not row[3].found
    return abs(row[3].length - row[1]) <= 1 and turn(row) <= 5


def report(rows: list[Row], count: int, seconds: float) -> str:
    """Return the page."""
    sharp = [row for row in rows if row[1] == 0]
    smeared = [row for row in rows if row[1] >= 6]
    alarms = sum(row[3].found for row in sharp)
    missed = sum(not row[3].found for row in smeared)
    lines = [
        "# Straight motion, estimated",
        "",
        "    OPENBLAS_NUM_THREADS=1 python benchmarks/estimate.py",
        NOTE.format(count=count),
        f"{len(rows)} images, {seconds:.2f} s each on a shared core ({platform.machine()}). "
        f"False alarms: {alarms} of {len(sharp)} sharp images. "
        f"No motion found: {missed} of {len(smeared)} images blurred by 6 px or more.",
        "",
        "| data set | length, px | images | length error, px: median | 90 % | "
        "angle error, degrees: median | 90 % | no motion | wrong |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(row[0] for row in rows):
        for length in LENGTHS:
            lines.append(line(name, length, [r for r in rows if r[:2] == (name, length)]))
    for length in LENGTHS:
        lines.append(line("all", length, [row for row in rows if row[1] == length]))
    return "\n".join([*lines, "", *calibration(rows), ""])


def line(name: str, length: int, rows: list[Row]) -> str:
    """Return one line of the table."""
    seen = [row for row in rows if row[3].found]
    figures = ["-"] * 4
    if seen and length:
        by_length = [abs(row[3].length - length) for row in seen]
        by_angle = [turn(row) for row in seen]
        figures = [f"{np.percentile(e, p):.2f}" for e in (by_length, by_angle) for p in (50, 90)]
    none = f"{1 - len(seen) / len(rows):.0%}"
    wrong = sum(not right(row) for row in seen)
    return f"| {name} | {length} | {len(rows)} | {' | '.join(figures)} | {none} | {wrong} |"


def calibration(rows: list[Row]) -> list[str]:
    """Return the table of confidence against what came true."""
    lines = ["| confidence | motion found: answers | right | no motion: answers | right |"]
    lines.append("|---|---|---|---|---|")
    edges = (0, 0.6, 0.7, 0.8, 0.9, 0.95, 1.01)
    for low, high in itertools.pairwise(edges):
        cells = []
        for found in (True, False):
            taken = [r for r in rows if r[3].found == found and low <= r[3].confidence < high]
            share = f"{np.mean([right(row) for row in taken]):.0%}" if taken else "-"
            cells.append(f"{len(taken)} | {share}")
        lines.append(f"| {low:g} to {min(high, 1):g} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    main()
