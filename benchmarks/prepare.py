"""`unsmear prepare` against a plain OpenCV loop that reads, resizes, filters and writes the same.

Both take the red, green and blue files of made fields in the layout of the Kaggle competition
(2048x2048, 8 bit; soft noise in round cells), resize them to 256, blur them by the paper's recipe
and write a sharp and a blurred PNG. The loop is what one writes in ten lines; it has no manifest,
splits or resuming. Times are the best of alternating runs, with OpenCV at one thread a process;
processor seconds are less moved by what else the machine does.

    python benchmarks/prepare.py            # writes benchmarks/prepare.md
    python benchmarks/prepare.py --quick    # a few images, prints only
"""

from __future__ import annotations

import argparse
import filecmp
import os
import platform
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from unsmear.blur import Sampler
from unsmear.cli.jobs.progress import map_with_progress
from unsmear.cluster import Where
from unsmear.data import source
from unsmear.data.prepare import Preparation, prepare

SIDE, SIZE = 2048, 256
DEGREE, ANGLE = 6, -45.0
COLOURS = ("red", "green", "blue", "yellow")
DISTINCT = 8
"""Number of fields that are drawn; the others are links to them."""


def make_field(generator: np.random.Generator) -> list[np.ndarray]:
    """Return four 8-bit planes: textured discs on a dark ground, with the camera's noise."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    cells = np.zeros((SIDE, SIDE), np.float32)
    for _ in range(20):
        row, column, radius = generator.uniform((0, 0, 120), (SIDE, SIDE, 260))
        cells += np.clip(radius - np.hypot(y - row, x - column), 0, 60) / 60
    planes = []
    for sigma in (3, 6, 12, 4):
        texture = cv2.GaussianBlur(generator.random((SIDE, SIDE), np.float32), (0, 0), sigma)
        texture = (texture - texture.mean()) / texture.std()
        light = np.clip(cells, 0, 1) * np.clip(70 + 35 * texture, 0, None)
        noisy = light + generator.normal(3, 1.5, light.shape)
        planes.append(np.rint(noisy).clip(0, 255).astype(np.uint8))
    return planes


def make_fields(folder: Path, count: int) -> None:
    """Write `count` fields in the layout of the competition."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for number in range(count):
        names = [folder / f"field{number:04}_{colour}.png" for colour in COLOURS]
        if number < DISTINCT:
            for name, plane in zip(names, make_field(generator), strict=True):
                cv2.imwrite(str(name), plane)
        else:
            for name, colour in zip(names, COLOURS, strict=True):
                name.hardlink_to(folder / f"field{number % DISTINCT:04}_{colour}.png")


def plain_loop(fields: Path, output: Path) -> None:
    """Do the same with OpenCV alone, as one would in a notebook."""
    for name in ("sharp", "blur"):
        (output / name).mkdir(parents=True)
    rotation = cv2.getRotationMatrix2D((DEGREE / 2, DEGREE / 2), ANGLE, 1)
    kernel = cv2.warpAffine(np.diag(np.ones(DEGREE)), rotation, (DEGREE, DEGREE)) / DEGREE
    for red in sorted(fields.glob("*_red.png")):
        stem = red.name.removesuffix("_red.png")
        planes = [
            cv2.imread(str(fields / f"{stem}_{colour}.png"), cv2.IMREAD_UNCHANGED)
            for colour in ("blue", "green", "red")
        ]
        sharp = cv2.resize(cv2.merge(planes), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(output / "sharp" / f"{stem}.png"), sharp)
        cv2.imwrite(str(output / "blur" / f"{stem}.png"), cv2.filter2D(sharp, -1, kernel))


def unsmear_prepare(fields: Path, output: Path, workers: int) -> None:
    """Do it as `unsmear prepare --protocol paper` does."""
    blurs = Sampler("paper", {"degree": DEGREE, "angle": ANGLE, "normalise": False})
    each = partial(map_with_progress, where=Where(workers), description="prepared")
    items = source.find([fields], channels="RGB")
    prepare(items, output, Preparation(blurs, size=SIZE), each=each)


def cpu_seconds() -> float:
    """Return the processor seconds of this process and its ended children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def seconds(run: Callable[[Path], None], output: Path) -> np.ndarray:
    """Return the seconds that a run takes into a new folder: by the clock, of the processor."""
    shutil.rmtree(output, ignore_errors=True)
    start, used = time.perf_counter(), cpu_seconds()
    run(output)
    return np.array([time.perf_counter() - start, cpu_seconds() - used])


def same_files(first: Path, second: Path) -> bool:
    """Return whether both folders hold the same pairs, byte for byte."""
    names = sorted(path.relative_to(first) for path in first.glob("*/*.png"))
    return bool(names) and all(filecmp.cmp(first / n, second / n, shallow=False) for n in names)


def measure(folder: Path, count: int, rounds: int) -> dict[str, np.ndarray]:
    """Return the best seconds of the loop and of one and two workers; checks their files."""
    fields = folder / "fields"
    make_fields(fields, count)
    runs: dict[str, Callable[[Path], None]] = {
        "OpenCV loop, one process": partial(plain_loop, fields),
        "unsmear prepare, 1 worker": partial(unsmear_prepare, fields, workers=1),
        "unsmear prepare, 2 workers": partial(unsmear_prepare, fields, workers=2),
    }
    best = {name: np.full(2, np.inf) for name in runs}
    for _ in range(rounds):
        for number, (name, run) in enumerate(runs.items()):
            best[name] = np.minimum(best[name], seconds(run, folder / f"run{number}"))
    assert same_files(folder / "run0", folder / "run1")
    assert same_files(folder / "run0", folder / "run2")
    return best


def table(best: dict[str, np.ndarray], count: int, rounds: int) -> str:
    """Return the results as Markdown."""
    loop, single, two = best.values()
    two_free = 2 * single[1] / two[1]
    rows = "\n".join(
        f"| {name} | {clock:.2f} | {count / clock:.2f} | {processor:.2f} |"
        for name, (clock, processor) in best.items()
    )
    return f"""# Preparing pairs

`python benchmarks/prepare.py`: {count} made fields of three 2048x2048 8-bit PNG files to pairs at
256x256, the paper's recipe; best of {rounds} alternating runs, starting the processes included.
OpenCV {cv2.__version__} at one thread a process, Python {platform.python_version()},
{os.cpu_count()} cores. All three write the same image files, byte for byte.

| | seconds | images a second | processor seconds |
|---|---|---|---|
{rows}

- Against the loop, on one core: **{loop[0] / single[0]:.2f}x** by the clock,
  {loop[1] / single[1]:.2f}x by the processor (aim: 0.8x or more).
- Two workers against one: **{single[0] / two[0]:.2f}x** by the clock (aim: 1.7x or more). Processor
  seconds say what two free cores could give: {two_free:.2f}x; the clock also counts what
  else the machine did.
"""


def main() -> None:
    """Measure, print the table, and write it unless --quick."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--images", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    count, rounds = (8, 1) if options.quick else (options.images, options.rounds)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        best = measure(Path(folder), count, rounds)
    text = table(best, count, rounds)
    print(text)
    if not options.quick:
        Path(__file__).with_suffix(".md").write_text(text)


if __name__ == "__main__":
    main()
