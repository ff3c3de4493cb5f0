from __future__ import annotations

from functools import partial

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from unsmear.blur import Motion, convolve
from unsmear.errors import OptionError
from unsmear.restoration.classical import boundary, wiener
from unsmear.restoration.classical.power_spectrum import (
    Power,
    measure,
    squared_frequencies,
    transfer,
)
from unsmear.restoration.flux import conserve


def test_golden_vector():
    """A point, a movement of 2 px along x, a ratio of 0.1: worked out with a DFT of 64 points."""
    image = np.zeros((1, 1, 64, 64), np.float32)
    image[0, 0, 32, 32] = 1
    filter_ = wiener.fit(
        image, Motion(2).kernel(), regularisation=0.1, keep_positive=False
    ).filter()
    middle = len(filter_) // 2
    frequency = np.arange(4096) / 4096
    response = np.cos(np.pi * frequency) ** 2
    expected = np.fft.ifft(response / (response**2 + 0.1)).real * 1.1
    np.testing.assert_allclose(filter_[middle, middle : middle + 5], expected[:5], atol=2e-3)
    np.testing.assert_allclose(filter_[:middle].sum(), 0, atol=1e-6)


def test_it_is_the_textbook_filter_away_from_the_borders(sharp, kernel):
    image = sharp[:, :1]
    restored = wiener.fit(image, kernel, regularisation=0.02, keep_positive=False).restore(image)
    plane = np.pad(image[0, 0].astype(np.float64), 100, mode="reflect")
    mean = plane.mean()
    passed = np.fft.rfft2(
        np.roll(
            np.pad(kernel, [(0, side - len(kernel)) for side in plane.shape]),
            (-(len(kernel) // 2),) * 2,
            (0, 1),
        )
    )
    # Ours fades to 0 at 128 px; what that costs is seen at this tolerance.
    textbook = passed.conj() / (np.abs(passed) ** 2 + 0.02) * 1.02
    expected = np.fft.irfft2(np.fft.rfft2(plane - mean) * textbook, s=plane.shape) + mean
    inside = np.s_[40:-40, 40:-40]
    np.testing.assert_allclose(
        restored[0, 0][inside], expected[100:-100, 100:-100][inside], atol=0.015
    )


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(
    gain=st.floats(0.01, 1000),
    offset=st.floats(-1, 1),
    length=st.floats(1, 14),
    angle=st.floats(0, 180),
)
def test_gain_and_offset_pass_through(sharp, gain, offset, length, angle):
    kernel = Motion(length, angle).kernel()
    image = sharp[:, :1, :80, :90]
    turned = (gain * (image + offset)).astype(np.float32)
    expected = gain * (wiener.fit(image, kernel).restore(image) + offset)
    restored = wiener.fit(turned, kernel).restore(turned)
    np.testing.assert_allclose(restored, expected, atol=1e-3 * gain)


def plain_predictor(kernel, power, source, beyond, dtype):
    """The conditional mean as it is written: one system of equations a frequency."""
    size = max(512, 2 * (source + beyond))
    along = boundary.EDGE // 2 if len(kernel) <= boundary.SHORT else boundary.EDGE
    passed = np.square(np.abs(transfer(kernel.T, size, along)))
    spectrum = passed * power.signal(squared_frequencies(size, along)) + power.noise
    covariance = np.fft.ifft(spectrum.astype(np.float64).T, axis=1)
    known, unknown = np.arange(source), np.arange(-beyond, 0)
    within = covariance[:, (known[:, None] - known) % size]
    across = covariance[:, (known[:, None] - unknown) % size]
    maps = np.linalg.solve(within, across).conj().swapaxes(1, 2)
    distance = np.fft.fftfreq(along, 1 / along)
    taper = np.cos(np.pi / 2 * np.minimum(np.abs(distance) / boundary.MARGIN, 1)) ** 2
    reach = np.zeros((boundary.EDGE, *maps.shape[1:]))
    reach[distance.astype(int)] = np.fft.irfft(maps, axis=0) * taper[:, None, None]
    return np.fft.rfft(reach, axis=0).astype(dtype)


@pytest.mark.parametrize(("length", "angle"), [(10, 40), (16, 90)])
def test_covariances_of_short_kernels_end_within_half_a_block(sharp, monkeypatch, length, angle):
    kernel = Motion(length, angle).kernel()
    assert len(kernel) <= boundary.SHORT
    image = np.rint(convolve(sharp[:, :1], kernel) * 255) / np.float32(255)

    def error():
        restored = wiener.fit(image, kernel).restore(image)
        return np.sqrt(np.square(restored - sharp[:, :1])[..., 8:-8, 8:-8].mean())

    quick = error()
    monkeypatch.setattr(boundary, "SHORT", 0)
    assert quick == pytest.approx(error(), rel=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("length", "angle", "rounded", "short"),
    [
        *((*case, 0) for case in [(2, 0, False), (10, 40, False), (16, 90, True), (30, 40, True)]),
        *((*case, boundary.SHORT) for case in [(2, 0, False), (10, 40, True), (16, 90, True)]),
    ],
)
def test_the_quick_continuation_is_the_conditional_mean(
    sharp, monkeypatch, length, angle, rounded, short
):
    monkeypatch.setattr(boundary, "SHORT", short)
    kernel = Motion(length, angle).kernel()
    image = cv2.filter2D(sharp[0, 0], -1, kernel, borderType=cv2.BORDER_REFLECT_101)[None, None]
    image = np.rint(image * 255) / 255 if rounded else image
    quick = wiener.fit(image, kernel, keep_positive=False).restore(image)
    monkeypatch.setattr(boundary, "predictor", plain_predictor)
    plain = wiener.fit(image, kernel, keep_positive=False).restore(image)
    np.testing.assert_allclose(quick, plain, atol=1e-6 * np.ptp(image))


@pytest.mark.parametrize("turned", [False, True])
def test_equations_that_are_nearly_singular_are_solved_as_well_as_they_can_be(turned):
    """A long movement along an axis and hardly any noise: conditions up to 1e9."""
    kernel = Motion(30, 90).kernel()
    power = Power(noise=1e-5, scale=1e-3, slope=-2.5)
    spectrum = boundary.spectrum_of(kernel.T if turned else kernel, power, 96 + 240)[:, :20]
    quick = np.stack(list(boundary.weights_of(spectrum, 96, 240))).transpose(2, 1, 0)
    covariance = np.fft.fft(spectrum.T) / len(spectrum)
    known, unknown = np.arange(96), np.arange(1, 241)
    within = covariance[:, (known[:, None] - known) % len(spectrum)]
    plain = np.linalg.solve(within, covariance[:, known[:, None] + unknown])
    error = np.abs(quick - plain).max(axis=(1, 2)) / np.abs(plain).max(axis=(1, 2))
    assert (error < 1e-15 * np.linalg.cond(within)).all()


@pytest.mark.parametrize("level", [0.003, 0.01, 0.03])
def test_the_noise_is_found(level):
    generator = np.random.default_rng(0)
    kernel = Motion(8, 20).kernel()
    side = 256
    fall = 1 / (0.001 + np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))) ** 1.5
    white = np.fft.rfft2(generator.standard_normal((side, side)))
    plane = np.fft.irfft2(white * fall * transfer(kernel, side, side), s=(side, side))
    plane = plane / plane.std() * 0.2 + generator.normal(0, level, plane.shape)
    power = measure(plane[None], kernel)
    assert np.sqrt(power.noise) == pytest.approx(level, rel=0.1)
    assert power.slope == pytest.approx(-3, abs=0.4)


def test_positive_results_keep_the_light(sharp, kernel):
    image = convolve(sharp[:, :1], kernel)
    linear = wiener.fit(image, kernel, keep_positive=False).restore(image)
    restored = wiener.fit(image, kernel).restore(image)
    assert linear.min() < image.min() - 0.01
    assert restored.min() >= image.min() - 1e-6
    # Most of what is cut off is taken from the pixels around it, the rest from the whole plane.
    added, linear = restored.sum() - linear.sum(), np.maximum(image.min() - linear, 0).sum()
    assert abs(added) < 0.3 * linear
    assert conserve(restored, image).sum() == pytest.approx(image.sum(), rel=1e-6)


@pytest.mark.parametrize("value", [-1e-9, np.nan, np.inf])
def test_a_regularisation_below_0_is_refused(sharp, kernel, value):
    with pytest.raises(OptionError, match="regularisation must be 0 to"):
        wiener.fit(sharp, kernel, regularisation=value)


@pytest.mark.slow
def test_no_regularisation_does_not_divide_by_0(sharp, kernel):
    assert np.isfinite(wiener.fit(sharp, kernel, regularisation=0.0).restore(sharp)).all()


@pytest.mark.parametrize("regularisation", [None, 0.01])
@pytest.mark.parametrize("keep_positive", [True, False])
@pytest.mark.slow
def test_all_at_once_is_one_by_one(sharp, kernel, regularisation, keep_positive):
    filter_ = wiener.fit(sharp, kernel, regularisation=regularisation, keep_positive=keep_positive)
    results = filter_.restore_all(sharp, (4, 1.0, 0.25))
    assert results.shape == (3, *sharp.shape)
    np.testing.assert_array_equal(results[1], filter_.restore(sharp))
    for number, factor in ((0, 4), (2, 0.25)):
        np.testing.assert_array_equal(results[number], filter_.restore_all(sharp, (factor,))[0])


@pytest.mark.slow
def test_a_factor_is_on_the_ratio_of_noise_to_signal(sharp, kernel):
    image = sharp[:, :1]
    fit = partial(wiener.fit, image, kernel, keep_positive=False)
    thrice = fit(regularisation=0.01).restore_all(image, (3.0,))[0]
    np.testing.assert_allclose(thrice, fit(regularisation=0.03).restore(image), atol=1e-6)
    smooth, sharper = (np.diff(plane).std() for plane in fit().restore_all(image, (10.0, 0.1)))
    assert smooth < 0.9 * sharper


@pytest.mark.slow
def test_only_factor_1_keeps_positive(sharp, kernel):
    image = sharp[:, :1]
    positive, linear = wiener.fit(image, kernel), wiener.fit(image, kernel, keep_positive=False)
    np.testing.assert_array_equal(
        positive.restore_all(image, (0.5, 2.0)), linear.restore_all(image, (0.5, 2.0))
    )
    assert not np.array_equal(positive.restore(image), linear.restore(image))


@pytest.mark.parametrize("factor", [-1.0, np.nan, np.inf])
def test_a_factor_below_0_is_refused(sharp, kernel, factor):
    with pytest.raises(OptionError, match="factors must be 0 or more, got"):
        wiener.fit(sharp, kernel).restore_all(sharp, (1.0, factor))


def test_a_kernel_of_one_pixel_leaves_all_as_they_are(sharp):
    results = wiener.fit(sharp, np.ones((1, 1))).restore_all(sharp, (1.0, 2.0))
    np.testing.assert_array_equal(results, np.stack([sharp, sharp]))


@pytest.mark.slow
def test_a_large_image_in_single_precision_is_the_small_one(sharp, kernel, monkeypatch):
    precise = wiener.fit(sharp, kernel).restore(sharp)
    monkeypatch.setattr(wiener, "PRECISE", 0)
    np.testing.assert_allclose(wiener.fit(sharp, kernel).restore(sharp), precise, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("length", "least"), [(6, 32.0), (10, 28.2), (16, 25.4)])
def test_real_cells_with_the_true_kernel(shared_data, length, least):
    """The figures of a filter whose regularisation was picked by looking at the sharp image."""
    scores = []
    for path in sorted((shared_data / "proticelli").glob("*.tif")):
        cell = ((tifffile.imread(path)[..., :3] + 1) / 2).clip(0, 1).astype(np.float32)
        cell = np.rint(cv2.resize(cell, (256, 256), interpolation=cv2.INTER_AREA) * 255) / 255
        for angle in (15, 75, 130):
            kernel = Motion(length, angle).kernel()
            smeared = cv2.filter2D(cell, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
            units = np.rint(smeared * 255).transpose(2, 0, 1)[None].astype(np.float32) / 255
            restored = wiener.fit(units, kernel).restore(units)[0].transpose(1, 2, 0)
            error = np.rint(restored.clip(0, 1) * 255) / 255 - cell
            scores.append(-10 * np.log10(np.mean(np.square(error, dtype=np.float64))))
    assert len(scores) == 27
    # 2 dB over the figures that were asked for: the borders are worth that much.
    assert np.mean(scores) > least + 2


def test_power_scales_with_planes_of_which_only_unread_ones_have_light(kernel):
    """At most 16 planes are read; of those between them the noise must not be that of any unit."""
    planes = np.zeros((40, 32, 32), np.float32)
    planes[1, 10:20, 10:20] = 1e-3
    quiet, loud = measure(planes, kernel), measure(1000 * planes, kernel)
    assert loud.noise == pytest.approx(1e6 * quiet.noise, rel=1e-4)
    assert loud.scale == pytest.approx(1e6 * quiet.scale, rel=1e-4)
    assert 0 < quiet.noise < planes.var()


@pytest.mark.parametrize("place", [(1, 1), (1101, 1202), (1534, 1533)])
def test_the_only_bead_is_read(place, kernel):
    plane = np.zeros((1, 1536, 1536), np.float32)
    plane[0][place] = 1
    fitted = measure(plane, kernel)
    assert 0 < fitted.noise < 1e-5
    assert measure(2 * plane, kernel).noise == pytest.approx(4 * fitted.noise, rel=1e-4)


@pytest.mark.parametrize(("channels", "kept"), [(2, True), (wiener.MOST_KEPT + 1, False)])
def test_what_is_kept_for_the_next_tile_is_bounded(channels, kept):
    blurred = np.random.default_rng(0).random((1, channels, 40, 48), np.float32)
    fitted = wiener.fit(blurred, Motion(5, 20).kernel())
    first = fitted.restore(blurred)
    assert bool(fitted._cache) == bool(fitted._transfers) == kept
    np.testing.assert_array_equal(fitted.restore(blurred), first)
