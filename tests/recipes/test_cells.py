"""The recipes of real cells, from mosaics that are made up, to their pages."""

import json
import re
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from unsmear.data.labels import CHANNELS
from unsmear.recovery.analysis.aligned import Aligned

HERE = Path(__file__).parents[2] / "recipes" / "cells"
SIDE, GRID = 256, 2
"""Pixels, and number of cells, along a side of a mosaic here."""


@pytest.fixture(scope="module")
def mosaics(tmp_path_factory):
    """Return a folder of six mosaics: four discs each, the protein in the middle or around it."""
    folder = tmp_path_factory.mktemp("mosaics")
    random = np.random.default_rng(0)
    lines = ["file,labels,group"]
    for number in range(6):
        label = 16 if number % 2 else 0
        planes = np.zeros((4, SIDE, SIDE), np.uint8)
        for place in range(GRID * GRID):
            y, x = (part * SIDE // GRID + SIDE // (2 * GRID) for part in divmod(place, GRID))
            size = int(random.integers(25, 40))
            for plane, radius in zip(planes, (size, size, size // 2, size), strict=True):
                cv2.circle(plane, (x, y), radius, 200, -1)
            inner = np.zeros((SIDE, SIDE), np.uint8)
            cv2.circle(inner, (x, y), size // 2, 1, -1)
            planes[1][inner == 1] = 20 if label else 220
            if not label:
                planes[1][(inner == 0) & (planes[0] > 0)] = np.minimum(
                    planes[1][(inner == 0) & (planes[0] > 0)], 255
                )
        for colour, plane in zip(CHANNELS, planes, strict=True):
            cv2.imwrite(str(folder / f"m{number}_{colour}.jpg"), plane)
            lines.append(f"m{number}_{colour}.jpg,Name (2018 label 1; SCC label {label}),m{number}")
    (folder / "MANIFEST.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def finished(mosaics, tmp_path_factory, quick_restoration):
    """Return the output of `run.py`, and its page."""
    folder = tmp_path_factory.mktemp("cells")
    page = folder / "page" / "cells.md"
    command(mosaics, folder / "run", "run.py", "--page", page)
    return folder / "run", page


def command(data, output, script, *words):
    """Run a script of the recipe in this process, with mosaics of fewer cells."""
    given = [HERE / script, "--data", data, "--output", output, *words]
    given += ["--method", "wiener-local", "--folds", "2", "--epochs", "1"]
    given += ["--share", "0.4", "--side", "48", "--workers", "1"]
    names = {file.stem for file in HERE.glob("*.py")}
    others = {name: sys.modules.pop(name) for name in names & sys.modules.keys()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", list(map(str, given)))
        patch.syspath_prepend(HERE)
        import mosaics

        mosaics.GRID = GRID
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(sys.argv[0], run_name="__main__")
    for name in names:  # other recipes have modules of the same names
        sys.modules.pop(name, None)
    sys.modules.update(others)
    assert not ended.value.code


@pytest.mark.slow
def test_one_command_goes_from_mosaics_to_the_page(finished):
    output, page = finished
    text = page.read_text()
    for row in ("| sharp ", "| blurred ", "| wiener-local "):
        assert row in text
    assert "motion 16 px" in text
    assert str(output.parent) not in text
    assert (output / "recovery.html").read_text().startswith("<!doctype html>")
    # Every cell is answered once for each length, by the fold that has not learned from it.
    answers = [path.read_text().splitlines() for path in sorted(output.glob("answers-*/*.jsonl"))]
    assert sum(len(lines) - 1 for lines in answers) == 6 * 4 * 3
    assert not list(output.glob("**/*.part"))


@pytest.mark.slow
def test_three_classifiers_go_on_from_there(mosaics, finished, tmp_path):
    output, _ = finished
    page = tmp_path / "agreement.md"
    before = {path: path.stat().st_mtime_ns for path in output.glob("fold-*/last.safetensors")}
    assert len(before) == 2
    small = ("--drawn", "16", "--drawn-epochs", "1")
    command(mosaics, output, "agreement.py", *small, "--page", page)
    assert {path: path.stat().st_mtime_ns for path in before} == before  # not trained again
    text = page.read_text()
    for part in ("light and light, other folds", "Fleiss' kappa", "Kendall's tau", "Nucleoplasm"):
        assert part in text
    assert text.count("| wiener-local ") >= 4
    cards = [json.loads(file.read_text()) for file in output.glob("*/fold-*/last.json")]
    assert len(cards) == 4
    assert {card["options"]["features"] for card in cards} == {24, 16}


def test_the_page_says_whether_the_order_changes(monkeypatch, make_classifiers):
    monkeypatch.syspath_prepend(HERE)
    import agreement_page

    same = agreement_page.write(make_classifiers(turned=False))
    assert "No two classifiers put any two restorers into opposite orders" in same
    assert re.search(r"\| macro F1 +\| a +\| b +\| 1.00 \[1.00, 1.00\] +\| 100.0", same)
    turned = agreement_page.write(make_classifiers(turned=True), "--folds 3")
    assert "hpa_single_cells --folds 3\n" in turned
    assert "macro F1: good is above poor by a, and below by c." in turned
    scores = turned.split("### macro F1 in % and place")[1].split("###")[0]
    assert [row.count("(1)") for row in scores.splitlines() if row.startswith("| good")] == [2]
    assert [row.count("(") for row in scores.splitlines() if row.startswith("| sharp")] == [0]


@pytest.fixture
def make_classifiers():
    """Return a function that makes up three classifiers; the last may turn the order round."""
    truth = np.random.default_rng(5).random((100, 3)) < 0.4
    wrong = {"sharp": 0.02, "blurred": 0.4, "good": 0.05, "poor": 0.22}

    def make(turned):
        other = {**wrong, "good": 0.22, "poor": 0.05} if turned else wrong
        return {
            name: Aligned(
                labels=("A", "B", "C"),
                truth=truth,
                thresholds=np.full(truth.shape, 0.5),
                probabilities=answers(truth, shares, seed),
                cases=tuple(map(str, range(100))),
                groups=tuple(map(str, range(100))),
                blurs=("motion 6 px",) * 100,
                lengths=np.full(100, 6.0),
            )
            for seed, (name, shares) in enumerate([("a", wrong), ("b", wrong), ("c", other)])
        }

    return make


def answers(truth, shares, seed):
    """Return certain answers by restorer, each wrong in this share of the decisions."""
    generator = np.random.default_rng(seed)
    return {
        name: (truth ^ (generator.random(truth.shape) < share)).astype(float)
        for name, share in shares.items()
    }
