"""The losses that need no weights."""

import math

import numpy as np
import pytest
import torch

from unsmear import losses, metrics
from unsmear.errors import ImageError
from unsmear.losses import pixel

PIXEL = [name for name in losses.TERMS if name != "perceptual"]


def batches(seed=0, shape=(2, 3, 9, 8), dtype=torch.float32):
    source = torch.Generator().manual_seed(seed)
    return [torch.rand(shape, generator=source, dtype=torch.float64).to(dtype) for _ in range(2)]


def test_values_computed_by_hand():
    restored = torch.tensor([[[[0.0, 0.5], [1.0, 0.25]]]])
    sharp = torch.tensor([[[[0.0, 0.0], [0.5, 0.5]]]])
    # the differences are 0, 0.5, 0.5, -0.25
    assert pixel.l1(restored, sharp).item() == pytest.approx(1.25 / 4)
    assert pixel.l2(restored, sharp).item() == pytest.approx(0.5625 / 4)
    roots = [math.sqrt(d * d + 1e-6) for d in (0, 0.5, 0.5, -0.25)]
    assert pixel.charbonnier(restored, sharp).item() == pytest.approx(sum(roots) / 4)
    # their sums over y and x with signs ++++, +-+-, ++--, +--+, all real: 0.75, 0.25, 0.25, -1.25
    assert pixel.frequency(restored, sharp).item() == pytest.approx(2.5 / 8)


def test_the_spectrum_is_not_normalised():
    sharp = torch.zeros(1, 1, 4, 6)
    restored = sharp.clone()
    restored[..., 0, 0] = 1  # a spectrum of 1 + 0i everywhere
    assert pixel.frequency(restored, sharp).item() == pytest.approx(0.5)
    assert pixel.frequency(sharp + 1, sharp).item() == pytest.approx(24 / 48)  # 24 at one of 24


def test_frequency_counts_real_and_imaginary_parts_of_all_coefficients():
    restored, sharp = batches(3)
    spectrum = np.fft.fft2(restored.numpy().astype(float) - sharp.numpy())
    expected = (np.abs(spectrum.real) + np.abs(spectrum.imag)).mean() / 2
    assert pixel.frequency(restored, sharp).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("scale", [1.0, 0.05])
def test_ssim_is_that_of_the_metrics(scale):
    restored, sharp = (scale * batch for batch in batches(5, (3, 2, 33, 40)))
    expected = 1 - metrics.ssim(sharp.numpy(), restored.numpy(), data_range=1.0)
    assert pixel.ssim(restored, sharp).item() == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("name", PIXEL)
def test_the_gradient_is_that_of_the_value(name):
    restored, sharp = batches(1, (2, 1, 8, 8), torch.float64)
    restored.requires_grad_()
    assert torch.autograd.gradcheck(lambda batch: getattr(pixel, name)(batch, sharp), restored)


@pytest.mark.parametrize("name", PIXEL)
def test_equal_images_are_the_least_and_have_a_finite_gradient(name):
    _, sharp = batches(2)
    restored = sharp.clone().requires_grad_()
    value = getattr(pixel, name)(restored, sharp)
    value.backward()
    assert value.item() == pytest.approx(1e-3 if name == "charbonnier" else 0, abs=1e-6)
    assert restored.grad.isfinite().all()


@pytest.mark.parametrize("name", PIXEL)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_summed_in_single(name, dtype):
    restored, sharp = batches(4, (1, 2, 32, 32), dtype)
    value = getattr(pixel, name)(restored, sharp)
    assert value.dtype == torch.float32
    expected = getattr(pixel, name)(restored.double(), sharp.double())
    assert value.item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize("name", PIXEL)
def test_batches_of_different_size_are_refused(name):
    with pytest.raises(ImageError, match="same size"):
        getattr(pixel, name)(torch.zeros(1, 1, 8, 8), torch.zeros(1, 3, 8, 8))


def test_ssim_refuses_images_smaller_than_its_window():
    with pytest.raises(ImageError, match="7x7"):
        pixel.ssim(torch.zeros(1, 1, 6, 8), torch.zeros(1, 1, 6, 8))
