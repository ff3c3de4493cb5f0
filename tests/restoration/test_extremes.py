"""Counts, kernels and options far beyond those of a camera: a right result, or a sentence."""

import warnings

import numpy as np
import pytest

import unsmear
from unsmear import free_memory
from unsmear.blur.kernel import extent
from unsmear.data.image_statistics import describe
from unsmear.data.source import find
from unsmear.errors import ImageError, KernelError, OptionError
from unsmear.images import Image
from unsmear.restoration.classical import power_spectrum, wiener

MOTION = unsmear.Motion(7, 20)


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


@pytest.fixture(scope="module")
def blurred():
    """Return an image of discs that moved, float64, (96, 96)."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[:96, :96]
    sharp = np.full((96, 96), 100.0)
    for row, column, radius in generator.uniform((8, 8, 2), (88, 88, 9), (12, 3)):
        sharp += 900 * (np.hypot(y - row, x - column) < radius)
    return unsmear.convolve(sharp, MOTION.kernel()) + generator.normal(0, 4, (96, 96))


@pytest.mark.parametrize("exponent", [990, 200, -200, -990])
@pytest.mark.parametrize(
    "options",
    [
        {"method": "wiener", "kernel": MOTION},
        {"method": "deep-wiener-fast", "kernel": MOTION, "uncertainty": True},
        {"method": "wiener", "kernel": {0: MOTION}},
        {"method": "wiener"},
    ],
    ids=["given", "uncertain", "by place", "estimated"],
)
def test_counts_beyond_single_precision_are_restored_as_others(blurred, exponent, options):
    wanted = unsmear.restore(blurred, **options)
    restored = unsmear.restore(np.ldexp(blurred, exponent), **options)
    assert restored.image.dtype == np.float64
    assert restored.touched == wanted.touched
    assert restored.movement == wanted.movement
    assert np.array_equal(np.ldexp(restored.image, -exponent), wanted.image)
    if wanted.uncertainty is not None:
        band = np.ldexp(restored.uncertainty, -exponent)
        assert np.allclose(band, wanted.uncertainty, rtol=1e-6)


def test_a_hot_pixel_does_not_hide_the_image(blurred):
    hot = blurred.copy()
    hot[40, 50] = 1e300
    options = {"method": "deep-wiener-fast", "uncertainty": True}
    wanted = unsmear.restore(blurred, MOTION, **options)
    restored = unsmear.restore(hot, MOTION, **options)
    assert restored.outliers == 1
    apart = np.hypot(*np.mgrid[-40:56, -50:46]) > 20
    assert np.allclose(restored.image[apart], wanted.image[apart], atol=2)
    assert np.allclose(restored.uncertainty[apart], wanted.uncertainty[apart], rtol=0.1)


@pytest.mark.parametrize("value", [1e302, -np.finfo("f8").max])
def test_counts_whose_sums_are_no_numbers_are_refused(blurred, value):
    beyond = blurred.copy()
    beyond[:, 3] = value
    with pytest.raises(ImageError, match=r"^array: pixels must be at most 2e\+301 from 0, got \d"):
        unsmear.restore(beyond, MOTION)


def test_what_single_precision_cannot_hold_is_clipped_and_said(blurred):
    restored = unsmear.restore(np.ldexp(blurred, 990), MOTION, method="wiener", dtype="float32")
    assert restored.image.dtype == np.float32
    assert np.isfinite(restored.image).all()
    assert restored.clipped == blurred.size


def test_an_estimate_does_not_depend_on_the_unit(blurred):
    assert unsmear.estimate_blur(np.ldexp(blurred, 990)) == unsmear.estimate_blur(blurred)


def test_statistics_are_those_of_the_counts(blurred, tmp_path):
    for name, exponent in {"a": 0, "b": 990}.items():
        unsmear.write(tmp_path / f"{name}.tif", Image(np.ldexp(blurred, exponent), "YX"))
    one, other = (describe(item).channels[0] for item in find([tmp_path]))
    for name in ("minimum", "p50", "maximum", "mean", "std"):
        assert getattr(other, name) == np.ldexp(getattr(one, name), 990)
    assert other.sharpness == pytest.approx(one.sharpness, rel=1e-4)


@pytest.mark.parametrize("value", [1e300, np.inf, np.nan, -1.0])
def test_a_regularisation_that_leaves_nothing_is_refused(blurred, value):
    with pytest.raises(OptionError, match=r"^regularisation must be 0 to 1e\+06, got "):
        unsmear.restore(blurred, MOTION, method="wiener", options={"regularisation": value})


def test_a_kernel_of_huge_values_is_the_same_kernel(blurred):
    kernel = MOTION.kernel()
    wanted = unsmear.restore(blurred, kernel, method="wiener").image
    huge = unsmear.restore(blurred, kernel / kernel.max() * 1e308, method="wiener").image
    assert np.allclose(huge, wanted, rtol=1e-6)


@pytest.mark.parametrize("method", ["wiener", "richardson-lucy", "deep-wiener-fast"])
@pytest.mark.parametrize("kernel", [unsmear.Motion(300, 90), {0: unsmear.Motion(120, 0)}])
def test_a_kernel_that_is_longer_than_the_image_is_refused(blurred, method, kernel):
    with pytest.raises(KernelError, match="must not be longer than the image, 96x96 pixels, got"):
        unsmear.restore(blurred, kernel, method=method)


def test_a_kernel_may_be_as_long_as_the_image(blurred):
    assert unsmear.restore(blurred, unsmear.Motion(95, 0), method="wiener").image.shape == (96, 96)


@pytest.mark.parametrize(("side", "most"), [(96, 192), (2048, 1024)])
def test_the_filter_is_bounded_by_the_image(side, most):
    image = np.random.default_rng(0).random((1, 1, side, 64), np.float32)
    fitted = wiener.fit(image, unsmear.Motion(500, 90).kernel(), regularisation=0.1)
    assert fitted.radius == most
    assert wiener.fit(image, unsmear.Motion(8, 90).kernel()).radius == 128


def test_the_extent_of_a_kernel_is_where_its_light_is():
    assert extent(unsmear.Motion(50, 90).kernel()) == (51, 1)  # it ends within pixels
    assert extent(np.ones((1, 1))) == (1, 1)
    assert max(extent(unsmear.Gaussian(10).kernel())) < 60


@pytest.mark.parametrize("iterations", [0, 10**9, 10**4000])
def test_iterations_without_end_are_refused(blurred, iterations):
    options = {"method": "richardson-lucy", "options": {"iterations": iterations}}
    with pytest.raises(OptionError, match="iterations must be a whole number from 1 to 100000, g"):
        unsmear.restore(blurred, MOTION, **options)


def test_what_a_long_kernel_needs_is_part_of_the_budget():
    image, long = (
        Image(np.zeros((512, 512), np.uint16), "YX", name="a.tif"),
        unsmear.Motion(500, 20),
    )
    assert wiener.memory_of(MOTION.kernel(), 512) == 0
    assert 300e6 < wiener.memory_of(long.kernel(), 512) < 600e6
    sentence = r"^a.tif: --memory must be 8\d\dMB or more for a kernel of 171x467 pixels, got 600MB"
    with free_memory.limited(600_000_000), pytest.raises(ImageError, match=sentence):
        unsmear.restore(image, long, method="wiener")


def test_only_small_transfer_functions_are_kept():
    kept = power_spectrum._transfer.cache_info().currsize
    for side, more in ((2050, 0), (64, 1)):
        power_spectrum.transfer(np.eye(3)[::-1] / 3, side, side + 1)
        assert power_spectrum._transfer.cache_info().currsize == min(12, kept + more)
