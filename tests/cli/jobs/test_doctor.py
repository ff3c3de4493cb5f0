"""The commands doctor and cite."""

import json

import numpy as np

from unsmear import __version__, doctor


def test_the_command_names_a_fault_and_ends_with_1(unsmear, monkeypatch):
    checks = [doctor.Check("files", 0.1, ""), doctor.Check("weights", 0.2, "they are damaged.")]
    monkeypatch.setattr(doctor, "self_test", lambda: checks)
    monkeypatch.setattr(doctor, "extras", lambda: {"report": [], "cloud": ["s3fs"]})
    done = unsmear("doctor")
    assert done.code == 1
    assert "self-test of files: passed" in done.out
    assert "self-test of weights: they are damaged." in done.out
    assert "without cloud (s3fs): pip install 'unsmear[cloud]'" in done.out
    said = json.loads(unsmear("doctor", "--json").out)
    assert said["self_test"][1]["fault"] == "they are damaged."
    assert said["libraries"]["numpy"] == np.__version__


def test_the_citation_has_the_version(unsmear):
    done = unsmear("cite")
    assert done.code == 0
    assert f"version = {{{__version__}}}" in done.out
