"""One budget bounds every command that works on images, in every process."""

import numpy as np
import pytest

from unsmear import images
from unsmear.images import Image

FAST = ("--method", "wiener", "--length", 3, "--angle", 20)
COMMANDS = {
    "restore": ("restore", "in", "-o", "out", *FAST),
    "estimate": ("estimate", "in"),
    "blur": ("blur", "in", "-o", "out", "--length", 3, "--angle", 20),
    "prepare": ("prepare", "in", "-o", "out", "--size", 16),
    "explore": ("explore", "in", "-o", "out"),
    "classify": ("classify", "in", "-o", "out.csv", "--classifier", "light-cells"),
    "evaluate": ("evaluate", "pairs", "-o", "out", "--method", "unsupervised-wiener"),
    "recovery": ("recovery", "pairs", "-o", "out", "--method", "wiener", "--measure", "intensity"),
}


@pytest.fixture
def made(unsmear, tmp_path, monkeypatch):
    """Two images in "in", and pairs of them."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    for name in ("a", "b"):
        pixels = generator.integers(90, 200, (2, 48, 64)).astype(np.uint8)
        images.write(tmp_path / "in" / f"{name}.tif", Image(pixels, "CYX"))
    assert unsmear("prepare", "in", "-o", "pairs", "--size", 48).code == 0


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_names_the_file_and_what_it_needs(unsmear, command):
    finished = unsmear(*COMMANDS[command], "--memory", "400MB")
    assert finished.code == 1
    assert "a.tif: --memory must be 401MB or more for this image, got 400MB." in finished.err
    assert "Traceback" not in finished.err


@pytest.mark.slow
@pytest.mark.usefixtures("made", "kept_workers")
def test_each_process_has_it(unsmear):
    finished = unsmear(*COMMANDS["restore"], "--memory", "400MB", "--workers", 2)
    assert finished.code == 1
    assert finished.err.count("--memory must be 401MB or more for this image, got 400MB.") == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_no_size_is_misuse(unsmear, command):
    finished = unsmear(*COMMANDS[command], "--memory", "much")
    assert finished.code == 2
    assert "--memory must be a size such as 2GB or 800MB, got 'much'" in finished.err
