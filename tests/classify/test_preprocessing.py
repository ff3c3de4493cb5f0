"""What a classifier is shown: colours by name, the middle square, means of areas, units."""

import numpy as np
import pytest

from unsmear.classify.preprocessing import named, prepare_image
from unsmear.errors import ImageError, OptionError
from unsmear.images import Image

COLOURS = ("red", "green", "blue")


def field(height=40, width=40, dtype=np.uint8, channels=COLOURS):
    pixels = np.random.default_rng(1).integers(0, 200, (len(channels), height, width))
    return Image(pixels.astype(dtype), "CYX", channels, name="cell")


def test_channels_are_picked_by_their_names_whatever_the_order():
    image = field(channels=("blue", "yellow", "Green", "red"))
    units = prepare_image(image, COLOURS, 64)
    np.testing.assert_allclose(units * 255, image.pixels[[3, 2, 0]], atol=1e-4)
    assert units.dtype == np.float32


def test_an_image_without_names_has_them_in_the_order_asked_for():
    image = field()
    bare = Image(image.pixels, "CYX", name="cell")
    np.testing.assert_array_equal(
        prepare_image(bare, COLOURS, 64), prepare_image(image, COLOURS, 64)
    )


def test_the_middle_square_is_reduced_by_the_means_of_areas():
    image = field(40, 64)
    units = prepare_image(image, COLOURS, 10)
    square = image.pixels[:, :, 12:52] / 255
    means = square.reshape(3, 10, 4, 10, 4).mean((2, 4))
    np.testing.assert_allclose(units, means, atol=1e-6)


def test_a_smaller_image_stays_as_it_is():
    assert prepare_image(field(9, 9), COLOURS, 64).shape == (3, 9, 9)


@pytest.mark.parametrize("factor", [1, 0.5])
def test_white_is_that_of_the_dtype_and_never_the_images_own(factor):
    image = field(dtype=np.uint16)
    dark = Image((image.pixels * factor).astype(np.uint16), "CYX", COLOURS)
    assert prepare_image(dark, COLOURS, 64).max() == pytest.approx(dark.pixels.max() / 65535)


def test_the_data_range_is_that_which_is_given():
    image = field(dtype=np.float32)
    assert prepare_image(image, COLOURS, 64, 100.0).max() == pytest.approx(1.99)
    with pytest.raises(OptionError, match=r"^cell: --data-range must say .* float32 pixels"):
        prepare_image(image, COLOURS, 64)


@pytest.mark.parametrize("given", [0.0, -1.0, float("nan")])
def test_a_range_that_is_none_is_refused(given):
    with pytest.raises(OptionError, match="--data-range must be above 0"):
        prepare_image(field(), COLOURS, 64, given)


def test_a_channel_that_is_not_there_is_named():
    with pytest.raises(ImageError, match=r"^cell: .* got red, green, blue: yellow is missing\.$"):
        prepare_image(field(), (*COLOURS, "yellow"), 64)


def test_other_images_are_refused():
    bare = Image(np.zeros((2, 8, 8), np.uint8), "CYX", name="cell")
    with pytest.raises(ImageError, match=r"red, green, blue, got 2 without names\.$"):
        prepare_image(bare, COLOURS, 64)
    stack = Image(np.zeros((5, 3, 8, 8), np.uint8), "ZCYX", COLOURS, name="cell")
    with pytest.raises(ImageError, match=r"must be one plane, got 5 \(ZCYX\)\.$"):
        prepare_image(stack, COLOURS, 64)


def test_names_are_given_only_to_an_image_without_them():
    bare = Image(np.zeros((2, 8, 8), np.uint8), "CYX", name="cell")
    assert named(bare, ("blue", "green")).channels == ("blue", "green")
    assert named(field(), ("blue",)).channels == COLOURS
    with pytest.raises(ImageError, match=r"the 3 channels that --channels names, got 2"):
        named(bare, COLOURS)
