"""Time the Wiener filter against its bare Fourier transforms and against scikit-image.

    python benchmarks/wiener.py

Writes benchmarks/wiener.md: ratios, which carry from one machine to another, not times.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import scipy.fft
from skimage.restoration import wiener as skimage_wiener

from unsmear import blur
from unsmear.restoration.classical import METHODS
from unsmear.restoration.classical.power_spectrum import WORKERS

SIDE = 2048
ROUNDS = 9


def main() -> None:
    """Measure, print and write the table."""
    image = synthetic(SIDE)[None, None]
    kernel = blur.Motion(10.0, 40.0).kernel()
    fit = METHODS["wiener"].fit
    restorer = fit(image, kernel)
    linear = fit(image, kernel, keep_positive=False)
    padded = scipy.fft.next_fast_len(SIDE + 2 * restorer.radius, real=True)
    ways: dict[str, Callable[[], object]] = {
        "bare FFTs, padded": lambda: transforms(np.pad(image[0, 0], (0, padded - SIDE))),
        "bare FFTs, not padded": lambda: transforms(image[0, 0]),
        "wiener, linear": lambda: linear.restore(image),
        "wiener": lambda: restorer.restore(image),
        "wiener, first image (fit and restore)": lambda: fit(image, kernel).restore(image),
        "scikit-image wiener": lambda: skimage_wiener(image[0, 0], kernel, 0.01, clip=False),
    }
    times = measure(ways)
    padded_time, bare_time = times["bare FFTs, padded"], times["bare FFTs, not padded"]
    lines = [
        f"| {name} | {elapsed / padded_time[0]:.2f} | {elapsed / bare_time[0]:.2f} "
        f"| {processor / padded_time[1]:.2f} |"
        for name, (elapsed, processor) in times.items()
    ]
    table = "\n".join(
        [
            "# Speed of the Wiener filter",
            "",
            f"{SIDE}x{SIDE} pixels, one channel with a dark background, 10 px of motion, {WORKERS}",
            "workers; `python benchmarks/wiener.py`. The bare FFTs are one `rfft2` and one",
            f"`irfft2` of scipy.fft in single precision, of {padded}x{padded} pixels (padded, as",
            "the filter needs them for its borders) or of the image alone.",
            f"Medians of {ROUNDS} interleaved rounds, as ratios. Processor time, of all threads,",
            "changes little with what else the machine does; time passed does where it is busy.",
            "",
            "| | to the padded FFTs | to the image's FFTs | processor time to the padded FFTs |",
            "|---|---|---|---|",
            *lines,
            "",
        ]
    )
    print(table)
    Path(__file__).with_suffix(".md").write_text(table)


def synthetic(side: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Return smooth noise between 0 and 1, flat where it is dark, as fluorescence is."""
    white = np.random.default_rng(0).standard_normal((side, side))
    fall = 1 / (0.002 + np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)))
    smooth = scipy.fft.irfft2(scipy.fft.rfft2(white) * fall, s=(side, side))
    smooth = np.maximum(smooth - np.quantile(smooth, 0.2), 0)
    return (smooth / smooth.max()).astype(np.float32)


def transforms(plane: np.ndarray) -> np.ndarray:
    """Transform forth and back."""
    return scipy.fft.irfft2(scipy.fft.rfft2(plane, workers=WORKERS), s=plane.shape, workers=WORKERS)


def measure(ways: dict[str, Callable[[], object]]) -> dict[str, tuple[float, float]]:
    """Return median seconds, passed and of processors; the ways take turns, so that a busy machine
    slows all alike.
    """
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = time.perf_counter(), time.process_time()
            way()
            times[name].append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return {
        name: (median(passed for passed, _ in values), median(spent for _, spent in values))
        for name, values in times.items()
    }


if __name__ == "__main__":
    main()
