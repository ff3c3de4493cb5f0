"""The page of a run: whole, begun, stopped, and of no run."""

import json
import re

import cv2
import numpy as np
import pytest

from unsmear.errors import OptionError, UnsmearError
from unsmear.report.training import page as report
from unsmear.report.training.folder import read

pytest.importorskip("matplotlib")

LOG = "step,epoch,samples,seconds,rate,l1,loss\n" + "".join(
    f"{step},{step / 10},{step * 4},{step / 2},{1e-3 / step},{1 / step},{2 / step}\n"
    for step in range(10, 50, 10)
)
VALIDATION = "step,epoch,loss,psnr,gain_psnr,ssim,blurred_psnr,blurred_gain_psnr,blurred_ssim\n" + (
    "10,1,0.5,20,21,0.5,22.5,23,0.7\n20,2,0.4,24.25,25,0.8,22.5,23,0.7\n"
    "40,4,0.3,23,24,0.75,22.5,23,0.7\n"
)
SUMMARY = {
    "reason": "steps",
    "step": 40,
    "best": 24.25,
    "best_step": 20,
    "samples_per_second": 8.0,
    "samples_per_second_alone": 10.0,
    "seconds": 20.0,
}
TOML = (
    'model = "dcae"\nseed = 3\n[options]\ndropout = 0.25\n[data]\nsize = 64\nbatch = 4\n'
    "[log]\nevery = 10\n"
)


@pytest.fixture
def begun(tmp_path):
    """Return the folder of a run that has written its configuration alone."""
    folder = tmp_path / "my <run>"
    (folder / "samples").mkdir(parents=True)
    (folder / "run.toml").write_text(TOML)
    data = {"kind": "sharp", "images": 12, "hash": "abc123"}
    environment = {"unsmear": "0.1.0", "packages": {"torch": "2.9"}, "data": data, "seed": 3}
    (folder / "environment.json").write_text(json.dumps(environment))
    return folder


@pytest.fixture
def whole(begun):
    """Return the folder of a run that has ended."""
    (begun / "log.csv").write_text(LOG)
    (begun / "validation.csv").write_text(VALIDATION)
    (begun / "summary.json").write_text(json.dumps(SUMMARY))
    for step in (10, 20, 30, 40):
        picture = np.full((6, 6, 3), step, np.uint8)
        cv2.imwrite(str(begun / f"samples/{step:07d}.png"), picture)
    return begun


@pytest.mark.slow
def test_one_file_that_needs_no_other(whole, tmp_path):
    path = tmp_path / "page.html"
    assert report.write(whole, path) == [path]
    page = path.read_text()
    assert "<h1>my &lt;run&gt;</h1>" in page
    sources = re.findall(r'(?:src|href)="([^#][^"]*)"', page)
    assert len(sources) == 4  # the curves, the first, the best and the last sample
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    for text in (
        "dcae (dropout 0.25) is trained on 12 sharp images, with a new blur in each sample",
        "64x64 pixels, batches of 4, seed 3.",
        "It ended at step 40: all steps are done.",
        "Best at step 20: PSNR 24.25 dB; blurred images 22.50 dB.",
        "8 samples per second, data included; 10 without waiting for data (80%).",
        "Step 10, the first",
        "Step 20, the best",
        "Step 40, the last",
        "dropout = 0.25",
        "torch 2.9",
        "abc123",
    ):
        assert text in page


@pytest.mark.slow
def test_markdown_has_its_pictures_beside_it(whole, tmp_path):
    files = report.write(whole, tmp_path / "out" / "page.md")
    text = files[0].read_text()
    assert re.findall(r"!\[[^]]*\]\(([^)]*)\)", text) == [file.name for file in files[1:]]
    for file in files[1:]:
        assert cv2.imread(str(file)) is not None
    assert "| blurred | 22.50 | 23.00 | 0.7000 |  |" in text
    assert "| best, step 20 | 24.25 | 25.00 | 0.8000 | 0.4 |" in text


def test_curves_show_what_was_written_down(whole):
    from unsmear.report.training import curves

    figure = curves.draw(read(whole))
    panels = {axes.get_title(): axes for axes in figure.axes}
    assert list(panels) == [
        "PSNR, dB",
        "SSIM",
        "loss",
        "loss: l1",
        "learning rate",
        "samples per second, data included",
    ]
    restored, blurred, _ = panels["PSNR, dB"].lines
    assert list(restored.get_ydata()) == [20, 24.25, 23]
    assert list(blurred.get_ydata()) == [22.5, 22.5]
    training, validation = panels["loss"].lines
    assert list(training.get_ydata()) == pytest.approx([0.2, 0.1, 2 / 30, 0.05])
    assert list(validation.get_ydata()) == [0.5, 0.4, 0.3]
    (speed,) = panels["samples per second, data included"].lines
    assert list(speed.get_ydata()) == [8, 8, 8, 8]


def test_a_run_that_has_only_begun(begun, tmp_path):
    report.write(begun, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "The run has not ended; the last logged step is 0." in page
    assert "<img" not in page


def test_a_run_under_way(whole, tmp_path):
    (whole / "summary.json").unlink()
    sentences = report.sentences(read(whole))
    assert "The run has not ended; the last logged step is 40." in sentences
    assert "8 samples per second so far, data included." in sentences


def test_a_run_that_went_on_after_it_was_stopped(whole):
    stopped = SUMMARY | {"reason": "stopped", "step": 30}
    (whole / "summary.json").write_text(json.dumps(stopped))
    assert "The run has not ended; the last logged step is 40." in report.sentences(read(whole))


def test_the_lowest_loss_can_be_the_best(whole):
    (whole / "run.toml").write_text(TOML + '[stop]\nmonitor = "loss"\n')
    assert read(whole).best["step"] == 40


LABELLED = {
    "validation.csv": "step,epoch,loss,average_precision,micro_f1,macro_f1,harmonic_f1\n"
    "10,1,0.5,0.3,0.4,0.2,0.25\n20,2,0.4,0.625,0.5,0.375,0.35\n40,4,0.3,0.6,0.55,0.35,0.3\n",
    "run.toml": 'model = "light"\n[data]\nsize = 64\nbatch = 4\n[log]\nevery = 10\n'
    '[stop]\nmonitor = "average_precision"\n',
}


@pytest.fixture
def classifier(begun):
    """Return the folder of a classifier's run that has ended."""
    data = {"kind": "cells", "images": 100, "hash": "abc", "labels": {"Nucleoli": 9, "Cytosol": 8}}
    (begun / "environment.json").write_text(json.dumps({"unsmear": "0.1.0", "data": data}))
    for name, text in LABELLED.items():
        (begun / name).write_text(text)
    (begun / "log.csv").write_text(LOG)
    return begun


@pytest.mark.slow
def test_a_classifiers_page_speaks_of_what_it_finds(classifier, tmp_path):
    report.write(classifier, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    for text in (
        "light is trained on 100 fields of synthetic cells with 2 labels: 64x64 pixels",
        "Best at step 20: average precision 0.625, F1 0.500 micro and 0.375 macro.",
        "best, step 20</th><td>0.6250</td><td>0.5000</td><td>0.3750</td><td>0.3500",
        "the dashed line is the best validation.",
        "Nucleoli 9, Cytosol 8",
    ):
        assert text in page
    assert "blurred" not in page
    assert "PSNR" not in page


@pytest.mark.parametrize(
    ("kind", "what"),
    [("pairs", "7 sharp images of prepared pairs"), ("images", "7 images")],
)
def test_what_a_classifier_learns_from_is_said(classifier, kind, what):
    data = {"kind": kind, "images": 7, "labels": {"Nucleoli": 9, "Cytosol": 8}}
    (classifier / "environment.json").write_text(json.dumps({"data": data}))
    assert f"is trained on {what} with 2 labels: " in report.sentences(read(classifier))[0]


def test_a_classifiers_curves_are_its_scores(classifier):
    from unsmear.report.training import curves

    panels = {axes.get_title(): axes for axes in curves.draw(read(classifier)).axes}
    assert list(panels)[:4] == ["average precision", "F1, micro", "F1, macro", "loss"]
    curve, _ = panels["average precision"].lines
    assert list(curve.get_ydata()) == [0.3, 0.625, 0.6]
    assert curve.get_label() == "validation"


def test_what_cannot_be_is_said(whole, tmp_path):
    with pytest.raises(OptionError, match=r"must end in \.html or \.md, got 'page.pdf'"):
        report.write(whole, tmp_path / "page.pdf")
    with pytest.raises(OptionError, match=r"must be a run of `unsmear train`, with a run\.toml"):
        report.write(tmp_path / "nothing", tmp_path / "page.html")
    (whole / "summary.json").write_text("{")
    with pytest.raises(OptionError, match=r"summary\.json: the file must be valid JSON"):
        report.write(whole, tmp_path / "page.html")


@pytest.mark.parametrize(
    ("name", "contents", "sentence"),
    [
        (
            "log.csv",
            "step,seconds\n10,a\n",
            r"log\.csv line 2: the row is damaged \(could",
        ),
        ("log.csv", b"step\n\xff\n", r"log\.csv: the table cannot be read"),
        (
            "log.csv",
            "step\n" + "9" * 140_000 + "\n",
            r"log\.csv line 2: the row is damaged",
        ),
        (
            "log.csv",
            "seconds\n3\n",
            r"my <run>: the files of the run are damaged \(KeyErr",
        ),
        ("validation.csv", "step,loss\ninf,1\n", r"damaged \(OverflowError: "),
        ("summary.json", "[1]", r"summary\.json: the file must be valid JSON \(it is no object\)"),
        ("summary.json", '{"step": "x"}', r"my <run>: the files of the run are damaged"),
        ("summary.json", '{"step": 99}', r"damaged \(KeyError: 'reason'\)"),
        ("run.toml", 'options = "x"', r"my <run>: the files of the run are damaged"),
        ("environment.json", '{"data": 3}', r"my <run>: the files of the run are damaged"),
    ],
)
def test_files_that_no_run_has_written_are_one_sentence(whole, tmp_path, name, contents, sentence):
    data = contents if isinstance(contents, bytes) else contents.encode()
    (whole / name).write_bytes(data)
    with pytest.raises(UnsmearError, match=sentence):
        report.write(whole, tmp_path / "page.md")


def test_a_row_that_a_kill_cut_off_is_left_out(whole, tmp_path):
    report.write(whole, tmp_path / "page.md")
    page = (tmp_path / "page.md").read_bytes()
    with (whole / "log.csv").open("a") as log:
        log.write("50,5,200,25,1e-")
    report.write(whole, tmp_path / "page.md")
    assert (tmp_path / "page.md").read_bytes() == page
