"""What stands in a result: nothing where there was no data, floats if asked, clipping counted."""

import numpy as np
import pytest

import unsmear
from unsmear.restoration.restored import clipped_phrase, left_phrase, no_data_phrase

MOTION = unsmear.Motion(9, 30)


def scene(side: int = 128, offset: float = 200) -> tuple[np.ndarray, np.ndarray]:
    """Return a sharp and a blurred image, counts."""
    rng = np.random.default_rng(2)
    sharp = np.zeros((side, side))
    sharp[rng.integers(0, side, side), rng.integers(0, side, side)] = 30000
    sharp = unsmear.convolve(sharp, unsmear.Gaussian(1.2).kernel()) + offset
    blurred = unsmear.convolve(sharp, MOTION.kernel())
    return sharp, np.rint(rng.poisson(blurred)).astype(np.uint16)


@pytest.mark.parametrize("method", ["wiener", "richardson-lucy", "deep-wiener"])
def test_a_margin_comes_back_and_does_not_ring(method: str) -> None:
    sharp, blurred = scene()
    mask = np.zeros(sharp.shape, bool)
    mask[:40] = mask[:, 100:] = True
    padded = np.where(mask, 0, blurred).astype(np.uint16)
    restored = unsmear.restore(padded, MOTION, method=method)
    assert (restored.image[mask] == 0).all()
    assert restored.no_data == pytest.approx(mask.mean())
    assert no_data_phrase(restored) == f"{mask.mean():.0%}"[:-1] + " % without data left as it was"
    near = ~mask
    near[50:, :90] = False

    def error(image: np.ndarray) -> float:
        return float(np.sqrt(np.mean((image.astype(float) - sharp)[near] ** 2)))

    alone = np.zeros(sharp.shape)
    alone[40:, :100] = unsmear.restore(blurred[40:, :100], MOTION, method=method).image
    assert error(restored.image) < 1.2 * error(alone)
    kept = padded[~mask].sum(dtype=float)
    assert restored.image[~mask].sum(dtype=float) == pytest.approx(kept, rel=2e-3)


@pytest.mark.parametrize("thickness", [20, 45, 60])
def test_the_margin_of_an_image_without_noise_is_as_its_border(thickness: int) -> None:
    sharp, _ = scene()
    blurred = unsmear.convolve(sharp, MOTION.kernel())
    counts = np.rint(blurred).astype(np.uint16)
    counts[:, :thickness] = 0
    restored = unsmear.restore(counts, MOTION)
    alone = unsmear.restore(counts[:, thickness:], MOTION)
    np.testing.assert_array_equal(restored.image[:, thickness:], alone.image)
    assert restored.verdicts.shape == (1, 1, 4, 4)


def test_where_nothing_beside_a_margin_is_consistent_the_image_is_left_alone() -> None:
    counts = scene()[1]
    counts[:, :45] = 0
    restored = unsmear.restore(counts, unsmear.Motion(24, 120))
    assert not restored.touched
    assert "not consistent" in restored.movement
    np.testing.assert_array_equal(restored.image, counts)


@pytest.mark.parametrize(("first", "last"), [(0, 2), (60, 62), (126, 128)])
def test_a_strip_of_data_two_pixels_wide_is_restored_or_left(first: int, last: int) -> None:
    pixels = np.full((128, 128), np.nan, np.float32)
    pixels[:, first:last] = scene()[1][:, first:last]
    restored = unsmear.restore(pixels, MOTION)
    assert (np.isnan(restored.image) == np.isnan(pixels)).all()


@pytest.mark.parametrize("method", ["wiener", "deep-wiener"])
def test_the_edges_of_a_hole_are_no_light_that_a_kernel_should_not_pass(method: str) -> None:
    rng = np.random.default_rng(3)
    sharp = 4000 * np.abs(
        unsmear.convolve(rng.normal(size=(224, 224)), unsmear.Gaussian(1.5).kernel())
    )
    counts = np.rint(rng.poisson(unsmear.convolve(sharp, MOTION.kernel()) + 1500)).astype(np.uint16)
    hole = np.zeros(counts.shape, bool)
    hole[90:120, 60:160] = True
    restored = unsmear.restore(np.where(hole, 0, counts).astype(np.uint16), MOTION, method=method)
    assert restored.touched
    far = ~hole
    far[70:140, 40:180] = False
    error = np.std((restored.image - sharp)[far])
    assert error < 0.9 * np.std((counts - sharp)[far])
    assert (restored.image[hole] == 0).all()


def test_nan_comes_back_and_has_no_uncertainty() -> None:
    pixels = scene()[1].astype(np.float32)
    pixels[30:50, 60:80] = np.nan
    restored = unsmear.restore(pixels, MOTION, uncertainty=True)
    assert restored.touched
    assert restored.uncertainty is not None
    assert (np.isnan(restored.image) == np.isnan(pixels)).all()
    assert (np.isnan(restored.uncertainty) == np.isnan(pixels)).all()


def test_float_results_are_neither_clipped_nor_rounded() -> None:
    blurred = scene()[1]
    narrow = (blurred * (255 / blurred.max())).astype(np.uint8)
    clipped = unsmear.restore(narrow, MOTION, uncertainty=True)
    floats = unsmear.restore(narrow, MOTION, dtype="float32")
    assert floats.image.dtype == np.float32
    assert floats.clipped == 0
    assert clipped.clipped == ((floats.image > 255.5) & (narrow < 255)).sum() > 0
    assert clipped_phrase(clipped).endswith("clipped at white (255): use --dtype float32")
    assert clipped.uncertainty is not None
    lost = np.abs(floats.image - clipped.image)
    beyond = floats.image > 255.5
    assert (clipped.uncertainty[beyond] >= lost[beyond] - 1e-3).all()
    assert np.abs(np.rint(floats.image.clip(0, 255)) - clipped.image).max() == 0


def test_other_dtypes_are_refused() -> None:
    with pytest.raises(unsmear.OptionError, match="dtype must be float32"):
        unsmear.restore(scene()[1], MOTION, dtype="uint8")


@pytest.mark.parametrize(("dtype", "peak"), [("f8", 1e300), ("f2", 65000), ("f4", 3e38)])
def test_extreme_floats_stay_finite(dtype: str, peak: float) -> None:
    blurred = scene()[1].astype(float)
    pixels = (blurred / blurred.max() * peak).astype(dtype)
    restored = unsmear.restore(pixels, MOTION, method="wiener")
    assert np.isfinite(restored.image).all()
    assert restored.image.dtype == dtype


@pytest.mark.parametrize(
    ("movement", "phrase"),
    [
        ("no motion found", "no motion found, left unchanged"),
        ("t=0: a, left as it was; t=1: b, left as it was", "t=0: a; t=1: b; all left unchanged"),
    ],
)
def test_an_image_left_as_a_whole_says_so_once(movement: str, phrase: str) -> None:
    assert left_phrase(movement) == phrase


def test_values_below_zero_keep_scale_and_light() -> None:
    blurred = scene()[1].astype(float)
    for dtype in ("i2", "f4", "f8"):
        shifted = (blurred - 600).astype(dtype)
        restored = unsmear.restore(shifted, MOTION, method="wiener").image
        assert restored.dtype == dtype
        assert restored.min() < 0
        assert restored.mean() == pytest.approx(shifted.mean(), abs=2)


def test_opacity_is_no_light() -> None:
    blurred = scene()[1]
    light = (blurred * (200 / blurred.max())).astype(np.uint8)
    opacity = np.full(light.shape, 255, np.uint8)
    opacity[:40, :40] = 0
    pixels = np.stack([light, light, light, opacity])
    image = unsmear.Image(pixels, "CYX", alpha=True)
    restored = unsmear.restore(image, MOTION, uncertainty=True)
    assert (restored.image.pixels[3] == opacity).all()
    alone = unsmear.restore(unsmear.Image(pixels[:3], "CYX"), MOTION)
    assert (restored.image.pixels[:3] == alone.image.pixels).all()
    assert restored.uncertainty is not None
    assert restored.uncertainty.pixels.shape == (3, 128, 128)


def test_a_motion_under_half_a_pixel_is_questioned() -> None:
    restored = unsmear.restore(scene()[1], unsmear.Motion(0.06, 20))
    assert not restored.touched
    assert restored.movement.endswith("under half a pixel: check speed, exposure and pixel size")
