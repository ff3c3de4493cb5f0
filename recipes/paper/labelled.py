"""Table VI: a classifier of the 19 labels, and its predictions for every restorer's images.

`OUTPUT/labelled` holds fields and pairs of the paper's protocol with their labels, the same test
fields with linear motion blur, the classifier's run, the restored images and the predictions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

import networks
import scores
from pairs import CHANNELS, RECIPE, fields
from scales import Scale
from unsmear import classify, evaluate, images
from unsmear.atomic import write_aside
from unsmear.blur import Kernel, Paper, Sampler
from unsmear.classify import Classifier
from unsmear.cli.jobs.progress import map_with_progress
from unsmear.cluster import Where
from unsmear.data import manifest
from unsmear.data.item import Item
from unsmear.data.labels import LABELS
from unsmear.data.prepare import Preparation, Report, Selection, prepare
from unsmear.evaluate import Case, MethodWithKernel
from unsmear.metrics.classification import best_thresholds
from unsmear.recovery import measures
from unsmear.recovery.analysis.results import Results, conclude
from unsmear.recovery.collect import run
from unsmear.recovery.collect.answers import Predictions
from unsmear.recovery.collect.ask import Request
from unsmear.restoration import methods
from unsmear.restoration.base import Batch, Restorer
from unsmear.synthetic import Plan, write_field, write_table
from unsmear.train.config import options

FOLDER, CLASSIFIER = "labelled", "classifier"
SEED = 64
PIXEL_SIZE = 0.64
"""Micrometres, of drawn fields: 256 pixels are then as much of a dish as an HPA field of 2048."""
LENGTHS = (6, 10, 16)
"""Lengths in pixels of the linear motion blur beside the paper's blur."""
MIDDLE = 10
"""Length in pixels for which all test images are used."""
MEASURES = ("intensity", "nuclei", "colocalisation", "texture")
MOVING = ("deep-wiener", "deep-wiener-fast", "wiener", "wiener-local", "richardson-lucy")
"""Methods for linear motion blur; the trained networks are for the paper's blur only."""


@dataclass(frozen=True)
class Recovered:
    """Both parts of Table VI: with the paper's own blur, and with linear motion blur."""

    paper: Results
    motion: Results


def make_pairs(folder: Path, scale: Scale, data: Path | None, workers: int) -> list[str]:
    """Write or complete the labelled pairs; return a message for each image without pairs."""
    place = folder / FOLDER
    items = fields(data or _draw(place / "fields", scale, workers))
    count = scale.labelled + scale.labelled_test
    selection = Selection(scale.shares, scale.labelled_test, count)
    reports = [_prepare(items, place / "pairs", RECIPE, selection, scale, 0, workers)]
    tested = {pair.source for pair in reports[0].pairs if pair.split == "test"}
    chosen = [item for item in items if item.id in tested]
    for length in LENGTHS:
        sampler = Sampler("motion", {"length": float(length), "angle": (0.0, 180.0)})
        where = place / f"pairs-{length}"
        half = Selection("50/50")  # all of them are test images
        reports.append(_prepare(chosen, where, sampler, half, scale, length, workers))
    return [failure for report in reports for failure in report.failures]


def pair_folders(folder: Path) -> list[Path]:
    """Return where `make_pairs` writes pairs."""
    return [folder / FOLDER / name for name in ("pairs", *(f"pairs-{px}" for px in LENGTHS))]


def answer_folders(folder: Path) -> list[Path]:
    """Return where `ask` writes restored images and predictions."""
    return [
        folder / FOLDER / f"{what}-{part}"
        for what in ("restored", "answers")
        for part in ("paper", "motion")
    ]


def _prepare(
    items: Sequence[Item],
    folder: Path,
    sampler: Sampler,
    selection: Selection,
    scale: Scale,
    seed: int,
    workers: int,
) -> Report:
    return prepare(
        items,
        folder,
        Preparation(sampler, size=scale.side, seed=seed),
        selection,
        partial(map_with_progress, where=Where(workers), description=folder.name),
        {"channels": CHANNELS},
    )


def _draw(folder: Path, scale: Scale, workers: int) -> Path:
    count = scale.labelled + scale.labelled_test
    plan = Plan(folder, SEED, (scale.side, scale.side), PIXEL_SIZE, among=scale.among)
    list(
        map_with_progress(
            partial(write_field, plan), range(count), Where(workers), "labelled fields"
        )
    )
    write_table(plan, count)
    return folder


def train(folder: Path, scale: Scale) -> str:
    """Train the classifier or resume its training; return why it stopped, in a word."""
    place = folder / FOLDER
    if networks.finished(place / CLASSIFIER):
        return "finished before"
    from unsmear.train.run import train as go  # imports torch

    model = scale.classifier
    shared = {
        "model": model,
        "licence": networks.LICENCE,
        "data": {"pairs": place / "pairs", "channels": CHANNELS, "size": scale.side},
    }
    labels = _learned_labels(place / "pairs") if scale.leaves_out else scale.among
    if labels:
        shared["data"]["labels"] = list(labels)
    given = options.merge(options.merge(options.preset(model), scale.learning), shared)
    return go(options.check(given), place / CLASSIFIER).reason


def _learned_labels(pairs: Path) -> list[int]:
    rows = [row for row in manifest.read(pairs) if row.split == "train"]
    return sorted({label for row in rows for label in row.labels})


def ask(folder: Path, scale: Scale, trained: Sequence[str], workers: int) -> Recovered:
    """Predict the labels of all test images; finished predictions are reused."""
    place = folder / FOLDER
    classifier = _steady(place)
    results = {}
    learned = _learned(folder / "pairs")
    for name, cases in _cases(place, scale.few, learned).items():
        paper = [*scores.entrants(folder, trained).values(), _brighter()]
        who = paper if name == "paper" else _moving(cases)
        questions = Request(
            tuple(who),
            classifier,
            tuple(map(measures.find, MEASURES)),
            restored_folder=place / f"restored-{name}",
            leave_out=scale.leaves_out,
        )
        answers, problems = run.answer(
            place / f"answers-{name}",
            cases,
            questions,
            run.describe(place / "pairs", cases, questions, MEASURES),
            partial(map_with_progress, where=Where(workers), description=f"asked, {name}"),
        )
        for problem in problems:
            print(problem, flush=True)
        results[name] = conclude(_named(answers))
    return Recovered(results["paper"], results["motion"])


def _steady(place: Path) -> Classifier:
    """Return the classifier with all augmented views, and thresholds for them.

    The thresholds are the best on the validation images; those of the card are for one view.
    """
    loaded = classify.load(place / CLASSIFIER / "best", classify.VIEWS)
    file = place / "thresholds.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    if known.get("classifier") != loaded.card["sha256"]:
        rows = [row for row in manifest.read(place / "pairs") if row.split == "val"]
        truth = np.array([_truth(row, loaded) for row in rows])
        sharp = [images.read(row.files(place / "pairs")[0]) for row in rows]
        chosen = best_thresholds(truth, loaded.probabilities(sharp))
        known = {"classifier": loaded.card["sha256"], "thresholds": chosen.tolist()}
        write_aside(file, json.dumps(known).encode())
    return replace(loaded, thresholds=np.array(known["thresholds"]))


def _truth(row: manifest.Pair, classifier: Classifier) -> list[bool]:
    names = {LABELS[number] for number in row.labels}
    return [label in names for label in classifier.labels]


def _learned(pairs: Path) -> set[str]:
    """Return the names of the images that the networks of Table V were trained on."""
    rows = manifest.read(pairs) if (pairs / manifest.FILE).exists() else []
    return {Path(row.name).stem for row in rows if row.split != "test"}


def _cases(place: Path, few: int | None, learned: set[str]) -> dict[str, list[Case]]:
    """Return the test pairs of both parts without those `learned`; names include the length."""
    tested = [
        case for case in evaluate.find_cases(place / "pairs", "test")[0] if case.name not in learned
    ]
    by_blur = {"paper": tested[:few], "motion": []}
    for length in LENGTHS:
        cases, _ = evaluate.find_cases(place / f"pairs-{length}")
        cases = [case for case in cases if case.name not in learned]
        some = cases if length == MIDDLE else cases[:few]
        by_blur["motion"] += [replace(case, name=f"{case.name} {length} px") for case in some]
    return by_blur


def _brighter() -> MethodWithKernel:
    """Return deep-wiener with a gain that undoes the known darkening of the paper's recipe."""
    ours = methods.find("deep-wiener")
    gain = 1 / float(Paper().recipe().sum())
    fit = partial(_Brighter, ours.fit, gain)
    # Neither the light nor the check by blurring again would let it be brighter than the image.
    method = replace(ours, name="brightened", fit=fit, conserves_flux=False, guarded=False)
    return MethodWithKernel(method, "estimated")


class _Brighter(Restorer):
    """A restorer whose result is multiplied by a gain."""

    halo: int | None = None

    def __init__(
        self, fit: Callable[..., Restorer], gain: float, blurred: Batch, kernel: Kernel | None
    ) -> None:
        self._inner, self._gain = fit(blurred, kernel), gain
        self.halo = self._inner.halo

    def restore(self, batch: Batch) -> Batch:
        """Return the restored batch, brighter."""
        return self._inner.restore(batch) * np.float32(self._gain)


def _moving(cases: Sequence[Case]) -> list[MethodWithKernel]:
    """Return the methods for linear motion: blind, and deep-wiener with the true kernel too."""
    candidates = evaluate.contenders(MOVING, "both", cases)
    return [
        candidate
        for candidate in candidates
        if candidate.kernel != "true" or candidate.method.name == MOVING[0]
    ]


def _named(answers: Predictions) -> Predictions:
    """Return the predictions with the restorers named as in Table V."""
    named = {
        **scores.LABELS,
        "deep-wiener, true kernel": "ours, true kernel",
        "brightened, estimated kernel": "ours, the recipe's darkening undone",
    }
    rows = tuple(
        row
        if row.restorer in (evaluate.SHARP, evaluate.BLURRED)
        else replace(row, restorer=named.get(row.restorer, row.restorer))
        for row in answers.rows
    )
    return replace(answers, rows=rows)


def described(folder: Path) -> dict[str, str]:
    """Return facts about the classifier and its images, by name."""
    place = folder / FOLDER
    rows = manifest.read(place / "pairs")
    parts = {split: sum(row.split == split for row in rows) for split in ("train", "val", "test")}
    card = classify.load(place / CLASSIFIER / "best").card
    return {
        "images": ", ".join(f"{count} {split}" for split, count in parts.items()),
        "classifier": f"{card['network']}, step {card['step']}, {classify.VIEWS} views of an image",
        "validation": ", ".join(f"{name} {value:.3f}" for name, value in card["scores"].items()),
    }
