"""Computing time and memory of the methods on this machine, each measured in a process of its own.

A process imports the libraries, makes a field of spots, restores it once to load the weights, and
then as often as asked. The seconds are the median of these rounds, with the estimate, the check and
the rounding; reading and writing files is left out.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.errors import OptionError, UnsmearError

MOTION = (10.0, 40.0)
"""Length and angle of the motion, pixels and degrees."""
PEAK, OFFSET = 3000.0, 100.0
"""Counts of the brightest pixel, and of the background."""
SMALLEST = 64
"""Smallest side of an image, pixels."""
LARGEST = 14
"""Radius of the largest cells, pixels."""
ESTIMATE = "estimate"
"""Name of the row that only estimates."""
HEAD = ("method", "runtime", "image", "kernel", "threads", "seconds", "MP/s", "peak MiB")
HEADING = "| " + " | ".join(HEAD) + " |\n" + "|:---" * 4 + "|---:" * 4 + "|"
"""The first two lines of a table in Markdown."""


@dataclass(frozen=True)
class Task:
    """What is measured.

    method: name of a restoration method, or "estimate". runtime: of its network, None for the
    default. size: side of the image, pixels. channels: their number. threads: of the process.
    given: whether the kernel is given. rounds: number of times.
    """

    method: str
    runtime: str | None
    size: int
    channels: int
    threads: int
    given: bool
    rounds: int

    def __str__(self) -> str:
        """Return it in words."""
        kernel = "given" if self.given else "found"
        method = f"{self.method} with {self.runtime}" if self.runtime else self.method
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        times = "once" if self.rounds == 1 else f"{self.rounds} times"
        image = f"{self.size}x{self.size}x{self.channels}"
        return f"{method} on {image}, kernel {kernel}, {threads}, {times}"


@dataclass(frozen=True)
class Speed:
    """What was measured of a task.

    seconds: median of the rounds. megapixels_per_second: of all channels. peak: largest memory of
    the process, MiB, with the libraries; None where the system does not tell.
    """

    task: Task
    seconds: float
    megapixels_per_second: float
    peak: float | None

    def line(self) -> str:
        """Return it as a line of a table in Markdown."""
        task = self.task
        cells = (
            task.method,
            task.runtime or "",
            f"{task.size}x{task.size}x{task.channels}",
            "given" if task.given else "found",
            str(task.threads),
            f"{self.seconds:.3f}",
            f"{self.megapixels_per_second:.2f}",
            "" if self.peak is None else f"{self.peak:.0f}",
        )
        return "| " + " | ".join(cells) + " |"

    def row(self) -> dict[str, Any]:
        """Return it as a table's row."""
        return {**asdict(self.task), **{k: v for k, v in asdict(self).items() if k != "task"}}


def tasks(
    methods: Sequence[str],
    runtimes: Sequence[str | None],
    sizes: Iterable[tuple[int, int]],
    threads: Iterable[int],
    rounds: int,
) -> Iterator[Task]:
    """Yield all tasks; sizes: (side, channels).

    Only learned methods have runtimes, and only methods that need a kernel can be given one.
    Raises OptionError for an unknown method.
    """
    from unsmear.restoration import methods as methods_

    for (size, channels), count, method in product(sizes, threads, methods):
        known = None if method == ESTIMATE else methods_.find(method)
        learned = known is not None and "runtime" in methods_.options_of(known)
        for runtime in runtimes if learned else (None,):
            for given in (False, True) if known is not None and known.needs_kernel else (False,):
                yield Task(method, runtime, size, channels, count, given, rounds)


def measure(task: Task) -> Speed:
    """Return the speed of a task, measured in a new process.

    Raises UnsmearError with the process's last words where it fails.
    """
    count = str(task.threads)
    environment = {**os.environ, "OMP_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "unsmear.speed", json.dumps(asdict(task))],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if done.returncode:
        words = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise UnsmearError(f"{task.method}, {task.size}x{task.size}: {words[-1]}")
    seconds, peak = json.loads(done.stdout.splitlines()[-1])
    pixels = task.size**2 * task.channels / 1e6
    return Speed(task, seconds, pixels / seconds, peak)


def markdown(speeds: Sequence[Speed]) -> str:
    """Return a table in Markdown."""
    return "\n".join([HEADING, *(speed.line() for speed in speeds)]) + "\n"


def field(size: int, channels: int, seed: int = 0) -> NDArray[np.uint16]:
    """Return a smeared field of round cells with grain and noise, (channel, y, x), 16 bit."""
    from unsmear.blur import Motion, convolve

    generator = np.random.default_rng(seed)
    result = np.empty((channels, size, size), np.uint16)
    for plane in result:
        sharp = _cells(generator, size)
        smeared = convolve(sharp, Motion(*MOTION).kernel())
        light = np.clip(smeared / smeared.max(), 0, 1) * PEAK
        plane[:] = generator.poisson(light + OFFSET)
    return result


def _cells(generator: np.random.Generator, size: int) -> NDArray[np.float32]:
    """Return round cells with grains, (y, x)."""
    sharp = np.zeros((size + 2 * LARGEST, size + 2 * LARGEST), np.float32)
    side = np.arange(-LARGEST, LARGEST + 1)
    distance = np.hypot(side[:, None], side)
    for _ in range(max(4, size * size // 2000)):
        y, x = generator.integers(LARGEST, size + LARGEST, 2)
        inside = distance < generator.uniform(3, LARGEST)
        grains = generator.gamma(1.0, 1.0, distance.shape) + 1
        brightness = generator.uniform(0.2, 1)
        area = sharp[y - LARGEST : y + LARGEST + 1, x - LARGEST : x + LARGEST + 1]
        area += (brightness * inside * grains).astype(np.float32)
    return sharp[LARGEST:-LARGEST, LARGEST:-LARGEST]


def _run(task: Task) -> tuple[float, float | None]:
    """Return the median seconds of a task in this process, and its peak memory in MiB."""
    from unsmear.blur import Motion
    from unsmear.estimate import estimate_blur
    from unsmear.restoration.pipeline import restore

    image = field(task.size, task.channels)
    call: Callable[[], object]
    if task.method == ESTIMATE:
        call = partial(estimate_blur, image, axes="CYX")
    else:
        kernel = Motion(*MOTION) if task.given else None
        options: dict[str, Any] = {} if task.runtime is None else {"runtime": task.runtime}
        call = partial(restore, image, kernel, axes="CYX", method=task.method, options=options)
    call()
    rounds = []
    for _ in range(task.rounds):
        start = time.perf_counter()
        call()
        rounds.append(time.perf_counter() - start)
    return statistics.median(rounds), _peak()


def _peak() -> float | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    # On Linux a process inherits the largest memory of the one that started it.
    status = Path("/proc/self/status")
    if status.exists():
        match = re.search(r"VmHWM:\s*(\d+) kB", status.read_text())
        return int(match[1]) / 1024 if match else None
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest / (1024**2 if sys.platform == "darwin" else 1024)


def parse_size(text: str) -> tuple[int, int]:
    """Return side and channels of "2048x4", or of "2048", which is one channel.

    Raises OptionError for another text.
    """
    match = re.fullmatch(r"([1-9]\d{1,4})(?:x([1-9]\d?))?", text)
    size, count = (int(match[1]), int(match[2] or 1)) if match else (0, 0)
    if size < SMALLEST:
        raise OptionError(
            f"--sizes must be sides of {SMALLEST} pixels or more with channels, such as "
            f"256x3,2048x4, got {text}."
        )
    return size, count


if __name__ == "__main__":
    try:
        print(json.dumps(_run(Task(**json.loads(sys.argv[1])))))
    except UnsmearError as error:
        sys.exit(str(error))
