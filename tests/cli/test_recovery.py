"""`unsmear recovery PAIRS -o OUT`: the table exposes restorers that harm, and the run goes on."""

import csv
import json
import math
from hashlib import sha256

import cv2
import numpy as np
import pytest
import torch

from unsmear import images
from unsmear.blur import Motion, convolve, to_dict
from unsmear.checkpoints import checkpoint
from unsmear.images import Image
from unsmear.images.scaling import cast
from unsmear.recovery.collect import ask as asking
from unsmear.recovery.collect import journal
from unsmear.report.recovery import page
from unsmear.restoration import methods
from unsmear.restoration.base import Method, Restorer

COUNT, SIDE = 12, 96
COLOURS = ("red", "green", "blue")
SPOTS, FLAT = "Vesicles and punctate cytosolic patterns", "Cytosol"

EYE = '''
import torch
from torch import nn

class Eye(nn.Module):
    """Sees spots where green is far above its surroundings, and a cytosol where it is broad."""

    values, stride, smallest = (0.0, 1.0), 1, 8

    def __init__(self, *, labels: int = 2, channels: int = 3):
        super().__init__()
        self.labels, self.channels = labels, channels
        self.steep = nn.Parameter(torch.tensor(30.0))

    def forward(self, images):
        green = images[:, 1]
        broad = nn.functional.avg_pool2d(green[:, None], 9, 1, 4)[:, 0]
        spots = (green - broad).amax((-2, -1)) - 0.25
        flat = (broad > 0.1).float().mean((-2, -1)) - 0.1
        return self.steep * torch.stack([spots, flat], dim=1)

CLASSIFIERS = {"eye": Eye}
'''


def cell(number):
    """Return a field with four cells, (channel, y, x) uint8, and whether it has spots, a cytosol.

    Its green is in spots, in the cells' whole area, or in both.
    """
    spotted, flat = number % 3 != 1, number % 3 != 0
    generator = np.random.default_rng(number)
    planes = np.zeros((3, SIDE, SIDE), np.float32)
    for y in (25, 70):
        for x in (25, 70):
            middle = (x + int(generator.integers(-3, 4)), y + int(generator.integers(-3, 4)))
            cv2.circle(planes[2], middle, 9, 0.7, -1)
            cv2.circle(planes[0], middle, 17, 0.4, -1)
            if flat:
                cv2.circle(planes[1], middle, 16, 0.3, -1)
            for _ in range(4 if spotted else 0):
                shift = generator.integers(-9, 10, 2)
                cv2.circle(planes[1], (middle[0] + shift[0], middle[1] + shift[1]), 1, 0.9, -1)
    planes = np.stack([cv2.GaussianBlur(plane, (0, 0), 0.8) for plane in planes])
    planes += generator.random(planes.shape, np.float32) * 0.02
    return cast(255 * planes, np.uint8), spotted, flat


def write_pairs(folder, count=COUNT, split="", labels=None):
    rows = []
    for number in range(count):
        sharp, spotted, flat = cell(number)
        blur = Motion(7.0 + 5 * (number % 2), 35.0 * number)
        blurred = cast(convolve(sharp, blur.kernel()), np.uint8)
        for side, counts in (("sharp", sharp), ("blur", blurred)):
            image = Image(counts, "CYX", COLOURS)
            images.write(folder / side / f"cell_{number:02}.png", image)
        true = "|".join(["17"] * spotted + ["16"] * flat) if labels is None else labels[number]
        description = json.dumps(to_dict(blur))
        rows.append(
            (f"cell_{number:02}.png", f"c{number}", split, f"g{number}", true, description, 0)
        )
    with (folder / "manifest.csv").open("w", newline="") as file:
        columns = ["name", "source", "split", "group", "labels", "blur", "seed"]
        csv.writer(file).writerows([columns, *rows])
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("set") / "pairs")


@pytest.fixture
def eye(tmp_path, monkeypatch):
    """Return the path of a classifier that is right about every sharp image of the pairs."""
    folder = tmp_path / "networks"
    folder.mkdir()
    (folder / "eye.py").write_text(EYE)
    monkeypatch.setenv("UNSMEAR_NETWORKS", str(folder))
    return save_eye(tmp_path / "eye")


def save_eye(path, labels=(SPOTS, FLAT), channels=COLOURS, **card_entries):
    card = {
        "name": "eye",
        "network": "eye",
        "options": {"labels": len(labels), "channels": len(channels)},
        "task": "classify",
        "labels": list(labels),
        "thresholds": [0.5] * len(labels),
        "channels": list(channels),
        "size": SIDE,
        **card_entries,
    }
    checkpoint.save(path, {"steep": torch.tensor(30.0)}, card)
    return path


class Changed(Restorer):
    """A restorer without a halo that does something to the batch."""

    halo = 0

    def __init__(self, change):
        self.change = change

    def restore(self, batch):
        return self.change(batch.copy())


def erase(batch):
    batch[:, 1] = 0
    return batch


def paint(batch):
    for y in range(4, SIDE, 8):
        for x in range(4, SIDE, 8):
            batch[:, 1, y : y + 2, x : x + 2] = batch.max()
    return batch


@pytest.fixture
def harmful(monkeypatch):
    """List two restorers that no one should use: one erases a channel, one paints structure."""
    for name, change in (("eraser", erase), ("painter", paint)):
        method = Method(
            name,
            "harms",
            needs_kernel=False,
            fit=lambda blurred, kernel, change=change: Changed(change),
            conserves_flux=False,
        )
        monkeypatch.setitem(methods.METHODS, name, method)


def read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def numbers(folder, average):
    """Return a number of recovery.csv over all images, by restorer."""
    rows = [row for row in read(folder / "recovery.csv") if row["kind"] == "all"]
    return {row["restorer"]: float(row["value"]) for row in rows if row["number"] == average}


def summed(rows, restorer, column):
    return sum(int(row[column]) for row in rows if row["restorer"] == restorer)


@pytest.fixture(autouse=True)
def _undrawn(request, monkeypatch):
    """Leave the page's figures out, which take the most of a run's time, save where `drawn`."""
    if "drawn" not in request.fixturenames:
        monkeypatch.setattr(page, "draw", lambda results: [])


@pytest.fixture
def drawn():
    """Let the run draw the figures of its page."""


HARM = ("--method", "eraser", "--method", "painter", "--method", "wiener", "--kernel", "true")


@pytest.mark.slow
def test_labels_expose_what_harms(pairs, eye, harmful, tmp_path, unsmear):
    out = tmp_path / "out"
    finished = unsmear("recovery", pairs, "-o", out, "--classifier", eye, *HARM)
    assert finished.code == 0, finished.err
    recall, precision = (numbers(out, f"micro_{name}") for name in ("recall", "precision"))
    assert list(recall) == ["sharp", "blurred", "eraser", "painter", "wiener, true kernel"]
    assert recall["sharp"] == precision["sharp"] == 1
    assert recall["blurred"] < 0.8
    assert recall["wiener, true kernel"] > recall["blurred"]
    assert recall["eraser"] == 0  # of labels that are all in the channel that it erases
    assert precision["painter"] < 0.9 < precision["blurred"]
    labels = read(out / "labels.csv")
    there = sum(cell(number)[1] + cell(number)[2] for number in range(COUNT))
    assert summed(labels, "eraser", "lost_right") == there
    assert summed(labels, "eraser", "gained_wrong") == 0
    assert summed(labels, "painter", "gained_wrong") >= 4
    whole = [row for row in read(out / "agreement.csv") if row["subset"] == "all"]
    agreement = {row["restorer"]: float(row["decisions"]) for row in whole}
    assert agreement["sharp"] == 1
    assert agreement["wiener, true kernel"] > agreement["blurred"] > agreement["eraser"]
    assert "painter" in finished.out
    assert "Warning: eraser is below the blurred images" in finished.err
    assert "Agreement with the sharp images' labels" in finished.out


@pytest.mark.slow
def test_measures_expose_what_harms(pairs, harmful, tmp_path, unsmear):
    out = tmp_path / "out"
    finished = unsmear("recovery", pairs, "-o", out, *HARM)
    assert finished.code == 0, finished.err
    whole = [row for row in read(out / "measures.csv") if row["subset"] == "all"]
    rows = {(row["measure"], row["restorer"]): row for row in whole}
    assert {measure.split()[0] for measure, _ in rows} >= {"nuclei", "mean", "Pearson", "contrast"}
    assert float(rows["mean green", "eraser"]["relative_bias"]) == pytest.approx(-1)
    assert rows["mean green", "eraser"]["correlation"] == ""
    assert float(rows["mean green", "wiener, true kernel"]["correlation"]) > 0.99
    assert int(rows["Pearson green blue", "eraser"]["missing"]) == COUNT
    errors = {
        restorer: float(rows["spots green", restorer]["bias"])
        for restorer in ("blurred", "painter")
    }
    assert errors["painter"] > 1 > errors["blurred"]
    assert float(rows["contrast green", "painter"]["relative_bias"]) > 0.5
    assert float(rows["nuclei count error", "sharp"]["error"]) == 0
    assert not (out / "labels.csv").exists()
    found = {
        row["restorer"]: float(row["f1"])
        for row in read(out / "detection.csv")
        if (row["subset"], row["iou"]) == ("all", "0.8")
    }
    assert found["sharp"] == 1
    assert found["wiener, true kernel"] > found["blurred"]
    assert "F1 of the nuclei detected" in finished.out
    assert "Precision of the nuclei detected" in (out / "recovery.html").read_text()
    assert "Measures: correlation with the sharp images" in finished.out
    assert "mean green" in finished.out


@pytest.mark.slow
@pytest.mark.usefixtures("drawn")
def test_every_file_is_written(pairs, eye, tmp_path, unsmear):
    pytest.importorskip("matplotlib")
    out = tmp_path / "out"
    words = (
        "--classifier",
        eye,
        "--method",
        "wiener",
        "--kernel",
        "true",
        "--measure",
        "intensity",
    )
    assert unsmear("recovery", pairs, "-o", out, *words).code == 0
    wanted = {"answers.jsonl", "recovery.csv", "labels.csv", "agreement.csv", "calibration.csv"}
    wanted |= {"measures.csv", "recovery.md", "recovery.html"}
    assert wanted <= {path.name for path in out.iterdir()}
    text = (out / "recovery.html").read_text()
    assert "wiener, true kernel" in text
    assert text.count("data:image/png") >= 2
    assert "http://" not in text.replace("http://www.w3.org", "")
    answers = journal.load(out / "answers.jsonl")
    assert answers.labels == (SPOTS, FLAT)
    assert len(answers.rows) == COUNT * 3
    row = next(row for row in answers.rows if row.case == "cell_01")
    assert (row.group, row.blur, row.length, row.labels) == ("g1", "motion 12 px", 12.0, (1,))


QUICK = ("--method", "wiener-local")
"""The quickest restorer, for tests of anything else."""
SMALL = (*QUICK, "--measure", "intensity")


@pytest.mark.slow
def test_answers_are_the_same_whatever_the_workers(pairs, eye, tmp_path, unsmear):
    written = []
    for workers in (1, 2):
        out = tmp_path / f"out{workers}"
        words = ("--classifier", eye, *SMALL, "--workers", workers)
        assert unsmear("recovery", pairs, "-o", out, *words).code == 0
        written.append([(out / name).read_bytes() for name in ("answers.jsonl", "recovery.csv")])
    assert written[0] == written[1]


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on(pairs, eye, tmp_path, unsmear, monkeypatch):
    words = ("--classifier", eye, *SMALL)
    assert unsmear("recovery", pairs, "-o", tmp_path / "whole", *words).code == 0
    restored, restore_all = [], asking.restore_all

    def counted(case, sharp, blurred, contenders):
        if contenders:
            restored.append(case.name)
            if len(restored) == 5:
                raise KeyboardInterrupt
        return restore_all(case, sharp, blurred, contenders)

    monkeypatch.setattr(asking, "restore_all", counted)
    out = tmp_path / "out"
    finished = unsmear("recovery", pairs, "-o", out, *words)
    assert (finished.code, "stopped" in finished.err) == (130, True)
    assert journal.load(out / "answers.jsonl").cases == [f"cell_{n:02}" for n in range(4)]
    assert not (out / "recovery.csv").exists()
    assert unsmear("recovery", pairs, "-o", out, *words).code == 0
    assert restored[5:] == [f"cell_{number:02}" for number in range(4, COUNT)]
    for name in ("answers.jsonl", "recovery.csv", "measures.csv"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.slow
def test_a_run_of_other_arguments_is_refused(pairs, eye, tmp_path, unsmear):
    out = tmp_path / "out"
    words = ("recovery", pairs, "-o", out, "--classifier", eye, "--kernel", "true", "--method")
    assert unsmear(*words, "wiener-local").code == 0
    before = (out / "answers.jsonl").read_bytes()
    finished = unsmear(*words, "wiener")
    assert finished.code == 1
    assert "same arguments, got different methods" in finished.err
    assert (out / "answers.jsonl").read_bytes() == before
    assert unsmear(*words, "wiener-local", "--seed", 7).code == 0  # the answers do not depend on it


@pytest.mark.slow
def test_broken_pairs_are_named_and_the_others_go_on(eye, tmp_path, unsmear):
    pairs = write_pairs(tmp_path / "pairs", 6)
    (pairs / "blur" / "cell_00.png").write_bytes(b"no image")
    (pairs / "sharp" / "cell_04.png").unlink()
    out = tmp_path / "out"
    words = ("--classifier", eye, *QUICK)
    finished = unsmear("recovery", pairs, "-o", out, *words)
    assert finished.code == 1
    assert "cell_04: a pair must have an image in sharp, got none." in finished.err
    assert "blur/cell_00.png: a file must be" in finished.err
    assert "Traceback" not in finished.err
    assert journal.load(out / "answers.jsonl").cases == ["cell_01", "cell_02", "cell_03", "cell_05"]
    again = unsmear("recovery", pairs, "-o", out, *words)  # what failed is tried again
    assert "blur/cell_00.png: a file must be" in again.err


@pytest.mark.slow
def test_a_file_of_ones_own_is_a_measure(pairs, tmp_path, unsmear):
    own = tmp_path / "own.py"
    own.write_text("def measure(seen):\n    return {'light': float(seen.planes.sum())}\n")
    words = (*QUICK, "--measure", own)
    out = tmp_path / "out"
    assert unsmear("recovery", pairs, "-o", out, *words).code == 0
    assert {row["measure"] for row in read(out / "measures.csv")} == {"light"}
    sharp, _, _ = cell(0)
    first = journal.load(out / "answers.jsonl").rows[0]
    assert first.measures["light"] == pytest.approx(sharp.sum() / 255, rel=1e-5)
    own.write_text("def measure(seen):\n    return {'light': 1.0}\n")
    finished = unsmear("recovery", pairs, "-o", out, *words)
    assert "got different measures" in finished.err


@pytest.fixture
def never_restores(monkeypatch):
    """Fail the test where anything is restored: wrong inputs are found before long work."""
    real = asking.restore_all

    def refuse(case, sharp, blurred, contenders):
        assert not contenders, "restored before the inputs were checked"
        return real(case, sharp, blurred, contenders)

    monkeypatch.setattr(asking, "restore_all", refuse)


def refused(unsmear, tmp_path, pairs, *words):
    finished = unsmear("recovery", pairs, "-o", tmp_path / "out", "--method", "wiener", *words)
    assert finished.code == 1
    assert finished.out == ""
    assert not (tmp_path / "out" / "answers.jsonl").exists()
    return finished.err


@pytest.mark.usefixtures("never_restores")
class TestWrongInputs:
    def test_pairs_without_labels(self, eye, tmp_path, unsmear):
        pairs = write_pairs(tmp_path / "pairs", 4, labels=["17", "", "16", ""])
        error = refused(unsmear, tmp_path, pairs, "--classifier", eye)
        assert "cell_01: every pair must have labels for a classifier, got none for 2 of 4" in error

    @pytest.mark.slow
    def test_a_label_that_the_classifier_does_not_know(self, eye, tmp_path, unsmear):
        pairs = write_pairs(tmp_path / "pairs", 3, labels=["17", "16", "16|2"])
        error = refused(unsmear, tmp_path, pairs, "--classifier", eye)
        assert f"cell_02: labels must be those of eye ({SPOTS}, {FLAT}), got Nucleoli; " in error

    def test_a_label_that_nobody_knows(self, eye, tmp_path, unsmear):
        pairs = write_pairs(tmp_path / "pairs", 3, labels=["17", "16", "99"])
        error = refused(unsmear, tmp_path, pairs, "--classifier", eye)
        assert f"cell_02: labels must be those of eye ({SPOTS}, {FLAT}), got number 99; " in error

    def test_other_channels(self, pairs, eye, tmp_path, unsmear):
        yellow = save_eye(tmp_path / "other", channels=(*COLOURS, "yellow"))
        error = refused(unsmear, tmp_path, pairs, "--classifier", yellow)
        assert "must have the channels red, green, blue, yellow, got red, green, blue" in error

    def test_floats_without_a_range(self, eye, tmp_path, unsmear):
        for side in ("sharp", "blur"):
            image = Image(cell(0)[0].astype(np.float32), "CYX", COLOURS)
            images.write(tmp_path / "pairs" / side / "cell.tif", image)
        error = refused(unsmear, tmp_path, tmp_path / "pairs", "--measure", "intensity")
        assert "--data-range must say" in error

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["--measure", "nucleus"], "a measure must be one of nuclei, detection"),
            (["--measure", "none.py"], "none.py: a measure must be a Python file"),
            (["--classifier", "deep-wiener"], "must have a card with the task classify"),
            (["--method", "winer"], "a method must be one of"),
            (["--split", "test"], "split must be one of the manifest's"),
            (["--data-range", "0"], "--data-range must be above 0"),
        ],
    )
    def test_words(self, pairs, tmp_path, unsmear, words, sentence):
        assert sentence in refused(unsmear, tmp_path, pairs, *words)

    def test_a_measure_that_fails(self, pairs, tmp_path, unsmear):
        (tmp_path / "own.py").write_text("def measure(seen):\n    return {'light': 1 / 0}\n")
        error = refused(unsmear, tmp_path, pairs, "--measure", tmp_path / "own.py")
        assert "ZeroDivisionError in line 2" in error

    def test_a_measure_without_its_channel(self, tmp_path, unsmear):
        for side in ("sharp", "blur"):
            image = Image(cell(0)[0][:2], "CYX", COLOURS[:2])
            images.write(tmp_path / "pairs" / side / "cell.tif", image)
        error = refused(unsmear, tmp_path, tmp_path / "pairs", "--measure", "nuclei")
        assert (
            "nuclei: the images must have a channel named blue, DAPI, Hoechst, DRAQ5, DNA "
            "or nuclei, got red, green; --nuclei" in error
        )


def test_labels_that_no_image_has_are_told(tmp_path, eye, unsmear):
    pairs = write_pairs(tmp_path / "pairs", 3, labels=["17", "17", "17"])
    words = ("--classifier", eye, *QUICK)
    finished = unsmear("recovery", pairs, "-o", tmp_path / "out", *words)
    assert finished.code == 0
    assert f"Warning: No image has the label {FLAT}, which eye can find" in finished.err


def test_labels_that_the_classifier_does_not_know_can_be_left_out(tmp_path, eye, unsmear):
    pairs = write_pairs(tmp_path / "pairs", 3, labels=["17", "16", "16|2"])
    words = ("--classifier", eye, *QUICK)
    words += ("--other-labels", "leave-out")
    finished = unsmear("recovery", pairs, "-o", tmp_path / "out", *words)
    assert finished.code == 0
    assert "Warning: eye does not know Nucleoli: left out of the truth." in finished.err
    rows = journal.load(tmp_path / "out" / "answers.jsonl").rows
    assert {row.case: row.labels for row in rows}["cell_02"] == (1,)


@pytest.mark.slow
def test_the_page_says_what_the_terminal_said(tmp_path, eye, unsmear):
    careful = save_eye(eye.with_name("careful"), limits="Knows nothing but spots.")
    pairs = write_pairs(tmp_path / "pairs", 6)
    (pairs / "blur" / "cell_00.png").write_bytes(b"no image")
    words = ("--classifier", careful, *QUICK)
    finished = unsmear("recovery", pairs, "-o", tmp_path / "out", *words)
    assert finished.code == 1
    for name in ("recovery.md", "recovery.html"):
        text = (tmp_path / "out" / name).read_text()
        assert "Knows nothing but spots." in text
        assert "blur/cell_00.png: a file must be" in text


@pytest.mark.slow
def test_measures_alone_warn_of_few_images_too(pairs, tmp_path, unsmear):
    words = (*QUICK, "--measure", "intensity")
    finished = unsmear("recovery", pairs, "-o", tmp_path / "out", *words)
    assert "Warning: There are 12 groups of images: the intervals are too narrow." in finished.err


@pytest.mark.slow
def test_labels_of_images_that_are_missing_are_told(tmp_path, eye, unsmear):
    pairs = write_pairs(tmp_path / "pairs", 3)
    (pairs / "manifest.csv").unlink()
    (pairs / "train.csv").write_text("ID,Label\ncell_00,17\ncell_01,16\ncell_02,16|17\ngone,16\n")
    words = ("--classifier", eye, "--method", "wiener", "--kernel", "estimated")
    finished = unsmear("recovery", pairs, "-o", tmp_path / "out", *words)
    assert finished.code == 0
    assert (
        "every label listed must have an image, got none for 1 IDs, gone among them" in finished.err
    )
    rows = journal.load(tmp_path / "out" / "answers.jsonl").rows
    assert {row.case: row.labels for row in rows}["cell_02"] == (1, 0)


@pytest.mark.slow
def test_a_classifier_that_was_trained_on_these_images_is_told(pairs, eye, tmp_path, unsmear):
    seen = save_eye(tmp_path / "seen", groups=["g3", "g4", "other"])
    words = ("--classifier", seen, *QUICK)
    finished = unsmear("recovery", pairs, "-o", tmp_path / "out", *words)
    assert finished.code == 0
    assert "was trained on images of 2 of the 12 groups of these pairs, g3 among" in finished.err


@pytest.mark.parametrize(
    ("split", "told"), [("train", "was trained"), ("val", "chose thresholds"), ("test", "")]
)
def test_thresholds_that_were_chosen_on_these_pairs_are_told(tmp_path, eye, unsmear, split, told):
    pairs = write_pairs(tmp_path / "pairs", 3, split=split)
    listed = sha256((pairs / "manifest.csv").read_bytes()).hexdigest()
    seen = save_eye(tmp_path / "seen", data={"hash": listed})
    words = ("--classifier", seen, *QUICK, "--split", split)
    finished = unsmear("recovery", pairs, "-o", tmp_path / "out", *words)
    assert finished.code == 0
    sentence = f"{told} on some of these pairs; --split test scores those that it has not seen."
    assert (sentence in finished.err) == bool(told)
    assert ("of these pairs" in finished.err) == bool(told)


def test_a_split_is_asked_alone(tmp_path, eye, unsmear):
    pairs = write_pairs(tmp_path / "pairs", 3, split="test")
    words = ("--classifier", eye, *QUICK, "--split", "test")
    assert unsmear("recovery", pairs, "-o", tmp_path / "out", *words).code == 0


def test_without_a_manifest_only_what_the_images_say_is_asked(tmp_path, unsmear):
    for side in ("sharp", "blur"):
        image = Image(cell(0)[0][1], "YX")
        images.write(tmp_path / "pairs" / side / "cell.png", image)
    words = ("--method", "unsupervised-wiener", "--kernel", "estimated")
    finished = unsmear("recovery", tmp_path / "pairs", "-o", tmp_path / "out", *words)
    assert finished.code == 0, finished.err
    names = {row["measure"] for row in read(tmp_path / "out" / "measures.csv")}
    assert "image mean channel 0" in names
    assert not any(name.startswith(("nuclei", "nuclear", "mean", "Pearson")) for name in names)
    assert all(
        math.isfinite(float(row["bias"] or 0)) for row in read(tmp_path / "out" / "measures.csv")
    )
