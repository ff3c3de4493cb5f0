"""Kernels are point spread functions with the requested parameters."""

import json
import math
import sys

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unsmear import blur, images
from unsmear.blur import (
    Coded,
    Defocus,
    Gaussian,
    Given,
    Motion,
    Paper,
    Profile,
    Sampler,
    Trajectory,
)
from unsmear.blur import kernel as kernel_
from unsmear.blur.coded import RASKAR
from unsmear.errors import KernelError, MissingExtra, OptionError

lengths = st.floats(0, 40)
angles = st.floats(-360, 360)


def centroid(kernel):
    at = np.arange(kernel.shape[0]) - kernel.shape[0] // 2
    return kernel.sum(0) @ at, kernel.sum(1) @ at


def second_moments(kernel):
    """Return the variances along x and y and the covariance with y upwards, pixels squared."""
    at = np.arange(kernel.shape[0]) - kernel.shape[0] // 2
    return kernel.sum(0) @ at**2, kernel.sum(1) @ at**2, -(at @ kernel @ at)


BLURS = [
    Motion(0),
    Motion(0.5, 20),
    Motion(7.3, 33),
    Motion(31, 90),
    Trajectory(0),
    Trajectory(25, 0.6, 3),
    Defocus(0),
    Defocus(0.4),
    Defocus(6.7),
    Gaussian(0),
    Gaussian(0.3),
    Gaussian(2.2),
    Paper(6, -45),
    Paper(7, 20),
    Profile(9, 25, (3, 1, 2)),
    Profile(0.5, 0, (1, 0)),
    Coded(20, 25),
    Coded(3.3, 190, "1101"),
    Coded(0, 0, "1"),
]


@pytest.mark.parametrize("family", BLURS, ids=repr)
def test_every_kernel_is_odd_square_nonnegative_and_sums_to_one(family):
    kernel = family.kernel()
    assert kernel.dtype == np.float64
    assert kernel.shape[0] == kernel.shape[1]
    assert kernel.shape[0] % 2 == 1
    assert kernel.min() >= 0
    assert kernel.sum() == pytest.approx(1, abs=1e-12)
    if not isinstance(family, Paper):  # the paper's is off centre, as printed
        assert centroid(kernel) == pytest.approx((0, 0), abs=1e-6)


@pytest.mark.parametrize("family", BLURS, ids=repr)
def test_families_survive_json(family):
    assert blur.from_dict(json.loads(json.dumps(blur.to_dict(family)))) == family


def test_the_golden_vectors_of_the_convention():
    assert Motion(2, 0).kernel()[1] == pytest.approx([0.25, 0.5, 0.25], abs=1e-12)
    expected = np.array([1, 7, 8, 7, 1]) / 24
    assert Motion(3, 0).kernel()[2] == pytest.approx(expected, abs=1e-12)
    assert Motion(3, 90).kernel()[:, 2] == pytest.approx(expected, abs=1e-12)
    # From the lower left to the upper right pixel; the weights by hand, integrals of t and 1 - t.
    diagonal = np.array([[0, 1, 2], [1, 4, 1], [2, 1, 0]]) / 12
    assert Motion(2 * math.sqrt(2), 45).kernel() == pytest.approx(diagonal, abs=1e-9)


@given(lengths, angles)
def test_motion_has_the_moments_of_a_segment(length, angle):
    kernel = Motion(length, angle).kernel()
    xx, yy, xy = second_moments(kernel)
    # Bilinear sharing adds the mean of f(1 - f) along each axis: between 0 and a quarter.
    spread = length**2 / 12
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    assert -1e-6 <= xx - spread * cos**2 <= 0.2501
    assert -1e-6 <= yy - spread * sin**2 <= 0.2501
    assert xy == pytest.approx(spread * cos * sin, abs=1e-5)


@given(st.floats(0.2, 30), angles)
@pytest.mark.slow
def test_motion_turns_and_mirrors_as_it_should(length, angle):
    kernel = Motion(length, angle).kernel()
    np.testing.assert_allclose(Motion(length, angle + 180).kernel(), kernel, atol=1e-9)
    np.testing.assert_allclose(Motion(length, 180 - angle).kernel(), kernel[:, ::-1], atol=1e-9)
    np.testing.assert_allclose(Motion(length, angle + 90).kernel(), np.rot90(kernel), atol=1e-9)


@given(st.integers(1, 80), st.floats(-400, 400) | st.integers(-36, 36).map(lambda n: 5.0 * n))
def test_the_recipe_is_opencv_s_to_the_last_bit(degree, angle):
    turn = cv2.getRotationMatrix2D((degree / 2, degree / 2), angle, 1)
    expected = cv2.warpAffine(np.diag(np.ones(degree)), turn, (degree, degree)) / degree
    np.testing.assert_array_equal(Paper(degree, angle).recipe(), expected)


def test_without_opencv_the_recipe_has_a_kernel_but_blurs_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert Paper().kernel().sum() == pytest.approx(1)
    with pytest.raises(MissingExtra, match=r"pip install 'unsmear\[synth\]'"):
        Paper().apply(np.zeros((9, 9), np.uint8))


def test_motion_equals_a_dense_sum():
    kernel = Motion(9.7, 28).kernel()
    dense = np.zeros_like(kernel)
    middle = kernel.shape[0] // 2
    for time in (np.arange(20000) + 0.5) / 20000 - 0.5:
        x = middle + 9.7 * time * math.cos(math.radians(28))
        y = middle - 9.7 * time * math.sin(math.radians(28))
        column, row = math.floor(x), math.floor(y)
        for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
            weight = abs(1 - dx - (x - column)) * abs(1 - dy - (y - row))
            if weight:
                dense[row + dy, column + dx] += weight / 20000
    np.testing.assert_allclose(kernel, dense, atol=1e-6)


def test_stage_motion_is_speed_times_exposure_over_pixel_size():
    assert Motion.of_stage(speed=200, exposure=0.008, pixel_size=0.16, angle=5) == Motion(10, 5)
    with pytest.raises(KernelError, match="pixel_size must be above 0"):
        Motion.of_stage(1, 1, 0)


@pytest.mark.slow
def test_defocus_is_the_exact_area_of_a_disc():
    fine = 401
    at = (np.arange(15 * fine) + 0.5) / fine - 7.5
    inside = (at[:, None] ** 2 + at**2 <= 6.7**2).astype(float)
    pixels = inside.reshape(15, fine, 15, fine).mean((1, 3))
    np.testing.assert_allclose(Defocus(6.7).kernel(), pixels / pixels.sum(), atol=2e-6)


def test_gaussian_is_integrated_over_pixels():
    kernel = Gaussian(2.0).kernel()
    xx, yy, xy = second_moments(kernel)
    assert xx == pytest.approx(4 + 1 / 12, rel=2e-3)
    assert yy == pytest.approx(xx, abs=1e-12)
    assert xy == pytest.approx(0, abs=1e-12)


def test_trajectory_is_seeded_and_shakes_as_told():
    np.testing.assert_array_equal(Trajectory(20, 0.5, 7).kernel(), Trajectory(20, 0.5, 7).kernel())
    assert not np.array_equal(Trajectory(20, 0.5, 7).kernel(), Trajectory(20, 0.5, 8).kernel())
    straight = second_moments(Trajectory(20, 0, 1).kernel())
    assert straight[0] + straight[1] == pytest.approx(20**2 / 12, abs=0.5)
    shaken = [sum(second_moments(Trajectory(20, 1, seed).kernel())[:2]) for seed in range(20)]
    assert np.mean(shaken) < 0.5 * 20**2 / 12


@pytest.mark.slow
def test_a_trajectory_is_never_wider_than_twice_its_length():
    for seed in range(50):
        assert Trajectory(15, 0.4, seed).kernel().shape[0] <= 31


@pytest.mark.parametrize("degree", range(3, 31))
def test_the_papers_recipe_to_the_last_bit(degree):
    rng = np.random.default_rng(degree)
    image = rng.integers(0, 256, (40, 250 if degree == 6 else 37, 3), np.uint8)
    for angle in (*range(-180, 181, 15), -44.7, 12.3):
        rotation = cv2.getRotationMatrix2D((degree / 2, degree / 2), angle, 1)
        matrix = cv2.warpAffine(np.diag(np.ones(degree)), rotation, (degree, degree)) / degree
        expected = cv2.filter2D(image, -1, matrix)
        plain = Paper(degree, angle).apply(image.transpose(2, 0, 1))
        np.testing.assert_array_equal(plain.transpose(1, 2, 0), expected)
        cv2.normalize(expected, expected, 0, 255, cv2.NORM_MINMAX)
        stretched = Paper(degree, angle, normalise=True).apply(image.transpose(2, 0, 1))
        np.testing.assert_array_equal(stretched.transpose(1, 2, 0), expected)


def test_the_papers_protocol_darkens_and_moves_vertically():
    assert Paper(6, -45).recipe().sum() == pytest.approx(0.73, abs=0.15)
    xx, yy, _ = second_moments(Paper(6, -45).kernel())
    assert yy > 10 * xx


@pytest.mark.parametrize("degree", [5, 6])
def test_the_papers_kernel_convolves_as_its_recipe_correlates(degree):
    image = np.random.default_rng(0).random((30, 30)).astype(np.float32)
    recipe = Paper(degree, 20).recipe()
    expected = cv2.filter2D(image, -1, recipe) / recipe.sum()
    np.testing.assert_allclose(
        blur.convolve(image, Paper(degree, 20).kernel()), expected, atol=1e-6
    )


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Motion(-1), "length must be 0 to"),
        (lambda: Motion(math.nan), "length must be"),
        (lambda: Motion(3, math.inf), "angle must be finite"),
        (lambda: Defocus(-1), "radius must be"),
        (lambda: Gaussian(math.nan), "sigma must be"),
        (lambda: Trajectory(5, 2), "shake must be"),
        (lambda: Paper(2.5), "degree must be a whole number"),
        (lambda: blur.from_dict({"family": "wobble"}), "family must be one of"),
        (lambda: blur.from_dict({"family": "motion", "size": 3}), "got size"),
        (lambda: blur.check_kernel(np.ones((2, 2))), "two odd sides"),
        (lambda: blur.check_kernel(-np.ones((3, 3))), "0 or more everywhere"),
        (lambda: blur.check_kernel(Gaussian(2).kernel() + 0.01), "subtract the background"),
        (lambda: Trajectory(5, 0.3, -1), "seed must be"),
    ],
)
def test_impossible_blurs_get_a_sentence(make, sentence):
    with pytest.raises(KernelError, match=sentence):
        make()


def test_kernels_come_from_text_numpy_and_images(tmp_path):
    wanted = Motion(5, 30).kernel()
    np.savetxt(tmp_path / "k.txt", wanted)
    np.savetxt(tmp_path / "k.csv", wanted, delimiter=",")
    np.save(tmp_path / "k.npy", wanted)
    counts = np.rint(wanted * 65535).astype(np.uint16)
    images.write(tmp_path / "k.png", images.Image(counts, "YX"))
    for name, tolerance in (("k.txt", 1e-12), ("k.csv", 1e-12), ("k.npy", 0), ("k.png", 1e-4)):
        np.testing.assert_allclose(
            Given(str(tmp_path / name)).kernel(), wanted, atol=tolerance + 1e-15
        )
    (tmp_path / "bad.txt").write_text("not a kernel")
    with pytest.raises(KernelError, match=r"bad\.txt"):
        blur.read_kernel(tmp_path / "bad.txt")


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_samplers_repeat_and_stay_in_range(seed):
    sampler = Sampler("motion", {"length": (4.0, 20.0), "angle": [0.0, 45.0]})
    first = sampler.draw(np.random.default_rng(seed))
    assert first == sampler.draw(np.random.default_rng(seed))
    assert 4 <= first.length <= 20
    assert first.angle in (0, 45)


def test_samplers_refuse_what_their_family_refuses():
    with pytest.raises(KernelError, match="got radius"):
        Sampler("motion", {"radius": 3.0})
    with pytest.raises(OptionError, match="low to high"):
        Sampler("motion", {"length": (9.0, 3.0)})


@pytest.mark.parametrize("scale", [0.5, 2.0, 0.8])
def test_a_kernel_is_resampled_to_other_pixels(scale):
    fine, coarse = Motion(20, 30).kernel(), Motion(20 * scale, 30).kernel()
    found = kernel_.resampled(fine, (scale, scale))
    assert found.sum() == pytest.approx(1)
    assert centroid(found) == pytest.approx((0, 0), abs=1e-6)
    wanted, got = second_moments(coarse), second_moments(found)
    # Pixels of both sizes widen it, each by a few tenths of its area.
    assert got[0] == pytest.approx(wanted[0], abs=0.4 * (1 + scale**2))
    assert got[1] == pytest.approx(wanted[1], abs=0.4 * (1 + scale**2))


def test_a_kernel_of_a_huge_array_is_what_is_in_it():
    small = Motion(9, 30).kernel()
    huge = np.pad(small, 2000).astype(np.float32)
    np.testing.assert_allclose(kernel_.check_kernel(huge), small, atol=1e-7)


def test_a_kernel_that_is_larger_than_any_blur_is_refused():
    with pytest.raises(KernelError, match=r"^k: a kernel's sides must have at most 1025 pixels, g"):
        kernel_.check_kernel(np.eye(1027), "k")
    with pytest.raises(KernelError, match=r"must have at most 1025 pixels, got 328\d"):
        kernel_.resampled(Motion(512, 0).kernel(), (6.4, 6.4))


def test_points_of_a_resampled_kernel_are_shared_by_four_pixels():
    generator = np.random.default_rng(0)
    kernel = np.pad(generator.random((7, 7)), ((0, 4), (4, 0)))
    for scale in ((0.7, 1.9), (1.0, 1.0), (8.0, 0.125), (2.5, 2.5)):
        offsets = (np.arange(8) + 0.5) / 8 - 0.5
        y, x = ((np.arange(11)[:, None] - 5 + offsets).ravel() * by for by in scale)
        weights = np.kron(kernel, np.ones((8, 8)))
        rows, columns = np.nonzero(weights)
        wanted = kernel_.points_kernel(x[columns], y[rows], weights[rows, columns])
        np.testing.assert_allclose(kernel_.resampled(kernel, scale), wanted, atol=1e-15)


def test_an_open_shutter_is_a_code_of_one_step():
    open_shutter = Coded(9.4, 33, "1").kernel()
    assert np.abs(open_shutter - Motion(9.4, 33).kernel()).max() < 2e-3


def test_a_code_is_turned_with_its_direction():
    one_way, other_way = (Coded(12, angle).kernel() for angle in (40, 220))
    assert one_way == pytest.approx(other_way[::-1, ::-1], abs=1e-12)
    assert np.abs(one_way - other_way).max() > 0.01


def test_a_code_keeps_a_part_of_every_frequency_that_an_open_shutter_takes_out():
    def least(family):
        return np.abs(np.fft.fft(family.kernel().sum(0), 512))[: 512 // 4].min()

    assert RASKAR.count("1") == len(RASKAR) // 2
    assert least(Motion(20)) < 0.005
    assert least(Coded(20)) > 0.05


@pytest.mark.parametrize("code", ["", "01", "10", "1021", "1" * 5000])
def test_what_is_no_code_is_refused(code):
    with pytest.raises(KernelError, match="a code of an exposure must be"):
        Coded(5, 0, code)
