"""The page docs/how-to/add-a-network.md does what it says, word by word."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.outputs import outputs
from unsmear.cli import main

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/add-a-network.md"
SHORT = {"2000": "2"}
"""What the test asks for in place of the page's number of steps."""

FEW = ("--data.validation", "2", "--data.workers", "0")
"""What it adds to the page's training: few samples, and no processes that draw them."""

BEST = "my-network-best"
"""What the best weights' card calls them."""


def blocks(language):
    """Return the page's pieces of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def commands(first):
    """Return the page's command lines that begin with a word, in its order."""
    lines = [shlex.split(line) for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line[0] == first]


@pytest.fixture
def newcomer(tmp_path, monkeypatch, capsys):
    """Return a function that runs a command line of the page where the page's file was written."""
    (code,) = blocks("python")
    (variable,) = commands("export")
    name, folder = variable[1].split("=")
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "my_network.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, folder)

    def run(words):
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert not ended.value.code, out + err
        return out

    return run


@pytest.mark.slow
@pytest.mark.usefixtures("newcomer")
def test_the_page_s_network_passes_what_every_network_must(tmp_path):
    (words,) = commands("pytest")
    folder = str(tmp_path / "networks")
    environment = os.environ | {"UNSMEAR_NETWORKS": folder}
    program = [sys.executable, "-m", *words, "-n", "0"]
    done = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b11 passed, \d+ deselected", done.stdout), done.stdout


@pytest.mark.slow
def test_the_page_s_network_is_trained_and_used(newcomer, tmp_path):
    """Every command line from training on, with fewer steps and samples."""
    pytest.importorskip("lightning_fabric", reason="the packages for training are not installed")
    finished = {}
    for words in commands("unsmear"):
        short = [SHORT.get(word, word) for word in words]
        finished[words[1]] = newcomer([*short, *FEW] if words[1] == "train" else short)
    assert list(finished) == ["train", "synth", "prepare", "restore", "evaluate"]
    assert (tmp_path / "runs/my-network/best.safetensors").is_file()
    blurred, restored = (tmp_path / folder for folder in ("pairs/blur", "restored"))
    assert {path.name for path in outputs(restored)} == {path.name for path in blurred.iterdir()}
    summary = (tmp_path / "scores/summary.csv").read_text()
    assert re.findall(r"^all,(.*?),4,", summary, re.MULTILINE) == ["sharp", "blurred", BEST]
