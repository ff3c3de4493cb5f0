"""Hot and dead pixels are replaced; what optics can make is left alone."""

import numpy as np
import pytest

import unsmear
from unsmear.images import outliers


def spots(sigma: float, peak: float, seed: int = 0) -> np.ndarray:
    """Return points of light seen with a Gaussian PSF, counts."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:160, :160]
    total = np.zeros(y.shape)
    for row, column in rng.uniform(4, 156, (120, 2)):
        distance = (y - row) ** 2 + (x - column) ** 2
        total += rng.uniform(0.2, 1) * peak * np.exp(-distance / (2 * sigma**2))
    return total


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize("scale", [1, 10])
def test_hot_and_dead_pixels_are_found_and_continued(dtype: type, scale: int) -> None:
    rng = np.random.default_rng(1)
    clean = rng.poisson(200 + spots(4, 2000)).astype(dtype) * dtype(scale)
    planes = clean.copy()
    rows, columns = rng.integers(0, 160, (2, 30))
    planes[rows, columns] += dtype(3000 * scale)
    planes[80, 80], planes[80, 81], planes[60, 0] = 6000 * scale, 5500 * scale, 0
    changed = planes != clean
    result, mask = outliers.replaced(planes[None, None])
    assert np.argwhere(mask[0, 0] != changed).tolist() == []
    assert (result[0, 0][~changed] == clean[~changed]).all()
    error = result[0, 0][changed].astype(float) - clean[changed]
    assert np.abs(error).max() < 8 * np.sqrt(2200) * scale
    assert result.dtype == dtype


@pytest.mark.parametrize("sigma", [0.8, 1.0, 2.0])
@pytest.mark.parametrize("peak", [50, 500, 5000])
@pytest.mark.parametrize("sign", [1, -1])
def test_points_of_light_and_holes_are_no_defects(sigma: float, peak: int, sign: int) -> None:
    light = spots(sigma, peak)
    light = light if sign > 0 else light.max() - light
    for photons in (np.random.default_rng(2).poisson(light + 5), np.rint(light)):
        planes = photons.astype(np.uint16)[None, None]
        result, mask = outliers.replaced(planes)
        assert not mask.any()
        assert result is planes


@pytest.mark.parametrize("rate", [0.01, 0.1, 50])
def test_single_photons_are_no_defects(rate: float) -> None:
    planes = np.random.default_rng(3).poisson(rate, (1, 1, 256, 256)).astype(np.uint8)
    assert not outliers.replaced(planes)[1].any()


def test_lines_of_one_pixel_and_salt_everywhere_stay() -> None:
    line = np.zeros((1, 1, 64, 64), np.uint16)
    line[..., 30, :] = 900
    salt = np.where(np.random.default_rng(4).random((1, 1, 64, 64)) < 0.02, 900, 0)
    for planes in (line, salt.astype(np.uint16)):
        assert not outliers.replaced(planes)[1].any()


def test_a_pixel_without_data_is_no_defect() -> None:
    planes = np.full((1, 1, 32, 32), 9, np.uint8)
    planes[..., 5, 5] = 200
    gaps = planes > 100
    assert outliers.replaced(planes)[1].sum() == 1
    assert not outliers.replaced(planes, gaps)[1].any()


def test_a_restoration_counts_them_and_leaves_no_rings() -> None:
    rng = np.random.default_rng(5)
    motion = unsmear.Motion(9, 30)
    sharp = 200 + spots(5, 1500)
    blurred = unsmear.convolve(sharp, motion.kernel())
    clean = rng.poisson(blurred).astype(np.uint16)
    recorded = clean.copy()
    recorded[tuple(rng.integers(0, 160, (2, 25)))] = 9000
    restored = unsmear.restore(recorded, motion)
    assert restored.touched
    assert restored.outliers == (recorded != clean).sum()
    error = np.abs(restored.image - unsmear.restore(clean, motion).image.astype(float))
    assert np.sqrt(np.mean(error**2)) < 0.1 * sharp.std()
    alone = unsmear.restore(recorded[:32, :32])
    assert alone.outliers == 0
    assert not alone.touched


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_strips_find_what_the_whole_plane_holds(
    dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in noise, where the peaks of a strip are sifted in single precision first."""
    rng = np.random.default_rng(8)
    planes = rng.poisson(20, (1, 2, 90, 70)).astype(dtype)
    planes[0, :, [0, 7, 8, 63, 89], [0, 33, 33, 1, 69]] = 250
    whole, expected = outliers.replaced(planes)
    assert expected.sum() == 10
    monkeypatch.setattr(outliers, "STRIP", 8 * 70)
    monkeypatch.setattr(outliers, "MANY", 1.0)
    parts, mask = outliers.replaced(planes)
    np.testing.assert_array_equal(mask, expected)
    np.testing.assert_array_equal(parts, whole)
