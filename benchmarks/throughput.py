"""Throughput against quality: what is the best that a slide scanner can do at which speed.

    OMP_NUM_THREADS=1 python benchmarks/throughput.py [--scanner benchmarks/scanner.toml]

A simulated scanner records frames of nuclei and of microtubules at motions of 0 to 60 px during the
exposure and at several photon budgets: with an open shutter, with a coded one, as recorded and
restored. What each way of scanning reaches in square millimetres per second follows from the table
of the scanner. Some minutes on one core; what was measured is kept in build/throughput.json.
Writes throughput.md and pictures/throughput.png.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import scanned
from benchmarks.throughput_page import (
    FINE_FRAMES,
    FRAMES,
    LENGTHS,
    METHOD,
    PHOTONS,
    draw,
    page,
)
from benchmarks.throughput_ways import CODED, RECORDED, RESTORED, STILL, Quality, Scanner
from unsmear.images import Image
from unsmear.restoration.application import apply_method

HERE = Path(__file__).parent
KEPT = HERE.parent / "build" / "throughput.json"


def main() -> None:
    """Measure what is missing, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scanner", type=Path, default=HERE / "scanner.toml")
    path = parser.parse_args().scanner
    scanner = Scanner.read(path)
    qualities = measured(1000 * scanner.pixel)
    draw(scanner, qualities)
    text = page(scanner, qualities, path.read_text())
    Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


def measured(pixel_size: float) -> list[Quality]:
    """Return the quality of all conditions; those that were measured before are read."""
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else []
    found = {name_of(row): row for row in kept if row.pop("pixel_size") == pixel_size}
    for kind, length, photons in conditions():
        name = f"{kind} {length:g} {photons:g}"
        if name not in found:
            found[name] = asdict(quality(kind, length, photons, pixel_size))
            KEPT.parent.mkdir(exist_ok=True)
            KEPT.write_text(
                json.dumps([{**row, "pixel_size": pixel_size} for row in found.values()])
            )
            print(*found[name].values(), flush=True)
    return [Quality(**row) for row in found.values()]


def name_of(row: dict[str, Any]) -> str:
    """Return the name of a condition."""
    return f"{row['kind']} {row['length']:g} {row['photons']:g}"


def conditions() -> Iterator[tuple[str, float, float]]:
    """Yield the kind, the motion and the photons of all frames."""
    for photons in PHOTONS:
        yield STILL, 0.0, photons
    for length in LENGTHS:
        for photons in PHOTONS:
            for kind in (RECORDED, RESTORED, CODED):
                yield kind, float(length), photons


def quality(kind: str, length: float, photons: float, pixel_size: float) -> Quality:
    """Return what frames are worth; equal frames, and equal noise, for all kinds."""
    pairs = []
    for index in range(FRAMES):
        sharp, frame = exposed(kind, length, photons, "nuclei", index, pixel_size)
        pairs.append((scanned.noiseless(sharp, pixel_size), restored(kind, length, frame)))
    nuclei = scanned.nuclei(pairs)
    finest = []
    for index in range(FINE_FRAMES):
        _, frame = exposed(kind, length, photons, "microtubules", index, pixel_size)
        blur = scanned.blur_of(length, kind == CODED) if kind in (RESTORED, CODED) else None
        recorded = blur or (scanned.blur_of(length) if kind == RECORDED else None)
        values = scanned.resolved(frame, recorded, METHOD)
        finest.append(1 / values[0 if blur is None else 1])
    told = [value for value in finest if value > 0]
    along = 1 / float(np.mean(told)) if told else float("inf")
    return Quality(kind, length, photons, nuclei.f1, nuclei.area_error, along)


def exposed(
    kind: str, length: float, photons: float, stain: scanned.Stain, index: int, pixel_size: float
) -> tuple[scanned.Light, Image]:
    """Return the sharp light of a frame, and the frame."""
    sharp, moved = scanned.light(length, kind == CODED, stain, index, pixel_size)
    share = scanned.RASKAR.count("1") / len(scanned.RASKAR) if kind == CODED else 1.0
    frame = scanned.recorded(moved, photons * share, (index, int(photons)), pixel_size)
    return sharp, frame


def restored(kind: str, length: float, frame: Image) -> Image:
    """Return a frame restored by its known motion, or smoothed where its kind is not restored."""
    if kind not in (RESTORED, CODED):
        return scanned.smoothed(frame)
    kernel = scanned.blur_of(length, kind == CODED).kernel()
    return apply_method(frame, METHOD, kernel).image


if __name__ == "__main__":
    main()
