"""Effect of tiles on MAXIM, a network whose result depends on the whole image.

    .venv/bin/python benchmarks/maxim_tiles.py --weights PATH          # writes maxim-tiles.md
    .venv/bin/python benchmarks/maxim_tiles.py --weights PATH --quick  # a quarter; prints only

A field of drawn cells with linear motion blur is restored whole and in tiles of every side and
overlap. Each way has a process of its own, whose peak of memory counts, less what it held before.
"""

from __future__ import annotations

import argparse
import multiprocessing
import platform
import re
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, product
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from common.images import WHITE, Counts, kernel
from unsmear import metrics
from unsmear.restoration import methods, tiling
from unsmear.restoration.base import Batch
from unsmear.restoration.learned.network_restorer import Plain
from unsmear.synthetic import draw_field

HERE = Path(__file__).parent
SIDE = 1024
LENGTH, ANGLE = 10, 40.0
TILES, OVERLAPS = (256, 512), (0, 32, 64, 128)
WHOLE = (None, 0)

Way = tuple[int | None, int]
"""Side of the tiles in pixels, None for the whole image, and their overlap."""


@dataclass(frozen=True)
class Overlapping:
    """A network's restorer with another overlap than its own."""

    restorer: Plain
    overlap: int
    halo: None = None

    @property
    def grid(self) -> int:
        """Pixels, as the network's."""
        return self.restorer.grid

    def restore(self, batch: Batch) -> Batch:
        """Return the restored batch."""
        return self.restorer.restore(batch)


@dataclass(frozen=True)
class TiledResult:
    """Restored image and its cost. memory: MB. seconds: processor time."""

    image: Batch
    memory: float
    seconds: float


def scene(side: int) -> tuple[Counts, Counts]:
    """Return red, green and blue of a sharp field and of the blurred one, 8 bit."""
    sharp = draw_field(np.random.default_rng(4), (side, side)).planes[:3]
    path = kernel(LENGTH, ANGLE)
    blurred = [cv2.filter2D(plane / WHITE, -1, path, borderType=4) for plane in sharp]
    return sharp, np.rint(np.stack(blurred).clip(0, 1) * WHITE).astype(np.uint8)


def restored(weights: str, blurred: Counts, way: Way) -> TiledResult:
    """Return the image restored in one way; to be run in a process of its own."""
    torch.set_num_threads(1)
    tile, overlap = way
    units = (blurred / WHITE).astype(np.float32)[None]
    restorer = methods.find(weights).fit(units, None)
    if not isinstance(restorer, Plain) or restorer.overlap is None:
        raise SystemExit(f"{weights}: the network must say a tile and an overlap.")
    restorer.restore(units[..., :64, :64])  # what is made once
    before, start = _memory("VmRSS"), time.process_time()
    image = tiling.restore(Overlapping(restorer, overlap), units, tile)
    return TiledResult(image[0], _memory("VmHWM") - before, time.process_time() - start)


def _memory(name: str) -> float:
    """Return what this process holds (VmRSS) or has held at most (VmHWM), MB; Linux only."""
    (line,) = re.findall(rf"^{name}:\s*(\d+) kB$", Path("/proc/self/status").read_text(), re.M)
    return int(line) * 1024 / 1e6


def alone(weights: str, blurred: Counts, way: Way) -> TiledResult:
    """Return the image restored in one way, by a new process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(restored, weights, blurred, way).result()


def row(way: Way, result: TiledResult, whole: TiledResult, sharp: Counts) -> str:
    """Return a row of the table."""
    tile, overlap = way
    apart = result.image - whole.image
    psnr = metrics.psnr(sharp / WHITE, result.image.clip(0, 1).astype(float), data_range=1.0)
    cells = [
        "whole" if tile is None else str(tile),
        "-" if tile is None else str(overlap),
        "-" if tile is None else f"{100 * np.abs(apart).max():.2f}",
        "-" if tile is None else f"{100 * _rms(apart):.3f}",
        "-" if tile is None else f"{100 * _rms(_at_seams(apart, way)):.3f}",
        "-" if tile is None else f"{100 * _rms(np.diff(apart)):.3f}",
        f"{psnr:.2f}",
        f"{result.memory:.0f}",
        f"{result.seconds:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def _rms(values: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.square(values, dtype=np.float64).mean()))


def _at_seams(apart: Batch, way: Way) -> Batch:
    """Return the steps across the middles of the overlaps, where a seam would be, along x."""
    tile, overlap = way
    reads = [fade.read for fade in tiling.fades(apart.shape[-1], tile or 0, overlap)]
    middles = np.array([(a.stop + b.start) // 2 for a, b in pairwise(reads)])
    return apart[..., middles] - apart[..., middles - 1]


HEAD = """\
| tile | overlap | largest difference | RMS | step at seams | anywhere | PSNR dB | MB | s |
|---|---|---|---|---|---|---|---|---|"""


def page(weights: str, side: int, rows: list[str], blurred: float) -> str:
    """Return the page. blurred: PSNR of the blurred image, dB."""
    card = methods.find(weights).cited
    return f"""\
# What tiles change of MAXIM

`python benchmarks/maxim_tiles.py --weights {Path(weights).name}`: weights {card}; drawn cells, \
{side}x{side} pixels of three channels, straight motion of {LENGTH} px at {ANGLE:.0f} degrees, \
{blurred:.2f} dB blurred. PyTorch {torch.__version__.split("+")[0]}, float32, one thread, Python \
{platform.python_version()}.

Differences are from the whole image's result, in % of white. The steps are the RMS of those of \
the difference, between neighbours in a row: at the middles of the overlaps, where a seam would \
be, and anywhere. MB: peak memory of a process less what it held before. s: the processor's \
seconds.

{HEAD}
{chr(10).join(rows)}
"""


def main() -> None:
    """Measure, print the table, and write it unless --quick."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--weights", required=True, help="weights of a network that uses the whole image"
    )
    parser.add_argument(
        "--quick", action="store_true", help="use a quarter of the image, only print"
    )
    given = parser.parse_args()
    side = SIDE // 2 if given.quick else SIDE
    sharp, blurred = scene(side)
    make = partial(alone, given.weights, blurred)
    whole, rows = make(WHOLE), []
    for way in (WHOLE, *product(TILES, OVERLAPS)):
        if way == WHOLE or (way[0] or 0) < side:
            rows.append(row(way, whole if way == WHOLE else make(way), whole, sharp))
            print(rows[-1], flush=True)
    before = metrics.psnr(sharp / WHITE, blurred / WHITE, data_range=1.0)
    text = page(given.weights, side, rows, before)
    if not given.quick:
        (HERE / "maxim-tiles.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
