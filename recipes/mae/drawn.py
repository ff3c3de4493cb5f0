"""Drawn fields: autoencoders and classifiers are trained on them, and asked about test fields."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from recipes.mae import data, learning
from recipes.mae.comparison import predict
from recipes.mae.learning import AUTOENCODERS, BLURRED, DRAWN, LONG, RANDOM, Variant
from recipes.mae.scales import Setting
from unsmear.recovery.collect.answers import Predictions
from unsmear.train.config.options import AnyRun

FOLDER, UNLABELLED = "drawn", "unlabelled"
RUNS = (*AUTOENCODERS, *(variant.name for variant in DRAWN))
"""Names of the runs of a seed, in order: classifiers start from the autoencoders."""


def train(setting: Setting, only: Collection[str] = RUNS) -> None:
    """Draw the fields, and train or resume the runs of these names for every seed."""
    scale, output = setting.scale, setting.output
    data.draw_unlabelled(output / UNLABELLED, scale, setting.workers)
    pairs = data.draw_pairs(output / FOLDER, scale, setting.workers)
    for seed in range(setting.seeds):
        for name in AUTOENCODERS:
            if name in only:
                run = _pretraining(setting, seed, name)
                _say(seed, name, learning.train(run, setting.runs(seed) / name))
        for variant in DRAWN:
            if variant.name in only:
                _say(seed, variant.name, _teach(setting, seed, variant, pairs))


def _say(seed: int, name: str, ended: str) -> None:
    print(f"seed {seed}, {name}: {ended}.", flush=True)


def _pretraining(setting: Setting, seed: int, name: str) -> AnyRun:
    return learning.pretraining(name, setting.scale, setting.output / UNLABELLED, seed)


def _teach(setting: Setting, seed: int, variant: Variant, pairs: Path) -> str:
    scale = setting.scale
    if variant.taught == BLURRED:
        pairs = data.teach_blurred(setting.output / FOLDER / "blurred-pairs", pairs)
    start = encoder(setting, seed, variant)
    run = learning.teaching(variant, scale, pairs, start, scale.teaching, seed)
    if variant == LONG:
        steps = learning.as_long(_pretraining(setting, seed, AUTOENCODERS[-1]), run)
        run = learning.teaching(variant, scale, pairs, start, steps, seed)
    return learning.train(run, setting.runs(seed) / variant.name)


def encoder(setting: Setting, seed: int, variant: Variant) -> Path | None:
    """Return the weights that a classifier starts from, where it does."""
    return None if variant.start == RANDOM else setting.runs(seed) / variant.start / "best"


def ask(setting: Setting) -> dict[str, list[Predictions]]:
    """Return the predictions for the test fields, by classifier, one of each seed."""
    place = setting.output / FOLDER
    cases = data.tested(place / "pairs")

    def predictions(variant: Variant, seed: int) -> Predictions:
        return predict(
            setting.runs(seed) / variant.name / "best",
            cases,
            place / "pairs",
            place / "predicted" / f"{variant.name}-{seed}",
            place / "restored",
            setting.workers,
        )

    seeds = range(setting.seeds)
    return {variant.name: [predictions(variant, seed) for seed in seeds] for variant in DRAWN}
