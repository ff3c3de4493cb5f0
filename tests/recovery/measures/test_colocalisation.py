"""Pearson and Manders: by hand, beside scikit-image's, and where they are not defined."""

import math

import numpy as np
import pytest
from skimage.measure import manders_coloc_coeff, pearson_corr_coeff

from unsmear.blur import Motion, convolve
from unsmear.recovery.measures import colocalisation

INSIDE = np.array([[1, 1, 2, 2, 0, 0]], np.int32)
GREEN = np.array([[0, 0, 0.3, 0.1, 1, 1]], np.float32)


def ask(make_image, green, other, cells=INSIDE):
    values = colocalisation.measure(make_image(cells, green=green, red=other))
    return tuple(values[f"{name} green red"] for name in ("Pearson", "M1", "M2"))


def test_by_hand(make_image):
    pearson, first, second = ask(make_image, GREEN, [[0.1, 0.2, 0.6, 0.2, 0, 0]])
    assert pearson == pytest.approx(np.corrcoef([0, 0, 0.3, 0.1], [0.1, 0.2, 0.6, 0.2])[0, 1])
    assert first == pytest.approx(0.3 / 0.4)  # the other is above its mean of 0.275 in one pixel
    assert second == pytest.approx(0.6 / 1.1)  # the protein is above its mean of 0.1 there too


def test_beside_scikit_image(sharp):
    values = colocalisation.measure(sharp)
    inside = sharp.cells > 0
    green = sharp.plane("green").astype(np.float64)
    for channel in ("red", "blue", "yellow"):
        stain = sharp.plane(channel).astype(np.float64)
        positive, bright = stain > stain[inside].mean(), green > green[inside].mean()
        pearson, _ = pearson_corr_coeff(green, stain, inside)
        pair = f"green {channel}"
        assert values[f"Pearson {pair}"] == pytest.approx(pearson, abs=1e-9)
        assert values[f"M1 {pair}"] == pytest.approx(manders_coloc_coeff(green, positive, inside))
        assert values[f"M2 {pair}"] == pytest.approx(manders_coloc_coeff(stain, bright, inside))


def test_only_pixels_of_cells_count(make_image):
    red = np.array([[0.1, 0.2, 0.6, 0.3, 0, 0]], np.float32)
    other = red + np.array([[0, 0, 0, 0, 0.7, 0.2]], np.float32)
    assert ask(make_image, GREEN, red) == ask(make_image, GREEN, other)


def test_an_erased_channel_has_none(make_image):
    red = [[0.1, 0.2, 0.6, 0.3, 0, 0]]
    pearson, first, second = ask(make_image, np.zeros((1, 6)), red)
    assert math.isnan(pearson)
    assert math.isnan(first)
    assert second == 0
    assert all(map(math.isnan, ask(make_image, GREEN, red, np.zeros((1, 6)))))


def test_light_below_black_counts_as_none(make_image):
    shares = ask(make_image, GREEN - 0.05, [[-0.1, 0.2, 0.6, 0.3, 0, 0]])[1:]
    assert all(0 <= share <= 1 for share in shares)


def test_blur_hardly_moves_the_threshold(sharp):
    """The reason for the mean: Otsu's threshold moves with the sharpness that is asked about."""
    from skimage.filters import threshold_otsu

    inside = sharp.cells > 0
    green = sharp.plane("green")
    blurred = convolve(green[None], Motion(10, 30).kernel())[0]
    mean = blurred[inside].mean() / green[inside].mean() - 1
    otsu = threshold_otsu(blurred[inside]) / threshold_otsu(green[inside]) - 1
    assert abs(mean) < 0.02
    assert abs(otsu) > 5 * abs(mean)
