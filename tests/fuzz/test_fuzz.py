"""Some of `make fuzz` in each run of the suite; other cases where SEED says so."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import checks, mutation, worker

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(1800)  # on a busy machine
@pytest.mark.skipif(not hasattr(os, "fork"), reason="cases run in forked processes")
def test_500_changed_files_and_200_command_lines(tmp_path):
    seed = os.environ.get("SEED", "0")
    command = [sys.executable, "-m", "tests.fuzz", "--files", "500", "--lines", "200"]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [*command, "--seed", seed], capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "500 files in " in done.stdout
    assert "200 lines in " in done.stdout
    assert done.stdout.count("Faults: none.") == 2


def test_a_seed_gives_the_same_bytes():
    data = b'{"a": [1, 2, {"b": "c"}], "d": 2.5}\n'
    first, again = ([mutation.mutate(random.Random(n), "a.json", data) for n in range(50)]
                    for _ in range(2))  # fmt: skip
    assert first == again
    assert len(set(first)) > 40


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((3, "", "x."), "exit code"),
        ((1, "", "Traceback (most recent call last):\n"), "traceback"),
        ((1, "", "x.png: an error that was not foreseen (KeyError)"), "unforeseen"),
        ((1, "", ""), "no sentence"),
        ((0, "", "a.py:3: UserWarning: b"), "noise"),
        ((0, "", "Warning: ours.\nTIFF directory: Warning, b"), "noise"),
        ((1, "", "a\x1b[2J."), "control characters"),
    ],
)
def test_what_is_wrong_with_an_answer(answer, kind):
    assert [found for found, _ in checks.of_answer(*answer)] == [kind]
    assert checks.of_answer(1, "", "a.png: the file is empty.\nWarning: it is of ours.") == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="cases run in forked processes")
@pytest.mark.parametrize("case", ["while True: pass", "os.read(os.pipe()[0], 1)"])
def test_a_case_that_never_ends_is_a_hang(case, monkeypatch):
    for name, seconds in (("CPU_SECONDS", 0.05), ("WAITING_SECONDS", 0.05), ("POLL", 0.1)):
        monkeypatch.setattr(worker, name, seconds)
    monkeypatch.setattr(worker, "_work", lambda *_: exec(case, {"os": os}))
    (result,) = worker._batch(None, "files", [7])
    assert (result.number, result.wrong[0][0]) == (7, "hang")


def test_what_is_wrong_with_an_output(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    (tmp_path / ".b.png.1-2.part").write_text("x")
    (tmp_path / "c.json").write_text("{")
    (tmp_path / "d.csv").write_text("a,b\n")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "e.json").write_text("[")
    (tmp_path / "e.json").write_text("[")  # a copy of a file that was so
    assert len(checks.of_output(tmp_path, tmp_path / "in")) == 3


def test_a_tree_that_changed_is_noticed(tmp_path):
    for name in ("a", "b/c", "d"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    before = checks.tree(tmp_path)
    assert not checks.changed(before, checks.tree(tmp_path))
    (tmp_path / "new").write_text("1")
    (tmp_path / "b/c").write_text("2")
    (tmp_path / "d").rename(tmp_path / "e")
    assert checks.changed(before, checks.tree(tmp_path)) == ["b/c", "d"]
