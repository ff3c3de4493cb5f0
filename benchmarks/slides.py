"""Time and memory of slides from 1 to 4,000 megapixels: linear, and flat.

    .venv/bin/python benchmarks/slides.py [--sizes 1,4,16,64,256,1024,4000] [--folder FOLDER]

Writes benchmarks/slides.md. Each slide is an OME-Zarr of synthetic cells, 16 bit, smeared by 10 px,
with noise; it is restored by the command line in a process of its own with the kernel given, within
the default `--memory`. A size that was measured before (FOLDER/rows.jsonl) is not measured again.
The slide of 4,000 megapixels needs 17 GB of disk and an hour.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent
SIZES = (1, 4, 16, 64, 256, 1024, 4000)
"""Megapixels."""
METHODS = {"wiener": 4000, "deep-wiener": 256}
"""Methods, and the largest slide that each restores, megapixels."""
LENGTH, ANGLE = 10, 40
"""Of the motion, pixels and degrees."""
SIDE, VERSIONS = 2048, 8
"""Side of the field that a slide repeats, pixels, and how many different noises it has there."""
CHUNK = 1024
BRIGHTEST = 20000
"""Counts, a photon each."""


@dataclass(frozen=True)
class Row:
    """What a restoration took: wall and processor seconds, and the peak of its memory, bytes."""

    method: str
    megapixels: float
    wall: float
    processor: float
    peak: float
    line: str


def fields() -> list[NDArray[np.uint16]]:
    """Return fields with the same cells and other noise; each continues at its own other side."""
    from unsmear import Motion
    from unsmear.blur import convolve
    from unsmear.synthetic import draw_field

    sharp = draw_field(np.random.default_rng(7), (SIDE, SIDE)).planes[0] / 255
    moved = convolve(sharp.astype(np.float32), Motion(LENGTH, ANGLE).kernel(), "wrap").clip(0)
    return [
        np.random.default_rng(seed).poisson(moved * BRIGHTEST + 100).astype(np.uint16)
        for seed in range(VERSIONS)
    ]


def write_slide(path: Path, side: int) -> None:
    """Write a slide of side x side pixels as OME-Zarr 0.5, one level, chunks of 1024 px."""
    import zarr

    tiles, part = fields(), path.with_name("part.zarr")
    shutil.rmtree(part, ignore_errors=True)
    group = zarr.create_group(part, zarr_format=3)
    array = group.create_array(
        "0", shape=(side, side), chunks=(min(CHUNK, side),) * 2, dtype="uint16"
    )
    for number, (row, column) in enumerate(product(range(0, side, SIDE), repeat=2)):
        tile = tiles[(number * 5) % VERSIONS]
        array[row : row + SIDE, column : column + SIDE] = tile[: side - row, : side - column]
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    scale = [{"type": "scale", "scale": [0.3, 0.3]}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    part.rename(path)


def measure(folder: Path, method: str, megapixels: int) -> Row:
    """Restore a slide in a process of its own."""
    side = round((megapixels * 1e6) ** 0.5)
    slide, output = folder / f"slide_{megapixels}.ome.zarr", folder / "restored"
    if not slide.exists():
        # In a process of its own: the memory of this one is counted as that of its children.
        subprocess.run([sys.executable, __file__, "--write", str(slide), str(side)], check=True)
    shutil.rmtree(output, ignore_errors=True)
    command = [sys.executable, "-m", "unsmear", "restore", str(slide), "-o", str(output)]
    command += ["--method", method, "--length", str(LENGTH), "--angle", str(ANGLE)]
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None  # for mypy
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {status}: {said}")
    shutil.rmtree(output)
    return Row(
        method,
        side**2 / 1e6,
        wall,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss * 1024.0,
        said.partition("\n")[0].rpartition(" -> ")[0],
    )


def page(rows: list[Row]) -> str:
    """Return benchmarks/slides.md."""
    lines = [
        "# Slides: time and memory from 1 to 4,000 megapixels",
        "",
        "Made by `.venv/bin/python benchmarks/slides.py`: one channel of synthetic cells, 16 bit,",
        "smeared by 10 px, kernel given, OME-Zarr to OME-Zarr, one process on a machine of",
        f"{os.cpu_count()} cores ({platform.machine()}). Images of over 33 megapixels are slides,",
        "which are restored in blocks; smaller ones are worked on whole. Peak memory is that of",
        "the whole process, libraries among it. Wall seconds depend on what else the machine does.",
        "",
        "| method | megapixels | processor s | wall s | s a megapixel | peak memory |",
        "|:---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row.method} | {row.megapixels:,.0f} | {row.processor:,.1f} | {row.wall:,.1f} "
        f"| {row.processor / row.megapixels:.3f} | {row.peak / 1e6:,.0f} MB |"
        for row in rows
    ]
    for method in METHODS:
        large = [row for row in rows if row.method == method and row.megapixels > 33.6]
        if len(large) > 1:
            slope, _ = np.polyfit(*np.log10([[r.megapixels, r.processor] for r in large]).T, 1)
            spread = (max(row.peak for row in large) - min(row.peak for row in large)) / 1e6
            lines += [
                "",
                f"{method}: processor time grows with pixels to the power of {slope:.2f} among the "
                f"slides (1 is linear); their peaks of memory differ by {spread:,.0f} MB.",
            ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure what was not measured yet, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--folder", type=Path, default=Path("runs/slides"))
    parser.add_argument("--write", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write_slide(Path(options.write[0]), int(options.write[1]))
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    journal = options.folder / "rows.jsonl"
    lines = journal.read_text().splitlines() if journal.exists() else []
    rows = [Row(**json.loads(line)) for line in lines]
    known = {(row.method, round(row.megapixels)) for row in rows}
    for megapixels, method in product(map(int, options.sizes.split(",")), METHODS):
        side = round((megapixels * 1e6) ** 0.5)
        if megapixels > METHODS[method] or (method, round(side**2 / 1e6)) in known:
            continue
        row = measure(options.folder, method, megapixels)
        print(row, flush=True)
        rows.append(row)
        with journal.open("a") as file:
            file.write(json.dumps(asdict(row)) + "\n")
    rows.sort(key=lambda row: (list(METHODS).index(row.method), row.megapixels))
    (HERE / "slides.md").write_text(page(rows))


if __name__ == "__main__":
    main()
