"""Memory and processor time of reading and writing slides block by block, without restoring them.

    python benchmarks/slide_files.py [--sides 4096 8192 16384]

Every block of a slide of one channel of 16 bits is read and written, and the result completed: its
levels made, read back where it was not before. Each slide has a process of its own; memory is the
peak above what the process had when the libraries were loaded (Linux). Writes slide-files.md.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from unsmear.images import slides
from unsmear.tables import narrow_markdown

TILE = 512
KINDS = {
    "OME-Zarr, chunks of 512": ("s.zarr", {}),
    "OME-Zarr, shards of 2048": ("s.zarr", {"shards": (2048, 2048)}),
    "TIFF, tiles of 512, uncompressed": ("s.ome.tif", {}),
    "TIFF, tiles of 512, deflate, 4 levels": ("s.ome.tif", {"compression": "zlib", "levels": 4}),
}
PAGE = """# Slides block by block: memory and time of the files

Made by `.venv/bin/python benchmarks/slide_files.py`: blocks of about 2048 px of one channel of 16
bits (photon noise of 100 counts) are read and written, nothing is restored. "Blocks" is reading,
writing and reading back; "the rest" makes the levels, and for the compressed TIFF lays the file
out and reads it back. Times depend on the machine, memory does not.

"""


@dataclass(frozen=True)
class Cost:
    """megabytes: peak above the libraries. blocks, rest: processor seconds."""

    megabytes: float
    blocks: float
    rest: float


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="+", default=[4096, 8192, 16384])
    rows = [["slide", "megapixels", "peak memory, MB", "blocks, s/gigapixel", "the rest"]]
    for kind, (name, options) in KINDS.items():
        for side in parser.parse_args().sides:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / name
                write = write_zarr if name.endswith("zarr") else write_tiff
                write(path, side, **options)
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    cost = pool.apply(cost_of, (path,))
            giga = side**2 / 1e9
            figures = side**2 / 1e6, cost.megabytes, cost.blocks / giga, cost.rest / giga
            rows.append([kind, *(f"{figure:.0f}" for figure in figures)])
            print(*rows[-1], sep="  ", flush=True)
    page = PAGE + narrow_markdown(rows)
    Path(__file__).with_name("slide-files.md").write_text(page, encoding="utf-8")


def cost_of(path: Path) -> Cost:
    """Return what a slide costs in this fresh process."""
    import zarr  # noqa: F401  before memory is counted

    slide = slides.open(path)
    before, start = memory("VmRSS"), time.process_time()
    block = slides.block_of(slide.chunk)
    dtype = slide.header.pixels.dtype
    sink = slides.Sink.create(path.with_name(f"r{path.name}"), slide, dtype, block)
    height, width = slide.header.planes().shape[2:]
    for y in range(0, height, block[0]):
        for x in range(0, width, block[1]):
            rows, columns = slice(y, min(y + block[0], height)), slice(x, min(x + block[1], width))
            sink.write(0, 0, rows, columns, slide.read(0, 0, rows, columns) + dtype.type(1))
            sink.mark(0, 0, rows, columns, {})
    written = time.process_time()
    sink.finish()
    peak = (memory("VmHWM") - before) / 1e6
    return Cost(peak, written - start, time.process_time() - written)


def tile() -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Return a tile of noise, of which a slide is full."""
    return np.random.default_rng(0).poisson(100, (TILE, TILE)).astype(np.uint16)


def write_zarr(path: Path, side: int, **options: Any) -> None:
    """Write an OME-Zarr with levels down to 512 pixels; the smaller ones are empty."""
    import zarr

    group = zarr.create_group(str(path))
    sides = [side]
    while sides[-1] > TILE:
        sides.append(-(-sides[-1] // 2))
    datasets = []
    for number, own in enumerate(sides):
        array = group.create_array(
            str(number), shape=(own, own), dtype="u2", chunks=(TILE, TILE), **options
        )
        transform = {"type": "scale", "scale": [2.0**number] * 2}
        datasets.append({"path": str(number), "coordinateTransformations": [transform]})
        for top in range(0, side if number == 0 else 0, 2048):
            array[top : top + 2048] = np.tile(tile(), (4, side // TILE))
    axes = [{"name": name, "type": "space"} for name in "yx"]
    said = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    group.attrs["ome"] = said


def write_tiff(path: Path, side: int, levels: int = 0, **options: Any) -> None:
    """Write an OME-TIFF of tiles."""
    own = tile()
    options = {"dtype": "u2", "tile": (TILE, TILE), "maxworkers": 1, **options}
    with tifffile.TiffWriter(path, ome=True, bigtiff=True) as file:
        for level in range(levels + 1):
            small = side // 2**level
            tiles = (own for _ in range((-(-small // TILE)) ** 2))
            more = {"subfiletype": 1} if level else {"subifds": levels, "metadata": {"axes": "YX"}}
            file.write(tiles, shape=(small, small), **options, **more)


def memory(name: str) -> float:
    """Return what this process holds (VmRSS) or has held at most (VmHWM), bytes."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    match = re.search(rf"{name}:\s+(\d+) kB", status)
    return float(match.group(1)) * 1024 if match else float("nan")


if __name__ == "__main__":
    main()
