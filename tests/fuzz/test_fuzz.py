"""Some of `make fuzz` in each run of the suite; other cases where SEED says so."""

import json
import os
import random
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.fuzz import checks, command_lines, corpus, guidance, mutation, worker
from unsmear import errors

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


def reached(*arcs, number=0, **more):
    """Return the result of a case that reached arcs."""
    return worker.Result("files", number, (number,), arcs=list(arcs), **{"code": 0, **more})


def test_a_case_that_reached_something_new_begins_others():
    guide = guidance.Guide("0", "files", ["a"], 1.0)
    assert guide.descent(3) == (3,)
    guide.note(reached(("x.py", 0, 1)))
    guide.note(reached(("x.py", 0, 1), number=1))  # nothing new
    guide.note(reached(("x.py", 0, 2), number=2, wrong=[("traceback", "")]))
    guide.note(reached(("x.py", 0, 3), number=3, seconds=9))
    guide.note(reached(("x.py", 0, 4), number=3, code=1))
    assert {guide.descent(number) for number in range(4, 30)} == {(0, n) for n in range(4, 30)}
    assert len(guide.reached) == 4


def test_a_case_is_begun_with_what_its_own_sample_reached():
    guide = guidance.Guide("0", "files", "abc", 0.5)
    names = [guide.draws(number)[1] for number in range(60)]
    guide.note(reached(("x.py", 0, 1)))
    of_same = {len(guide.descent(n)) for n in range(1, 60) if names[n] == names[0]}
    of_others = {len(guide.descent(n)) for n in range(1, 60) if names[n] != names[0]}
    assert (of_same, of_others) == ({1, 2}, {1})


def test_arcs_are_those_of_our_lines_in_their_order():
    with guidance.arcs() as arcs:
        json.dumps({"a": 1}, indent=1)
        errors.shown("x")
    with guidance.arcs() as again:
        errors.shown("x")
    assert arcs == again
    assert {name for name, _, _ in arcs} == {"errors.py"}
    assert any(before == 0 for _, before, _ in arcs)
    assert any(before > 0 for _, before, _ in arcs)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="cases run in forked processes")
def test_a_descended_case_is_run_again_by_its_numbers(tmp_path):
    import_module("tests.fuzz.reading")  # once for all processes
    data = b"0.2,0.1,0\n0,0.4,0\n0,0.1,0.2\n"
    calls = ((1, ("reads", "kernel", "{file}")),)
    plan = worker.Plan("0", {"a": corpus.Sample({"k.csv": data}, calls)}, tmp_path, tmp_path, False)
    guide = guidance.Guide("0", "files", plan.samples, 0.9)
    results = list(worker.run(plan, guide, range(40)))
    assert [result.wrong for result in results] == [[]] * 40
    result = max(results, key=lambda result: len(result.descent))
    assert len(result.descent) > 1

    again = guidance.Guide("0", "files", plan.samples, 0.5, tuple(result.descent))
    (same,) = worker.run(plan, again, [result.number])
    assert (same.descent, same.words, same.code) == (result.descent, result.words, result.code)
    changed = [
        made(plan, again, tmp_path / str(n), n) for n in (result.descent, result.descent[:1])
    ]
    assert len({*changed, data}) == 3


def made(plan, guide, folder, descent):
    """Return the bytes of the file of a case."""
    result = worker.Result("files", descent[-1], tuple(descent))
    worker._file(plan, guide, folder, folder / "out", result)
    return (folder / "k.csv").read_bytes()


@pytest.mark.parametrize("name", ["restore", "doctor"])
def test_a_changed_line_is_of_the_same_command(name):
    lines = [
        command_lines.changed(random.Random(n), name, [name, "a", "b"], ["c"]) for n in range(40)
    ]
    assert {line[0] for line in lines} == {name}
    assert {len(line) for line in lines} >= {2, 3}


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
    (result,) = worker._batch(None, guidance.Guide("0", "files", ["a"], 0.5), [7])
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
