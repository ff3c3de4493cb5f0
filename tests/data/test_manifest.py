"""A manifest of a stranger: values that are no numbers are damage, and never met later."""

import csv
import json

import pytest

from unsmear import blur, tables
from unsmear.data import manifest
from unsmear.data.manifest import Pair
from unsmear.errors import DataError, KernelError

MOTION = {"family": "motion", "length": 6.0, "angle": 15.0}


def written(folder, **changed):
    manifest.write(folder, [Pair("a.png", "a", blur=MOTION)])
    path = folder / manifest.FILE
    with path.open(newline="") as lines:
        (row,) = csv.DictReader(lines)
    tables.write_csv(path, [row | changed])
    return folder


@pytest.mark.parametrize(
    "changed",
    [
        {"length": "six"},
        {"length": None},
        {"length": [6]},
        {"length": True},
        {"angle": float("nan")},
        {"radius": float("inf")},
        {"sigma": 10**400},
        {"degree": "9"},
        {"family": ["motion"]},
    ],
)
def test_a_blur_whose_values_are_no_numbers(tmp_path, changed):
    with pytest.raises(DataError, match=r"manifest\.csv line 2: the row is damaged \((the b|int)"):
        manifest.read(written(tmp_path, blur=json.dumps(MOTION | changed)))


@pytest.mark.parametrize("changed", [{"scale": "0"}, {"scale": "nan"}, {"white": "inf"}])
def test_numbers_out_of_their_range(tmp_path, changed):
    with pytest.raises(DataError, match=r"line 2: the row is damaged \((scale|white) must be ab"):
        manifest.read(written(tmp_path, **changed))


def test_a_sound_one_is_read(tmp_path):
    (pair,) = manifest.read(written(tmp_path, blur=json.dumps(MOTION), scale="0.5"))
    assert pair.effective() == MOTION | {"length": 3.0}


def test_lines_of_the_journal_hold_texts(tmp_path):
    written(tmp_path)
    manifest.record(tmp_path, [Pair("b.png", "b")])
    path = tmp_path / manifest.JOURNAL
    row = json.loads(path.read_text())[0]
    with path.open("a") as lines:
        for changed in ({"source": 3}, {"labels": ["1"]}, {"name": {}}):
            lines.write(json.dumps([row | {"name": "c.png"} | changed]) + "\n")
    assert [pair.name for pair in manifest.recorded(tmp_path)] == ["a.png", "b.png"]


@pytest.mark.parametrize(
    "values",
    [
        {"family": "motion", "length": "six"},
        {"family": "motion", "length": 3, "angle": 10**400},
        {"family": "paper", "degree": []},
        {"family": "profile", "length": 3, "angle": 0, "times": ["a", "b"]},
        {"family": "profile", "length": 3, "angle": 0, "times": 3},
        {"family": "coded", "length": 3, "code": 101},
        {"family": "trajectory", "seed": float("inf")},
        {"family": "given", "path": 3},
        {"family": "given", "path": "a.npy", "plane": "first"},
        {"family": "sampled", "rows": 3},
        {"family": ["motion"]},
    ],
)
def test_no_blur_is_made_of_values_of_another_kind(values):
    with pytest.raises(KernelError):
        blur.from_dict(values)


@pytest.mark.parametrize("rows", [[["a"]], [[1, 2], [3]], [[None]], [[10**400]]])
def test_no_kernel_is_made_of_rows_of_another_kind(rows):
    with pytest.raises(KernelError):
        blur.from_dict({"family": "sampled", "rows": rows}).kernel()
