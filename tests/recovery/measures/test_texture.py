"""Texture: by hand, within the cells alone, at one range of grey; and spots that are counted."""

import math

import cv2
import numpy as np
import pytest

from unsmear.recovery.measures import texture

NAMES = ("contrast", "homogeneity", "correlation", "entropy")


def ask(make_image, plane, cells=None, **more):
    cells = np.ones(np.shape(plane)) if cells is None else cells
    values = texture.measure(make_image(cells, green=plane, **more))
    return [values[f"{name} green"] for name in NAMES]


def test_by_hand(make_image):
    """Columns of black and white in turn: 31 steps apart in half of the pairs of pixels.

    Along x at both distances, along the diagonals at distance 1; at 3 they are 2 columns apart.
    """
    plane = np.tile([0.0, 1.0], (8, 4))
    contrast, homogeneity, correlation, entropy = ask(make_image, plane)
    assert contrast == pytest.approx(31**2 / 2)
    assert homogeneity == pytest.approx(0.5 + 0.5 / (1 + 31**2))
    assert correlation == pytest.approx(0, abs=1e-12)
    assert entropy == pytest.approx(1)


def test_a_constant_channel(make_image):
    contrast, homogeneity, correlation, entropy = ask(make_image, np.full((8, 8), 0.3))
    assert (contrast, homogeneity, entropy) == (0, 1, 0)
    assert math.isnan(correlation)


def test_nothing_but_cells_counts(make_image):
    generator = np.random.default_rng(5)
    cells = np.zeros((20, 20), np.int32)
    cells[4:16, 4:16] = 1
    inside = generator.random((20, 20))
    other = np.where(cells == 1, inside, generator.random((20, 20)))
    assert ask(make_image, inside, cells) == ask(make_image, other, cells)


def test_no_cell_and_cells_too_small_for_a_pair(make_image):
    for cells in (np.zeros((6, 6)), np.eye(1, 36).reshape(6, 6)):
        assert np.isnan(ask(make_image, np.random.default_rng(0).random((6, 6)), cells)).all()


def test_the_range_of_grey_is_not_the_images(make_image):
    """A restorer that halves all brightness is seen to; a scale by image would hide it."""
    plane = np.random.default_rng(2).random((32, 32))
    whole, half = ask(make_image, plane), ask(make_image, plane / 2)
    assert half[0] < 0.6 * whole[0]
    assert half[3] < whole[3]


def dots(places, height, sigma, side=64):
    plane = np.full((side, side), 0.05, np.float32)
    grid = np.mgrid[:side, :side]
    for y, x in places:
        away = (grid[0] - y) ** 2 + (grid[1] - x) ** 2
        plane += height * np.exp(-away / (2 * sigma**2)).astype(np.float32)
    return plane


def test_spots_are_counted_by_cell(make_image):
    cells = np.ones((64, 64), np.int32)
    cells[:, 32:] = 2
    plane = dots([(10, 10), (30, 20), (50, 8), (20, 45)], 0.5, 1.5)
    plane += np.random.default_rng(0).normal(0, 0.005, plane.shape).astype(np.float32)
    assert texture.spots(make_image(cells, green=plane)).tolist() == [3, 1]


@pytest.mark.parametrize("pixel_size", [0.08, 0.16, 0.3, (0.16, 0.16)])
def test_spots_have_a_size_in_micrometres(make_image, pixel_size):
    sigma = 0.3 / np.mean(pixel_size)
    plane = dots([(16, 16), (40, 40)], 0.5, sigma)
    assert texture.spots(make_image(np.ones((64, 64)), pixel_size=pixel_size, green=plane)) == [2]


def test_a_smooth_or_empty_protein_has_no_spots(make_image):
    smooth = cv2.GaussianBlur(np.random.default_rng(1).random((64, 64)), (0, 0), 8)
    for plane in (np.zeros((64, 64)), np.full((64, 64), 0.4), smooth):
        assert texture.spots(make_image(np.ones((64, 64)), green=plane)) == [0]
    assert texture.spots(make_image(np.zeros((64, 64)), green=smooth)).tolist() == []


def test_what_rounding_leaves_of_an_erased_protein_has_no_spots(make_image):
    rest = np.random.default_rng(1).normal(0, 1e-4, (64, 64))
    assert texture.spots(make_image(np.ones((64, 64)), green=rest)) == [0]
