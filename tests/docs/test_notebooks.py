"""The notebooks of docs/tutorials run, and print what is stored in them."""

import importlib.util
import json
import shlex
import sys
from pathlib import Path

import pytest

from unsmear.cli import main

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs/tutorials").glob("*.ipynb"))
LARGEST = 4000
"""Largest number of characters that a notebook stores of what it prints."""


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


is_same = load(Path(__file__).with_name("test_examples.py")).is_same


def cells(path, kind="code"):
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == kind]


def commands(source, monkeypatch):
    """Run the lines of a cell, each of which is a command for the shell."""
    for line in source.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("!"))
        assert words[0] == "unsmear", line
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as stopped:
            main()
        assert not stopped.value.code, line


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_prints_what_it_stores(path, tmp_path, monkeypatch, capfd):
    for package in ("cv2", "matplotlib", "onnxscript", "pydantic"):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    namespace = {"__name__": "__main__"}
    for cell in cells(path):
        source = "".join(cell["source"])
        capfd.readouterr()
        if source.startswith("!"):
            commands(source, monkeypatch)
            continue
        exec(compile(source, path.name, "exec", dont_inherit=True), namespace)
        printed = capfd.readouterr().out
        stored = "".join("".join(output["text"]) for output in cell["outputs"])
        assert is_same(printed, stored), printed


def test_notebooks_store_little_and_no_pictures():
    assert {path.stem for path in NOTEBOOKS} == {"restore", "trust", "train", "recover"}
    for path in NOTEBOOKS:
        outputs = [output for cell in cells(path) for output in cell["outputs"]]
        assert {output["output_type"] for output in outputs} <= {"stream"}
        assert len(json.dumps(outputs)) < LARGEST
        assert all(cell["execution_count"] is None for cell in cells(path))
        (title,) = [c for c in cells(path, "markdown") if "".join(c["source"]).startswith("# ")]
        assert "pip install" in "".join(title["source"])
