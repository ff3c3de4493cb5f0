"""`unsmear train`: what it prints, and how it leaves."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unsmear.cli import app
from unsmear.cli.train import describe, train
from unsmear.errors import OptionError
from unsmear.train import options
from unsmear.train.run import Summary

TINY = ["--options.filters", "4", "6", "--data.size", "32", "--data.batch", "2"]
TINY += ["--log.tensorboard", "false", "--data.workers", "0", "--data.validation", "2"]


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
    said = describe(Path("runs/x"), summary, options.resolve("dcae"))
    assert "best psnr 14.98 at step 6, worse than the blurred images (21.39): train longer" in said


def test_without_a_network_all_is_listed(capsys):
    assert train() == 0
    out = capsys.readouterr().out
    assert "dcae  --options.channels 3, --options.filters (96, 128, 256)" in out
    assert "--optimiser.rate  Learning rate. [default: 0.001]" in out


def test_wrong_words_end_in_a_sentence(tmp_path):
    with pytest.raises(OptionError, match=r"did you mean data\.size"):
        train("dcae", "--data.sise", "64", output=tmp_path / "run")
    with pytest.raises(OptionError, match="Did you mean dcae"):
        train("dcea", output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


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
    assert "stopped; the same command goes on" in out
