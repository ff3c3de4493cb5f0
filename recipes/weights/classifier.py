"""Train the shipped classifier from scratch.

    python -m recipes.weights.classifier

Draws fields of cells, prepares them, trains `light` on their sharp images, scores it on test fields
and writes `weights/light-cells`. The same command continues an interrupted run.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from unsmear import classify, images
from unsmear.blur import Sampler
from unsmear.checkpoints import checkpoint
from unsmear.data import manifest, source
from unsmear.data.labels import LABELS
from unsmear.data.prepare import Preparation, Selection, prepare
from unsmear.metrics.classification import AVERAGES, score
from unsmear.synthetic import Plan, write_field, write_table
from unsmear.train.config import options
from unsmear.train.run import train

NAME, COMMAND = "light-cells", "python -m recipes.weights.classifier"
LICENCE = "BSD-3-Clause; of drawn cells alone"
FIELDS, TEST, SEED = 12_000, 900, 6
SIDE, PIXEL_SIZE = 256, 0.32
"""Side of a field and size of a pixel, pixels and micrometres."""
TRAINING: dict[str, Any] = {
    "model": "light",
    "licence": LICENCE,
    "data": {"crop": 192, "workers": 0},
    "stop": {"epochs": 9.0},
    "log": {"validate_every": 555},
}


def make(folder: Path, workers: int) -> None:
    """Train the weights in a folder, and write them into the package."""
    plan = Plan(folder / "fields", SEED, (SIDE, SIDE), PIXEL_SIZE)
    pairs = folder / "pairs"
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(partial(write_field, plan), range(FIELDS), chunksize=16))
        write_table(plan, FIELDS)
        prepare(
            source.find([plan.folder], channels="RGB"),
            pairs,
            Preparation(Sampler("paper", {}), size=SIDE, seed=SEED),
            Selection("80/20", TEST),
            pool.map,
            {"channels": "RGB"},
        )
    training = options.merge(options.preset("light"), TRAINING)
    train(options.check(options.merge(training, {"data": {"pairs": pairs}})), folder / "run")
    ship(folder / "run" / checkpoint.BEST, pairs)


def ship(weights: Path, pairs: Path, note: str = "") -> None:
    """Write trained weights into the package, with their scores on the test fields.

    note: text for the card that follows the command.
    """
    loaded = checkpoint.load(weights)
    card = {key: value for key, value in loaded.card.items() if key != "sha256"}
    card |= {"name": NAME, "licence": LICENCE, "made_by": COMMAND + note}
    card["test"] = _test(classify.load(weights), pairs)
    card["limits"] = (
        "Knows drawn cells of 0.32 micrometres a pixel. On real images its labels are a beginning "
        "for training, not an answer."
    )
    checkpoint.save(checkpoint.SHIPPED / NAME, loaded.tensors, card)


def _test(classifier: classify.Classifier, pairs: Path) -> dict[str, float]:
    """Return the classifier's scores on the sharp test fields, at its thresholds."""
    rows = [row for row in manifest.read(pairs) if row.split == "test"]
    names = [{LABELS[number] for number in row.labels} for row in rows]
    truth = np.array([[label in true for label in classifier.labels] for true in names])
    sharp = [images.read(row.files(pairs)[0]) for row in rows]
    scores = score(truth, classifier.probabilities(sharp), classifier.thresholds)
    numbers = {name: round(float(getattr(scores, name)), 4) for name in AVERAGES}
    return {"images": len(rows), **numbers, "mAP": round(scores.mean_average_precision, 4)}


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("runs/classifier"))
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    make(arguments.output, arguments.workers)


if __name__ == "__main__":
    main()
