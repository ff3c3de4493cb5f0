"""Samples of the estimator: reproducible, and rotated together with their targets."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from recipes.weights import estimator
from recipes.weights.datasets import Plane
from recipes.weights.estimator_samples import Spectra
from unsmear.blur import Motion, convolve
from unsmear.estimate import features, spectrum
from unsmear.estimate.result import KINDS
from unsmear.models.kernel_estimator import SUPPORT, Guess, KernelNet


@pytest.fixture(scope="module")
def plane():
    noise = np.random.default_rng(0).standard_normal((400, 400))
    smooth = ndimage.gaussian_filter(noise, 1.2)
    counts = np.uint8(255 * (smooth - smooth.min()) / np.ptp(smooth))
    return Plane("grain.png:0", "synthetic", "grain", counts)


def shown(counts):
    maps = features.draw(spectrum.measure(counts[None, None]))
    return torch.from_numpy(maps.shifts)[None], torch.from_numpy(maps.profile)[None]


def test_a_sample_is_always_the_same(plane):
    first, second = Spectra([plane], 3)[5], Spectra([plane], 3)[5]
    np.testing.assert_array_equal(first.maps.shifts, second.maps.shifts)
    np.testing.assert_array_equal(first.target, second.target)
    assert not np.array_equal(first.maps.shifts, Spectra([plane], 4)[5].maps.shifts)


@pytest.mark.parametrize("turn", ["mirrored", "transposed"])
def test_maps_turn_with_the_image(plane, turn):
    """What the pool does to maps and truth is what turning the image would have done."""
    length, angle = 9.0, 25.0
    counts = convolve(plane.counts[:257, :257], Motion(length, angle).kernel())[:256, :256]
    turned = counts[:, ::-1] if turn == "mirrored" else counts.T
    now = 180 - angle if turn == "mirrored" else -90 - angle
    double, doubled = np.deg2rad(2 * angle), np.deg2rad(2 * now)
    kernel = torch.zeros(1, SUPPORT, SUPPORT)
    target = torch.tensor([[1, length, np.cos(double), np.sin(double), 0]])
    batch = (*shown(counts), target, kernel)
    shifts, _, target, _ = getattr(estimator, turn)(batch)
    expected, _ = shown(np.ascontiguousarray(turned))
    inner = (..., slice(1, None), slice(1, None))
    np.testing.assert_allclose(shifts[inner], expected[inner], atol=0.02)
    assert target[0, 2:4] == pytest.approx([np.cos(doubled), np.sin(doubled)], abs=1e-6)


def test_a_kernel_and_its_half_turn_are_learned_alike():
    kernel = torch.rand(2, SUPPORT, SUPPORT) + 1e-3  # a kernel has no 0, whose logarithm is none
    kernel /= kernel.sum((1, 2), keepdim=True)
    logits = torch.randn(2, SUPPORT, SUPPORT)
    direct, turned = (estimator.kernel_loss(logits, k) for k in (kernel, kernel.flip(-1, -2)))
    torch.testing.assert_close(direct, turned)
    right = estimator.kernel_loss(kernel.log(), kernel)
    torch.testing.assert_close(right, torch.zeros(2), atol=1e-4, rtol=0)


def test_network_says_what_it_is_asked():
    net = KernelNet().eval()
    guess = net(
        torch.randn(2, features.MAPS, features.SIDE, features.SIDE),
        torch.randn(2, features.PROFILE),
    )
    assert isinstance(guess, Guess)
    assert guess.kinds.shape == (2, len(KINDS))
    assert guess.kernel.shape == (2, SUPPORT, SUPPORT)
    assert (guess.length >= 0).all()
    assert (guess.radius >= 0).all()
    assert sum(p.numel() for p in net.parameters()) < 1e6


@pytest.mark.slow
def test_a_run_goes_on_where_it_was(tmp_path):
    run = estimator.Run.open(tmp_path, 0)
    batch = (
        torch.randn(4, features.MAPS, features.SIDE, features.SIDE),
        torch.randn(4, features.PROFILE),
        torch.tensor([[float(kind), 8, 1, 0, 2] for kind in range(4)]),
        torch.full((4, SUPPORT, SUPPORT), 1 / SUPPORT**2),
    )
    run.step(batch, estimator.rate_at(0.1))
    run.drawn, run.elapsed = 64, 1.5
    run.save()
    again = estimator.Run.open(tmp_path, 1)
    assert (again.steps, again.drawn, again.elapsed) == (1, 64, 1.5)
    for name, value in run.net.state_dict().items():
        torch.testing.assert_close(again.net.state_dict()[name], value)
    assert again.step(batch, 1e-3) == pytest.approx(run.step(batch, 1e-3), rel=1e-4)
