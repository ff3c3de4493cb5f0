"""Weights of VGG16 up to block2_conv1, random, in the layouts in which others publish them."""

import pytest
import torch

from unsmear.models.vgg import VGG


@pytest.fixture
def small():
    """Return the parameters of VGG16 up to block2_conv1, by the network's own names."""
    torch.manual_seed(7)
    return {name: value.detach() for name, value in VGG("block2_conv1").named_parameters()}


@pytest.fixture
def torchvision(small):
    """Return the same by torchvision's names, with a piece of its classifier."""
    index = {"block1_conv1": 0, "block1_conv2": 2, "block2_conv1": 5}
    named = {}
    for name, value in small.items():
        layer, part = name.split(".")
        named[f"features.{index[layer]}.{part}"] = value
    return named | {"classifier.6.bias": torch.zeros(10)}


@pytest.fixture
def keras(small):
    """Return the same by Keras's names, kernels (y, x, in, out)."""
    named = {}
    for name, value in small.items():
        layer, part = name.split(".")
        letter = {"weight": "W", "bias": "b"}[part]
        turned = value.permute(2, 3, 1, 0).contiguous() if part == "weight" else value
        named[f"{layer}/{layer}_{letter}_1:0"] = turned
    return named
