"""Convolution equals independent implementations, in NumPy and in torch."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from unsmear import blur
from unsmear.blur import Camera, Defocus, Motion
from unsmear.errors import KernelError, OptionError

SCIPY = {"reflect": "mirror", "wrap": "grid-wrap", "zero": "constant"}


@given(
    st.floats(0, 25),
    st.floats(0, 180),
    st.sampled_from(sorted(SCIPY)),
    st.tuples(*[st.integers(2, 40)] * 2),
)
@pytest.mark.slow
def test_convolve_equals_scipy(length, angle, boundary, size):
    image = np.random.default_rng(0).random(size)
    kernel = Motion(length, angle).kernel()
    kernel[0, 1] += 0.1  # nothing symmetric, so that a flip shows
    convolved = blur.convolve(image, kernel, boundary)
    expected = ndimage.convolve(image, kernel, mode=SCIPY[boundary])
    assert convolved.dtype == np.float32
    np.testing.assert_allclose(convolved, expected, atol=2e-6)


@pytest.mark.parametrize("kernel", [Motion(5, 20), Motion(40, 50), Defocus(7)], ids=repr)
@pytest.mark.parametrize("size", [(9, 400), (333, 350)])
def test_sums_and_transforms_are_opencv_s(kernel, size):
    kernel = kernel.kernel()
    kernel[0, 1] += 0.1
    image = np.random.default_rng(0).random(size).astype(np.float32)
    padded = cv2.copyMakeBorder(image, *[len(kernel) // 2] * 4, cv2.BORDER_WRAP)
    expected = cv2.filter2D(padded, -1, kernel[::-1, ::-1])
    inside = slice(len(kernel) // 2, -(len(kernel) // 2))
    np.testing.assert_allclose(
        blur.convolve(image, kernel, "wrap"), expected[inside, inside], atol=2e-6
    )


@pytest.mark.parametrize("length", [6, 70])
def test_flat_areas_stay_flat_to_a_hundredth_of_a_count(length):
    image = np.full((500, 500), 65535, np.float32)
    image[200:] = 0
    blurred = blur.convolve(image, Motion(length, 10).kernel())
    np.testing.assert_allclose(blurred[:150], 65535, atol=0.02)
    np.testing.assert_allclose(blurred[250:], 0, atol=0.02)


@pytest.mark.parametrize("length", [6, 26])
def test_valid_is_the_inside_and_needs_one(length):
    image = np.random.default_rng(0).random((2, 50, 60))
    kernel = Motion(length, 70).kernel()
    radius = kernel.shape[0] // 2
    inside = blur.convolve(image, kernel)[:, radius:-radius, radius:-radius]
    np.testing.assert_allclose(blur.convolve(image, kernel, "valid"), inside, atol=1e-6)
    with pytest.raises(OptionError, match="larger than its kernel"):
        blur.convolve(image[:, :3], kernel, "valid")


@pytest.mark.parametrize("boundary", ["reflect", "wrap", "zero", "valid"])
@pytest.mark.parametrize("longest", [9.0, 28.0])
def test_torch_agrees_with_one_kernel_an_image(boundary, longest):
    torch = pytest.importorskip("torch")
    batch = np.random.default_rng(0).random((3, 2, 48, 56)).astype(np.float32)
    kernels = [Motion(longest * f, 50).kernel() for f in (1, 0.5, 0.2)]
    side = kernels[0].shape[0]
    kernels = np.stack([np.pad(k, (side - k.shape[0]) // 2) for k in kernels])
    kernels[:, 0, 1] += 0.1
    convolved = blur.convolve_batch(torch.tensor(batch), torch.tensor(kernels), boundary)
    expected = [blur.convolve(i, k, boundary) for i, k in zip(batch, kernels, strict=True)]
    np.testing.assert_allclose(convolved.numpy(), np.stack(expected), atol=3e-6)


def test_torch_convolution_is_differentiable():
    torch = pytest.importorskip("torch")
    for length in (5, 30):
        batch = torch.rand(1, 1, 40, 40, requires_grad=True)
        kernel = torch.tensor(Motion(length, 10).kernel())[None]
        blur.convolve_batch(batch, kernel, "wrap").sum().backward()
        assert torch.allclose(batch.grad, torch.ones_like(batch), atol=1e-5)


def test_blur_keeps_brightness_and_the_input():
    image = np.full((20, 20), 7, np.uint8)
    blurred = blur.apply(Motion(9, 40), image)
    np.testing.assert_allclose(blurred, 7, atol=1e-5)
    assert image.dtype == np.uint8


def test_torch_refuses_what_it_would_get_wrong():
    torch = pytest.importorskip("torch")
    kernels = torch.tensor(Motion(9, 0).kernel())[None]
    with pytest.raises(OptionError, match="must be of floats"):
        blur.convolve_batch(torch.ones(1, 1, 20, 20, dtype=torch.uint8), kernels)
    for boundary in ("reflect", "valid", "wrap"):
        with pytest.raises(OptionError, match="must have sides of at least"):
            blur.convolve_batch(torch.ones(1, 1, 3, 20), kernels, boundary)


def test_bad_kernels_and_boundaries_get_a_sentence():
    image = np.zeros((9, 9))
    with pytest.raises(KernelError, match="odd side"):
        blur.convolve(image, np.ones((2, 2)))
    with pytest.raises(OptionError, match="boundary must be one of"):
        blur.convolve(image, np.ones((3, 3)) / 9, "mirror")


def test_camera_counts_photons():
    rng = np.random.default_rng(0)
    counts = Camera(photons=400, read_noise=3, offset=100, bits=12).expose(
        np.full(200_000, 0.5), rng
    )
    gain = (4095 - 100) / 400
    assert counts.dtype == np.uint16
    assert counts.mean() == pytest.approx(100 + 200 * gain, rel=1e-3)
    assert counts.var() == pytest.approx((200 + 9) * gain**2, rel=2e-2)


def test_camera_saturates_and_repeats():
    units = np.linspace(-1, 3, 50)
    camera = Camera(photons=50, bits=8, saturation=2)
    counts = camera.expose(units, np.random.default_rng(1))
    assert counts.max() == 255
    assert counts[0] == 0
    np.testing.assert_array_equal(counts, camera.expose(units, np.random.default_rng(1)))
    ideal = Camera().expose(np.array([0, 0.5, 1, 2]), np.random.default_rng(0))
    assert ideal.tolist() == [0, 128, 255, 255]


@pytest.mark.parametrize(
    "options", [{"photons": 0}, {"bits": 7}, {"offset": 256}, {"read_noise": -1}, {"saturation": 0}]
)
def test_impossible_cameras_get_a_sentence(options):
    with pytest.raises(OptionError, match=f"{next(iter(options))} must be"):
        Camera(**options)
