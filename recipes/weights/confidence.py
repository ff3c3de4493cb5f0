"""Fit the confidence of the estimator's answers on images of all conditions.

`python -m recipes.weights.confidence --data DIR` after `recipes.weights.calibrator`. It writes the
regressions into the estimator's weights and their card, and a table of how often answers are right
(on the half of the images that the regressions of the table were not fitted on). With `--measure`
nothing is fitted: the table is of what the weights state of other images.
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from recipes.weights import datasets, regression
from recipes.weights.conditions import GROUPS, Sample, Samples, Truth
from recipes.weights.forked import numbered
from unsmear.checkpoints import checkpoint
from unsmear.estimate import Estimate, conclusion, confidence, evidence, saturation, spectrum
from unsmear.estimate.confidence import ANSWERS, FEATURES, NAMES, Trust
from unsmear.images import outliers

Array = NDArray[np.float64]
SEED, OTHERS = 78, 79
"""Random seeds of the images, and of those of `--measure`."""
STRENGTH = 0.3
"""Strength of the L2 regularisation towards the confidence that the evidence gives."""
ASIDE = (3, 6)
"""Of seven images of a data set, those that are left out: trials of the whole are made on them."""

HEAD = """# How often an answer is right

    python -m recipes.weights.confidence --data DATA{words}

{count} planes of real and synthetic cells, 192 to 320 px, under eight groups of conditions
(`recipes/weights/conditions.py`), none of them of a test group. An answer is right where the kind
is right, and length and angle are within the stated half-widths; of a movement at uneven speed the
length is that between its ends, of which little light or a fast end says little. {whose}

The evidence alone:
"""
HALVES = """Each half of the
answers is judged by regressions that were fitted on the other half."""
SHIPPED = """What is stated
is the shipped estimator's, of images that its regressions were not fitted on."""
AFTER = """The confidence that is stated. What is acted on states 0.7 at least, so the last
column has all of those that are not sure; most of the wrong ones are of uneven speed.
"""


@dataclass(frozen=True)
class Answer:
    """What was said of a sample: its sort, its features, the confidence before and with the shipped
    regressions, and whether it is right.
    """

    group: str
    sort: int
    features: Array
    before: float
    stated: float
    right: bool


def planes(data: Path) -> list[datasets.Plane]:
    """Return the sharp planes: those of the calibration groups, and images of the others that are
    not for tests, and synthetic ones.
    """
    real = list(datasets.real(data, "calibration"))
    others: dict[str, dict[str, list[datasets.Plane]]] = {}
    for plane in datasets.real(data, "training"):
        name = plane.name.rpartition(":")[0]
        others.setdefault(plane.folder, {}).setdefault(name, []).append(plane)
    for files in others.values():
        for number, name in enumerate(sorted(files)):
            if number % 7 not in ASIDE:
                real += files[name]
    return [*real, *datasets.synthetic("calibration")]


def examine(samples: Samples, number: int) -> Answer | None:
    """Return what is said of a sample; None for one without texture."""
    sample: Sample = samples[number]
    counts, _ = outliers.replaced(sample.counts, None)
    measured = spectrum.measure(counts, saturation.masked(counts, None))
    if measured is None:
        return None
    gathered = evidence.gather(measured)
    found = conclusion.answer(gathered, counts)
    return Answer(
        sample.group,
        confidence.answer(found),
        confidence.features(found, gathered),
        found.confidence,
        confidence.calibrated(found, gathered),
        is_right(found, sample.truth),
    )


def is_right(found: Estimate, truth: Truth) -> bool:
    """Return whether an answer is right: the kind, and length and angle within the errors."""
    if found.kind != truth.kind:
        return False
    if not found.found:
        return True
    turn = abs((found.angle - truth.angle + 90) % 180 - 90)
    return abs(found.length - truth.length) <= found.length_error and turn <= found.angle_error


def fit(answers: Sequence[Answer]) -> Trust:
    """Return the regressions, each close to the evidence's confidence where answers are few."""
    middle, spread = np.zeros((2, len(ANSWERS), FEATURES))
    spread += 1
    weight = np.zeros((len(ANSWERS), FEATURES))
    weight[:, 1] = 1
    for sort in range(len(ANSWERS)):
        own = [answer for answer in answers if answer.sort == sort]
        if not own:
            continue
        features = np.stack([answer.features for answer in own])
        middle[sort, 2:] = features[:, 2:].mean(0)
        spread[sort, 2:] = features[:, 2:].std(0) + 1e-2
        normal = np.clip((features - middle[sort]) / spread[sort], -3, 3)
        right = np.array([float(answer.right) for answer in own])
        weight[sort] = regression.logistic(normal, right, weight[sort], STRENGTH)
    return Trust(middle, spread, weight)


def examine_all(data: Path, count: int, workers: int, seed: int = SEED) -> list[Answer]:
    """Return what is said of the first `count` samples."""
    work = partial(examine, Samples(planes(data), seed))
    return [answer for answer in numbered(work, count, workers) if answer is not None]


def add(trust: Trust, into: Path) -> None:
    """Write the regressions into the estimator's weights."""
    stored = checkpoint.load(into / "estimator.safetensors")
    values = (trust.middle, trust.spread, trust.weight)
    tensors = dict(stored.tensors) | {
        name: torch.tensor(np.asarray(value, np.float32))
        for name, value in zip(NAMES, values, strict=True)
    }
    checkpoint.save(into / "estimator", tensors, stored.card)


def table(answers: Sequence[Answer], stated: Sequence[float]) -> list[str]:
    """Return lines of Markdown: how often answers stated at 0.9 and more, and 0.7, are right."""
    lines = [
        "| conditions | answers | stated 0.9 or more | right | 0.7 to 0.9 | right |",
        "|---" * 6 + "|",
    ]
    for group in (*GROUPS, "all"):
        own = [(a, s) for a, s in zip(answers, stated, strict=True) if group in (a.group, "all")]
        cells = [group, str(len(own))]
        for low, high in ((0.9, 1.01), (0.7, 0.9)):
            chosen = [a.right for a, s in own if low <= s < high]
            cells += [str(len(chosen)), f"{np.mean(chosen):.0%}" if chosen else "-"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def page(answers: Sequence[Answer], stated: Sequence[float], words: str, whose: str) -> str:
    """Return the page. words: more of the command. whose: the confidence is that is stated."""
    parts = [
        HEAD.format(count=len(answers), words=words, whose=whose),
        *table(answers, [answer.before for answer in answers]),
        "",
        AFTER,
        *table(answers, stated),
    ]
    return "\n".join(parts) + "\n"


def main() -> None:
    """Read the command line and fit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with MANIFEST.csv")
    parser.add_argument("--run", type=Path, default=Path("runs/confidence"))
    parser.add_argument("--into", type=Path, default=Path("src/unsmear/weights"))
    parser.add_argument("--page", type=Path, default=Path("benchmarks/confidence.md"))
    parser.add_argument("--count", type=int, default=1600, help="number of images")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--measure", action="store_true", help="fit nothing, write the table alone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.measure:
        others = examine_all(options.data, options.count, options.workers, OTHERS)
        words = f" --measure --count {options.count}"
        text = page(others, [answer.stated for answer in others], words, SHIPPED)
        options.page.write_text(text)
        return
    options.run.mkdir(parents=True, exist_ok=True)
    kept = options.run / "answers.pickle"
    answers = examine_all(options.data, options.count, options.workers)
    with kept.open("wb") as file:
        pickle.dump(answers, file)  # for inspection; nothing reads it
    halves = [answers[::2], answers[1::2]]
    stated: list[float] = []
    for own, other in (halves, halves[::-1]):
        trust = fit(other)
        stated += [trust.confidence(a.sort, a.features, a.before) for a in own]
    judged = [*halves[0], *halves[1]]
    options.page.write_text(page(judged, stated, "", HALVES))
    add(fit(answers), options.into)


if __name__ == "__main__":
    main()
