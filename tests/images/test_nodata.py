"""Pixels without data are found by their straight edges, and nothing else is."""

import numpy as np
import pytest

import unsmear
from unsmear.images import Image, check_no_gaps
from unsmear.images.nodata import Gaps, find, mirrored


def field(offset: int = 100) -> np.ndarray:
    rng = np.random.default_rng(1)
    spots = np.zeros((128, 128))
    spots[rng.integers(0, 128, 60), rng.integers(0, 128, 60)] = 3000
    blurred = unsmear.convolve(spots, unsmear.Gaussian(3).kernel())
    return np.maximum(offset + 10 + rng.poisson(np.maximum(blurred, 0)), 1).astype(np.uint16)


def missing(shape: str) -> np.ndarray:
    mask = np.zeros((128, 128), bool)
    y, x = np.indices(mask.shape) - 64
    if shape == "right":
        mask[:, -20:] = True
    elif shape == "corner":
        mask[:30] = mask[:, :12] = True
    elif shape == "hole":
        mask[50:70, 30:90] = True
    elif shape == "turned":
        across, down = (x * np.cos(0.2) + y * np.sin(0.2), y * np.cos(0.2) - x * np.sin(0.2))
        mask = (np.abs(across) > 55) | (np.abs(down) > 55)
    return mask


@pytest.mark.parametrize("shape", ["right", "corner", "hole", "turned"])
@pytest.mark.parametrize("offset", [0, 100, 500])
def test_margins_and_holes_are_found_to_the_pixel(shape: str, offset: int) -> None:
    mask = missing(shape)
    pixels = np.where(mask, 0, field(offset)).astype(np.uint16)
    assert (find(pixels[None, None])[0, 0] == mask).all()


def test_a_dark_background_is_data() -> None:
    rng = np.random.default_rng(0)
    cell = np.zeros((128, 128))
    cell[40:90, 40:90] = 900
    soft = unsmear.convolve(cell, unsmear.Gaussian(4).kernel())
    assert not find(np.maximum(soft, 0).astype(np.uint16)[None, None]).any()
    clipped = np.maximum(rng.poisson(np.maximum(soft, 0)) - 4 + rng.normal(0, 2, soft.shape), 0)
    assert not find(clipped.astype(np.uint16)[None, None]).any()


def test_saturated_and_whole_images_are_data() -> None:
    white = np.minimum(field() * 40, 20000).astype(np.uint16)
    white[20:60, 20:60] = 20000
    assert not find(white[None, None]).any()
    assert not find(np.full((1, 1, 64, 64), 7, np.uint8)).any()


def test_nan_never_is_data_and_a_value_or_a_mask_can_be_given() -> None:
    pixels = field().astype(np.float32)
    pixels[3:8, 4:9] = np.nan
    found = Gaps.of(Image(pixels, "YX"))
    assert found is not None
    assert found.mask.sum() == 25
    mask = missing("hole")
    given = Gaps.of(Image(field(), "YX"), mask)
    assert given is not None
    assert (given.mask[0, 0] == mask).all()
    value = Gaps.of(Image(np.where(mask, 7, field()).astype(np.uint16), "YX"), 7)
    assert value is not None
    assert (value.mask[0, 0] == mask).all()


def test_single_nan_is_a_fault_unless_told_otherwise() -> None:
    pixels = field().astype(np.float32)
    pixels[3, 4] = np.nan
    image = Image(pixels, "YX", name="a.tif")
    with pytest.raises(unsmear.ImageError, match=r"^a.tif: pixels must be finite, got NaN in 1 of"):
        Gaps.of(image)
    given = Gaps.of(image, np.nan)
    assert given is not None
    assert given.mask.sum() == 1


def test_a_mask_that_does_not_fit_is_refused() -> None:
    image = Image(field(), "YX")
    with pytest.raises(unsmear.OptionError, match=r"128x128 pixels or of the image's shape, got 3"):
        Gaps.of(image, np.zeros((3, 3), bool))
    with pytest.raises(unsmear.OptionError, match="bool mask, got uint8"):
        Gaps.of(image, np.zeros((128, 128), np.uint8))
    with pytest.raises(unsmear.OptionError, match="hold data, got none"):
        Gaps.of(image, np.ones((128, 128), bool))


def test_a_filling_is_mirrored_at_the_data() -> None:
    pixels = np.arange(12.0).reshape(1, 1, 2, 6)
    mask = np.zeros(pixels.shape, bool)
    mask[..., 4:] = True
    assert mirrored(pixels, mask)[0, 0, 0].tolist() == [0, 1, 2, 3, 2, 1]


def test_what_cannot_use_nan_refuses_it_and_infinities_are_never_read() -> None:
    pixels = np.ones((8, 8), np.float32)
    pixels[0, 0] = np.nan
    with pytest.raises(unsmear.ImageError, match="must be finite for blur, got 1 NaN"):
        check_no_gaps(Image(pixels, "YX", name="a.tif"), "blur")
    pixels[0, 0] = np.inf
    with pytest.raises(unsmear.ImageError, match="must not be infinite"):
        Image.of(pixels)
