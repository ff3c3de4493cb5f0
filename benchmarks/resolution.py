"""Measure whether the resolution that a report gives is right, what it refuses and what it costs.

    python benchmarks/resolution.py [--data ../shared/data]

Writes resolution.md beside this file: real fields, moved by a kernel that is not from the package
and recorded by a simulated camera. A minute or two on one core.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, shift
from scipy.signal import fftconvolve

import unsmear
from benchmarks.common.images import WHITE, kernel, scenes
from unsmear.choices import BEST_METHOD
from unsmear.images import Image
from unsmear.metrics.resolution import Direction
from unsmear.metrics.spectra import NYQUIST, Sector, power, spectrum
from unsmear.restoration import methods, resolution
from unsmear.restoration.resolution import Measured
from unsmear.restoration.restored import Restored
from unsmear.restoration.settings import Settings
from unsmear.tables import narrow_markdown

SETS = ("hpa 256", "proticelli", "bbbc013", "bbbc022", "dsb2018 520")
SIDE = 384
LENGTHS, ANGLE = (0, 10, 20), 30.0
PHOTONS = (100, 1000)
HALF = 0.5
"""Correlation with the sharp image that an FRC of 1/7 of two halves stands for (Rosenthal and
Henderson, J. Mol. Biol. 333, 721 (2003))."""
READ_NOISE = 1.5
"""Photoelectrons, at 100 of the brightest pixel and at 1000 alike."""
COUNTS, OFFSET = 40000, 500
NOTE = """# Is the resolution of a report right?

    python benchmarks/resolution.py

Resolution along the movement and across it, pixels, as `unsmear restore --report` gives it
(`unsmear.metrics.resolution`), and in brackets where the correlation *with the sharp field itself*
falls below 1/2, which nobody has in a report: an FRC of 1/7 of two halves stands for it. One plane
of each field, at most {side} px; motion at {angle:g} degrees, kernel given, the default method; at
most so many photoelectrons a pixel, read noise of {noise:g}. *inf*: coarser than anything measured.

{table}

A figure of the restored image that is smaller than its bracket by more than a tenth claims too
much: {claims} of {count}. Larger ones are the rule: half of the photons is restored, and the figure
ends at the first band of which the recorded halves show nothing, such as around 1 / length in dim
images, even where a restoration fills it rightly.

## What is refused

Of how many of the same fields (not moved, {photons} photons) a resolution is given, by what became
of the file afterwards. Noise that neighbours share would pass for detail.

{refused}

## Cost

An image of {pixels} px: {restoring:.1f} s to estimate and restore, {measuring:.2f} s to measure,
processor time of one core. It is measured on at most 512x512 px of at most 12 exposures, and only
with `--report`.
"""
Plane = NDArray[np.float64]
SETTINGS = Settings(methods.find(BEST_METHOD), {})


def main() -> None:
    """Measure, print and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).parent / "../../shared/data")
    data = parser.parse_args().data
    if not data.is_dir():
        print(f"skipped: {data} must be the folder of the real images, which is not there.")
        return
    rows = list(moved(data))
    pixels, restoring, measuring = cost(data)
    page = NOTE.format(
        side=SIDE, angle=ANGLE, noise=READ_NOISE, table=table_of(rows),
        claims=sum(claims(row) for row in rows), count=2 * sum("after" in row for row in rows),
        photons=PHOTONS[-1], refused=refused(data), pixels=pixels, restoring=restoring,
        measuring=measuring,
    )  # fmt: skip
    Path(__file__).with_suffix(".md").write_text(page)
    print(page)


def moved(data: Path) -> Iterator[dict[str, Any]]:
    """Yield what is said of each field and condition, and what is true."""
    for name, length, photons in product(SETS, LENGTHS, PHOTONS):
        sharp = sharp_plane(data, name)
        recorded = expose(sharp, length, photons)
        motion = unsmear.Motion(length, ANGLE) if length else None
        restored = unsmear.restore(recorded, motion).image if motion else recorded
        image = Image(recorded, "YX")
        result = Restored(image, bool(length), blur=motion)
        (measured,) = resolution.of_image(image, result, SETTINGS)
        direction = Direction(ANGLE if length else 0.0, length)
        row = {"field": name, "length": length, "photons": photons, "measured": measured}
        row["before"] = truth(recorded, sharp, direction)
        if length:
            row["after"] = truth(restored, sharp, direction)
        print(row, flush=True)
        yield row


def claims(row: dict[str, Any]) -> int:
    """Return in how many directions more is said of the restored image than is true."""
    restored = row["measured"].restored
    if restored is None:
        return 0
    pairs = zip((restored.along, restored.across), row["after"], strict=True)
    return sum(claimed is not None and claimed < 0.9 * true for claimed, true in pairs)


def truth(image: NDArray[Any], sharp: Plane, direction: Direction) -> tuple[float, ...]:
    """Return the period below which an image no longer correlates with the sharp one, pixels."""
    first, second = (spectrum(plane.astype(np.float64)) for plane in (image, sharp))
    shared = np.real(first * second.conj())
    return tuple(
        _crossing(sector, shared, power(first), power(second))
        for sector in direction.sectors(sharp.shape)
    )


def _crossing(sector: Sector, shared: Plane, first: Plane, second: Plane) -> float:
    values = sector.sums(shared) / np.sqrt(sector.sums(first) * sector.sums(second))
    below = np.flatnonzero(values < HALF)
    if not len(below):
        return 1 / NYQUIST
    return float(1 / sector.middles[below[0]]) if below[0] else float("inf")


@cache
def sharp_plane(data: Path, name: str) -> Plane:
    """Return the plane of a field with the most contrast, from 0 to 1."""
    planes = scenes(data, name, 1)[0].sharp[:, :SIDE, :SIDE].astype(np.float64) / WHITE
    plane = planes[planes.std(axis=(1, 2)).argmax()]
    return np.asarray(plane / plane.max(), np.float64)


def expose(sharp: Plane, length: float, photons: float) -> NDArray[np.uint16]:
    """Return the counts of a field that moved."""
    generator = np.random.default_rng(0)
    light = sharp
    if length:
        light = fftconvolve(np.pad(sharp, 20, mode="reflect"), kernel(length, ANGLE), mode="valid")
    electrons = generator.poisson(light.clip(0) * photons)
    electrons = electrons + READ_NOISE * generator.standard_normal(sharp.shape)
    counts = np.rint(electrons * COUNTS / photons) + OFFSET
    return np.asarray(counts.clip(0, 65535), np.uint16)


def refused(data: Path) -> str:
    """Return the table of what is measured after other programs."""
    ways: dict[str, Callable[[NDArray[np.uint16]], NDArray[Any]]] = {
        "16 bit": lambda counts: counts,
        "8 bit": eight_bit,
        "JPEG 95": lambda counts: jpeg(counts, 95),
        "JPEG 90": lambda counts: jpeg(counts, 90),
        "JPEG 75": lambda counts: jpeg(counts, 75),
        "smoothed, 0.7 px": lambda counts: gaussian_filter(counts, 0.7),
        "shifted by 0.5 px": lambda counts: shift(counts, (0.5, 0.5), order=1),
    }
    rows = [["file", "measured", "median along, px", "across, px"]]
    for name, way in ways.items():
        results = [_still(way(expose(sharp_plane(data, one), 0, PHOTONS[-1]))) for one in SETS]
        known = [one.recorded for one in results if one.recorded is not None]
        medians = [
            f"{np.median([getattr(one, side) for one in known]):.1f}" if known else "-"
            for side in ("along", "across")
        ]
        rows.append([name, f"{len(known)} of {len(results)}", *medians])
    return narrow_markdown(rows).rstrip()


def _still(counts: NDArray[Any]) -> Measured:
    image = Image(counts, "YX")
    return resolution.of_image(image, Restored(image, False), SETTINGS)[0]


def eight_bit(counts: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Return counts from 0 to 255."""
    return np.asarray(np.rint(counts / (COUNTS + 2 * OFFSET) * WHITE).clip(0, WHITE), np.uint8)


def jpeg(counts: NDArray[np.uint16], quality: int) -> NDArray[np.uint8]:
    """Return 8 bit counts after compression."""
    file = cv2.imencode(".jpg", eight_bit(counts), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(file, cv2.IMREAD_GRAYSCALE), np.uint8)


def cost(data: Path) -> tuple[str, float, float]:
    """Return the size of an image, and the seconds to restore it and to measure it."""
    plane = scenes(data, "hpa 864", 1)[0].sharp[0].astype(np.float64)
    image = Image(expose(plane / plane.max(), 10, 1000), "YX")
    begin = time.process_time()
    result = unsmear.restore(image)
    middle = time.process_time()
    resolution.of_image(image, result, SETTINGS)
    size = "x".join(map(str, plane.shape))
    return size, middle - begin, time.process_time() - middle


def table_of(rows: list[dict[str, Any]]) -> str:
    """Return the table of all fields and conditions."""
    head = ["field", "motion, px", "photons", "along, recorded", "restored", "across, recorded",
            "restored"]  # fmt: skip
    body = []
    for row in rows:
        measured = row["measured"]
        cells = [
            _cell(getattr(measured, image), side, row.get(when), number)
            for number, side in enumerate(("along", "across"))
            for image, when in (("recorded", "before"), ("restored", "after"))
        ]
        body.append([row["field"], str(row["length"]), str(row["photons"]), *cells])
    return narrow_markdown([head, *body]).rstrip()


def _cell(claimed: Any, side: str, true: tuple[float, ...] | None, number: int) -> str:
    if claimed is None or true is None:
        return "-"
    value = getattr(claimed, side)
    return f"{'noise' if value is None else f'{value:.1f}'} ({true[number]:.1f})"


if __name__ == "__main__":
    main()
