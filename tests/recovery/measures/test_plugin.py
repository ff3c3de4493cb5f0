"""A user's own measure: the example of the documentation, and every way to get it wrong."""

import math
import pickle
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from unsmear.errors import OptionError
from unsmear.recovery.measures import MEASURES, find, plugin, take

EXAMPLE = Path(__file__).parents[3] / "docs/how-to/measure-example.py"


@pytest.fixture
def write(tmp_path):
    def written(text, name="mine.py"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text))
        return path

    return written


def returning(write, value):
    return plugin(write(f"import numpy as np\ndef measure(image):\n    return {value}\n"))


def one_line(error):
    """Return an error's text, which is one sentence that ends in a full stop."""
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


def test_the_example(sharp):
    values = plugin(EXAMPLE)(sharp)
    peaks = values["peak over median, green"]
    assert len(peaks) == sharp.count
    assert min(peaks) > 1
    assert values["brightest, green"] == pytest.approx(1, abs=0.05)
    erased = replace(sharp, planes=np.zeros_like(sharp.planes))
    assert np.isnan(plugin(EXAMPLE)(erased)["peak over median, green"]).all()
    assert len(EXAMPLE.read_text().splitlines()) <= 15


def test_numbers_of_every_kind(write, sharp):
    values = returning(
        write,
        "{'a': 1, 'b': np.float32(2), 'c': np.array(3), 'd': True, 'e': np.inf, 'f': None or 4.0,"
        "'g': np.arange(image.count), 'h': [float('nan')] * image.count, 'i': (5,) * image.count}",
    )(sharp)
    assert [values[name] for name in "abcdf"] == [1, 2, 3, 1, 4]
    assert math.isnan(values["e"])
    assert values["g"] == list(range(sharp.count))
    assert np.isnan(values["h"]).all()
    assert values["i"] == [5] * sharp.count
    assert all(type(value) in (float, list) for value in values.values())
    assert all(type(number) is float for number in values["g"])


def test_missing(tmp_path):
    for path in (tmp_path / "none.py", tmp_path):
        with pytest.raises(OptionError, match="a measure must be a Python file, got no file") as no:
            plugin(path)
        assert str(path) in one_line(no)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "def measure(image:\n    pass\n",
            "must be Python, got SyntaxError in line 1: .*never clos",
        ),
        ("PNG\n\n  x", "must be Python, got IndentationError in line 3: "),
        ("a = 1\nb = a / 0\n", "be read without an error, got ZeroDivisionError in line 2: divis"),
        ("import no_such_thing\n", "got ModuleNotFoundError in line 1: No module named 'no_such"),
        ("raise SystemExit(3)\n", "got SystemExit in line 1: 3."),
        ("x = 1\n", r"must have a function measure\(image\), got none"),
        ("measure = 3\n", r"must have a function measure\(image\), got none"),
        ("def measure():\n    pass\n", r"measure must take one argument, got measure\(\)"),
        ("def measure(a, b):\n    pass\n", r"must take one argument, got measure\(a, b\)"),
    ],
)
def test_files_without_a_measure(write, text, sentence):
    with pytest.raises(OptionError, match=sentence) as error:
        plugin(write(text))
    assert "mine.py: " in one_line(error)


def test_no_text(tmp_path):
    path = tmp_path / "picture.py"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    with pytest.raises(
        OptionError, match=r"picture.py: a measure must be Python, got SyntaxError: "
    ) as error:
        plugin(path)
    one_line(error)


def test_it_raises(write, sharp):
    path = write("def measure(image):\n    a = image.count\n    return {}['missing']\n")
    with pytest.raises(OptionError, match="not raise, got KeyError in line 3: 'missing'") as error:
        plugin(path)(sharp)
    assert "mine.py: " in one_line(error)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("None", "must return a dictionary of numbers by name, got None"),
        ("3.0", "must return a dictionary of numbers by name, got 3.0"),
        ("{1: 2.0}", r"must return a dictionary of numbers by name, got \{1: 2.0\}"),
        ("{'a': 'much'}", "a must be a number or a list of numbers, got 'much'"),
        ("{'a': None}", "a must be a number or a list of numbers, got None"),
        ("{'a': 1j}", "a must be a number or a list of numbers, got 1j"),
        ("{'a': np.zeros((2, 2))}", "a must be a number or a list of numbers, got array"),
        ("{'a': [1.0, 'b']}", "a must be a number or a list of numbers, got .1.0, 'b'."),
        ("{'a': [1.0] * 99}", "a must have a number for each of [0-9]+ cells, got 99"),
    ],
)
def test_it_returns_something_else(write, sharp, value, sentence):
    with pytest.raises(OptionError, match=sentence) as error:
        returning(write, value)(sharp)
    assert "mine.py: " in one_line(error)


def test_other_processes_read_it_again(write, sharp):
    mine = returning(write, "{'cells': image.count}")
    assert pickle.loads(pickle.dumps(mine))(sharp) == {"cells": sharp.count}


def test_it_may_change_what_it_is_given(write, sharp):
    before = sharp.planes.copy(), sharp.cells.copy(), sharp.nuclei.copy()
    path = write(
        """
        def measure(image):
            for array in (image.planes, image.cells, image.nuclei):
                array[:] = 0
            return {"x": 0}
        """
    )
    plugin(path)(sharp)
    for array, was in zip((sharp.planes, sharp.cells, sharp.nuclei), before, strict=True):
        assert np.array_equal(array, was)


def test_two_files_of_one_name(write, tmp_path, sharp):
    (tmp_path / "other").mkdir()
    text = "X = {}\ndef measure(image):\n    return {{'x': X}}\n"
    first, second = (
        plugin(write(text.format(n), name)) for n, name in ((1, "m.py"), (2, "other/m.py"))
    )
    assert (first(sharp)["x"], second(sharp)["x"]) == (1, 2)


def test_found_by_name_or_path(write):
    assert find("nuclei") is MEASURES["nuclei"]
    assert find(EXAMPLE) == find(str(EXAMPLE)) == plugin(EXAMPLE)
    with pytest.raises(OptionError, match=r"intensity.*got 'texure'; did you mean texture\?"):
        find("texure")
    with pytest.raises(OptionError, match=r"none\.py: a measure must be a Python file"):
        find("none.py")


def test_one_name_twice(write, sharp):
    mine = returning(write, "{'nuclei count': 3}")
    with pytest.raises(OptionError, match="unique names, got 'nuclei count' twice"):
        take(sharp, [MEASURES["nuclei"], mine])
