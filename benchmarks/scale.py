"""What several processes bring, and what they cost.

    .venv/bin/python benchmarks/scale.py [--count 200] [--rounds 3] [--slide 256]

Writes benchmarks/scale.md.

Each way restores the same small images with `unsmear restore`, in a process of its own and with
one thread a process; all take turns in each round, so that a busy machine slows all alike, and
medians are compared. The earlier build, with a pool of processes in place of Dask, is a worktree
of COMMIT in a temporary folder. The results of each build are compared byte for byte. Then one
slide of as many megapixels is restored by one process and by two workers, with the kernel given.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import slides
from unsmear.choices import BEST_METHOD

ROOT = Path(__file__).resolve().parent.parent
POOL = "a1f7482"
"""The last commit with a pool of processes in place of Dask."""
SIDE, FEW, SEED = 256, 2, 5
"""Of an image, pixels; how many images show the start-up; of the images."""
ONE, TWO = "one process", "two workers (Dask)"
OLD_ONE, OLD = f"one process ({POOL})", f"two workers (pool, {POOL})"
OF = {TWO: ONE, OLD: OLD_ONE}
"""The one process that several workers of the same build are compared with."""
ASKED = 1.8
METHODS = "wiener", BEST_METHOD
"""That restore the slide."""
EVERYWHERE = "deep-wiener"
"""Method that restores the images; the earlier build has it too."""
Taken = tuple[float, float]
"""Seconds by the clock, and of the processors."""


@dataclass(frozen=True)
class Way:
    """A build, by its sources, and a number of workers."""

    source: Path
    workers: int

    def restore(self, images: Path, output: Path, *options: str) -> Taken:
        """Restore a folder or an image into a new folder; return what that took."""
        shutil.rmtree(output, ignore_errors=True)
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        earlier = os.environ.get("PYTHONPATH", "")
        path = os.pathsep.join(filter(None, [str(self.source), earlier]))
        command = [sys.executable, "-m", "unsmear", "restore", images, "-o", output]
        command += ["--workers", str(self.workers), *options]
        start, used = time.perf_counter(), _processor()
        environment = {**os.environ, **threads, "PYTHONPATH": path}
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start, _processor() - used


def _processor() -> float:
    """Return the processor seconds of the ended children, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def write_images(folder: Path, count: int) -> None:
    """Write blurred synthetic cells, 8 bit, 256 x 256 pixels; motions of 4 to 16 pixels."""
    import unsmear
    from unsmear.images import Image, write
    from unsmear.synthetic import draw_field

    folder.mkdir()
    for number in range(count):
        generator = np.random.default_rng((SEED, number))
        sharp = draw_field(generator, (SIDE, SIDE)).planes[1].astype(np.float32)
        moved = unsmear.Motion(4 + number % 13, 15.0 * (number % 12))
        blurred = unsmear.convolve(sharp, moved.kernel())
        plane = np.rint(blurred).clip(0, 255).astype(np.uint8)
        write(folder / f"cell{number:03}.png", Image(plane, "YX"))


def measure(folder: Path, count: int, rounds: int) -> dict[tuple[str, int], list[Taken]]:
    """Return what each way took in each round, for few images and for all."""
    old = folder / "earlier"
    tree = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*tree, "add", "--detach", old, POOL], check=True, capture_output=True)
    sources = {(ONE, TWO): ROOT / "src", (OLD_ONE, OLD): old / "src"}
    ways = {
        name: Way(source, workers)
        for names, source in sources.items()
        for workers, name in enumerate(names, 1)
    }
    taken: dict[tuple[str, int], list[Taken]] = {}
    try:
        for images in (FEW, count):
            write_images(folder / f"in{images}", images)
        for _ in range(rounds):
            for images in (FEW, count):
                for number, (name, way) in enumerate(ways.items()):
                    result = folder / f"out{images}-{number}"
                    once = way.restore(folder / f"in{images}", result, "--method", EVERYWHERE)
                    taken.setdefault((name, images), []).append(once)
        for number in range(0, len(ways), 2):
            _check_same(folder / f"out{count}-{number}", folder / f"out{count}-{number + 1}")
    finally:
        subprocess.run([*tree, "remove", "--force", old], check=True, capture_output=True)
    return taken


def measure_slide(folder: Path, megapixels: int, rounds: int) -> dict[tuple[str, str], list[Taken]]:
    """Return what one process and two workers took for a slide by each method in each round."""
    slide = folder / f"slide_{megapixels}.ome.zarr"
    slides.write_slide(slide, round((megapixels * 1e6) ** 0.5))
    moved = ("--length", str(slides.LENGTH), "--angle", str(slides.ANGLE))
    taken: dict[tuple[str, str], list[Taken]] = {}
    for method in METHODS:
        for _ in range(rounds):
            for name, workers in ((ONE, 1), (TWO, 2)):
                way, result = Way(ROOT / "src", workers), folder / f"{method}-{workers}"
                once = way.restore(slide, result, "--method", method, *moved)
                taken.setdefault((method, name), []).append(once)
        _check_same(folder / f"{method}-1", folder / f"{method}-2")
    return taken


def _check_same(first: Path, second: Path) -> None:
    names = sorted(
        path.relative_to(first).as_posix()
        for path in first.rglob("*")
        if path.is_file() and "unsmear-run" not in path.parts
    )
    same, _, _ = filecmp.cmpfiles(first, second, names, shallow=False)
    if sorted(same) != names:
        raise SystemExit(f"{second} differs from {first}")


def processes(taken: dict[tuple[str, int], list[Taken]], count: int) -> str:
    """Return the section on small images as Markdown."""
    clock = {key: statistics.median(once[0] for once in runs) for key, runs in taken.items()}
    used = {key: statistics.median(once[1] for once in runs) for key, runs in taken.items()}
    rows = []
    for name in (ONE, TWO, OLD_ONE, OLD):
        start, whole = clock[name, FEW], clock[name, count]
        rows.append(
            f"| {name} | {start:.1f} | {whole:.1f} | {(count - FEW) / (whole - start):.2f} "
            f"| {used[name, FEW]:.1f} | {used[name, count]:.1f} |"
        )
    gained = {name: clock[one, count] / clock[name, count] for name, one in OF.items()}
    free = {name: 2 * used[one, count] / used[name, count] for name, one in OF.items()}
    lines = [
        f"## {count} images of {SIDE} x {SIDE} pixels",
        "",
        f"`unsmear restore --method {EVERYWHERE}`, one thread a process, whole commands with their",
        f"start; {FEW} images show the start-up. The files of a build are the same to the last",
        "byte.",
        "",
        f"| | {FEW} images, s | {count} images, s | images/s after the start "
        f"| processor s, {FEW} images | processor s, {count} images |",
        "|:---|---:|---:|---:|---:|---:|",
        *rows,
        "",
        f"Two workers against one process of their build, by the clock (asked: {ASKED}x): Dask "
        f"{gained[TWO]:.2f}x, the pool {gained[OLD]:.2f}x. On a machine where others run, the",
        "clock says how the processors were shared out; the processor seconds, which others change",
        f"less, allow {free[TWO]:.2f}x with Dask and {free[OLD]:.2f}x with the pool on two free",
        "cores.",
    ]
    return "\n".join(lines)


def of_slide(taken: dict[tuple[str, str], list[Taken]], megapixels: int) -> str:
    """Return the section on a slide as Markdown."""
    clock = {key: statistics.median(once[0] for once in runs) for key, runs in taken.items()}
    used = {key: statistics.median(once[1] for once in runs) for key, runs in taken.items()}
    rows = []
    for method in METHODS:
        one, two = (method, ONE), (method, TWO)
        rows.append(
            f"| {method} | {clock[one]:.1f} | {clock[two]:.1f} | {clock[one] / clock[two]:.2f}x "
            f"| {used[one]:.1f} | {used[two]:.1f} |"
        )
    return "\n".join(
        [
            f"## A slide of {megapixels} megapixels",
            "",
            f"OME-Zarr, 16 bit, the kernel given; the files are the same. Asked: {ASKED}x.",
            "",
            "| method | one process, s | two workers, s | ratio "
            "| processor s, one | processor s, two |",
            "|:---|---:|---:|---:|---:|---:|",
            *rows,
        ]
    )


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slide", type=int, default=256, help="megapixels")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        taken = measure(Path(folder), options.count, options.rounds)
        of_one = measure_slide(Path(folder), options.slide, options.rounds)
    page = "\n".join(
        [
            "# At scale",
            "",
            f"Made by `.venv/bin/python benchmarks/scale.py --count {options.count} --rounds "
            f"{options.rounds} --slide {options.slide}`: {os.cpu_count()} cores "
            f"({platform.machine()}),",
            f"load {os.getloadavg()[2]:.1f} in the 15 minutes before the end.",
            "",
            processes(taken, options.count),
            "",
            of_slide(of_one, options.slide),
        ]
    )
    (ROOT / "benchmarks" / "scale.md").write_text(page + "\n")
    print(page)


if __name__ == "__main__":
    main()
