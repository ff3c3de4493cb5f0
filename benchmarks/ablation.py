"""Train variants of the restorer's network side by side and write ablation.md.

    python benchmarks/ablation.py [--data ../shared/data] [--steps 800]

All variants have the size of the fast network, learn from the same samples, and are scored on
held-out data sets with the true kernel. A quarter of an hour on two cores.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from recipes.weights import datasets, deep_wiener
from recipes.weights.restorer_samples import Samples
from unsmear.tables import narrow_markdown

SMALL = deep_wiener.NETWORKS["deep-wiener-fast"]
VARIANTS: dict[str, dict[str, Any]] = {
    "blurred image alone": {**SMALL, "versions": 1},
    "fitted Wiener and blurred": {**SMALL, "versions": 2},
    "fitted, bold and careful Wiener, blurred": {**SMALL, "versions": 4},
    "the same, two levels": {**SMALL, "versions": 4, "widths": (24, 48)},
}
NOTE = """# Which inputs help

    python benchmarks/ablation.py --steps {steps}

Networks of the fast one's size, {steps} steps of {batch} planes, the same samples for all; PSNR in
dB on the data sets kept aside for calibration, true kernel, 256x256, 8 bit; noisy is a photon peak
of 500. *wiener* is the fitted filter that the network mends.

"""


def main() -> None:
    """Train, score and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).parent / "../../shared/data")
    parser.add_argument("--steps", type=int, default=800)
    options = parser.parse_args()
    if not options.data.is_dir():
        sys.exit(f"the real images are not in {options.data}; nothing measured.")
    state = deep_wiener.begin(0, options=VARIANTS)
    samples = Samples(datasets.load(options.data, "training"), seed=5)
    for losses in deep_wiener.train(state, samples, options.steps, workers=1):
        if state.step % 100 == 0:
            summary = ", ".join(f"{name} {loss:.3f}" for name, loss in losses.items())
            print(f"step {state.step}/{options.steps}: {summary}", flush=True)
    rows = deep_wiener.validate(state, deep_wiener.validation(options.data))
    text = NOTE.format(steps=options.steps, batch=deep_wiener.BATCH) + table(rows)
    Path(__file__).with_suffix(".md").write_text(text)
    print(text)


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as Markdown, and their mean."""
    names = ["blurred", "wiener", *VARIANTS]
    table = [["data set", "px", *names]]
    for row in rows:
        table.append([row["set"], str(row["length"]), *(f"{row[name]:.2f}" for name in names)])
    means = (f"{np.mean([row[name] for row in rows]):.2f}" for name in names)
    return narrow_markdown([*table, ["mean", "", *means]])


if __name__ == "__main__":
    main()
