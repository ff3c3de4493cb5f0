"""Images of the comparison: drawn fields without and with labels, and real cells."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from recipes.cells import folds, mosaics
from recipes.mae.scales import Scale
from unsmear.blur import Sampler
from unsmear.cli.jobs.progress import map_with_progress
from unsmear.cluster import Where
from unsmear.data import manifest, source
from unsmear.data.prepare import Preparation, Selection, prepare
from unsmear.errors import DataError
from unsmear.evaluate import Case, find_cases
from unsmear.synthetic import Plan, write_field, write_table

CHANNELS = "RGBY"
SHARES = "80/20"
"""Teaching and validation; the test set is apart."""
PRETRAINING_SEED, LABELLED_SEED = 1, 2
MARGIN = 1.5
"""Side of a field to pretrain on, as a multiple of a sample's: its surroundings blur into it."""


def draw_unlabelled(folder: Path, scale: Scale, workers: int) -> Path:
    """Draw the fields to pretrain on, or complete them; return their folder."""
    side = round(MARGIN * scale.side)
    plan = Plan(folder, PRETRAINING_SEED, (side, side), scale.pixel_size, among=scale.among)
    _draw(plan, scale.unlabelled, workers)
    return folder


def draw_pairs(folder: Path, scale: Scale, workers: int) -> Path:
    """Draw labelled fields and blur them, or complete them; return the folder of their pairs."""
    size = (scale.side, scale.side)
    plan = Plan(folder / "fields", LABELLED_SEED, size, scale.pixel_size, among=scale.among)
    count = scale.labelled + scale.tested
    _draw(plan, count, workers)
    write_table(plan, count)
    selection = Selection(SHARES, scale.tested, count)
    return _blur(folder / "fields", folder / "pairs", scale, selection, workers)


def cut_cells(folder: Path, data: Path, scale: Scale, workers: int) -> Path:
    """Cut real cells out of mosaics and blur them; return the folder of their pairs.

    Raises DataError for a folder without mosaics.
    """
    mosaics.cut(data, folder / "cells")
    # The folds divide the cells, so that no share of them is a test set.
    return _blur(folder / "cells", folder / "pairs", scale, Selection("50/50"), workers)


def _draw(plan: Plan, count: int, workers: int) -> None:
    name = f"fields in {plan.folder.name}"
    list(map_with_progress(partial(write_field, plan), range(count), Where(workers), name))


def _blur(inputs: Path, folder: Path, scale: Scale, selection: Selection, workers: int) -> Path:
    sampler = Sampler("motion", {"length": scale.length, "angle": (0.0, 180.0)})
    report = prepare(
        source.find([inputs], channels=CHANNELS),
        folder,
        Preparation(sampler, size=scale.side, seed=0),
        selection,
        partial(map_with_progress, where=Where(workers), description=f"pairs of {inputs.name}"),
        {"channels": CHANNELS},
    )
    if report.failures:
        raise DataError(report.failures[0])
    return folder


def teach_blurred(folder: Path, pairs: Path) -> Path:
    """Return a folder of the same pairs whose sharp images are the blurred ones.

    Classifiers learn from the sharp images of pairs: from this folder, from the blurred images.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for side in ("sharp", "blur"):
        link = folder / side
        if not link.exists():
            link.symlink_to((pairs / "blur").resolve(), target_is_directory=True)
    manifest.write(folder, manifest.read(pairs))
    return folder


def divide(pairs: Path, count: int) -> dict[str, int]:
    """Return the fold of every group of real cells, so that each label is in two folds or more."""
    return folds.divide(manifest.read(pairs), count)


def tested(pairs: Path) -> list[Case]:
    """Return the test pairs of drawn fields."""
    return find_cases(pairs, "test")[0]


def of_fold(pairs: Path, fold: int, divided: dict[str, int]) -> list[Case]:
    """Return the pairs of a fold of real cells."""
    return [case for case in find_cases(pairs)[0] if divided[case.group] == fold]


def labels(pairs: Path) -> list[int]:
    """Return the labels that the pairs have."""
    return sorted({label for pair in manifest.read(pairs) for label in pair.labels})
