"""What bfloat16 costs and gives: deep-wiener-lean by OpenVINO beside single precision.

    OMP_NUM_THREADS=1 python benchmarks/precision.py [--data ../shared/data] [--count 3]

Needs OpenVINO (`pip install 'unsmear[openvino]'`) and a processor with bfloat16. Writes
precision.md; three minutes on one core.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import unsmear
from recipes.weights.model_card import PHOTONS, Case, cases
from unsmear.atomic import write_aside
from unsmear.checkpoints import derived
from unsmear.choices import BEST_METHOD
from unsmear.restoration.learned import inference
from unsmear.tables import narrow_markdown

SPLITS = ("calibration", "test")
SIDES, ROUNDS = (256, 512, 1024), 9
WAYS: dict[str, dict[str, Any]] = {
    "ONNX Runtime": {"runtime": "onnx"},
    "OpenVINO": {"runtime": "openvino", "exact": True},
    "OpenVINO, bfloat16": {"runtime": "openvino"},
}
SINGLE, _, HALF = WAYS
NOTE = """# bfloat16

    OMP_NUM_THREADS=1 python benchmarks/precision.py --count {count}

`{method}` computed in single precision (ONNX Runtime {onnx}) and in bfloat16 (OpenVINO {openvino}).
Processor time of the network on one plane, medians of {rounds} interleaved rounds:

{times}

PSNR of images restored by the whole program with the true kernel, dB: {count} planes of each data
set and condition of the groups that were held out, at most 256x256, 8 bit, motion of 6 to 16 px;
half of them with {photons:.0f} photoelectrons at full scale.

{scores}
"""


def main() -> int:
    """Measure and write the page; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).parent / "../../shared/data")
    parser.add_argument("--count", type=int, default=3, help="planes of each data set")
    parser.add_argument("--page", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()
    if not derived.has_bfloat16():
        print("precision: OpenVINO and a processor with bfloat16 are needed.", file=sys.stderr)
        return 1
    import openvino

    chosen = [case for split in SPLITS for case in cases(options.data, split, options.count)]
    text = NOTE.format(
        count=options.count,
        method=BEST_METHOD,
        onnx=onnxruntime.__version__,
        openvino=openvino.__version__.split("-")[0],
        rounds=ROUNDS,
        photons=PHOTONS[1],
        times=narrow_markdown(times()),
        scores=narrow_markdown(scores(chosen)),
    )
    write_aside(options.page, text.encode())
    print(text)
    return 0


def times() -> list[list[str]]:
    """Return the table of processor seconds by the plane's side, and ratios to the first."""
    networks = {name: inference.load(BEST_METHOD, **way) for name, way in WAYS.items()}
    columns = [title for side in SIDES for title in (f"{side} px, s", "times as fast")]
    table = [["", *columns], *([name] for name in WAYS)]
    generator = np.random.default_rng(0)
    for side in SIDES:
        seconds: dict[str, list[float]] = {name: [] for name in WAYS}
        for number in range(ROUNDS + 1):
            for name, network in networks.items():
                plane = generator.random((network.versions, side, side), np.float32)
                begun = time.process_time()
                network(plane, np.full(2, 0.01, np.float32))
                if number:  # the first prepares itself
                    seconds[name].append(time.process_time() - begun)
        base = float(np.median(seconds[SINGLE]))
        for row, own in zip(table[1:], seconds.values(), strict=True):
            row += [f"{np.median(own):.3f}", f"{base / np.median(own):.2f}"]
    return table


def scores(chosen: Sequence[Case]) -> list[list[str]]:
    """Return the table of PSNR by the data set."""
    by_set: dict[str, list[tuple[float, float]]] = {}
    for case in chosen:
        by_set.setdefault(case.folder, []).append((_psnr(case, SINGLE), _psnr(case, HALF)))
    table = [["data set", "images", "single precision", "bfloat16, change", "worst", "best"]]
    for name, pairs in by_set.items():
        single, half = np.array(pairs).T
        change = half - single
        figures = [f"{change.mean():+.4f}", f"{change.min():+.4f}", f"{change.max():+.4f}"]
        table.append([name, str(len(pairs)), f"{single.mean():.2f}", *figures])
    return table


def _psnr(case: Case, way: str) -> float:
    restored = unsmear.restore(case.blurred, case.kernel, axes="YX", options=WAYS[way]).image
    error = np.square(restored.astype(np.float64) - case.sharp).mean()
    return float(10 * np.log10(255**2 / error))


if __name__ == "__main__":
    sys.exit(main())
