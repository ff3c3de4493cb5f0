"""Real cells: classifiers of a cross-validation over mosaics, from the same encoders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from recipes.cells import folds
from recipes.mae import data, learning
from recipes.mae.comparison import predict
from recipes.mae.drawn import encoder
from recipes.mae.learning import REAL, Variant
from recipes.mae.scales import Setting
from unsmear.recovery.collect.answers import Predictions

FOLDER = "cells"


def ask(setting: Setting, mosaics: Path) -> dict[str, list[Predictions]]:
    """Return the predictions for all cells, by classifier, one of each seed.

    Each cell is classified by the network of the fold that has not seen its mosaic; a network that
    has not been taught is taught first. Raises DataError for a folder without mosaics.
    """
    pairs = data.cut_cells(setting.output / FOLDER, mosaics, setting.scale, setting.workers)
    cells = _Cells(setting, pairs, data.divide(pairs, setting.folds))
    seeds = range(setting.seeds)
    return {variant.name: [cells.ask(variant, seed) for seed in seeds] for variant in REAL}


@dataclass(frozen=True)
class _Cells:
    """Real cells. pairs: their folder. divided: the fold of each group."""

    setting: Setting
    pairs: Path
    divided: dict[str, int]

    def ask(self, variant: Variant, seed: int) -> Predictions:
        """Return the predictions of all folds, each with thresholds from the others."""
        every = range(self.setting.folds)
        return folds.choose_thresholds([self._of_fold(variant, seed, fold) for fold in every])

    def _of_fold(self, variant: Variant, seed: int, fold: int) -> Predictions:
        place = self.setting.output / FOLDER
        name = f"{variant.name}-{seed}-{fold}"
        learned = folds.write_fold(place / f"data-{fold}", self.pairs, fold, self.divided)
        start = encoder(self.setting, seed, variant)
        labels = data.labels(self.pairs)
        run = learning.teaching_cells(variant, self.setting.scale, learned, labels, start, seed)
        ended = learning.train(run, place / "runs" / name)
        print(f"seed {seed}, fold {fold}, {variant.name}: {ended}.", flush=True)
        return predict(
            place / "runs" / name / "last",
            data.of_fold(self.pairs, fold, self.divided),
            self.pairs,
            place / "predicted" / name,
            place / "restored",
            self.setting.workers,
        )
