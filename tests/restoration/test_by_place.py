"""Parts of an image have kernels of their own, by their names or in a stack."""

import numpy as np
import pytest

import unsmear
from tests.found import find_everywhere
from unsmear.blur import Motion
from unsmear.errors import KernelError, OptionError
from unsmear.estimate import Estimate
from unsmear.images import Image
from unsmear.restoration.by_place import ByPlace, places

UNKNOWN = ByPlace.UNKNOWN


def smeared(motion, seed):
    rng = np.random.default_rng(seed)
    sharp = np.zeros((96, 96), np.float32)
    for y, x in rng.integers(8, 88, (40, 2)):
        sharp[y - 2 : y + 3, x - 2 : x + 3] += rng.uniform(500, 3000)
    blurred = sharp if motion is None else unsmear.convolve(sharp, motion.kernel())
    return rng.poisson(blurred + 100).astype(np.uint16)


def stack(*motions):
    return np.stack([smeared(motion, seed) for seed, motion in enumerate(motions)])


def numbers(given, shape, axes, channels=()):
    return ByPlace.of(dict.fromkeys(given), Image(np.zeros(shape), axes, channels)).numbers.tolist()


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ([1], [[UNKNOWN, 0], [UNKNOWN, 0]]),
        (["c=1"], [[UNKNOWN, 0], [UNKNOWN, 0]]),
        (["GFP", "DAPI"], [[1, 0], [1, 0]]),
        (["t=1"], [[UNKNOWN, UNKNOWN], [0, 0]]),
        (["t=1, DAPI", "T=0,c=1"], [[UNKNOWN, 1], [0, UNKNOWN]]),
        ([], [[UNKNOWN, UNKNOWN], [UNKNOWN, UNKNOWN]]),
    ],
)
def test_places_by_their_names(given, wanted):
    assert numbers(given, (2, 2, 4, 4), "TCYX", ("DAPI", "GFP")) == wanted


def test_a_name_is_looked_for_before_a_number():
    assert numbers(["1"], (2, 4, 4), "CYX", ("1", "0")) == [[0, UNKNOWN]]
    assert numbers([1], (2, 4, 4), "CYX", ("1", "0")) == [[UNKNOWN, 0]]
    assert numbers(["A, 5"], (2, 4, 4), "CYX", ("A, 5", "B")) == [[0, UNKNOWN]]


def test_slices_and_positions_and_colours():
    assert numbers(["z=1"], (2, 4, 4), "ZYX") == [[UNKNOWN], [0]]
    assert numbers(["p=1", "p=0, t=1"], (2, 2, 4, 4), "TPYX") == [[UNKNOWN], [1], [0], [0]]
    assert numbers(["green"], (4, 4, 3), "YXS", ("red", "green", "blue")) == [[-1, 0, -1]]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            ["RFP"],
            r"a part of the image \(t=0 to t=1, 'DAPI', 'GFP', c=0 to c=1\), got one for 'RFP'",
        ),
        ([2], "got one for channel 2"),
        (["t=2"], "got one for 't=2'"),
        (["z=0"], "got one for 'z=0'"),
        (["DAPI", "t=1"], "each plane must have one kernel, got one for 'DAPI' and one for 't=1'"),
        ([0, "DAPI"], "got one for channel 0 and one for 'DAPI'"),
    ],
)
def test_a_place_that_is_not_there_or_named_twice(given, sentence):
    with pytest.raises(KernelError, match=sentence):
        numbers(given, (2, 2, 4, 4), "TCYX", ("DAPI", "GFP"))


def test_a_name_of_two_channels():
    with pytest.raises(KernelError, match="got 'GFP', the name of 2; say c=0 for the first"):
        numbers(["GFP"], (2, 4, 4), "CYX", ("GFP", "GFP"))


@pytest.mark.parametrize("method", ["deep-wiener", "wiener"])
def test_each_channel_has_the_kernel_that_is_given(method):
    image = Image(stack(Motion(8, 30), None, Motion(12, 100)), "CYX", ("DAPI", "GFP", "RFP"))
    kernels = {"DAPI": Motion(8, 30), "GFP": None, "RFP": Motion(12, 100).kernel()}
    done = unsmear.restore(image, kernels, method=method)
    for index, kernel in ((0, Motion(8, 30)), (2, Motion(12, 100))):
        alone = unsmear.restore(image.pixels[index], kernel, method=method).image
        np.testing.assert_array_equal(done.image.pixels[index], alone)
    np.testing.assert_array_equal(done.image.pixels[1], image.pixels[1])
    assert [one.name for one in done.exposures] == ["DAPI", "GFP", "RFP"]
    assert [one.estimate for one in done.exposures] == [None] * 3
    assert "GFP: no motion (given), left as it was" in done.movement


def test_what_is_not_named_is_estimated(monkeypatch):
    asked = []

    def estimate(planes):
        asked.append(planes.shape)
        return Estimate(12.0, 100.0, 0.95, 0.1, 0.5, kind="straight")

    monkeypatch.setattr("unsmear.estimate.estimate_planes", lambda planes, *_: estimate(planes))
    image = stack(Motion(8, 30), Motion(12, 100), Motion(12, 100))
    done = unsmear.restore(image, {0: Motion(8, 30)}, axes="CYX", method="wiener", per="frame")
    assert asked == [(1, 2, 96, 96)]
    assert [(one.name, one.blur.length) for one in done.exposures] == [
        ("channel 0", 8.0), ("channels 1 and 2", 12.0),
    ]  # fmt: skip


def test_each_time_point_has_the_kernel_that_is_given(monkeypatch):
    find_everywhere(monkeypatch, Estimate(0.0, confidence=0.9))
    pixels = stack(Motion(8, 30), None, Motion(12, 30))
    given = {"t=0": Motion(8, 30), "t=2": Motion(12, 30)}
    done = unsmear.restore(pixels, given, axes="TYX", method="wiener")
    for index, motion in ((0, given["t=0"]), (2, given["t=2"])):
        alone = unsmear.restore(pixels[index], motion, method="wiener").image
        np.testing.assert_array_equal(done.image[index], alone)
    np.testing.assert_array_equal(done.image[1], pixels[1])
    assert [frame.touched for frame in done.frames] == [True, False, True]
    assert done.movement.startswith(
        "t=0: linear motion of 8.00 px at 30.0 degrees (given); t=1: no"
    )
    with pytest.raises(OptionError, match="per must not be 'file'"):
        unsmear.restore(pixels, given, axes="TYX", per="file")


def kernels(*motions, **more):
    planes = np.zeros((len(motions), 31, 31))
    for plane, motion in zip(planes, motions, strict=True):
        kernel = motion.kernel()
        first = 15 - len(kernel) // 2
        plane[first : first + len(kernel), first : first + len(kernel)] = kernel
    return Image(planes, "CYX", **more)


def test_a_stack_has_a_kernel_for_each_channel():
    pixels = stack(Motion(8, 30), Motion(12, 30))
    given = kernels(Motion(8, 30), Motion(12, 30))
    done = unsmear.restore(pixels, given, axes="CYX", method="wiener")
    named = {0: given.pixels[0], 1: given.pixels[1]}
    wanted = unsmear.restore(pixels, named, axes="CYX", method="wiener").image
    np.testing.assert_array_equal(done.image, wanted)
    with pytest.raises(KernelError, match="as many as the 2 channels of array, got 3"):
        unsmear.restore(pixels, kernels(*[Motion(8, 30)] * 3), axes="CYX")
    with pytest.raises(KernelError, match="a stack of axes of PTCYX, got ZYX"):
        unsmear.restore(pixels, Image(given.pixels, "ZYX"), axes="CYX")


def test_a_stack_is_resampled_to_the_pixels_of_the_image():
    image = Image(stack(Motion(8, 30), Motion(4, 30)), "CYX", pixel_size=(0.2, 0.2))
    fine = kernels(Motion(16, 30), Motion(8, 30), pixel_size=(0.1, 0.1))
    done = unsmear.restore(image, fine, method="wiener")
    right = unsmear.restore(image, {0: Motion(8, 30), 1: Motion(4, 30)}, method="wiener")
    wrong = unsmear.restore(image.pixels, fine.pixels[0], axes="CYX", method="wiener")
    for index in range(2):
        near, far = (
            np.abs(done.image.pixels[index].astype(float) - other).mean()
            for other in (right.image.pixels[index], wrong.image[index])
        )
        assert near < 0.3 * far


def test_the_places_of_a_stack():
    image = Image(np.zeros((3, 2, 4, 4)), "TCYX")
    assert places(Image(np.zeros((3, 2, 5, 5)), "TCYX"), image)[:3] == [
        "t=0,c=0",
        "t=0,c=1",
        "t=1,c=0",
    ]
    assert places(Image(np.zeros((3, 5, 5)), "TYX"), image) == ["t=0", "t=1", "t=2"]
    assert places(Image(np.zeros((1, 5, 5)), "CYX"), image) == [""]


def test_one_plane_of_an_image_is_a_kernel_for_all():
    pixels = stack(Motion(8, 30), Motion(8, 30))
    kernel = Motion(8, 30).kernel()
    done = unsmear.restore(pixels, Image(kernel, "YX"), axes="CYX", method="wiener")
    wanted = unsmear.restore(pixels, kernel, axes="CYX", method="wiener")
    np.testing.assert_array_equal(done.image, wanted.image)
    assert done.exposures == ()


def test_margins_without_data_stay(monkeypatch):
    find_everywhere(monkeypatch, Estimate(0.0))
    pixels = stack(Motion(8, 30), Motion(12, 30))
    pixels[:, :30] = 0
    given = {0: Motion(8, 30), 1: Motion(12, 30)}
    done = unsmear.restore(pixels, given, axes="CYX", method="wiener", no_data=0)
    np.testing.assert_array_equal(done.image[:, :30], 0)
    assert (done.image[:, 30:] != pixels[:, 30:]).any(axis=(1, 2)).all()


def test_anything_else_is_no_kernel():
    with pytest.raises(KernelError, match="kernel must be an array, a blur or an Estimate"):
        unsmear.restore(stack(None, None), {0: "motion"}, axes="CYX")
