"""Cross-validation over mosaics: one classifier per fold, trained on the other folds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.data import manifest, splits
from unsmear.data.labels import LABELS
from unsmear.data.manifest import Pair
from unsmear.errors import DataError
from unsmear.evaluate.scores import SHARP
from unsmear.metrics.classification import best_thresholds
from unsmear.recovery.collect.answers import Predictions, join

LICENCE = "made from Human Protein Atlas images, CC BY-SA; to measure with, not to be passed on"


def divide(pairs: Sequence[Pair], count: int, seed: int = 0) -> dict[str, int]:
    """Return the fold of every group, stratified by label.

    Raises DataError for a label that only one fold has.
    """
    groups = [pair.group for pair in pairs]
    shares = {str(fold): 1.0 for fold in range(count)}
    part_of = splits.split(groups, [pair.labels for pair in pairs], shares, seed)
    divided = {group: int(fold) for group, fold in zip(groups, part_of, strict=True)}
    _check(pairs, divided)
    return divided


def _check(pairs: Sequence[Pair], divided: Mapping[str, int]) -> None:
    """Raise DataError for a label that is in one fold only: its classifier could not learn it."""
    held: dict[int, set[int]] = defaultdict(set)
    for pair in pairs:
        for label in pair.labels:
            held[label].add(divided[pair.group])
    alone = [LABELS[label] for label, places in sorted(held.items()) if len(places) == 1]
    if alone:
        raise DataError(
            f"every label must be in two folds or more, got {', '.join(alone)} in one: its "
            "classifier would have nothing to learn it from."
        )


def write_fold(folder: Path, pairs_folder: Path, fold: int, folds: Mapping[str, int]) -> Path:
    """Write the pairs that a fold's classifier learns from, as a folder of `unsmear prepare`.

    The files stay where they are. The fold's own pairs are its split "test".
    """
    folder.mkdir(parents=True, exist_ok=True)
    for side in ("sharp", "blur"):
        link = folder / side
        if not link.exists():
            link.symlink_to((pairs_folder / side).resolve(), target_is_directory=True)
    rows = [
        replace(row, split="test" if folds[row.group] == fold else "train")
        for row in manifest.read(pairs_folder)
    ]
    manifest.write(folder, rows)
    return folder


def options(size: int, epochs: float, share: float, start: str | None) -> dict[str, Any]:
    """Return the training options of a fold beside its data.

    share: fraction of the cells for validation; the weights of the last step are used anyway.
    """
    given: dict[str, Any] = {
        "model": "light",
        "seed": 0,
        "licence": LICENCE,
        "data": {"channels": "RGBY", "size": size, "batch": 16, "share": share, "workers": 0},
        "augment": {"zoom": [0.8, 1.25], "gain": [0.6, 1.6], "noise": 0.02},
        "loss": {"balance": 0.5},
        "optimiser": {"name": "adamw", "rate": 1e-3, "weight_decay": 0.05},
        "schedule": {"name": "cosine", "warm": 40},
        "stop": {"epochs": epochs},
        "log": {"tensorboard": False},
    }
    return given | ({"start": start} if start else {})


def choose_thresholds(parts: Sequence[Predictions]) -> Predictions:
    """Return the predictions of all folds as one, each with thresholds from the other folds.

    Thresholds are the best for the sharp images of the other folds (cross-fitting), because a fold
    has too few training cells for a separate validation set.
    """
    chosen = []
    for number, part in enumerate(parts):
        others = [part for place, part in enumerate(parts) if place != number]
        truth, probabilities = (
            np.concatenate(each) for each in zip(*map(_sharp, others), strict=True)
        )
        thresholds = tuple(float(threshold) for threshold in best_thresholds(truth, probabilities))
        rows = tuple(replace(row, thresholds=()) for row in part.rows)
        chosen.append(replace(part, thresholds=thresholds, rows=rows))
    return join(chosen)


def _sharp(part: Predictions) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return truth and probabilities, (image, label), of the sharp images."""
    rows = [row for row in part.rows if row.restorer == SHARP]
    truth = np.zeros((len(rows), len(part.labels)), bool)
    for number, row in enumerate(rows):
        truth[number, list(row.labels)] = True
    return truth, np.array([row.probabilities for row in rows])
