"""The figure shows what it is given, and says what it needs."""

import sys

import numpy as np
import pytest

from unsmear import images
from unsmear.errors import MissingExtra, OptionError
from unsmear.report import grid
from unsmear.report.grid import Example, draw_grid


def example(channels=3, size=(60, 80), dtype=np.uint8):
    rng = np.random.default_rng(channels)
    sharp = rng.integers(0, 200, (channels, *size)).astype(dtype)
    return Example("best: a", sharp, sharp // 2, sharp + 1, "20 dB", "40 dB")


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.slow
def test_any_number_of_channels_is_drawn(tmp_path, channels):
    pytest.importorskip("matplotlib")
    draw_grid(tmp_path / "grid.png", [example(channels)] * 2, "wiener")
    drawn = images.read(tmp_path / "grid.png").pixels
    assert drawn.shape[1] > drawn.shape[0] > 500
    assert np.ptp(drawn) > 200


@pytest.mark.slow
def test_the_same_examples_give_the_same_file(tmp_path):
    pytest.importorskip("matplotlib")
    for name in ("a.png", "b.png"):
        draw_grid(tmp_path / name, [example()])
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.slow
def test_black_and_perfect_images_are_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    black = np.zeros((3, 20, 20), np.uint16)
    draw_grid(tmp_path / "grid.png", [Example("black", black, black, black)])
    assert (tmp_path / "grid.png").exists()


def test_of_large_images_the_most_blurred_part_is_shown():
    sharp = np.zeros((1, 700, 900), np.float32)
    sharp[0, 400:420, 600:620] = 100
    rows, columns = grid.most_blurred(Example("a", sharp, sharp * 0, sharp))
    assert (rows.stop - rows.start, columns.stop - columns.start) == (256, 256)
    assert rows.start <= 400
    assert rows.stop >= 420
    assert columns.start <= 600
    assert columns.stop >= 620
    small = example(size=(40, 300))
    assert grid.most_blurred(small)[0] == slice(0, 40)


def test_channels_have_the_colours_of_the_atlas():
    shown = np.eye(4, dtype=np.float32).reshape(4, 1, 4)
    black, white = np.zeros((4, 1, 1), np.float32), np.ones((4, 1, 1), np.float32)
    np.testing.assert_array_equal(grid.colour(shown, black, white)[0], grid.COLOURS)


def test_without_matplotlib_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"pip install 'unsmear\[report\]'"):
        draw_grid(tmp_path / "grid.png", [example()])


def test_a_grid_needs_an_example(tmp_path):
    with pytest.raises(OptionError, match="at least one example"):
        draw_grid(tmp_path / "grid.png", [])
