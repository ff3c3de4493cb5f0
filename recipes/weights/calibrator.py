"""Fit the estimator's calibrator of kinds and confidence on held-out clusters.

`python -m recipes.weights.calibrator --data DIR --run DIR` after `recipes.weights.estimator`. It
writes the run's weights with the calibrator, and their card, into the package.
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recipes.weights import datasets, regression
from recipes.weights.estimator_samples import SHARES, SIDE, Spectra, Truth
from recipes.weights.forked import numbered
from recipes.weights.model_card import licences
from unsmear.blur import Paper
from unsmear.checkpoints import checkpoint
from unsmear.estimate import decision, evidence, result, spectrum, support
from unsmear.estimate.calibrator import Calibrator
from unsmear.estimate.evidence import FEATURES, IMPROVEMENT, Evidence
from unsmear.estimate.network import PREFIX
from unsmear.estimate.result import KINDS
from unsmear.estimate.shake_fit import equivalent
from unsmear.models.kernel_estimator import KernelNet

Array = NDArray[np.float64]
SEED = 77
"""Random seed of the images."""
STRENGTH = 0.02
"""Strength of the L2 regularisation of all weights."""
COMMANDS = (
    "python -m recipes.weights.estimator --data DATA --run RUN --minutes 64",
    "python -m recipes.weights.calibrator --data DATA --run RUN --count 400",
    "python -m recipes.weights.confidence --data DATA --count 800",
)
LIMITS = (
    "Straight movements of 2.5 to 60 px, shakes within 31x31 px and discs of 1.6 to 9 px were "
    "trained, with 20 photons at the brightest pixel and more, in crops from 48 to 512 px. The "
    "first 54 minutes of training followed the learning rates of a run of 80 minutes. A spectrum "
    "cannot tell a kernel from its half-turn, nor a round, smooth blur from a soft texture. "
    "Several movements in one exposure and rotations are none of the kinds."
)
EYE = np.array([0.0, 1.0, 0.0, 0.0])
"""Weights with which the probability of being right equals the probability of the kind."""


@dataclass(frozen=True)
class Case:
    """An image of a held-out cluster.

    features: of its evidence. kind: index of its true kind. within: for each kind, whether its
    estimate would be within the stated interval. intervals: their half-widths. allowed: whether the
    likelihood supports linear motion.
    """

    features: Array
    kind: int
    within: NDArray[np.bool_]
    intervals: Array
    allowed: bool


def examine(series: Spectra, weights: Path, number: int) -> Case | None:
    """Return case `number` of a series, None for an image without texture."""
    generator = np.random.default_rng([SEED, number])
    side = SIDE if generator.random() < 0.7 else int(generator.integers(128, 400))
    counts, truth = series.draw(generator, side)
    measured = spectrum.measure(counts)
    if measured is None or isinstance(truth.blur, Paper):  # a recipe is recognised exactly
        return None
    return _case(evidence.gather(measured, weights), truth)


def _case(gathered: Evidence, truth: Truth) -> Case:
    length, angle = gathered.search.best.values
    length_error, angle_error = result.straight(gathered.search.best.errors)
    straight = abs(length - truth.length) <= length_error
    straight &= _turn(angle, truth.angle) <= angle_error
    shake = disc = False
    radius_error = radius = 1.0
    if gathered.shake is not None:
        extent, _, direction = equivalent(gathered.shake.kernel)
        extent_error, direction_error = result.shake(extent)
        shake = abs(extent - truth.length) <= extent_error
        shake &= _turn(direction, truth.angle) <= direction_error
    if gathered.disc is not None:
        radius = gathered.disc.values[0]
        radius_error = result.disc(radius, gathered.disc.errors[0])
        disc = abs(radius - truth.radius) <= radius_error
    return Case(
        gathered.features(),
        KINDS.index(truth.kind),
        np.array([True, straight, shake, disc]),
        np.array([0.0, length_error / length, 0.0, radius_error / radius]),
        support.for_motion(gathered),
    )


def _turn(angle: float, reference: float) -> float:
    """Return the angle between two directions, degrees in [0, 90]."""
    return abs((angle - reference + 90) % 180 - 90)


def fit(cases: list[Case]) -> Calibrator:
    """Return the calibrator that fits the cases best."""
    features = np.stack([case.features for case in cases])
    kinds = np.array([case.kind for case in cases])
    middle, spread = features.mean(0), features.std(0) + 1e-3
    normal = torch.tensor(np.clip((features - middle) / spread, -4, 4))
    weight = torch.zeros(len(KINDS), FEATURES, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(len(KINDS), dtype=torch.float64, requires_grad=True)
    target = torch.tensor(kinds)

    def cost() -> torch.Tensor:
        entropy = torch.nn.functional.cross_entropy(normal @ weight.T + bias, target)
        return entropy + STRENGTH * weight.square().mean()

    regression.minimise(cost, [weight, bias])
    trust = np.tile(EYE, (len(KINDS), 1))
    calibrator = Calibrator(middle, spread, weight.detach().numpy(), bias.detach().numpy(), trust)
    answers = [answer(calibrator, case) for case in cases]
    for kind in range(len(KINDS)):
        chosen = [
            (chance, case)
            for (estimated, chance), case in zip(answers, cases, strict=True)
            if estimated == kind
        ]
        if chosen:
            trust[kind] = _trust(kind, chosen)
    return calibrator


def answer(calibrator: Calibrator, case: Case) -> tuple[int, float]:
    """Return the kind that would be estimated and its probability."""
    chances = decision.adjusted(calibrator.kinds(case.features), case.allowed)
    return int(chances.argmax()), float(chances.max())


def _trust(kind: int, chosen: list[tuple[float, Case]]) -> Array:
    """Return (4,), a logistic regression of being right, close to `EYE` if there are few cases."""
    inner = np.clip([chance for chance, _ in chosen], 1e-3, 1 - 1e-3)
    interval = np.array([case.intervals[kind] for _, case in chosen])
    improvement = np.array([case.features[IMPROVEMENT] for _, case in chosen])
    logit = np.log(inner / (1 - inner))
    terms = np.stack([np.ones_like(inner), logit, interval, improvement], 1)
    right = np.array([float(case.kind == kind and case.within[kind]) for _, case in chosen])
    return regression.logistic(terms, right, EYE)


def examine_all(
    data: Path, weights: Path, count: int, workers: int, split: str = "calibration"
) -> list[Case]:
    """Return the cases of the first `count` images of a split, with the network of `weights`."""
    work = partial(examine, Spectra(datasets.load(data, split), SEED), weights)
    return [case for case in numbered(work, count, workers, 8) if case is not None]


def add(weights: Path, calibrator: Calibrator, into: Path, card: Mapping[str, Any]) -> None:
    """Write a network's weights in half precision, a calibrator and a card into a folder."""
    stored = checkpoint.load(weights)
    own = {
        name: value.half() if value.is_floating_point() else value
        for name, value in stored.tensors.items()
        if not name.startswith(PREFIX)
    }
    for name, value in vars(calibrator).items():
        own[PREFIX + name] = torch.tensor(np.asarray(value, np.float32))
    old_card = {name: value for name, value in stored.card.items() if name != "sha256"}
    checkpoint.save(into / "estimator", own, old_card | dict(card))


def described(data: Path, cases: list[Case], table: NDArray[np.int_]) -> dict[str, Any]:
    """Return the entries of the card beside the network's own options and steps."""
    return {
        "licence": "CC BY-SA 4.0, as the most demanding of the training images asks",
        "data": licences(data),
        "shares": SHARES,
        "aside": {"test": datasets.TEST, "calibration": datasets.CALIBRATION},
        "commands": COMMANDS,
        "parameters": sum(p.numel() for p in KernelNet().parameters()),
        "kinds": KINDS,
        "calibration": {"images": len(cases), "told, by true kind": table.tolist()},
        "figures": "benchmarks/estimate.md",
        "limits": LIMITS,
    }


def main() -> None:
    """Read the command line and fit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with MANIFEST.csv")
    parser.add_argument("--run", type=Path, default=Path("runs/estimator"))
    parser.add_argument("--into", type=Path, default=Path("src/unsmear/weights"))
    parser.add_argument("--count", type=int, default=600, help="number of images")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    weights = options.run / "estimator"
    cases = examine_all(options.data, weights, options.count, options.workers)
    with (options.run / "cases.pickle").open("wb") as file:
        pickle.dump(cases, file)  # for inspection; nothing reads it
    calibrator = fit(cases)
    estimated = [answer(calibrator, case)[0] for case in cases]
    table = np.zeros((len(KINDS), len(KINDS)), int)
    np.add.at(table, ([case.kind for case in cases], estimated), 1)
    add(weights, calibrator, options.into, described(options.data, cases, table))
    print(f"{len(cases)} images, true kinds by row, estimated kinds by column:\n{table}")


if __name__ == "__main__":
    main()
