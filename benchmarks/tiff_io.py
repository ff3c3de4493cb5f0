"""Time of opening and closing a large OME-TIFF, beside tifffile's own read and write.

    python benchmarks/tiff_io.py [--side 2048] [--channels 4] [--repeats 15]

Reading, writing and reading back with unsmear.read and unsmear.write, against tifffile.imread and
tifffile.imwrite of the same file, which check nothing. What is read back of uncompressed pixels are
samples (`Stored.holds`); all of them would cost about 0.15 more with memcmp, 0.5 with NumPy. Both
in turn, in one process; medians. The result is a ratio; 1.3 was asked.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile

import unsmear

ASKED = 1.3
METADATA = {"axes": "CYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1}


def main() -> None:
    """Print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--channels", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=15)
    given = parser.parse_args()
    shape = (given.channels, given.side, given.side)
    pixels = np.random.default_rng(0).integers(0, 4000, shape).astype(np.uint16)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "a.ome.tif"
        tifffile.imwrite(source, pixels, ome=True, metadata=METADATA)
        result = folder / "b.ome.tif"
        ways = {
            "tifffile": lambda: with_tifffile(source, result),
            "unsmear": lambda: with_unsmear(source, result),
        }
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(given.repeats + 1):
            for way, run in ways.items():
                times[way].append(timed(run))
                result.unlink()  # both write a new file; that takes no part
    medians = {way: statistics.median(seconds[1:]) for way, seconds in times.items()}
    ratio = medians["unsmear"] / medians["tifffile"]
    print(f"{shape[1]}x{shape[2]}x{shape[0]} uint16 OME-TIFF, {given.repeats} times each")
    print(f"unsmear / tifffile: {ratio:.2f} (asked: at most {ASKED})")


def with_tifffile(source: Path, result: Path) -> None:
    """Read and write as tifffile does, with the same metadata."""
    pixels = tifffile.imread(source)
    tifffile.imwrite(result, pixels, ome=True, metadata=METADATA)


def with_unsmear(source: Path, result: Path) -> None:
    """Read, write, read back and compare."""
    image = unsmear.read(source)
    unsmear.write(result, image.with_planes(image.planes()), "a line of text")


def timed(run: Callable[[], None]) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
