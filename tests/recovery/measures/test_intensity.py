"""Brightness by cell: by hand, and where there is none."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from unsmear.recovery.measures import MaskedImage, intensity

CELLS = np.array([[1, 1, 1, 1], [0, 3, 3, 0]], np.int32)
NUCLEI = np.array([[0, 1, 1, 0], [0, 0, 3, 0]], np.int32)
GREEN = np.array([[0.1, 0.2, 0.3, 0.4], [0.9, 0, 0, 0.9]], np.float32)


def test_by_hand(make_image):
    values = intensity.measure(make_image(CELLS, NUCLEI, green=GREEN, blue=GREEN * 2))
    np.testing.assert_allclose(values["mean green"], [0.25, np.nan, 0], rtol=1e-6)
    np.testing.assert_allclose(values["total green"], [1, np.nan, 0], rtol=1e-6)
    np.testing.assert_allclose(values["nuclear green"], [0.5, np.nan, np.nan], rtol=1e-6)
    np.testing.assert_allclose(values["total blue"], [2, np.nan, 0], rtol=1e-6)
    assert "nuclear blue" not in values
    assert all(len(values) == 3 for values in values.values())


def test_no_cells(make_image):
    values = intensity.measure(make_image(np.zeros((2, 4)), green=GREEN))
    assert values == {"mean green": [], "total green": [], "nuclear green": []}


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100))
def test_it_is_linear_and_knows_no_neighbours(seed, factor):
    generator = np.random.default_rng(seed)
    masks = generator.integers(0, 5, (12, 10)).astype(np.int32)
    plane = generator.random((1, 12, 10), dtype=np.float32)
    values = intensity.measure(MaskedImage(plane, ("green",), None, masks, masks))
    other = np.where(masks == 1, plane * np.float32(factor), plane)
    two = intensity.measure(MaskedImage(other, ("green",), None, masks, masks))
    ratio = np.array(two["total green"]) / np.array(values["total green"])
    np.testing.assert_allclose(ratio, np.where(np.arange(len(ratio)) == 0, factor, 1), rtol=1e-4)
