"""Pretraining and teaching: which runs the comparison has, how each is configured, and trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recipes.cells import folds
from recipes.mae.data import CHANNELS
from recipes.mae.scales import Scale
from unsmear.train.config import options
from unsmear.train.config.options import AnyRun
from unsmear.train.config.pretraining import PretrainingRun
from unsmear.train.engine import folder as folders

RANDOM = "random"
"""Start without pretraining."""
AUTOENCODERS = ("mae", "deblur-mae")
STARTS = (RANDOM, *AUTOENCODERS)
SHARP, BLURRED = "sharp", "blurred"
LICENCE = "MIT; trained on drawn cells"
WARM = 0.05
"""Warm-up as a share of the steps."""
PROBING = {
    "freeze": "head",
    "options": {"normalise": True},
    "optimiser": {"rate": 5e-3, "weight_decay": 0.0},
}
"""Options where only the last layer learns: a higher rate, no decay, normalised features."""


@dataclass(frozen=True)
class Variant:
    """A classifier of the comparison.

    start: what its encoder starts from, of `STARTS`. frozen: whether only the last layer learns.
    taught: the images that it learns from, `SHARP` or `BLURRED`. long: whether it is taught with
    the arithmetic of the pretraining too.
    """

    start: str
    frozen: bool = False
    taught: str = SHARP
    long: bool = False

    @property
    def name(self) -> str:
        """Name of its run, such as "vit-deblur-mae-frozen"."""
        parts = ["vit", self.start, *["frozen"] * self.frozen, *["long"] * self.long]
        return "-".join(parts + ["blurred"] * (self.taught == BLURRED))


FINE, FROZEN = (tuple(Variant(start, frozen) for start in STARTS) for frozen in (False, True))
LONG = Variant(RANDOM, long=True)
ON_BLURRED = tuple(Variant(start, taught=BLURRED) for start in STARTS)
"""As Kang et al. fine-tune: their classifiers see images with the blur of the pretraining."""
DRAWN = (*FINE, *FROZEN, LONG, *ON_BLURRED)
REAL = (*FINE, *FROZEN)


def pretraining(name: str, scale: Scale, fields: Path, seed: int) -> AnyRun:
    """Return the configuration of an autoencoder's run on fields without labels."""
    given = {
        "model": name,
        "options": {"channels": len(CHANNELS), **scale.encoder, **scale.decoder},
        "data": {
            "sharp": [str(fields)],
            "channels": CHANNELS,
            "size": scale.side,
            "batch": scale.batch,
            "epoch": scale.unlabelled,
            "validation": min(64, scale.unlabelled),
            "length": [scale.length / 2, scale.length * 2],
            "workers": 0,
        },
        **_steps(scale.pretraining, scale.validations),
    }
    return _checked(options.preset(name), given, seed)


def teaching(
    variant: Variant, scale: Scale, pairs: Path, encoder: Path | None, steps: int, seed: int
) -> AnyRun:
    """Return the configuration of a classifier's run on labelled fields.

    encoder: weights that it starts from. steps: their number.
    """
    given: dict[str, Any] = {
        "model": "vit",
        "options": scale.encoder,
        "data": {
            "pairs": pairs,
            "channels": CHANNELS,
            "size": scale.side,
            "batch": scale.batch,
            "workers": 0,
        },
        **_steps(steps, scale.validations),
    }
    if scale.among:
        given["data"]["labels"] = list(scale.among)
    return _checked(options.preset("vit"), _started(given, variant, encoder), seed)


def teaching_cells(
    variant: Variant, scale: Scale, pairs: Path, labels: list[int], encoder: Path | None, seed: int
) -> AnyRun:
    """Return the configuration of a fold's classifier, taught on the real cells of other folds."""
    shared = folds.options(scale.side, scale.epochs, scale.share, start=None)
    given = {"model": "vit", "options": scale.encoder, "data": {"pairs": pairs, "labels": labels}}
    return _checked(shared, _started(given, variant, encoder), seed)


def _started(given: dict[str, Any], variant: Variant, encoder: Path | None) -> dict[str, Any]:
    if encoder is not None:
        given = options.merge(given, {"start": str(encoder)})
    return options.merge(given, PROBING) if variant.frozen else given


def _steps(steps: int, validations: int) -> dict[str, Any]:
    return {
        "stop": {"steps": steps},
        "schedule": {"warm": round(WARM * steps)},
        "log": {"validate_every": max(1, steps // validations), "tensorboard": False},
    }


def _checked(shared: Mapping[str, Any], given: Mapping[str, Any], seed: int) -> AnyRun:
    own = {"seed": seed, "licence": shared.get("licence", LICENCE)}
    return options.check(options.merge(options.merge(shared, given), own))


def train(run: AnyRun, folder: Path) -> str:
    """Train or resume a run; return how it ended. A finished one is left as it is."""
    if finished(folder, run.stop.steps):
        return "finished before"
    from unsmear.train.run import train as go  # imports torch

    return go(run, folder).reason


def finished(folder: Path, steps: int | None = None) -> bool:
    """Return whether a run has done all its steps."""
    path = folder / folders.SUMMARY
    if not path.exists():
        return False
    summary = folders.read_json(path)
    return summary["reason"] == "steps" and steps in (None, summary["step"])


def summary(folder: Path) -> dict[str, Any]:
    """Return the summary of a finished run."""
    return folders.read_json(folder / folders.SUMMARY)


def as_long(pretraining: AnyRun, teaching: AnyRun) -> int:
    """Return the number of teaching steps that take the arithmetic of pretraining and teaching.

    Not their time: that depends on what else the machine does.
    """
    assert pretraining.stop.steps is not None  # for mypy
    assert teaching.stop.steps is not None
    share = arithmetic(pretraining) / arithmetic(teaching)
    return teaching.stop.steps + round(pretraining.stop.steps * share)


def arithmetic(run: AnyRun) -> int:
    """Return the floating-point operations of a sample in a step: forward and backward."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    from unsmear.train.engine import build
    from unsmear.train.tasks.pretraining import draw_shown

    alone = run.model_copy(update={"start": None})
    pretrains = isinstance(run, PretrainingRun)
    network = build.autoencoder(alone) if pretrains else build.classifier(alone)
    given = [torch.zeros(2, network.channels, run.data.size, run.data.size)]
    if isinstance(run, PretrainingRun):
        patches = (run.data.size // network.stride) ** 2
        given.append(draw_shown(np.random.default_rng(0), 2, patches, run.pretext.masked))
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        network(*given).sum().backward()
    return int(counter.get_total_flops()) // 2
