"""`--dry-run` says what would be read and written, and writes nothing."""

import json

import numpy as np
import pytest

from unsmear import images
from unsmear.data import manifest
from unsmear.data.manifest import Pair
from unsmear.images import Image


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Go to a folder with three images and a folder of one pair."""
    monkeypatch.chdir(tmp_path)
    image = Image(np.random.default_rng(0).integers(0, 250, (48, 64), np.uint8), "YX")
    for name in ("in/a.png", "in/b.png", "in/c.png"):
        images.write(tmp_path / name, image)
    pair = Pair("a.png", "a", "test", width=64, height=48)
    for path in pair.files(tmp_path / "pairs"):
        images.write(path, image)
    manifest.write(tmp_path / "pairs", [pair])
    return tmp_path


COMMANDS = {
    "prepare": (["in", "-o", "out", "--size", "32"], "would read 3 images: a, b, c.", "out/sharp"),
    "estimate": (["in", "-o", "out"], "would read 3 images: a, b, c.", "out/estimates.json"),
    "explore": (["in", "-o", "out"], "would read 3 images: a, b, c.", "out/*.csv"),
    "evaluate": (
        ["pairs", "-o", "out", "--method", "wiener"],
        "would read 1 pair: a.", "out/scores.csv",
    ),
    "recovery": (
        ["pairs", "-o", "out", "--method", "wiener", "--measure", "intensity"],
        "measures: intensity.", "out/recovery.html",
    ),
    "classify": (["in", "-o", "out.csv", "--classifier", "light-cells"], "3 images", "out.csv"),
    "synth": (["-o", "out", "--count", "7"], "would write 7 fields in out", "out/train.csv"),
    "restore": (["in", "-o", "out"], "3 to restore, 0 failed.", "out/b.png"),
    "stream": (["in", "-o", "out", "--speed", "9"], "would read 1 source: in.", "stream.json"),
    "blur": (["in", "-o", "out", "--radius", "2"], "3 to blur, 0 failed.", "out/b.png"),
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_is_written(command, place, unsmear):
    words, read, written = COMMANDS[command]
    before = sorted(place.rglob("*"))
    done = unsmear(command, *words, "--dry-run")
    assert done.code == 0, done.err
    assert read in done.out
    assert written in done.out
    assert sorted(place.rglob("*")) == before


def test_as_json_all_names_are_there(place, unsmear):
    for number in range(20):
        images.write(place / f"in/{number}.png", Image(np.zeros((8, 8), np.uint8), "YX"))
    done = unsmear("estimate", "in", "-o", "out", "--dry-run", "--json")
    reads, writes = map(json.loads, done.out.splitlines())
    assert len(reads["reads"]) == 23
    assert "and 13 more" in reads["sentence"]
    assert writes["writes"] == ["out/estimates.json", "out/unsmear-run"]


@pytest.mark.slow
def test_training_shows_its_configuration(place, unsmear):
    pytest.importorskip("torch")
    done = unsmear("train", "dcae", "--data", "pairs", "--dry-run")
    assert 'pairs = "pairs"' in done.out
    searched = unsmear("search", "dcae", "--data", "pairs", "--trials", 3, "--dry-run")
    assert "3 trials of dcae (random) in runs/dcae-search/trials" in searched.out
    assert "optimiser.rate: " in searched.out
    assert not (place / "runs").exists()
