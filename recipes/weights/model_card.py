"""Calibrate the uncertainty of trained restorers, score them, and write their model cards.

    python -m recipes.weights.model_card --data FOLDER --run runs/deep-wiener
        [--into src/unsmear/weights]

The prediction interval is set on the calibration clusters; the scores are those of the test
clusters. Both are restored by the pipeline, with 8 bit before and after, as a user's image is.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recipes.weights import datasets, deep_wiener, distil, restorer_samples
from recipes.weights.datasets import Plane, reduce
from unsmear import metrics
from unsmear.blur import Camera, Kernel, Motion, convolve
from unsmear.checkpoints import checkpoint
from unsmear.images import Image
from unsmear.restoration import pipeline

LENGTHS = (6.0, 10.0, 16.0)
"""Lengths of the tested motions, pixels."""
PHOTONS = (None, 500.0)
"""Photoelectrons at full scale; None is no noise."""
REDUCED = {"proticelli": 2.0, "hpa": 4.0}
"""Factors by which data sets are reduced, so that they are sharp."""
SIDE = 256
"""Side of the images, pixels."""
COVERED = 0.9
"""Coverage of the prediction interval."""
LIMITS = (
    "Straight movements up to 22 px and shakes up to 40 px of path were trained; longer ones are "
    "restored worse. Saturated pixels are lost. A rotation, or several movements in one exposure, "
    "is no single kernel: the report's map shows where the result does not explain the image. "
    "Detail that noise has covered comes back smooth, not invented."
)


@dataclass(frozen=True)
class Case:
    """A blurred image and its sharp original, both 8 bit, (y, x)."""

    folder: str
    length: float
    photons: float | None
    sharp: NDArray[np.uint8]
    blurred: NDArray[np.uint8]
    kernel: Kernel


def cases(data: Path, split: str, count: int) -> Iterator[Case]:
    """Yield cases of up to `count` planes of each data set of a split."""
    by_folder: dict[str, list[Plane]] = {}
    for plane in datasets.load(data, split):
        by_folder.setdefault(plane.folder, []).append(plane)
    for folder, planes in sorted(by_folder.items()):
        for index, plane in enumerate(planes[:: max(1, len(planes) // count)][:count]):
            units = reduce(plane, REDUCED.get(folder, plane.coarsest))[:SIDE, :SIDE]
            sharp = np.rint(units * 255).astype(np.uint8)
            for length in LENGTHS:
                for photons in PHOTONS:
                    generator = np.random.default_rng([index, int(length), int(photons or 0)])
                    kernel = Motion(length, float(generator.uniform(0, 180))).kernel()
                    light = convolve(sharp / np.float32(255), kernel)
                    blurred = Camera(photons=photons).expose(light, generator)
                    yield Case(folder, length, photons, sharp, blurred, kernel)


def ratios(name: str, pairs: list[Case]) -> list[NDArray[np.float32]]:
    """Return the ratio of each pixel's error to its stated half-width, for each pair."""
    results = []
    for case in pairs:
        done = pipeline.apply_method(Image(case.blurred, "YX"), name, case.kernel, uncertainty=True)
        error = np.abs(done.image.pixels.astype(np.float32) - case.sharp)
        width = np.asarray(getattr(done.uncertainty, "pixels", 0), np.float32)
        results.append((error / np.maximum(width, 1e-6)).ravel())
    return results


def scores(name: str, pairs: list[Case]) -> list[dict[str, Any]]:
    """Return the mean PSNR of each data set, length and noise: blurred, Wiener and restored."""
    sums: dict[tuple[Any, ...], list[tuple[float, ...]]] = {}
    for case in pairs:
        image = Image(case.blurred, "YX")
        images = [image] + [
            pipeline.apply_method(image, method, case.kernel).image for method in ("wiener", name)
        ]
        key = case.folder, case.length, case.photons
        row = tuple(metrics.psnr(case.sharp, image.pixels, data_range=255) for image in images)
        sums.setdefault(key, []).append(row)
    return [
        {"data": folder, "length": length, "photons": photons}
        | dict(
            zip(
                ("blurred", "wiener", "restored"),
                np.mean(rows, axis=0).round(2).tolist(),
                strict=True,
            )
        )
        for (folder, length, photons), rows in sums.items()
    ]


def main() -> None:
    """Calibrate, score, and write weights and cards."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--run", type=Path, default=Path("runs/deep-wiener"))
    parser.add_argument("--into", type=Path, default=checkpoint.SHIPPED)
    parser.add_argument("--count", type=int, default=6, help="number of planes of each data set")
    options = parser.parse_args()
    state = torch.load(options.run / "state.pt", map_location="cpu", weights_only=True)
    # Synthetic cells have noise of their own, for which the interval should not grow.
    calibration = [
        case
        for case in cases(options.data, "calibration", options.count)
        if case.folder != "synthetic"
    ]
    test = list(cases(options.data, "test", options.count))
    for name, average in state["averages"].items():
        card = describe(name, options.data, state) | history(options.run)
        card |= measured(name, average, card, calibration, test)
        checkpoint.save(options.into / name, average, card)
        (options.into / f"{name}.md").write_text(page(name, checkpoint.load(options.into / name)))
        print(f"{name}: band {card['error_quantile']}, coverage {card['coverage']['test']:.1%}")


def measured(
    name: str,
    tensors: Mapping[str, Tensor],
    card: Mapping[str, Any],
    calibration: list[Case],
    test: list[Case],
) -> dict[str, Any]:
    """Return the card's entries for the calibrated interval, its coverage and the scores."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        checkpoint.save(path, tensors, {**card, "error_quantile": 1.0})
        quantile = float(np.quantile(np.concatenate(ratios(str(path), calibration)), COVERED))
        band = {"error_quantile": round(quantile, 4)}
        checkpoint.save(path, tensors, {**card, **band})
        inside = np.concatenate(ratios(str(path), test)) <= 1
        coverage = {"asked": COVERED, "test": round(float(inside.mean()), 4)}
        return {**band, "coverage": coverage, "scores": scores(str(path), test)}


def describe(name: str, data: Path, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the card's entries that are known before calibration; state: of the run."""
    recipe: Any = distil if name in distil.STUDENTS else deep_wiener
    return {
        "network": "DeepWiener",
        "options": {**deep_wiener.NETWORKS, **distil.STUDENTS}[name],
        "scaling": "none: gain and offset of the counts change nothing",
        "licence": "CC BY-SA 4.0, as the most demanding of the training images asks",
        "data": licences(data),
        "shares": restorer_samples.SHARES,
        "kept_aside": {"test": datasets.TEST, "calibration": datasets.CALIBRATION},
        "command": f"python -m {recipe.__name__} --data DATA --run RUN, "
        f"{state['step']} steps of {recipe.BATCH} planes of {restorer_samples.SIDE} pixels",
        "machine": state.get("machine", "two processor cores, without a GPU"),
        "limits": LIMITS,
    }


def history(run: Path) -> dict[str, str]:
    """Return the text of a run's `history.txt` as an entry of the card, if there is one."""
    file = run / "history.txt"
    return {"history": " ".join(file.read_text().split())} if file.exists() else {}


def licences(data: Path) -> list[dict[str, str]]:
    """Return each training data set's licence and source."""
    entries = {"synthetic": {"data": "synthetic", "licence": "BSD-3-Clause", "source": "unsmear"}}
    for row in datasets.manifest(data):
        folder = row["file"].split("/")[0]
        if folder in restorer_samples.SHARES and datasets.split_of(row["group"]) == "training":
            source = f"{row['attribution']} ({row['source_repo']})"
            entries[folder] = {"data": folder, "licence": row["licence"], "source": source}
    return list(entries.values())


def page(name: str, loaded: checkpoint.Checkpoint) -> str:
    """Return the card as Markdown."""
    card = loaded.card
    count = sum(tensor.numel() for tensor in loaded.tensors.values())
    lines = [
        f"# {name}",
        "",
        f"{card['network']} with {dict(card['options'])}: {count:,} parameters, float32, without "
        "biases. One channel at a time: Wiener results and the blurred plane in, the restored "
        "plane and the scale of its error out.",
        "",
        f"- Trained by `{card['command']}`, on {card['machine']}.",
        *([f"- {card['history']}"] if "history" in card else []),
        f"- Scaling: {card['scaling']}.",
        f"- Licence: {card['licence']}.",
        f"- SHA-256 of {name}.safetensors: `{card['sha256']}`.",
        f"- Error: {card['error_quantile']} times the network's scale holds "
        f"{card['coverage']['test']:.1%} of the test groups' pixels (asked: "
        f"{card['coverage']['asked']:.0%}; set on the calibration groups). It is fitted to each "
        "image by the factors that `recipes.weights.interval` writes to the card.",
        f"- Limits: {card['limits']}",
        "",
        "## Trained on",
        "",
        "| data | share of samples | licence | source |",
        "|---|---|---|---|",
        *(
            f"| {entry['data']} | {card['shares'][entry['data']]:.0%} | {entry['licence']} | "
            f"{entry['source']} |"
            for entry in card["data"]
        ),
        "",
        "Groups kept aside: for tests "
        f"{', '.join(card['kept_aside']['test'])}; for calibration "
        f"{', '.join(card['kept_aside']['calibration'])} (beginnings of names).",
        "",
        "## Figures",
        "",
        "Test groups, 256x256, 8 bit, true kernel, PSNR in dB; `benchmarks/restorers.md` has more.",
        "",
        "| data | px | photons | blurred | wiener | restored |",
        "|---|---|---|---|---|---|",
        *(
            f"| {row['data']} | {row['length']:.0f} | {row['photons'] or 'no noise'} | "
            f"{row['blurred']:.2f} | {row['wiener']:.2f} | {row['restored']:.2f} |"
            for row in card["scores"]
        ),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
