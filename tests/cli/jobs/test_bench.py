"""The command bench."""

import json

import pytest


@pytest.mark.slow
def test_the_command_writes_what_it_prints(unsmear, tmp_path):
    given = ("--methods", "wiener,estimate", "--sizes", "64", "--threads", 1, "--rounds", 1)
    done = unsmear("bench", *given, "-o", tmp_path / "speed.json")
    assert done.code == 0
    rows = json.loads((tmp_path / "speed.json").read_text())
    assert [row["method"] for row in rows] == ["wiener", "wiener", "estimate"]
    assert done.out.count("64x64x1") == 3
    for wrong in (("--methods", "magic"), ("--runtimes", "magic"), ("--threads", "0")):
        assert unsmear("bench", *wrong).code == 1
