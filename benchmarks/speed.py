"""Computing time and memory of this build, of an earlier one, and of others' restorers.

    .venv/bin/python benchmarks/speed.py --base COMMIT     # writes benchmarks/speed.md

The earlier build is a worktree of COMMIT in a temporary folder; it runs in the same environment.
Every way has a process of its own that loads everything first. In each round all ways of a size
take turns, so that a busy machine slows all alike, and medians are compared.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

HERE = Path(__file__).parent
ROOT = HERE.parent
BASE = "9e8e248"
"""The last commit that needed PyTorch to restore."""
LENGTH, ANGLE = 10.0, 40.0
SIZES = {"256x256x3": (256, 3), "2048x2048x1": (2048, 1), "2048x2048x4": (2048, 4)}
ROUNDS = {"256x256x3": 7, "2048x2048x1": 3, "2048x2048x4": 2}
OURS = ("blind", "given", "estimate")
OTHERS = {
    "256x256x3": ("MAXIM S-3 (ours), forward pass", "scikit-image unsupervised_wiener",
                  "scikit-image richardson_lucy, 30"),
    "2048x2048x1": ("FFT Wiener", "bare padded FFTs", "scikit-image unsupervised_wiener",
                    "scikit-image richardson_lucy, 30"),
    "2048x2048x4": (),
}  # fmt: skip
ASKED = {
    ("256x256x3", "blind"): 2.5,
    ("256x256x3", "given"): 2.0,
    ("256x256x3", "estimate"): 2.5,
    ("2048x2048x1", "given"): 2.5,
    ("2048x2048x4", "blind"): 2.5,
}
"""Asked ratio of the earlier build's seconds to this one's."""
MULTIPLY_ADDS = 10_848
"""Of the default method's network, a pixel (benchmarks/lean.md); blocks of 1024 px with their halos
read 1.15 times as many."""


@dataclass(frozen=True)
class Answer:
    """Seconds of a call, its processor seconds, and the PSNR of its result, None without one."""

    wall: float
    processor: float
    psnr: float | None


def fields(path: Path) -> None:
    """Write blurred and sharp synthetic cells of all sizes, 8 bit, (channel, y, x)."""
    from common.images import kernel
    from unsmear.synthetic import draw_field

    arrays = {}
    for size, (side, channels) in SIZES.items():
        sharp = draw_field(np.random.default_rng(4), (side, side)).planes[:channels]
        moved = [cv2.filter2D(p / 255.0, -1, kernel(LENGTH, ANGLE), borderType=4) for p in sharp]
        arrays[size] = np.rint(np.stack(moved).clip(0, 1) * 255).astype(np.uint8)
        arrays[f"{size} sharp"] = np.asarray(sharp)
    np.savez(path, **arrays)


def way(name: str, blurred: Any) -> Callable[[], Any]:
    """Return the function to time; it gives the restored planes in counts, or None."""
    from unsmear.blur import Motion

    if name in OURS:
        import unsmear
        from unsmear.estimate import estimate_blur

        if name == "estimate":
            return lambda: estimate_blur(blurred, axes="CYX") and None
        given = Motion(LENGTH, ANGLE) if name == "given" else None
        return lambda: unsmear.restore(blurred, given, axes="CYX").image
    if name.startswith("MAXIM"):
        return _maxim
    units, path = blurred / 255.0, Motion(LENGTH, ANGLE).kernel()
    if name == "FFT Wiener":
        from unsmear.restoration.classical import wiener

        single = units[None].astype(np.float32)
        return lambda: 255 * wiener.fit(single, path).restore(single)[0]
    if name == "bare padded FFTs":
        from scipy import fft

        side = fft.next_fast_len(units.shape[1] + 2 * len(path), real=True)
        single = units.astype(np.float32)
        workers = os.cpu_count()
        return lambda: (
            fft.irfft2(
                fft.rfft2(single, (side, side), workers=workers), (side, side), workers=workers
            )
            is None
            or None
        )
    from common import outside

    other = outside.skimage_unsupervised if "unsupervised" in name else outside.skimage_lucy
    return lambda: 255 * other(units, path, LENGTH, ANGLE)


def _maxim() -> None:
    import torch

    from unsmear import models

    global _network
    if _network is None:
        _network = models.build("maxim").eval().to(memory_format=torch.channels_last)
    with torch.inference_mode():
        _network(torch.zeros(1, 3, 256, 256))


_network: Any = None


def worker(data: Path, size: str, name: str) -> None:
    """Answer each line of the standard input with one call's figures; the last with the memory."""
    arrays = np.load(data)
    blurred, sharp = arrays[size], arrays[f"{size} sharp"].astype(np.float64)
    call = way(name, blurred)
    call()
    print("ready", flush=True)
    for _ in sys.stdin:
        wall, processor = time.perf_counter(), time.process_time()
        result = call()
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        psnr = None
        if result is not None:
            error = np.square(np.asarray(result, np.float64).clip(0, 255) - sharp).mean()
            psnr = float(10 * np.log10(255**2 / error))
        print(json.dumps([wall, processor, psnr]), flush=True)


@contextmanager
def build(commit: str) -> Iterator[Path]:
    """Yield the sources of a commit."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), commit], check=True)
        try:
            yield tree / "src"
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def compared(data: Path, base: Path, size: str, quick: bool) -> dict[str, list[Answer]]:
    """Return the answers of all ways of a size; those of the earlier build begin with "base"."""
    sources = {f"base {name}": (base, name) for name in OURS} | {
        name: (ROOT / "src", name) for name in (*OURS, *OTHERS[size])
    }
    answers: dict[str, list[Answer]] = {name: [] for name in sources}
    running = {name: _start(data, size, *source) for name, source in sources.items()}
    try:
        for process in running.values():
            _said(process, "ready")
        for number in range(1 if quick else ROUNDS[size]):
            for name, process in running.items():
                if number >= 1 and name.startswith("scikit-image") and size != "256x256x3":
                    continue  # a minute each, and no close call
                process.stdin.write("go\n")
                process.stdin.flush()
                answers[name].append(Answer(*json.loads(_said(process))))
    finally:
        for process in running.values():
            process.kill()
    return answers


def _start(data: Path, size: str, source: Path, name: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(source), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--worker", str(data), size, name]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True)


def _said(process: subprocess.Popen[str], expected: str = "") -> str:
    line = process.stdout.readline() if process.stdout else ""
    if not line or expected not in line:
        raise RuntimeError(f"a way ended: {process.args}")
    return line


def cold(data: Path, base: Path, rounds: int) -> dict[str, float]:
    """Return the processor seconds of `unsmear restore ONE.png` with each build."""
    from unsmear import images
    from unsmear.images import Image

    seconds: dict[str, list[float]] = {"base": [], "this": []}
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "one.png"
        images.write(picture, Image(np.moveaxis(np.load(data)["256x256x3"], 0, -1), "YXS"))
        for number in range(rounds):
            for name, source in (("base", base), ("this", ROOT / "src")):
                out = Path(folder) / f"{name}{number}"
                command = [sys.executable, "-m", "unsmear", "restore", str(picture), "-o", str(out)]
                before = os.times()
                environment = {**os.environ, "PYTHONPATH": str(source)}
                subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
                after = os.times()
                used = after.children_user + after.children_system
                seconds[name].append(used - before.children_user - before.children_system)
    return {name: statistics.median(values) for name, values in seconds.items()}


def peak(size: int, given: bool) -> float:
    """Return the peak memory of a process that restores one plane, MiB."""
    from unsmear import speed
    from unsmear.choices import BEST_METHOD

    return speed.measure(speed.Task(BEST_METHOD, None, size, 1, 2, given, 1)).peak or float("nan")


def gigaflops() -> float:
    """Return this machine's peak on all cores in single precision, 1e9 operations a second."""
    side, best = 2048, float("inf")
    first = np.random.default_rng(0).random((side, side), np.float32)
    for _ in range(5):
        begun = time.perf_counter()
        first @ first
        best = min(best, time.perf_counter() - begun)
    return 2 * side**3 / best / 1e9


def median(answers: list[Answer], what: str = "wall") -> float:
    """Return the median of a figure."""
    return statistics.median(getattr(answer, what) for answer in answers)


def tables(found: dict[str, dict[str, list[Answer]]]) -> str:
    """Return the tables of builds and of others."""
    rows = ["| size | | earlier s | this s | ratio | asked | quality |",
            "|:---|:---|---:|---:|---:|---:|---:|"]  # fmt: skip
    for size, answers in found.items():
        for name in OURS:
            old, new = median(answers[f"base {name}"]), median(answers[name])
            asked = ASKED.get((size, name))
            before, after = answers[f"base {name}"][0].psnr, answers[name][0].psnr
            change = "" if before is None or after is None else f"{after - before:+.4f} dB"
            bar = "" if asked is None else f"{asked:g}"
            ratio = f"{old / new:.2f}"
            ratio = ratio if asked is None or old / new >= asked else f"**{ratio}**"
            rows.append(f"| {size} | {name} | {old:.3f} | {new:.3f} | {ratio} | {bar} | {change} |")
    rows += ["", "| size | | s | to given | to blind | PSNR |", "|:---|:---|---:|---:|---:|---:|"]
    for size, answers in found.items():
        given, blind = median(answers["given"]), median(answers["blind"])
        for name in ("blind", "given", *OTHERS[size]):
            value, psnr = median(answers[name]), answers[name][0].psnr
            quality = "" if psnr is None else f"{psnr:.2f}"
            rows.append(f"| {size} | {name} | {value:.3f} | {value / given:.2f} "
                        f"| {value / blind:.2f} | {quality} |")  # fmt: skip
    return "\n".join(rows)


def limits(found: dict[str, dict[str, list[Answer]]]) -> str:
    """Return how far the network stands from what this machine's processor can do."""
    single = gigaflops()
    rows = [f"All cores together multiply matrices at {single:.0f} GFLOP/s in single precision "
            "(2048x2048, the best of five).", "",
            "| size | multiply-adds | at that peak | kernel given | share |",
            "|:---|---:|---:|---:|---:|"]  # fmt: skip
    for size, answers in found.items():
        side, channels = SIZES[size]
        read = 1.15 if side > 1024 else 1.0
        adds = MULTIPLY_ADDS * side**2 * channels * read
        least = 2 * adds / (single * 1e9)
        given = median(answers["given"])
        rows.append(
            f"| {size} | {adds / 1e9:.0f}e9 | {least:.2f} s | {given:.2f} s | {least / given:.0%} |"
        )
    return "\n".join(rows)


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", default=BASE, help="commit of the earlier build")
    parser.add_argument("--quick", action="store_true", help="one round, nothing written")
    parser.add_argument(
        "--worker", nargs=3, metavar=("DATA", "SIZE", "WAY"), help=argparse.SUPPRESS
    )
    options = parser.parse_args()
    if options.worker:
        data, size, name = options.worker
        worker(Path(data), size, name)
        return
    cores = len(os.sched_getaffinity(0))
    with build(options.base) as base, tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "fields.npz"
        fields(data)
        started = cold(data, base, 1 if options.quick else 5)
        found = {size: compared(data, base, size, options.quick) for size in SIZES}
    memory = {side: peak(side, given=True) for side in (256, 1024, 2048)}
    slope = (memory[2048] - memory[1024]) / (2048**2 - 1024**2) * 1e6
    page = PAGE.format(
        cores=cores, machine=platform.machine(), base=options.base, tables=tables(found),
        limits=limits(found), cold_base=started["base"], cold=started["this"],
        cold_ratio=started["base"] / started["this"],
        cold_ok="" if started["base"] >= 4 * started["this"] else " (asked: 4 times)",
        m256=memory[256], m1024=memory[1024], m2048=memory[2048], slope=slope,
    )  # fmt: skip
    if options.quick:
        print(page)
    else:
        (HERE / "speed.md").write_text(page)


PAGE = """# How fast

Made by `.venv/bin/python benchmarks/speed.py`: {cores} cores ({machine}). 8-bit synthetic cells
with 10 px of motion; whole calls in Python, with rounding and the check of the result. "Earlier" is
commit {base}, the last that needed PyTorch, measured in the same run: every way has a process of
its own, all take turns in each round, and medians are compared. Seconds are this machine's; the
ratios carry further. Bold: below what was asked.

{tables}

FFT Wiener is the filter's fit and one result, without the estimate and the check. `unsmear bench`
makes a table of your own machine.

## Cold start

`unsmear restore ONE.png`, 256x256x3, processor seconds from the start of the process to its end:
{cold_base:.2f} earlier, {cold:.2f} now: {cold_ratio:.1f} times less{cold_ok}.

## What limits it

{limits}

## Memory

Peak of a process that restores one 16-bit plane, kernel given, with the libraries: {m256:.0f} MiB
at 256x256, {m1024:.0f} at 1024x1024, {m2048:.0f} at 2048x2048: {slope:.0f} MiB more a megapixel.
"""

if __name__ == "__main__":
    main()
