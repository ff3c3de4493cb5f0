"""`unsmear search` and `unsmear page`, from an empty folder to a page."""

import csv
import signal
import tomllib

import cv2
import numpy as np
import pytest

from unsmear import images
from unsmear.data import manifest
from unsmear.data.manifest import Pair
from unsmear.images import Image

SPACE = '"optimiser.rate" = {low = 1e-4, high = 1e-2, log = true}\n"data.batch" = [1, 2]\n'
SMALL = [
    *("--data.size", "16", "--data.workers", "0", "--options.filters", "[4]"),
    *("--stop.steps", "2", "--log.validate_every", "1", "--log.tensorboard", "false"),
]


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Return the arguments of a small search in an empty folder with pairs and a space."""
    monkeypatch.chdir(tmp_path)
    rows = [
        Pair(f"p{n}.png", f"s{n}", split, width=16, height=16)
        for n, split in enumerate(["train", "train", "val"])
    ]
    for number, row in enumerate(rows):
        sharp = np.random.default_rng(number).integers(0, 256, (3, 16, 16), np.uint8)
        blurred = np.stack([cv2.blur(plane, (5, 1)) for plane in sharp])
        for path, pixels in zip(row.files(tmp_path / "pairs"), (sharp, blurred), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            images.write(path, Image(pixels, "CYX"))
    manifest.write(tmp_path / "pairs", rows)
    (tmp_path / "space.toml").write_text(SPACE)
    return ["search", "dcae", "--space", "space.toml", "--data", "pairs", "-o", "found", *SMALL]


@pytest.mark.slow
def test_search_train_page(told, tmp_path, unsmear):
    done = unsmear(*told, "--trials", 2)
    assert done.code == 0, done.err
    with (tmp_path / "found/table.csv").open() as file:
        blurred, *rows = csv.DictReader(file)
    assert (blurred["trial"], blurred["outcome"]) == ("-", "blurred")
    assert 0 < float(blurred["psnr"]) < 100
    assert sorted(row["trial"] for row in rows) == ["0000", "0001"]
    assert float(rows[0]["psnr"]) >= float(rows[1]["psnr"])
    for row in rows:
        assert row["trial"] in done.out
        assert (tmp_path / "found/trials" / row["trial"] / "best.safetensors").exists()
    assert len((tmp_path / "found/table.md").read_text().splitlines()) == 5
    best = tomllib.loads((tmp_path / "found/best.toml").read_text())
    assert f"{best['optimiser']['rate']:.4g}" == rows[0]["optimiser.rate"]

    trained = unsmear("train", "dcae", "--config", "found/best.toml", "-o", "best")
    assert trained.code == 0, trained.err
    assert f"best psnr {float(rows[0]['psnr']):.4g} " in trained.out
    page = unsmear("page", "best")
    assert (page.code, page.out) == (0, "The report is in best/page.html.\n")

    again = unsmear(*told, "--trials", 2)
    assert (again.code, again.out) == (0, done.out)


@pytest.mark.slow
def test_stopped_and_gone_on_with(told, tmp_path, unsmear, monkeypatch):
    def stop_in_the_first_step(bar, task, completed=0, **_):
        if completed == 1:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as within:
        within.setattr("rich.progress.Progress.update", stop_in_the_first_step)
        stopped = unsmear(*told, "--trials", 1)
    assert stopped.code == 130
    assert "stopped; repeat the command to resume" in stopped.out
    assert not (tmp_path / "found/best.toml").exists()
    assert unsmear(*told, "--trials", 1).code == 0
    assert (tmp_path / "found/best.toml").exists()


@pytest.mark.slow
def test_all_failed(told, tmp_path, unsmear):
    (tmp_path / "space.toml").write_text('"optimiser.rate" = [1e30, 1e31]\n')
    steps = [word if word != "2" else "9" for word in told]
    failed = unsmear(*steps, "--trials", 2, "--log.validate_every", 9)
    assert failed.code == 1
    assert "trial 0000 failed: step " in failed.out
    assert "must be finite" in failed.out
    assert not (tmp_path / "found/best.toml").exists()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            ["--optimiser.rate", "1"],
            "space.toml: optimiser.rate must be searched or fixed, got both.",
        ),
        (["--optimiser.rat", "1"], "did you mean optimiser.rate?"),
        (["--data.pairs", "nowhere"], "nowhere/manifest.csv: the manifest cannot be read"),
        (["--data.size", "32"], "32"),
        (["--trials", "0"], "trials must be 1 or more, got 0."),
    ],
)
def test_what_cannot_be_is_said_before_any_trial(told, tmp_path, unsmear, more, sentence):
    if more[0] == "--data.pairs":
        told = [word for word in told if word not in ("--data", "pairs")]
    refused = unsmear(*told, *more)
    assert refused.code == (2 if sentence.startswith("did you mean") else 1)
    assert sentence in refused.err
    assert not (tmp_path / "found").exists()


@pytest.mark.slow
def test_given_options_are_not_searched(told, tmp_path, unsmear):
    told = [word for word in told if word not in ("--space", "space.toml")]
    done = unsmear(*told, "--trials", 1, "--data.batch", 2)
    assert done.code == 0
    with (tmp_path / "found/table.csv").open() as file:
        head = next(csv.reader(file))
    assert head[5:] == ["optimiser.rate", "optimiser.weight_decay", "options.dropout"]
