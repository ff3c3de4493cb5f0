"""`--dry-run` says what would be read and written, and writes nothing."""

import json
import os
from pathlib import Path

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
    "demo": (["-o", "demo", "--count", "7"], "7 fields in demo/cells", "demo/scores"),
    "bench": (
        ["-o", "speed.md", "--methods", "wiener", "--sizes", "64", "--threads", "1"],
        "would measure wiener on 64x64x1, kernel given, 1 thread, 5 times.", "speed.md",
    ),
}  # fmt: skip


def test_all_files_of_an_evaluation_are_named(place, unsmear):
    pytest.importorskip("pyarrow")
    words = ("evaluate", "pairs", "-o", "out", "--method", "wiener")
    said = json.loads(unsmear(*words, "--dry-run", "--json").out.splitlines()[-1])["writes"]
    assert unsmear(*words).code == 0
    assert sorted(said) == sorted(map(str, Path("out").iterdir()))


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_is_written(command, place, unsmear):
    words, read, written = COMMANDS[command]
    before = sorted(place.rglob("*"))
    done = unsmear(command, *words, "--dry-run")
    assert done.code == 0, done.err
    assert read in done.out
    assert written in done.out
    assert sorted(place.rglob("*")) == before


def test_a_demo_says_what_it_deletes(place, unsmear):
    scores = place / "demo/scores/scores.csv"
    scores.parent.mkdir(parents=True)
    scores.touch()
    assert "must be a new folder" in unsmear("demo", "--dry-run").err
    (place / "demo/.unsmear-demo").touch()
    assert "would delete demo/scores of an earlier demo." in unsmear("demo", "--dry-run").out
    assert scores.exists()


@pytest.mark.parametrize("words", [["in"], []])
def test_the_page_is_not_opened(words, place, unsmear):
    pytest.importorskip("starlette", reason="the page needs the extra `open`")
    before = sorted(place.rglob("*"))
    done = unsmear("open", *words, "--port", 8123, "--dry-run")
    assert done.code == 0, done.err
    assert "would show a page to this computer alone, at port 8123." in done.out
    said = f"images: a, b, c.\nwould write {place}/in-restored" if words else "would write nothing"
    assert said in done.out
    assert sorted(place.rglob("*")) == before


def test_a_report_is_not_written(place, unsmear):
    unsmear("blur", "in", "-o", "out", "--radius", "2")
    (place / "out.unsmear-run/page.html").unlink()
    done = unsmear("page", "out", "--dry-run")
    assert done.out == ("would read 1 batch folder: out.\nwould write out.unsmear-run/page.html.\n")
    assert not (place / "out.unsmear-run/page.html").exists()


def test_a_report_of_a_run_is_not_written(place, unsmear):
    (place / "run").mkdir()
    (place / "run/run.toml").write_text('model = "dcae"\n')
    done = unsmear("page", "run", "-o", "a.md", "--dry-run")
    assert done.out == "would read 1 run: run.\nwould write a.md, a-*.png.\n"
    assert not (place / "a.md").exists()
    for words in (["run", "-o", "a.txt"], ["in"]):  # what would be refused is
        assert unsmear("page", *words, "--dry-run").err == unsmear("page", *words).err != ""


def test_axes_against_those_of_the_file_are_doubted(place, unsmear):
    stack = Image(np.random.default_rng(0).integers(0, 250, (2, 48, 64), np.uint8), "ZYX")
    images.write(place / "stack.tif", stack)
    words = ("restore", "stack.tif", "-o", "out", "--length", 5, "--angle", 0)
    says = "axes TYX as given, where the file says ZYX"
    for extra in (["--dry-run"], ["--method", "wiener"]):
        assert says in unsmear(*words, *extra, "--axes", "TYX").out
    assert says not in unsmear(*words, "--dry-run").out
    refused = unsmear(*words, "--overwrite", "--axes", "YXT")
    assert "stack.tif: axes must have Y and X where the file has its rows" in refused.err


def test_as_json_all_names_are_there(place, unsmear):
    for number in range(20):
        images.write(place / f"in/{number}.png", Image(np.zeros((8, 8), np.uint8), "YX"))
    done = unsmear("estimate", "in", "-o", "out", "--dry-run", "--json")
    reads, writes = map(json.loads, done.out.splitlines())
    assert len(reads["reads"]) == 23
    assert "and 13 more" in reads["sentence"]
    assert writes["writes"] == ["out/estimates.json", "out.unsmear-run"]


@pytest.mark.slow
def test_training_shows_its_configuration(place, unsmear):
    pytest.importorskip("torch")
    done = unsmear("train", "dcae", "--data", "pairs", "--dry-run")
    assert 'pairs = "pairs"' in done.out
    searched = unsmear("search", "dcae", "--data", "pairs", "--trials", 3, "--dry-run")
    assert "3 trials of dcae (random) in runs/dcae-search/trials" in searched.out
    assert "optimiser.rate: " in searched.out
    assert not (place / "runs").exists()


def test_a_copy_of_another_name_is_said(place, unsmear):
    words = ("restore", "in/a.png", "-o", "out", "--dry-run")
    assert "or a copy" not in unsmear(*words).out
    said = unsmear(*words, "--dtype", "float32").out
    assert "-> out/a.tif, or a copy, out/a.png, where nothing is restored" in said


def test_a_folder_of_another_command_is_refused(place, unsmear):
    unsmear("blur", "in", "-o", "out", "--radius", "2")
    done = unsmear("prepare", "in", "-o", "out", "--dry-run")
    assert done.code == 1
    assert "or one of unsmear prepare, got one of unsmear blur." in done.err


@pytest.mark.parametrize(
    "words", [("restore", "in"), ("evaluate", "pairs"), ("prepare", "in"), ("synth", "--count", 1)]
)
def test_a_folder_that_cannot_be_written_is_refused_before(words, place, unsmear, monkeypatch):
    Path("kept").mkdir()
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != Path("kept").absolute())
    for extra in ([], ["--dry-run"]):
        done = unsmear(*words, "-o", Path("kept/out").absolute(), *extra)
        assert done.code == 1
        assert "kept/out: the output must be writable, got " in done.err
    assert not any(Path("kept").iterdir())


def test_a_folder_below_a_file_is_refused(place, unsmear):
    Path("file").write_bytes(b"")
    done = unsmear("restore", "in", "-o", "file/out", "--dry-run")
    assert (done.code, done.err) == (
        1,
        "unsmear: file/out: the output must be a folder, but file is a file.\n",
    )
