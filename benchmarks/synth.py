"""Drawing speed of synthetic fields: megapixels of four channels per second, on one core.

Fields of 1024x1024 with labels as frequent as the real ones, drawn in this process with OpenCV at
one thread; the time is the processor's, so that other work on the machine does not count. PNGs
are not written.

    python benchmarks/synth.py            # writes benchmarks/synth.md
    python benchmarks/synth.py --quick    # a few fields, prints only
"""

from __future__ import annotations

import argparse
import platform
import time
from pathlib import Path

import cv2
import numpy as np

from unsmear.data.labels import LABELS
from unsmear.synthetic import draw_field, draw_labels

SIDE = 1024


def seconds(count: int, pixel_size: float, bits: int, labels: tuple[int, ...] = ()) -> float:
    """Return the processor's seconds for one field, the mean of `count`."""
    begun = time.process_time()
    for index in range(count):
        generator = np.random.default_rng((0, index))
        drawn = draw_labels(generator, 1)[0]
        draw_field(generator, (SIDE, SIDE), labels or drawn, pixel_size, bits)
    return (time.process_time() - begun) / count


def row(name: str, taken: float) -> str:
    """Return a row of the table."""
    return f"| {name} | {taken:.2f} | {SIDE**2 / 1e6 / taken:.2f} |"


def main() -> None:
    """Measure, print the tables, and write them unless --quick."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="draw few fields, only print")
    quick = parser.parse_args().quick
    cv2.setNumThreads(1)
    draw_field(np.random.default_rng(0), (64, 64))  # what a process makes once
    count = 2 if quick else 10
    rows = [
        row(f"{pixel_size} um, {bits} bit", seconds(count, pixel_size, bits))
        for pixel_size in (0.08, 0.16, 0.32)
        for bits in (8, 16)
    ]
    each = [] if quick else [row(LABELS[i], seconds(3, 0.16, 8, (i,))) for i in range(len(LABELS))]
    head = "| | seconds a field | megapixels a second |\n|---|---|---|"
    text = "\n".join(
        [
            "# Speed of synthetic fields",
            "",
            "`python benchmarks/synth.py`: one core, 1024x1024 pixels of four channels, "
            f"{count} fields a row (3 for a single label), NumPy {np.__version__}, "
            f"OpenCV {cv2.__version__}, Python {platform.python_version()}.",
            "",
            head,
            *rows,
            *(["", "A single label, at 0.16 um and 8 bit:", "", head, *each] if each else []),
            "",
        ]
    )
    print(text)
    if not quick:
        Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
