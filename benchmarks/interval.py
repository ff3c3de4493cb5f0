"""Measure how many pixels the 90 % interval holds, for each data set and image.

    python benchmarks/interval.py [--data ../shared/data] [--count 1] [--workers 2]

Writes benchmarks/interval.md. Images are those of the test clusters, which neither the weights nor
the factors of the interval have seen: motions of 6, 10 and 16 px, 8 bit, with 500 photoelectrons at
full scale and without noise; with the true kernel, and without noise blind, too.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from recipes.weights import model_card
from recipes.weights.model_card import Case
from unsmear.checkpoints import checkpoint
from unsmear.images import Image
from unsmear.restoration import pipeline

METHOD = "deep-wiener"
BORDER = 6
"""Pixels at the border that are not counted."""
Result = tuple[str, str, tuple[float, float], tuple[float, float]]
"""Data set; given or blind; shares of pixels in the interval without and with its factors; mean
half-widths, units of counts."""


def measure(case: Case, plain: str) -> list[Result]:
    """Return what both intervals hold of an image; plain: weights without factors."""
    found: list[Result] = []
    image = Image(case.blurred, "YX")
    for way in ("given", "blind") if case.photons is None else ("given",):
        blind = pipeline.restore(image, method=METHOD) if way == "blind" else None
        if blind is not None and blind.blur is None:
            continue
        kernel = case.kernel if blind is None or blind.blur is None else blind.blur.kernel()
        inside = slice(BORDER, -BORDER), slice(BORDER, -BORDER)
        shares, widths = [], []
        for method in (plain, METHOD):
            done = pipeline.apply_method(image, method, kernel, uncertainty=True)
            assert done.uncertainty is not None  # for mypy: it was asked for
            error = np.abs(done.image.pixels.astype(np.float64) - case.sharp)
            shares.append(float((error <= done.uncertainty.pixels)[inside].mean()))
            widths.append(float(done.uncertainty.pixels[inside].mean()))
        found.append((case.folder, way, (shares[0], shares[1]), (widths[0], widths[1])))
    return found


def table(results: Sequence[Result]) -> Iterable[str]:
    """Yield the lines of the table."""
    yield "| data, kernel | images | one factor: mean (least) | fitted: mean (least) | width |"
    yield "|---|---|---|---|---|"
    groups = sorted({result[:2] for result in results})
    for group in [*groups, ("all", "")]:
        rows = [result for result in results if group in (result[:2], ("all", ""))]
        shares = np.array([result[2] for result in rows])
        widths = np.array([result[3] for result in rows])
        ratio = float(np.exp(np.log(widths[:, 1] / widths[:, 0]).mean()))
        before, after = (
            f"{mean:.1%} ({least:.1%})"
            for mean, least in zip(shares.mean(0), shares.min(0), strict=True)
        )
        name = ", ".join(filter(None, group))
        yield f"| {name} | {len(rows)} | {before} | {after} | {ratio:.2f} |"


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--count", type=int, default=1, help="number of planes of each data set")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    cases = list(model_card.cases(options.data, "test", options.count))
    with TemporaryDirectory() as folder, ProcessPoolExecutor(options.workers) as pool:
        loaded = checkpoint.load(METHOD)
        card = {name: value for name, value in loaded.card.items() if name != "interval"}
        plain = Path(folder) / METHOD
        checkpoint.save(plain, loaded.tensors, card)
        found = list(pool.map(partial(measure, plain=str(plain)), cases))
    lines = [*table([result for several in found for result in several])]
    text = "\n".join(
        [
            "# What the 90 % interval holds",
            "",
            f"`python benchmarks/interval.py --count {options.count}`: share of the pixels of test "
            "clusters whose sharp value lies in the interval, on average and of the worst image; "
            "with the one factor of the card, and fitted to each image (the default). Width: the "
            "fitted interval's over the other's, geometric mean. Blind images that were left alone "
            "are not counted.",
            "",
            *lines,
            "",
        ]
    )
    print(text)
    Path(__file__).with_suffix(".md").write_text(text)


if __name__ == "__main__":
    main()
