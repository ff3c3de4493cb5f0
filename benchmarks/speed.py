"""Computing time of the shipped restorers, of alternatives, and of a well-known network.

    .venv/bin/python benchmarks/speed.py          # writes benchmarks/speed.md
    .venv/bin/python benchmarks/speed.py --big    # 8192x8192 through the command line too

The ways take turns, so that a busy machine slows all alike; the best round of each counts.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from common import outside
from common.images import WHITE, Counts, kernel
from unsmear import images, models
from unsmear.estimate import estimate_planes
from unsmear.images import Image
from unsmear.restoration import pipeline
from unsmear.synthetic import draw_field

HERE = Path(__file__).parent
LENGTH, ANGLE = 10, 40.0
THREADS = 2
SIZES = {"256x256x3": (256, 3), "2048x2048x4": (2048, 4)}
ROUNDS = {"256x256x3": 9, "2048x2048x4": 2}

RESTORMER, NAFNET = 5.2, 0.238
"""Seconds at 256x256x3, float32, measured side by side on two cores of one machine, PyTorch."""
STANDIN = "NAFNet w32, forward pass alone"
MAXIM = "MAXIM S-3 (ours), forward pass alone"
METHODS = ("deep-wiener", "deep-wiener-fast", "wiener")

Ways = dict[str, Callable[[], object]]


class Gate(nn.Module):
    """Product of the two halves of the channels (SimpleGate)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return half the channels."""
        first, second = x.chunk(2, 1)
        return first * second


class Normed(nn.GroupNorm):
    """Normalisation over the channels of each pixel."""

    def __init__(self, width: int) -> None:
        super().__init__(1, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return x with mean 0 and variance 1 at every pixel, scaled and shifted."""
        mean = x.mean(1, keepdim=True)
        x = (x - mean) / (x.var(1, keepdim=True, unbiased=False) + 1e-6).sqrt()
        return x * self.weight[:, None, None] + self.bias[:, None, None]


class Block(nn.Module):
    """A block of NAFNet (Chen, Chu, Zhang and Sun, ECCV 2022), its figure 3c."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([Normed(width), Normed(width)])
        self.spatial = nn.Sequential(
            nn.Conv2d(width, 2 * width, 1),
            nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width),
            Gate(),
        )
        self.attention = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(width, width, 1))
        self.after = nn.Conv2d(width, width, 1)
        self.channels = nn.Sequential(
            nn.Conv2d(width, 2 * width, 1), Gate(), nn.Conv2d(width, width, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return as many channels."""
        inner = self.spatial(self.norms[0](x))
        x = x + self.after(inner * self.attention(inner))
        return x + self.channels(self.norms[1](x))


class NAFNet(nn.Module):
    """NAFNet of width 32, encoder [1, 1, 1, 28], one block in the middle, decoder [1, 1, 1, 1]."""

    def __init__(self, width: int = 32, depths: tuple[int, ...] = (1, 1, 1, 28)) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, 3, 3, padding=1)
        widths = [width * 2**level for level in range(len(depths) + 1)]
        self.encoders = nn.ModuleList(
            nn.Sequential(*(Block(w) for _ in range(depth)))
            for w, depth in zip(widths, depths, strict=False)
        )
        self.downs = nn.ModuleList(nn.Conv2d(w, 2 * w, 2, 2) for w in widths[:-1])
        self.middle = Block(widths[-1])
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(w, 2 * w, 1, bias=False), nn.PixelShuffle(2))
            for w in widths[:0:-1]
        )
        self.decoders = nn.ModuleList(Block(w) for w in widths[-2::-1])

    def forward(self, image: Tensor) -> Tensor:
        """Return the image, (batch, 3, y, x)."""
        x, skips = self.first(image), []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            x = encoder(x)
            skips.append(x)
            x = down(x)
        x = self.middle(x)
        for up, decoder, second in zip(self.ups, self.decoders, skips[::-1], strict=True):
            x = decoder(up(x) + second)
        result: Tensor = self.last(x) + image
        return result


def field(side: int, channels: int) -> Counts:
    """Return blurred synthetic cells, 8 bit."""
    sharp = draw_field(np.random.default_rng(4), (side, side)).planes[:channels]
    path = kernel(LENGTH, ANGLE)
    blurred = [cv2.filter2D(plane / WHITE, -1, path, borderType=4) for plane in sharp]
    return np.rint(np.stack(blurred).clip(0, 1) * WHITE).astype(np.uint8)


def ways(blurred: Counts) -> Ways:
    """Return the functions to time on this image; all restorers are non-blind."""
    image, path, units = Image(blurred, "CYX"), kernel(LENGTH, ANGLE), blurred / WHITE
    tasks: Ways = {
        method: lambda method=method: pipeline.apply_method(image, method, path)
        for method in METHODS
    }
    tasks["estimate"] = lambda: estimate_planes(image.planes())
    tasks["scikit-image unsupervised_wiener"] = lambda: outside.skimage_unsupervised(
        units, path, LENGTH, ANGLE
    )
    tasks["scikit-image richardson_lucy, 30"] = lambda: outside.skimage_lucy(
        units, path, LENGTH, ANGLE
    )
    tasks["OpenCV deconvolution.py"] = lambda: outside.opencv_wiener(units, path, LENGTH, ANGLE)
    if blurred.shape == (3, 256, 256):
        tasks[STANDIN] = partial(forward, NAFNet().eval())
        maxim = models.build("maxim").eval().to(memory_format=torch.channels_last)
        tasks[MAXIM] = partial(forward, maxim)
    return tasks


def forward(network: nn.Module) -> Any:
    """Return what a network makes of a black image."""
    with torch.inference_mode():
        return network(torch.zeros(1, 3, 256, 256))


def time_all(tasks: Ways, rounds: int) -> dict[str, float]:
    """Return the best seconds of each."""
    best = dict.fromkeys(tasks, float("inf"))
    for _ in range(rounds):
        for name, task in tasks.items():
            begun = time.perf_counter()
            task()
            best[name] = min(best[name], time.perf_counter() - begun)
    return best


def table(size: str, best: dict[str, float]) -> str:
    """Return one size's table."""
    mine = best["deep-wiener"]
    rows = [f"| {name} | {seconds:.3f} | {seconds / mine:.2f} |" for name, seconds in best.items()]
    head = "| | seconds | to deep-wiener |\n|:---|---:|---:|"
    return f"## {size}\n\n{head}\n" + "\n".join(rows)


def asked(times: dict[str, dict[str, float]]) -> str:
    """Return the requirements and whether they hold."""
    small, large = times["256x256x3"], times["2048x2048x4"]
    scale = small[STANDIN] / NAFNET
    maxim = small[MAXIM]
    found_too = small["deep-wiener"] + small["estimate"]
    checks = [
        ("256x256x3 at most 150 ms, kernel given", small["deep-wiener"] * 1e3, 150, "ms"),
        ("256x256x3 at most 150 ms, kernel found", found_too * 1e3, 150, "ms"),
        ("2048x2048x4 at most 25 s, kernel given", large["deep-wiener"], 25, "s"),
        (
            "2048x2048x4 at most 25 s, kernel found",
            large["deep-wiener"] + large["estimate"],
            25,
            "s",
        ),
    ]
    lines = [
        f"| {name} | {value:.{0 if unit == 'ms' else 1}f} {unit} | {said(value <= bar)} |"
        for name, value, bar, unit in checks
    ]
    ratio, faster = maxim / small["deep-wiener"], small["deep-wiener"] / small["deep-wiener-fast"]
    large_faster = large["deep-wiener"] / large["deep-wiener-fast"]
    lines += [
        f"| 20 times MAXIM S-3's speed, kernel given | {ratio:.1f} times | {said(ratio >= 20)} |",
        f"| the same, kernel found | {maxim / found_too:.1f} times "
        f"| {said(maxim / found_too >= 20)} |",
        f"| deep-wiener-fast 3 times as fast | {faster:.1f} times at 256, {large_faster:.1f} at "
        f"2048 | {said(min(faster, large_faster) >= 3)} |",
    ]
    head = "| asked | measured | holds |\n|:---|---:|:---|"
    note = SCALED.format(
        standin=small[STANDIN] * 1e3, nafnet=NAFNET * 1e3, scale=scale,
        restormer=RESTORMER * scale, other=RESTORMER,
    )  # fmt: skip
    return f"## What was asked\n\n{head}\n" + "\n".join(lines) + f"\n\n{note}"


def said(holds: bool) -> str:
    """Return yes or no."""
    return "yes" if holds else "**no**"


def big() -> str:
    """Restore 8192x8192 of 16 bit by the command line; return its memory and seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tile = field(1024, 1)[0].astype(np.uint16) * 256
        images.write(folder / "big.tif", Image(np.tile(tile, (8, 8)), "YX"))
        del tile
        unsmear = str(Path(sys.executable).with_name("unsmear"))
        command = [unsmear, "restore", str(folder / "big.tif"), "-o", str(folder / "out")]
        rows = []
        for options in ((), ("--length", str(LENGTH), "--angle", str(ANGLE))):
            seconds, peak = watch([*command, *options])
            rows.append(
                f"| {'kernel given' if options else 'kernel found'} | {peak / 1e9:.2f} GB "
                f"| {seconds:.0f} s | {said(peak < 3e9)} |"
            )
    head = "| | peak memory | seconds | under 3 GB |\n|:---|---:|---:|:---|"
    return "## 8192x8192, one channel of 16 bit, `unsmear restore`\n\n" + "\n".join([head, *rows])


def watch(command: list[str]) -> tuple[float, float]:
    """Run a command; return its seconds and the most memory that its processes had, bytes.

    Each process's own peak (Linux), added up: an upper bound where there are several.
    """
    begun = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peaks: dict[int, float] = {}
    stopped = threading.Event()

    def look() -> None:
        while not stopped.wait(0.05):
            for process in family(child.pid):
                peaks[process] = max(peaks.get(process, 0.0), peak_of(process))

    watcher = threading.Thread(target=look)
    watcher.start()
    code = child.wait()
    seconds = time.perf_counter() - begun
    stopped.set()
    watcher.join()
    if code:
        sys.exit(f"{' '.join(command)} must exit with 0, got {code}.")
    return seconds, sum(peaks.values())


def family(process: int) -> list[int]:
    """Return a process and its descendants."""
    try:
        listed = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        listed = []
    return [process, *(other for child in listed for other in family(int(child)))]


def peak_of(process: int) -> float:
    """Return the most memory a process has had so far, bytes; 0 where it is gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    return float(match.group(1)) * 1024 if match else 0.0


def main() -> None:
    """Time, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--big", action="store_true", help="also time an 8192x8192 image through the command line"
    )
    options = parser.parse_args()
    torch.set_num_threads(THREADS)
    cv2.setNumThreads(THREADS)
    times = {}
    for size, (side, channels) in SIZES.items():
        times[size] = time_all(ways(field(side, channels)), ROUNDS[size])
    cores = len(os.sched_getaffinity(0))
    parts = [
        INTRODUCTION.format(cores=cores, threads=THREADS, machine=platform.machine()),
        asked(times),
        *(table(size, best) for size, best in times.items()),
    ]
    page = HERE / "speed.md"
    large_images = re.search(r"## 8192x8192.*", page.read_text(), re.S) if page.exists() else None
    if options.big:
        parts.append(big())
    elif large_images:
        parts.append(large_images.group(0))
    page.write_text("\n\n".join(part.strip() for part in parts) + "\n")
    print(page.read_text())


INTRODUCTION = """# How fast

Made by `.venv/bin/python benchmarks/speed.py` (with `--big` for the last table): {cores} cores
({machine}), torch and OpenCV with {threads} threads, the FFTs with as many as there are cores.
8-bit synthetic cells with 10 px of motion; whole calls, with rounding and, of the learned methods,
the check of their results. The kernel is given; "found" adds `estimate`. Best of 9 rounds (2 for
the large image) in which all take turns. Seconds are this machine's; the last column carries
further.
"""

SCALED = """
MAXIM S-3 is Unsmear's own port, which is faster than the original (`maxim.md`): the bar moved with
it. Restormer is not run here. On another machine with two cores, 256x256x3 in float32, it took
{other} s and NAFNet w32 {nafnet:.0f} ms. A NAFNet of that shape (17.1 M parameters, weights at
random, written in `speed.py`) takes {standin:.0f} ms here, {scale:.2f} times as long, so Restormer
is put at {restormer:.1f} s. **That is scaled, not measured.**
"""

if __name__ == "__main__":
    main()
