"""The comparison of autoencoders: its counts by hand, and a run from nothing to a page."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from recipes.cells import mosaics as cells
from recipes.mae import drawn, learning, page
from recipes.mae.comparison import CONDITIONS, Board
from recipes.mae.learning import Variant
from recipes.mae.scales import SCALES
from unsmear.data.labels import CHANNELS
from unsmear.errors import DataError
from unsmear.metrics.bootstrap import Interval
from unsmear.metrics.classification import score
from unsmear.recovery.collect.answers import Prediction, Predictions
from unsmear.train.config.classifier import LabelRun
from unsmear.train.config.pretraining import PretrainingRun

ROOT = Path(__file__).parents[2]
LABELS = ("a", "b", "c")
GRID = 2
"""Number of cells along a side of the mosaics here."""


def predicted(seed, images=12, groups=4):
    """Return random predictions of three labels under every condition."""
    random = np.random.default_rng(seed)
    truth = np.random.default_rng(0).random((images, 3)) < 0.5
    rows = [
        Prediction(
            f"case {image}",
            f"group {image % groups}",
            condition,
            labels=tuple(np.flatnonzero(truth[image]).tolist()),
            probabilities=tuple(random.random(3).tolist()),
        )
        for image in range(images)
        for condition in CONDITIONS
    ]
    return Predictions(LABELS, (0.4, 0.5, 0.6), tuple(rows))


def macro_f1(answers, condition, cases):
    """Return the macro F1 of some images, repeated ones more than once."""
    rows = {row.case: row for row in answers.rows if row.restorer == condition}
    truth = [[place in rows[case].labels for place in range(3)] for case in cases]
    return score(truth, [rows[case].probabilities for case in cases], answers.thresholds).macro_f1


def test_a_board_has_the_f1_of_the_metrics_and_the_mean_of_the_seeds():
    one, two, other = (predicted(seed) for seed in (1, 2, 3))
    board = Board.of({"mine": [one, two], "other": [other, other]})
    assert (board.images, board.groups) == (12, 4)
    for condition in CONDITIONS:
        cases = one.cases
        wanted = np.mean([macro_f1(part, condition, cases) for part in (one, two)])
        measured = board.macro_f1("mine", condition)
        assert measured.value == pytest.approx(wanted)
        assert measured.low <= measured.value <= measured.high
        difference, p = board.difference("mine", "other", condition)
        assert difference.value == pytest.approx(wanted - macro_f1(other, condition, cases))
        assert 0 < p <= 1
    same, p = board.difference("mine", "mine", CONDITIONS[0])
    assert (same, p) == (Interval(0.0, 0.0, 0.0), 1.0)


def test_the_intervals_draw_groups():
    answers = predicted(4)
    board = Board.of({"mine": [answers]})
    groups = [[f"case {image}" for image in range(12) if image % 4 == group] for group in range(4)]
    for condition in CONDITIONS[:2]:
        by_hand = [
            macro_f1(answers, condition, [case for at in np.repeat(range(4), times.astype(int))
                                          for case in groups[at]])
            for times in board.draws[:20]
        ]  # fmt: skip
        _, drawn_values = board._macro("mine", condition)
        np.testing.assert_allclose(drawn_values[:20], by_hand)


def test_classifiers_that_saw_other_images_are_not_compared():
    fewer = predicted(2, images=8)
    with pytest.raises(DataError, match="all classifiers must predict the same 12 images, got 8"):
        Board.of({"mine": [predicted(1)], "other": [fewer]})


@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
def test_every_run_s_options_are_accepted_and_the_budget_is_the_same(scale):
    runs = {
        name: learning.pretraining(name, scale, Path("fields"), 0) for name in learning.AUTOENCODERS
    }
    plain, deblurring = runs.values()
    assert isinstance(plain, PretrainingRun)
    assert (plain.pretext.input, deblurring.pretext.input) == ("sharp", "blurred")
    for shared in ("data", "options", "optimiser", "schedule", "stop", "augment", "seed"):
        assert getattr(plain, shared) == getattr(deblurring, shared), shared
    for variant in learning.DRAWN:
        start = None if variant.start == "random" else Path("pretrained")
        run = learning.teaching(variant, scale, Path("pairs"), start, scale.teaching, 0)
        assert isinstance(run, LabelRun)
        assert run.freeze == ("head" if variant.frozen else "nothing")
        assert run.start == (None if start is None else "pretrained")
        assert run.stop.steps == scale.teaching
    assert len(set(drawn.RUNS)) == len(drawn.RUNS) == 12
    assert scale.side % scale.encoder["patch"] == 0


def test_a_classifier_without_pretraining_gets_the_arithmetic_of_both():
    scale = SCALES["small"]
    plain, deblurring = (
        learning.pretraining(name, scale, Path("fields"), 0) for name in learning.AUTOENCODERS
    )
    fine, frozen = (
        learning.teaching(Variant("random", frozen), scale, Path("pairs"), None, 40, 0)
        for frozen in (False, True)
    )
    assert learning.arithmetic(plain) == learning.arithmetic(deblurring)
    # The last layer's gradient is next to nothing, and two thirds of the work are gradients.
    assert learning.arithmetic(frozen) < 0.4 * learning.arithmetic(fine)
    share = learning.arithmetic(plain) / learning.arithmetic(fine)
    assert 0.25 < share < 0.7  # a quarter of the patches, and a decoder
    assert learning.as_long(plain, fine) == 40 + round(scale.pretraining * share)


def test_a_run_is_finished_when_all_its_steps_are_done(tmp_path):
    (tmp_path / "summary.json").write_text('{"reason": "steps", "step": 40}')
    assert learning.finished(tmp_path, 40)
    assert learning.finished(tmp_path)
    assert not learning.finished(tmp_path, 41)
    (tmp_path / "summary.json").write_text('{"reason": "stopped", "step": 40}')
    assert not learning.finished(tmp_path, 40)
    assert not learning.finished(tmp_path / "nothing")


def test_verdicts_follow_from_the_intervals():
    better, worse, unknown = Interval(1, 0.5, 2), Interval(-1, -2, -0.1), Interval(1, -0.1, 2)
    assert [page._verdict(each) for each in (better, worse, unknown)] == [
        "better",
        "worse",
        "no difference shown",
    ]
    assert page._counted(["better"] * 4) == "better on any images"
    some = page._counted(["better", "worse", "worse", "better"])
    assert some == (
        "better on sharp, deep-wiener with the estimated kernel; "
        "worse on blurred, deep-wiener with the true kernel"
    )


@pytest.fixture(scope="module")
def mosaics(tmp_path_factory):
    """Return a folder of six mosaics: four discs each, the protein in the middle or around it."""
    folder = tmp_path_factory.mktemp("mosaics")
    random = np.random.default_rng(0)
    lines = ["file,labels,group"]
    side = 256
    for number in range(6):
        label = 16 * (number % 2)
        planes = random.integers(0, 60, (4, side, side)).astype(np.uint8)
        for place in range(GRID * GRID):
            y, x = (part * side // GRID + side // (2 * GRID) for part in divmod(place, GRID))
            radius = int(random.integers(25, 40))
            for channel, plane in enumerate(planes):
                small = channel == 2 or (channel == 1 and not label)
                cv2.circle(plane, (x, y), radius // 2 if small else radius, 200, -1)
        for colour, plane in zip(CHANNELS, planes, strict=True):
            cv2.imwrite(str(folder / f"m{number}_{colour}.jpg"), plane)
            lines.append(f"m{number}_{colour}.jpg,Name (2018 label 1; SCC label {label}),m{number}")
    (folder / "MANIFEST.csv").write_text("\n".join(lines) + "\n")
    return folder


def words(output, text, *more):
    given = [ROOT / "recipes" / "mae" / "run.py", "--scale", "tiny", "--output", output]
    return list(map(str, [*given, "--page", text, "--folds", "2", *more]))


@pytest.fixture
def go(run_here):
    """Return a function that runs the command in this process; it returns code, out and err."""
    return lambda *arguments: run_here(words(*arguments))


@pytest.mark.slow
@pytest.mark.usefixtures("quick_restoration")
def test_one_command_goes_from_nothing_to_the_page_and_resumes(go, mosaics, tmp_path, monkeypatch):
    monkeypatch.setattr(cells, "GRID", GRID)
    output, text = tmp_path / "run", tmp_path / "page" / "mae.md"
    code, _, err = go(output, text, "--only", "mae,vit-mae")
    assert code == 0, err
    assert not text.exists()
    assert not (output / "seed-0" / "deblur-mae").exists()
    code, out, err = go(output, text, "--cells", mosaics)
    assert code == 0, err
    assert "seed 0, mae: finished before." in out
    written = text.read_text()
    for variant in learning.DRAWN:
        assert written.count(f"| {page.title(variant)} |") >= 1
    for title in ("## Drawn fields", "## Real cells", "## Budget", "## What was scaled down"):
        assert title in written
    assert "Tested on 24 images of 6 groups." in written
    assert str(tmp_path) not in written
    assert "nan" not in written
    assert not list(output.rglob("*.part"))
    code, out, err = go(output, text, "--cells", mosaics.parent / "nowhere")
    assert code == 0, err
    assert out.count("finished before.") == 12
    assert "Real cells are left out: there is no folder nowhere" in text.read_text()


@pytest.mark.slow
def test_an_unknown_run_is_named(go, tmp_path):
    code, _, err = go(tmp_path / "run", tmp_path / "page.md", "--only", "vit-nothing")
    assert code == 1
    assert "--only must name some of mae, deblur-mae, vit-random" in err
