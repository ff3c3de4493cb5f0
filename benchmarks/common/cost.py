"""Computing time and memory of each restorer, each measured in its own process."""

from __future__ import annotations

import csv
import multiprocessing
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from common.images import ROUNDING, WHITE, Scene, kernel
from common.methods import BLURRED, Task, Way, run
from unsmear.tables import write_csv

SIDE, LENGTH, ANGLE, ROUNDS = 1024, 10, 40.0, 2


@dataclass(frozen=True)
class Cost:
    """seconds: a megapixel, the best of some rounds. megabytes: above libraries and image."""

    seconds: float
    megabytes: float


def measure(path: Path, ways: list[Way]) -> dict[str, Cost]:
    """Return the cost of each restorer; earlier measurements are read from the file."""
    if not path.exists():
        costs = {way.name: _in_process(way) for way in ways if way.name != BLURRED}
        rows = [{"method": name, **asdict(cost)} for name, cost in costs.items()]
        write_csv(path, rows, number=repr)
    with path.open(newline="") as lines:
        return {
            row["method"]: Cost(float(row["seconds"]), float(row["megabytes"]))
            for row in csv.DictReader(lines)
        }


def _in_process(way: Way) -> Cost:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(cost_of, (way,))


def cost_of(way: Way) -> Cost:
    """Measure one restorer in this fresh process."""
    scene, task = _task(SIDE)
    small, first = _task(128)
    run(way, first, small.sharp)  # loads libraries and weights
    before, seconds = _reset_peak(), []
    for _ in range(ROUNDS):
        seconds.append(run(way, task, scene.sharp)[1])
    megabytes = (_memory("VmHWM") - before) / 1e6
    return Cost(min(seconds) / (scene.sharp.size / 1e6), megabytes)


def _task(side: int) -> tuple[Scene, Task]:
    import cv2

    from unsmear.synthetic import draw_field

    field = draw_field(np.random.default_rng(5), (side, side))
    path = kernel(LENGTH, ANGLE)
    sharp = field.planes[:3]
    units = [cv2.filter2D(plane / WHITE, -1, path, borderType=4) for plane in sharp]
    blurred = np.rint(np.stack(units) * WHITE).astype(np.uint8)
    noise = np.full(len(sharp), ROUNDING)
    return Scene("synthetic", "field", sharp), Task(blurred, path, LENGTH, ANGLE, noise)


def _reset_peak() -> float:
    """Reset the peak memory of the process; return its current memory in bytes (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


def _memory(name: str) -> float:
    status = Path("/proc/self/status").read_text()
    match = re.search(rf"{name}:\s+(\d+) kB", status)
    return float(match.group(1)) * 1024 if match else float("nan")
