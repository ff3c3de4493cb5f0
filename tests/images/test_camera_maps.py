"""Calibration maps of a camera: their checks, and what they take out of an image."""

from __future__ import annotations

import numpy as np
import pytest

import unsmear
from unsmear import CameraMaps, Image
from unsmear.errors import OptionError
from unsmear.images import camera_maps

SHAPE = (96, 80)


def maps(seed: int = 0) -> dict[str, np.ndarray]:
    """Return offset, gain and variance of a camera."""
    rng = np.random.default_rng(seed)
    gain = 2 * (1 + 0.05 * rng.standard_normal(SHAPE))
    variance = np.full(SHAPE, 4.0)
    variance.flat[rng.choice(variance.size, 40, replace=False)] = 4e4
    return {"offset": 100 + 3 * rng.standard_normal(SHAPE), "gain": gain, "variance": variance}


def exposed(known: dict[str, np.ndarray], light: np.ndarray, seed: int = 1) -> np.ndarray:
    """Return what the camera records of electrons, counts."""
    rng = np.random.default_rng(seed)
    noise = np.sqrt(known["variance"]) * rng.standard_normal(SHAPE)
    counts = known["gain"] * rng.poisson(light) + known["offset"] + noise
    return np.rint(counts).clip(0, 65535).astype(np.uint16)


def test_an_even_light_is_even_again_but_for_its_noise():
    known = maps()
    recorded = exposed(known, np.full(SHAPE, 2000.0))
    image, noisy = CameraMaps(**known).corrected(Image(recorded, "YX"))
    assert image.pixels.dtype == np.float32
    assert (noisy[0, 0] == (known["variance"] > 100)).all()
    assert image.pixels.mean() == pytest.approx(100 + 2 * 2000, rel=0.01)
    assert image.pixels.std() == pytest.approx(2 * np.sqrt(2000), rel=0.1)
    assert recorded.std() > 2 * image.pixels.std()


def test_what_is_corrected_is_recorded_again():
    known = maps()
    known["variance"] *= 0
    recorded = exposed(known, np.full(SHAPE, 300.0))
    camera = CameraMaps(**known)
    image, noisy = camera.corrected(Image(recorded, "YX"))
    assert not noisy.any()
    np.testing.assert_allclose(camera.recorded(image.planes())[0, 0], recorded, atol=1e-3)


def test_saturated_pixels_stay_the_brightest_and_equal():
    known = maps()
    light = np.full(SHAPE, 200.0)
    light[20:40, 20:40] = 1e6
    image, _ = CameraMaps(**known).corrected(Image(exposed(known, light), "YX"))
    assert (image.pixels[20:40, 20:40] == image.pixels.max()).all()


def test_a_number_may_stand_for_an_even_offset_and_nan_stays():
    pixels = np.full(SHAPE, 100.0)
    pixels[:20] = np.nan
    gain = np.ones(SHAPE)
    gain[60] = 2
    image, _ = CameraMaps(offset=80, gain=gain).corrected(Image(pixels, "YX"))
    assert np.isnan(image.pixels[:20]).all()
    assert (image.pixels[60] == 90).all()
    assert (image.pixels[30] == 100).all()
    _, noisy = CameraMaps(**maps()).corrected(Image(np.full(SHAPE, np.nan), "YX"))
    assert not noisy.any()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "camera must have a map of its pixels, got none"),
        ({"offset": 100}, "camera must have a map"),
        ({"gain": np.ones(SHAPE)}, "gain must come with the offset"),
        ({"offset": 1, "gain": np.zeros(SHAPE)}, "gain must be above 0 in all pixels, got 0"),
        ({"variance": -np.ones(SHAPE)}, "variance must be 0 or more in all pixels, got -1"),
        ({"offset": np.full(SHAPE, np.nan)}, "offset must be finite, got 7680 pixels"),
        ({"offset": np.ones((3, *SHAPE))}, "offset must be an array of numbers (y, x), got 3x96"),
        (
            {"offset": np.ones(SHAPE), "variance": np.ones((4, 4))},
            "got offset 96x80 and variance 4",
        ),
    ],
)
def test_maps_that_no_camera_has_are_refused(given: dict, sentence: str):
    with pytest.raises(unsmear.OptionError) as error:
        CameraMaps(**given)
    assert sentence in str(error.value)


def test_an_image_of_another_size_is_refused_with_both_sizes():
    with pytest.raises(unsmear.ImageError, match="96x80 pixels, got 80x96"):
        unsmear.estimate_blur(np.ones((80, 96)), camera=CameraMaps(**maps()))


def test_a_nan_that_signals_is_refused_without_a_warning():
    values = np.full((2, 2), 0x7FA00000, np.uint32).view(np.float32)
    with pytest.raises(OptionError, match="variance must be finite, got 4 pixels that are not"):
        camera_maps._checked("variance", values)
