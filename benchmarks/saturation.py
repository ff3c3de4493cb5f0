"""Measure what is left to gain where a camera's white cut the brightest pixels off.

    python benchmarks/saturation.py [--data ../shared/data]

Writes saturation.md beside this file: four real fields, moved by a kernel that is not from the
package and recorded with 8 bit and more light than the camera holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
from scipy.signal import fftconvolve

import unsmear
from benchmarks.common import table
from benchmarks.common.images import WHITE, kernel
from benchmarks.common.table import FIELDS, Plane, plane_of

ANGLE = 30.0
LENGTHS = 6.0, 10.0, 16.0, 24.0
SHARES = 0.0, 0.005, 0.03, 0.1
NOTE = """
Gain in dB of the restored over the recorded image; one plane of each field, at most 256 px, 8 bit,
of which that share of the pixels is at white. The truth is what the same camera records at rest,
cut off at the same light. *-* was left alone.
"""


def main() -> None:
    """Measure, print and write the table."""
    columns = ["kernel", "px", "at white", *FIELDS, "mean"]
    table.write(Path(__file__), __doc__.splitlines()[0], "Saturated pixels", NOTE, columns, rows)


def rows(data: Path) -> Iterator[str]:
    """Yield the rows of the table."""
    fields = [plane_of(data, name) for name in FIELDS]
    for blind, length, share in product((False, True), LENGTHS, SHARES):
        gains = [gain_of(sharp, length, share, blind) for sharp in fields]
        cells = (f"{gain:+.2f}" if gain else "-" for gain in [*gains, float(np.mean(gains))])
        how = "estimated" if blind else "given"
        yield f"| {how} | {length:g} | {share:.1%} | {' | '.join(cells)} |"


def gain_of(sharp: Plane, length: float, share: float, blind: bool) -> float:
    """Return the gain of a field of which that share is at white when it moves, dB."""
    padded = np.pad(sharp, 20, mode="reflect")
    moved = fftconvolve(padded, kernel(length, ANGLE), mode="valid")
    white = np.quantile(moved, 1 - share)
    truth, recorded = (
        np.rint((image / white * WHITE).clip(0, WHITE)).astype(np.uint8) for image in (sharp, moved)
    )
    motion = None if blind else unsmear.Motion(length, ANGLE)
    restored = unsmear.restore(recorded, motion).image
    errors = (np.square(image - truth.astype(float)).mean() for image in (recorded, restored))
    before, after = errors
    return float(10 * np.log10(before / after))


if __name__ == "__main__":
    main()
