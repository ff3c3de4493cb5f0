"""Speed: each row in a process of its own, and tables that say what was measured."""

import numpy as np
import pytest

from unsmear import speed
from unsmear.cores import _count
from unsmear.errors import OptionError, UnsmearError
from unsmear.estimate import estimate_blur


def test_tasks_are_all_combinations_that_exist():
    rows = list(
        speed.tasks(["deep-wiener", "wiener", "estimate"], ["onnx", "torch"], [(64, 1)], [1], 2)
    )
    assert [(row.method, row.runtime, row.given) for row in rows] == [
        ("deep-wiener", "onnx", False),
        ("deep-wiener", "onnx", True),
        ("deep-wiener", "torch", False),
        ("deep-wiener", "torch", True),
        ("wiener", None, False),
        ("wiener", None, True),
        ("estimate", None, False),
    ]


def test_sizes_are_read_and_others_refused():
    assert speed.parse_size("2048x4") == (2048, 4)
    assert speed.parse_size("256") == (256, 1)
    for wrong in ("", "x3", "256x", "12x1", "256x0", "big", "256x3x3"):
        with pytest.raises(OptionError, match="--sizes must be"):
            speed.parse_size(wrong)


def test_the_field_is_made_of_a_seed_and_its_motion_is_found():
    field = speed.field(256, 1)
    assert field.dtype == np.uint16
    np.testing.assert_array_equal(field, speed.field(256, 1))
    assert (field != speed.field(256, 1, seed=1)).any()
    found = estimate_blur(field, axes="CYX")
    assert found.length == pytest.approx(speed.MOTION[0], abs=0.3)
    assert found.angle == pytest.approx(speed.MOTION[1], abs=2)


@pytest.mark.slow
def test_a_row_is_measured_in_its_own_process():
    row = speed.measure(speed.Task("wiener", None, 64, 2, 1, given=True, rounds=2))
    assert 0 < row.seconds < 60
    assert row.megapixels_per_second == pytest.approx(64 * 64 * 2 / 1e6 / row.seconds)
    assert row.peak is None or row.peak > 10
    assert set(row.row()) >= {"method", "size", "threads", "seconds", "peak"}
    assert speed.markdown([row]).count("\n") == 3
    with pytest.raises(UnsmearError, match=r"^magic, 64x64: a method must be"):
        speed.measure(speed.Task("magic", None, 64, 1, 1, given=True, rounds=1))


def test_threads_are_those_that_the_user_allows(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert _count() == 1
    for nothing in ("", "0", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", nothing)
        assert _count() >= 1
