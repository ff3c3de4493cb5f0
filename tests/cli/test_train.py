"""`unsmear train`: what it prints, and how it leaves."""

import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from unsmear.cli import app
from unsmear.cli.jobs.train import describe
from unsmear.cli.train import train
from unsmear.errors import OptionError
from unsmear.train.config import options
from unsmear.train.run import Summary

TINY = ["--options.filters", "4", "6", "--data.size", "32", "--data.batch", "2"]
TINY += ["--log.tensorboard", "false", "--data.workers", "0", "--data.validation", "2"]


@pytest.mark.slow
def test_cells_are_drawn_where_no_data_is_given(tmp_path, capsys):
    words = [*TINY, "--stop.steps", "2", "--output", str(tmp_path / "run")]
    with pytest.raises(SystemExit) as left:
        app(["train", "dcae", *words])
    assert not left.value.code
    out = capsys.readouterr()
    assert "step 2: done;" in out.out
    assert f"unsmear restore --method {tmp_path / 'run' / 'best'}" in out.out
    assert "step 2: PSNR" in out.err
    assert "(blurred" in out.err


def test_the_whole_configuration_is_shown_and_nothing_is_done(tmp_path, capsys):
    assert train("dcae", "--data.size", "64", show=True, output=tmp_path / "run") == 0
    assert "size = 64\n" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


def test_a_run_worse_than_nothing_says_so():
    summary = Summary("steps", 9, 14.98, 6, 1.0, 2.0, 3.0, 21.39)
    _, text = describe(Path("runs/x"), summary, options.resolve("dcae"))
    assert "best psnr 14.98 at step 6, worse than the blurred images (21.39): train longer" in text


def test_without_a_network_all_is_listed(capsys):
    assert train() == 0
    out = capsys.readouterr().out
    assert "dcae  --options.channels 3, --options.filters (96, 128, 256)" in out
    assert "--optimiser.rate  Learning rate. [default: 0.001]" in out


def test_classifiers_are_listed_with_their_own_options(capsys):
    assert train() == 0
    restore, classify = capsys.readouterr().out.split("Networks that classify")
    assert restore.startswith("Networks that restore, and their own options:\n  dcae ")
    assert "  light  --options.features 24, --options.stages 4, --options.dropout 0.2\n" in classify
    assert "  xception\n" in classify
    assert "--loss.balance  Class balancing: images that have a label" in classify
    assert "--augment.gain" not in restore
    assert "--adversarial.loss" not in classify


def test_a_classifiers_whole_configuration_is_shown(tmp_path, capsys):
    shown = train("light", "--data.labels", "2", "10", show=True, output=tmp_path / "run")
    assert shown == 0
    config = tomllib.loads(capsys.readouterr().out)
    assert config["data"]["labels"] == [2, 10]
    assert config["options"] == {"features": 24, "stages": 4, "dropout": 0.2}
    assert config["stop"]["monitor"] == "average_precision"
    assert not (tmp_path / "run").exists()


def test_help_speaks_of_both_kinds(capsys):
    with pytest.raises(SystemExit) as left:
        app(["train", "--help"])
    assert not left.value.code
    text = " ".join(capsys.readouterr().out.split())
    assert "restores or classifies" in text
    assert "--data.images" in text  # a frame may part it from its value


@pytest.mark.slow
def test_a_classifier_says_what_it_reached_and_how_to_use_it(tmp_path, capsys):
    words = "--data.labels 0 13 --data.size 32 --data.epoch 6 --data.validation 6 --data.batch 2"
    words += " --data.pixel_size 0.9 --data.workers 0 --options.features 4 --options.stages 2"
    words += " --stop.steps 2 --log.tensorboard false --log.validate_every 1"
    run = tmp_path / "run"
    with pytest.raises(SystemExit) as left:
        app(["train", "light", *words.split(), "--output", str(run)])
    assert not left.value.code
    out = capsys.readouterr()
    assert "step 2: average precision 0." in out.err or "step 2: average precision 1." in out.err
    assert " micro and " in out.err
    assert "step 2: done;" in out.out
    assert "best average_precision " in out.out
    assert f"use it with: unsmear classify IMAGES --classifier {run / 'best'}" in out.out
    assert "blurred" not in out.out + out.err


def test_wrong_words_end_in_a_sentence(tmp_path):
    with pytest.raises(OptionError, match=r"did you mean data\.size"):
        train("dcae", "--data.sise", "64", output=tmp_path / "run")
    with pytest.raises(OptionError, match="Did you mean dcae"):
        train("dcea", output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_ctrl_c_leaves_with_130(tmp_path):
    command = [sys.executable, "-c", "from unsmear.cli import main; main()", "train", "dcae"]
    command += [*TINY, "--output", str(tmp_path / "run"), "--stop.steps", "100000"]
    process = subprocess.Popen(
        [*command, "--log.validate-every", "3"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    limit = time.monotonic() + 90
    while not (tmp_path / "run" / "state.pt").exists() and time.monotonic() < limit:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped; repeat the command to resume" in out


@pytest.mark.slow
def test_a_classifier_says_that_it_starts_from_an_encoder(tmp_path, capsys):
    shared = "--data.size 32 --data.validation 4 --data.batch 2 --data.workers 0 --stop.steps 1"
    shared += " --log.tensorboard false --log.validate_every 1"
    sizes = "--options.patch 8 --options.width 24 --options.depth 1 --options.heads 2"
    first, second = tmp_path / "first", tmp_path / "second"
    classifying = "--data.labels 0 13 --data.epoch 6 --data.pixel_size 0.9 --freeze head"
    start = str(first / "best")
    for words in (
        ["deblur-mae", *shared.split(), *sizes.split(), "--output", str(first)],
        ["vit", *shared.split(), *classifying.split(), "--start", start, "--output", str(second)],
    ):
        with pytest.raises(SystemExit) as left:
            app(["train", *words])
        assert not left.value.code
    out = capsys.readouterr()
    assert "step 1: squared error " in out.err
    assert f"use it with: unsmear train vit --start {start}" in out.out.replace("\n", " ")
    said = " ".join(out.err.split())
    assert f"pretrained weights: the encoder of {start} (deblur-mae), without its decoder" in said
