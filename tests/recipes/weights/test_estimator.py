"""Training of the estimator: errors instead of endless waiting."""

import subprocess
import sys

import pytest
import torch

from recipes.weights import estimator
from unsmear.errors import DataError

MANIFEST = "file,group\ncells/gone.png,one\n"


def test_data_without_a_manifest_are_refused_at_once(tmp_path):
    with pytest.raises(DataError, match=r"must have a MANIFEST\.csv, got none"):
        estimator.train(tmp_path, tmp_path / "run", 1)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_drawing_process_that_dies_ends_the_run_with_its_state_saved(tmp_path):
    """In a process of its own, for a run that waits for ever could not be ended here."""
    (tmp_path / "MANIFEST.csv").write_text(MANIFEST)
    command = ["-m", "recipes.weights.estimator", "--data", tmp_path, "--run", tmp_path / "run"]
    ended = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 1
    assert "DataError: the process that draws samples must go on, got exit code 1." in ended.stderr
    assert torch.load(tmp_path / "run/state.pt", weights_only=True)["steps"] == 0
    assert not (tmp_path / "run/estimator.safetensors").exists()
