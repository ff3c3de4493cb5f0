"""A moving stage in real time: frames that a camera writes, restored as they come.

    python benchmarks/stream.py --minutes 10 [--rate FRAMES_PER_SECOND] [--side 256] [--parts run]

A simulated strip is written into a folder by a process of its own, at a rate that waits for nobody,
and `unsmear stream` restores it there. Without --rate it is a half of what this machine does when
it is asked. Then the same at twice what it does, for a minute each: waiting, and passing through.
Last, the highest stage speed for a resolution, as the stream tries it on its frames, beside the
truth. Each part is kept in build/stream.json, from all of which stream.md is written.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from unsmear import images
from unsmear.batches import record
from unsmear.blur import Camera, Motion
from unsmear.errors import ImageError
from unsmear.images import Image
from unsmear.restoration.application import apply_method
from unsmear.streaming import restoring
from unsmear.streaming.resolving import Specimen, crossing, keep, limit, right_part
from unsmear.synthetic import scan as scans
from unsmear.synthetic.scan.writing import files
from unsmear.tables import narrow_markdown

SPEED, EXPOSURE, PIXEL = 1600.0, 0.001, 0.16
"""A motion of 10 pixels: micrometres per second, seconds, micrometres."""
FRAMES = 20
"""Number of frames of the strip, which is scanned again and again."""
SHARE = 0.5
"""Rate of the long run, as a fraction of what the machine does."""
INTERVALS = 6
"""Budget of a frame, in intervals of the rate, where none is given."""
METHOD = "deep-wiener-lean"
KEPT = Path(__file__).parents[1] / "build" / "stream.json"
"""What has been measured."""
PERIODS = (0.8, 1.3, 2.0)
"""Sizes of detail, micrometres."""
SPEEDS = (200, 300, 400, 600, 800, 1200, 1600, 2400, 3200, 4800, 6400)
"""Stage speeds at which the truth is looked at, micrometres per second."""


@dataclass(frozen=True)
class Asked:
    """A run in real time. rate: frames a second; budget: seconds; policy: of what is late."""

    name: str
    rate: float
    budget: float
    minutes: float
    policy: str = "wait"


@dataclass(frozen=True)
class Run:
    """What a run came to. lost: frames without a readable result; load: of the system."""

    asked: Asked
    lost: int
    in_order: bool
    load: float
    summary: dict[str, Any]


def main() -> None:
    """Run the parts that are asked for, and write the page from all that is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--budget", type=float)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--overload", type=float, default=1.0, help="minutes of the other runs")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    asked = parser.parse_args()
    for part in asked.parts:
        KEPT.parent.mkdir(exist_ok=True)
        kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
        KEPT.write_text(json.dumps(kept | PARTS[part](asked)))
    kept = json.loads(KEPT.read_text())
    if {"run", "overload", "speeds"} <= kept.keys():
        Path(__file__).with_name("stream.md").write_text(page(kept), encoding="utf-8")


def long_run(asked: argparse.Namespace) -> dict[str, Any]:
    """Return the run that the machine can hold."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        plan = strip(folder, asked.side)
        able = capacity(plan, folder)
        rate = asked.rate or SHARE * able
        budget = asked.budget or INTERVALS / rate
        print(f"{able:.2f} frames per second are possible; the run is at {rate:.2f}.", flush=True)
        run = real_time(Asked("in time", rate, budget, asked.minutes), plan, folder)
    return {"run": asdict(run), "able": able, "side": asked.side, "cores": os.cpu_count()}


def overload(asked: argparse.Namespace) -> dict[str, Any]:
    """Return the runs at a rate that the machine cannot hold."""
    runs = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        plan = strip(folder, asked.side)
        rate = 2 * capacity(plan, folder)
        budget = asked.budget or INTERVALS / rate
        for policy in ("wait", "pass"):
            task = Asked(f"too fast, {policy}", rate, budget, asked.overload, policy)
            runs.append(asdict(real_time(task, plan, folder)))
    return {"overload": runs}


def speeds(asked: argparse.Namespace) -> dict[str, Any]:
    """Return the highest stage speeds, tried and true."""
    return {"speeds": [limits_of(period) for period in PERIODS]}


PARTS = {"run": long_run, "overload": overload, "speeds": speeds}


def strip(folder: Path, side: int, stain: scans.specimen.Stain = "nuclei") -> scans.Scan:
    """Return a simulated strip, whose frames are written."""
    plan = scan_of(folder / "scan", SPEED, FRAMES, side, stain)
    for index in range(FRAMES):
        scans.write_frame(plan, index)
    return plan


def scan_of(
    folder: Path, speed: float, count: int, side: int, stain: scans.specimen.Stain
) -> scans.Scan:
    """Return the plan of a strip at a stage speed."""
    return scans.Scan(
        folder,
        scans.Drawn(7, stain, PIXEL),
        scans.Stage(speed, jitter=0.05),
        scans.Exposure(EXPOSURE),
        scans.Grid(count, side, 0.15, 1, PIXEL),
        Camera(1000, 2.0, 5.0, 8),
        seed=7,
    )


def capacity(plan: scans.Scan, folder: Path) -> float:
    """Return how many frames a second this machine restores, with what else it is doing."""
    output = folder / "capacity"
    stream(plan.folder / "blur", output, "--idle", "0")
    summary = json.loads((output / "unsmear-run" / "stream.json").read_text())
    return float(summary["frames_per_second"])


def real_time(asked: Asked, plan: scans.Scan, folder: Path) -> Run:
    """Return what a run comes to, its frames looked at."""
    place = folder / asked.name.replace(" ", "-").replace(",", "")
    there, output = place / "in", place / "out"
    there.mkdir(parents=True)
    count = max(FRAMES, round(60 * asked.minutes * asked.rate))
    sources = [files(plan, index)[1] for index in range(FRAMES)]
    camera = multiprocessing.get_context("spawn").Process(
        target=write_as_camera, args=(sources, there, asked.rate, count)
    )
    load = os.getloadavg()[0]
    camera.start()
    options = ["--count", count, "--idle", 60, "--budget", asked.budget]
    options += ["--when-late", asked.policy]
    stream(there, output, *map(str, options))
    camera.join()
    summary = json.loads((output / "unsmear-run" / "stream.json").read_text())
    lost, in_order = looked_at(output, count)
    shutil.rmtree(place)
    run = Run(asked, lost, in_order, (load + os.getloadavg()[0]) / 2, summary)
    print(*row_of(asdict(run)), sep="  ", flush=True)
    return run


def write_as_camera(sources: list[Path], folder: Path, rate: float, count: int) -> None:
    """Write frames into a folder when they are due, whatever becomes of them."""
    began = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        aside = folder / ".frame.part"
        shutil.copyfile(sources[number % len(sources)], aside)
        aside.rename(folder / f"frame-{number:06d}.ome.tif")


def stream(folder: Path, output: Path, *options: str) -> None:
    """Run `unsmear stream` in a process of its own."""
    words = [sys.executable, "-m", "unsmear", "--quiet", "stream", str(folder), "-o", str(output)]
    words += ["--speed", str(SPEED), "--method", METHOD, *options]
    done = subprocess.run(words, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: exit code {done.returncode}")


def looked_at(output: Path, count: int) -> tuple[int, bool]:
    """Return how many frames have no result that can be read, and whether they left in order."""
    lost = 0
    for number in range(count):
        try:
            images.read(output / f"frame-{number:06d}.ome.tif")
        except ImageError:
            lost += 1
    numbers = [entry.found[0]["number"] for entry in record.read(output).entries.values()]
    return lost, numbers == list(range(count))


def limits_of(period: float) -> list[str]:
    """Return a row: the stage speeds up to which detail comes back, as tried and in truth."""
    how = restoring(Motion(10), METHOD, {}, "none")
    specimens: list[Specimen] = []
    for _, recorded, restored in restored_at(SPEED):
        keep(specimens, Specimen(restored, recorded))
    tried = limit(specimens, how, Motion(10), period / PIXEL)
    assert tried is not None
    by_pixel = PIXEL / EXPOSURE
    return [
        f"{period:g} um",
        f"{tried.as_recorded * by_pixel:.0f}",
        f"{true_speed(period, 1):.0f}",
        f"{tried.restored * by_pixel:.0f}",
        f"{true_speed(period, 2):.0f}",
    ]


def true_speed(period: float, which: int) -> float:
    """Return the stage speed up to which detail is right, between those that are looked at.

    which: of what `restored_at` gives, 1 for frames as recorded, 2 for restored ones.
    """
    parts = []
    for speed in SPEEDS:
        found = [
            right_part(frame[which].pixels, frame[0].pixels.astype(float), 0, period / PIXEL)
            for frame in restored_at(speed)
        ]
        parts.append(float(np.mean(found)))
    return crossing(SPEEDS, parts)


@cache
def restored_at(speed: float) -> list[tuple[Image, Image, Image]]:
    """Return frames of a strip at a stage speed: sharp, as recorded, restored."""
    with tempfile.TemporaryDirectory() as place:
        plan = scan_of(Path(place), speed, 4, 256, "microtubules")
        found = []
        for index in range(plan.grid.frames):
            scans.write_frame(plan, index)
            sharp, recorded = (images.read(path) for path in files(plan, index))
            kernel = Motion(speed * EXPOSURE / PIXEL).kernel()
            found.append((sharp, recorded, apply_method(recorded, METHOD, kernel).image))
    return found


def page(kept: dict[str, Any]) -> str:
    """Return the whole page."""
    head = ["run", "frames/s", "frames", "lost", "in order", "restored", "passed through",
            "p50, s", "p99, s", "longest, s", "budget, s", "over it", "MP/s", "load"]  # fmt: skip
    rows = [head, *map(row_of, [kept["run"], *kept["overload"]])]
    titles = ["detail", "as recorded: tried", "true", "restored: tried", "true"]
    return TEXT.format(
        minutes=f"{kept['run']['asked']['minutes']:g}",
        cores=kept["cores"],
        machine=platform.machine(),
        side=kept["side"],
        method=METHOD,
        able=kept["able"],
        overload=f"{kept['overload'][0]['asked']['minutes']:g}",
        runs=narrow_markdown(rows),
        speeds=narrow_markdown([titles, *kept["speeds"]]),
        steps=", ".join(map(str, SPEEDS)),
    )


def row_of(run: dict[str, Any]) -> list[str]:
    """Return the figures of a run as a table's row."""
    asked, found = run["asked"], run["summary"]
    counts = found["counts"]
    return [
        asked["name"],
        f"{asked['rate']:.2f}",
        str(found["frames"]),
        str(run["lost"]),
        "yes" if run["in_order"] else "**no**",
        str(counts.get("restored", 0)),
        str(counts.get("passed through", 0)),
        *(f"{found[name]:.2f}" for name in ("p50", "p99", "longest")),
        f"{asked['budget']:.1f}",
        str(found["late"]),
        f"{found['megapixels_per_second']:.3f}",
        f"{run['load']:.1f}",
    ]


TEXT = """# A moving stage in real time

Made by `.venv/bin/python benchmarks/stream.py --minutes {minutes}`: {cores} cores ({machine}). A
process of its own writes frames of {side} x {side} pixels of 8 bits into a folder, at a rate that
waits for nobody; `unsmear stream` with {method} and one thread restores a motion of 10 px, its
neighbours as borders, and writes each result, read back. Before the run this machine restored and
wrote {able:.2f} frames per second beside what else it was doing; the rate is a half of that. "Load"
is the system's, the mean of before and after: above the number of cores others were waiting for
them too. Every result was read afterwards: "lost" are frames without one. The overloaded runs took
{overload} min of frames at twice what the machine did then.

{runs}
A frame waits for the one after it, so its latency is at least one interval (`--borders before` does
without). With `wait` all frames are restored, and the line grows while the stage is too fast; with
`pass` what cannot be done in time, by what the last frames took, is passed through, marked:
latencies stay bounded, though not every frame keeps a budget of a few times the computing time.

## The highest stage speed for a resolution

Stage speeds in um/s, up to which a half of the power of detail along the motion comes back: as
`unsmear stream --resolution` tries it on frames of a strip at 1600 um/s (10 px), and in truth, by
simulated strips whose sharp images are known, at {steps} um/s.
Microtubules, 1000 photoelectrons at full scale, exposure 1 ms.

{speeds}"""

if __name__ == "__main__":
    main()
