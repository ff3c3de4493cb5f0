"""Our metrics against scikit-image's, and the tensors' against the arrays'."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from unsmear import metrics
from unsmear.errors import ImageError, OptionError
from unsmear.metrics import tensor

RANGES = {"uint8": 255.0, "uint16": 65535.0, "float64": 1.0}
NAMES = ("psnr", "scale_invariant_psnr", "ssim")


def pair(generator, shape, dtype="uint8"):
    """Return a smooth sharp image and a restored one that is near it."""
    sharp = generator.random(shape).cumsum(-1) % 1
    restored = (0.8 * sharp + 0.2 * generator.random(shape)) * generator.uniform(0.5, 1)
    scale = 1.0 if dtype == "float64" else RANGES[dtype]
    return (sharp * scale).astype(dtype), (restored * scale).astype(dtype)


@st.composite
def pairs(draw):
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.integers(1, 4)), draw(st.integers(7, 90)), draw(st.integers(7, 90)))
    dtype = draw(st.sampled_from(sorted(RANGES)))
    return *pair(generator, shape, dtype), RANGES[dtype]


@given(pairs())
@settings(max_examples=60, deadline=None)
@pytest.mark.slow
def test_arrays_equal_scikit_image(case):
    sharp, restored, data_range = case
    expected = peak_signal_noise_ratio(sharp, restored, data_range=data_range)
    assert metrics.psnr(sharp, restored, data_range=data_range) == pytest.approx(expected, abs=1e-6)
    expected = structural_similarity(sharp, restored, data_range=data_range, channel_axis=0)
    assert metrics.ssim(sharp, restored, data_range=data_range) == pytest.approx(expected, abs=1e-5)


@given(pairs(), st.floats(0.2, 5))
@settings(max_examples=30, deadline=None)
def test_no_other_gain_is_better_than_the_best(case, gain):
    sharp, restored, data_range = case
    best = metrics.scale_invariant_psnr(sharp, restored, data_range=data_range)
    power = np.square(restored, dtype=np.float64).sum()
    best_gain = float((sharp.astype(np.float64) * restored).sum() / power)
    expected = peak_signal_noise_ratio(sharp / 1.0, best_gain * restored, data_range=data_range)
    assert best == pytest.approx(expected, abs=1e-6)
    other = peak_signal_noise_ratio(sharp / 1.0, gain * restored, data_range=data_range)
    assert best >= other - 1e-9


@given(pairs())
@settings(max_examples=30, deadline=None)
@pytest.mark.slow
def test_tensors_agree_with_arrays(case):
    sharp, restored, data_range = case
    units = [torch.tensor((a / data_range).astype(np.float32))[None] for a in (sharp, restored)]
    for name, tolerance in zip(NAMES, (1e-4, 1e-4, 1e-5), strict=True):
        ours = getattr(metrics, name)(sharp, restored, data_range=data_range)
        theirs = getattr(tensor, name)(*units, data_range=1.0)
        assert theirs.shape == (1,)
        assert theirs.dtype == torch.float32
        assert theirs.item() == pytest.approx(ours, abs=tolerance)


def test_each_image_of_a_batch_has_its_own_value():
    generator = np.random.default_rng(1)
    images = [pair(generator, (3, 20, 30), "float64") for _ in range(4)]
    batches = [torch.tensor(np.stack(side)) for side in zip(*images, strict=True)]
    for name in NAMES:
        expected = [getattr(metrics, name)(*image, data_range=1.0) for image in images]
        np.testing.assert_allclose(getattr(tensor, name)(*batches, data_range=1.0), expected)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.slow
def test_gradients_are_right(name):
    generator = torch.Generator().manual_seed(2)
    sharp, restored = torch.rand(2, 2, 1, 8, 9, generator=generator, dtype=torch.float64)
    metric = getattr(tensor, name)
    assert torch.autograd.gradcheck(
        lambda batch: metric(sharp, batch, data_range=1.0), restored.requires_grad_()
    )


@pytest.mark.parametrize("name", NAMES)
def test_identical_images_are_perfect_and_quiet(name):
    sharp, _ = pair(np.random.default_rng(3), (2, 9, 9))
    perfect = 1.0 if name == "ssim" else math.inf
    assert getattr(metrics, name)(sharp, sharp.copy(), data_range=255.0) == perfect
    batch = torch.tensor(sharp / 255.0)[None].requires_grad_()
    value = getattr(tensor, name)(batch.detach(), batch, data_range=1.0)
    assert value.item() == pytest.approx(perfect)
    value.backward()
    assert batch.grad.abs().max() < 1e-9


def test_a_gain_is_no_error_to_gain_psnr():
    sharp, _ = pair(np.random.default_rng(4), (1, 16, 16), "float64")
    assert metrics.psnr(sharp, 0.73 * sharp, data_range=1.0) < 20
    assert metrics.scale_invariant_psnr(sharp, 0.73 * sharp, data_range=1.0) > 200


def test_black_images_have_no_gain():
    sharp, _ = pair(np.random.default_rng(5), (1, 16, 16))
    black = np.zeros_like(sharp)
    expected = metrics.psnr(sharp, black, data_range=255.0)
    assert metrics.scale_invariant_psnr(sharp, black, data_range=255.0) == expected
    batch = [torch.tensor(a / 255.0)[None] for a in (sharp, black)]
    assert tensor.scale_invariant_psnr(*batch, data_range=1.0).item() == pytest.approx(expected)
    assert metrics.scale_invariant_psnr(black, black, data_range=255.0) == math.inf


def test_inputs_stay_as_they_are_and_views_are_welcome():
    sharp, restored = pair(np.random.default_rng(6), (3, 40, 50))
    before = sharp.copy(), restored.copy()
    views = [np.ascontiguousarray(a.transpose(1, 2, 0)).transpose(2, 0, 1) for a in before]
    for name in NAMES:
        metric = getattr(metrics, name)
        assert metric(*views, data_range=255.0) == metric(sharp, restored, data_range=255.0)
    np.testing.assert_array_equal(sharp, before[0])
    np.testing.assert_array_equal(restored, before[1])


@pytest.mark.parametrize("module", [metrics, tensor])
@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_compared_is_refused(module, name):
    metric = getattr(module, name)
    make = torch.zeros if module is tensor else np.zeros
    with pytest.raises(ImageError, match=r"same size .* got 1x1x9x9 and 1x1x9x8"):
        metric(make((1, 1, 9, 9)), make((1, 1, 9, 8)), data_range=1.0)
    with pytest.raises(ImageError, match="at least one pixel"):
        metric(make((1, 1, 0, 9)), make((1, 1, 0, 9)), data_range=1.0)
    for data_range in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(OptionError, match="data_range must be above 0"):
            metric(make((1, 1, 9, 9)), make((1, 1, 9, 9)), data_range=data_range)
    with pytest.raises(TypeError, match="data_range"):
        metric(make((1, 1, 9, 9)), make((1, 1, 9, 9)))


@pytest.mark.parametrize(("ssim", "make"), [(metrics.ssim, np.zeros), (tensor.ssim, torch.zeros)])
def test_ssim_needs_a_whole_window(ssim, make):
    with pytest.raises(ImageError, match="at least 7x7 pixels for SSIM, got 1x1x6x40"):
        ssim(make((1, 1, 6, 40)), make((1, 1, 6, 40)), data_range=1.0)


@pytest.mark.slow
def test_importing_metrics_leaves_torch_alone():
    code = "import sys, unsmear.metrics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_broken_image_has_no_score():
    sharp, broken = np.zeros((1, 8, 8)), np.full((1, 8, 8), np.nan)
    assert np.isnan(metrics.psnr(sharp, broken, data_range=1))
    assert np.isnan(metrics.scale_invariant_psnr(sharp, broken, data_range=1))
    for score in (tensor.psnr, tensor.scale_invariant_psnr):
        assert score(torch.tensor(sharp[None]), torch.tensor(broken[None]), data_range=1).isnan()
