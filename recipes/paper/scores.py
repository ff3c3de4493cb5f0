"""Who stands in the tables, and what each reaches on the test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import diagnoses
import networks
import pairs
from diagnoses import Diagnosis
from stages import measured
from unsmear.cli.jobs.progress import map_with_progress
from unsmear.cluster import Where
from unsmear.evaluate import (
    BLURRED,
    SHARP,
    Case,
    Line,
    MethodWithKernel,
    Row,
    find_cases,
    score_images,
    summarise,
)
from unsmear.evaluate.summary import ALL
from unsmear.recovery.collect.cache import keep
from unsmear.restoration import methods

LABELS = {
    SHARP: "sharp",
    BLURRED: "blurred",
    "wiener-local": "Wiener 5x5, as in the paper",
    "wiener, estimated kernel": "Wiener, estimated kernel",
    "dcae": "DCAE",
    "gan": "GAN, Wasserstein critic",
    "gan-printed": "GAN, critic loss as printed",
    "maxim": "MAXIM, fine-tuned as in the paper",
    "deep-wiener, estimated kernel": "ours: deep-wiener, estimated kernel",
    "dcae-corrected": "DCAE, corrected",
    "gan-corrected": "GAN, corrected",
    "maxim-scratch": "MAXIM S-1, from the beginning",
    "ganscan": "GANscan, as pix2pix",
    "gan, batch": "GAN, Wasserstein critic; statistics of the image at hand",
    "gan-printed, batch": "GAN, critic loss as printed; statistics of the image at hand",
}
"""Every row by its restorer's name; in the order of the tables."""
FIRST = tuple(LABELS)[:9]
"""The rows of Table V."""
RESTORED = "restored"
"""Folder of the restored test images."""
EXAMINED = 16
"""Test images that the diagnoses look at, at most."""


@dataclass(frozen=True)
class Scores:
    """What the tables are made of.

    kind: what the test images are that are no real cells beside them.
    lines: over all test images, by restorer's name; own, real: over those of one kind.
    left: images that were left alone, for no movement was found in them.
    examined: images of the diagnoses.
    """

    kind: str
    lines: dict[str, Line]
    own: dict[str, Line]
    real: dict[str, Line]
    left: int
    diagnoses: dict[str, Diagnosis]
    examined: int


def entrants(folder: Path, trained: Sequence[str]) -> dict[str, MethodWithKernel]:
    """Return who restores, by the name of the row."""
    known = [
        MethodWithKernel(methods.find("wiener-local")),
        MethodWithKernel(methods.find("wiener"), "estimated"),
        MethodWithKernel(methods.find("deep-wiener"), "estimated"),
    ]
    for name in trained:
        best = methods.find(str(folder / name / "best"))
        known.append(MethodWithKernel(replace(best, name=name)))
        if name in ("gan", "gan-printed"):
            other = diagnoses.batch_statistics(folder / name / "best", f"{name}, batch")
            known.append(MethodWithKernel(other))
    by_name = {method.name: method for method in known}
    return {name: by_name[name] for name in LABELS if name in by_name}


def score(folder: Path, trained: Sequence[str], vgg: Path | None, workers: int) -> Scores:
    """Score every restorer on the test images; raises UnsmearError for an image that cannot be.

    Restored images stay in `folder`/restored, so that a stopped run goes on with the next one.
    """
    cases = find_cases(folder / "pairs", "test")[0]
    known = entrants(folder, trained)
    score_one = partial(_score, who=tuple(known.values()), restored=folder / RESTORED)
    with measured(folder, "scores", folder / RESTORED):
        scored = map_with_progress(score_one, cases, Where(workers), "scored")
        rows = [row for own in scored for row in own]
    learned = {name: known[name] for name in known if name.partition(",")[0] in networks.EVERY}
    looked = _spread(cases, EXAMINED)
    two = partial(diagnoses.examine, contenders=learned, vgg=vgg)
    with measured(folder, "diagnoses"):
        diagnosed = list(map_with_progress(two, looked, Where(workers), "examined"))
    return Scores(
        "drawn fields" if (folder / pairs.DRAWN).exists() else "HPA fields",
        _lines(rows),
        _lines([row for row in rows if not row.group.startswith(pairs.REAL)]),
        _lines([row for row in rows if row.group.startswith(pairs.REAL)]),
        sum(row.gain == 0 for row in rows if row.restorer == "wiener, estimated kernel"),
        {
            name: diagnoses.mean([of[name] for of in diagnosed])
            for name in (diagnosed[0] if diagnosed else ())
        },
        len(looked),
    )


def shown(folder: Path, count: int) -> list[Case]:
    """Return test images for a picture: of all channels, as many drawn as real ones."""
    cases = find_cases(folder / "pairs", "test")[0]
    coloured = [case for case in cases if case.sharp.read().planes().shape[1] == 3]
    real = [case for case in coloured if case.group.startswith(pairs.REAL)]
    drawn = [case for case in coloured if not case.group.startswith(pairs.REAL)]
    half = min(len(real), count // 2)
    return drawn[: count - half] + real[:half]


def _score(case: Case, who: tuple[MethodWithKernel, ...], restored: Path) -> tuple[Row, ...]:
    return score_images(case, keep(case, who, restored))


def _lines(rows: Sequence[Row]) -> dict[str, Line]:
    if not rows:
        return {}
    return {line.restorer: line for line in summarise(rows) if line.blur == ALL}


def _spread(cases: Sequence[Case], most: int) -> list[Case]:
    """Return at most so many cases, evenly from drawn and real ones."""
    if len(cases) <= most:
        return list(cases)
    return [cases[number * len(cases) // most] for number in range(most)]
