"""A smeared image, and restorers with shipped and with random weights.

What is tested here holds whatever the weights are, so random ones do, and small ones are quick.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from unsmear.blur import Motion, convolve
from unsmear.checkpoints import checkpoint

SHIPPED = ("deep-wiener", "deep-wiener-lean", "deep-wiener-fast")


@pytest.fixture(scope="session")
def kernel():
    return Motion(7, 30).kernel()


@pytest.fixture(scope="session")
def smeared(kernel):
    """Return a function of a shape that makes a smeared image: noisy, nowhere below 0.02."""

    def smear(shape, seed=3, noise=0.002, by=kernel):
        sharp = _cells(shape, seed)
        grain = np.random.default_rng(11).standard_normal(shape, dtype=np.float32)
        return np.maximum(convolve(sharp, by) + np.float32(noise) * grain, 0) + np.float32(0.02)

    return smear


def _cells(shape, seed):
    """Return float32 planes (..., y, x) of blobs with texture on black, between 0 and 1."""
    generator = np.random.default_rng(seed)
    planes = []
    for _ in range(int(np.prod(shape[:-2]))):
        noise = generator.standard_normal((2, *shape[-2:])).astype(np.float32)
        blobs, texture = (
            cv2.GaussianBlur(n, (0, 0), s) for n, s in zip(noise, (9, 1.3), strict=True)
        )
        inside = cv2.GaussianBlur((blobs > 0.4 * blobs.std()).astype(np.float32), (0, 0), 1)
        plane = np.maximum(inside * (1 + 2 * texture), 0)
        planes.append(plane / plane.max())
    return np.reshape(planes, shape).astype(np.float32)


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory):
    """Return the path of small random weights whose answers differ from what they are given."""
    import torch

    from unsmear.models.deep_wiener import DeepWiener

    options = {"versions": 4, "constants": 2, "widths": [6, 8, 8], "depth": 1}
    torch.manual_seed(4)
    model = DeepWiener(**options)
    torch.nn.init.normal_(model.last.weight, std=0.02)
    path = tmp_path_factory.mktemp("weights") / "random"
    card = {"network": "DeepWiener", "options": options, "error_quantile": 1.7}
    checkpoint.save(path, model.state_dict(), card)
    return path


@pytest.fixture(scope="session", params=["random", *SHIPPED])
def weights(request, random_weights):
    """Return the name or the path of weights."""
    return str(random_weights) if request.param == "random" else request.param
