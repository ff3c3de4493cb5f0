"""Restore real cells by every classical method and write benchmarks/real-classical.md.

    .venv/bin/python benchmarks/real_classical.py [--data ../shared/data] [--runs runs/real]

Each data set is prepared and evaluated by the commands that a user would type, which are printed.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

LENGTHS = ["4", "6", "8", "10", "12", "16", "20"]
SEED = "7"


@dataclass(frozen=True)
class Set:
    """Settings of one table: images, size and blur."""

    name: str
    title: str
    inputs: tuple[str, ...]
    options: tuple[str, ...]


MOTION = ("--blur", "motion", "--length", *LENGTHS, "--angle", "0", "180")
FLOATS = ("--axes", "YXC", "--input-range", "-1", "1")
SETS = (
    Set(
        "proticelli",
        "proticelli cells, 256x256",
        ("proticelli",),
        (*MOTION, *FLOATS, "--repeats", "3"),
    ),
    Set(
        "hpa-256",
        "HPA fields, 256x256",
        ("hpa",),
        (*MOTION, "--channels", "RGB", "--repeats", "8"),
    ),
    Set(
        "hpa-864",
        "HPA fields, 864x864",
        ("hpa",),
        (*MOTION, "--size", "864", "--channels", "RGB", "--repeats", "1"),
    ),
    Set(
        "hpa-cells",
        "HPA cells, 224x224",
        ("hpa_cells",),
        (*MOTION, "--size", "224"),
    ),
    Set(
        "bbbc013",
        "bbbc013, 640x640",
        ("bbbc013_sbs/*1-*-A-0*.png", "bbbc013_sbs/*2-*-B-0*.png"),
        (*MOTION, "--size", "640"),
    ),
    Set("dsb2018-256", "dsb2018, 256x256", ("dsb2018_256x256",), (*MOTION, "--limit", "24")),
    Set(
        "dsb2018-520",
        "dsb2018, 520x520",
        ("dsb2018_520x696",),
        (*MOTION, "--size", "520", "--limit", "8"),
    ),
    Set("paper-hpa", "The paper's protocol on HPA fields", ("hpa",), ("--protocol", "paper")),
    Set(
        "paper-proticelli",
        "The paper's protocol on proticelli cells",
        ("proticelli",),
        ("--blur", "paper", *FLOATS),
    ),
)


def run(*command: str) -> str:
    """Run an unsmear command, return the line that a user would type."""
    unsmear = str(Path(sys.executable).with_name("unsmear"))
    finished = subprocess.run([unsmear, *command], capture_output=True, text=True)
    if finished.returncode:
        sys.exit(f"unsmear {' '.join(command)}\n{finished.stdout}{finished.stderr}")
    return f"unsmear {' '.join(command)}"


def table(dataset: Set, data: Path, runs: Path) -> str:
    """Prepare and evaluate one set; return its part of the page."""
    pairs, scores = runs / dataset.name / "pairs", runs / dataset.name / "scores"
    inputs = [str(data / given) for given in dataset.inputs]
    first = run("prepare", *inputs, "-o", str(pairs), *dataset.options, "--seed", SEED)
    second = run("evaluate", str(pairs), "-o", str(scores), "--workers", "2")
    count = len(list(csv.DictReader((pairs / "manifest.csv").open())))
    summary = (scores / "summary.md").read_text().strip()
    commands = f"```sh\n{first}\n{second}\n```"
    return f"## {dataset.title} ({count} pairs)\n\n{commands}\n\n{summary}\n"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--runs", type=Path, default=Path("runs/real"))
    parser.add_argument("--only", nargs="*", help="data sets to run; the page is then only printed")
    options = parser.parse_args()
    if not options.data.is_dir():
        sys.exit(f"{options.data} must be the folder of real images; name it with --data.")
    parts = [
        table(dataset, options.data, options.runs)
        for dataset in SETS
        if not options.only or dataset.name in options.only
    ]
    page = "\n".join([INTRODUCTION, *parts])
    if options.only:
        print(page)
    else:
        Path(__file__).with_name("real-classical.md").write_text(page)


INTRODUCTION = """# Classical restorers on real cells

Made by `.venv/bin/python benchmarks/real_classical.py`. Straight motion of 4 to 20 px at any angle,
8 bit, and the paper's own protocol (its recipe at degree 6 and angle -45, which darkens). "True
kernel" is given the movement that made the image, "estimated kernel" finds it in the image; an
image in which no motion is found is passed on as it was. Seconds a megapixel (every channel
counted, the estimate included) depend on the machine.

The paper's recipe is no straight movement: at degree 6 and angle -45 its weights are uneven and
their centre lies 0.65 px below the middle, so it shifts the image. Nothing in an image tells a
shift. With the recipe's own kernel it is undone; the estimated kernel is centred, so its result is
sharper than the blurred image, but two thirds of a pixel beside the sharp one, and scores little.
"""

if __name__ == "__main__":
    main()
