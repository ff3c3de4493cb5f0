"""GANscan's generator: as many parameters as pix2pix, and its layers."""

import pytest
import torch
from torch import nn

from unsmear.errors import OptionError
from unsmear.models.ganscan import GANscan


def test_has_as_many_parameters_as_pix2pix():
    with torch.device("meta"):
        network = GANscan(levels=8)
    assert sum(weight.numel() for weight in network.parameters()) == 54_413_955
    assert network.stride == 256


def test_first_and_deepest_level_are_not_normalised():
    network = GANscan(filters=4, levels=3)
    layers = [each for each in network.modules() if not list(each.children())]
    kinds = [type(each).__name__ for each in layers if not isinstance(each, nn.Dropout)]
    down, up = ["LeakyReLU", "Conv2d"], ["ReLU", "ConvTranspose2d"]
    norm = ["BatchNorm2d"]
    assert kinds == ["Conv2d", *down, *norm, *down, *up, *norm, *up, *norm, *up]


def test_drops_features_in_the_deep_decoders_only():
    with torch.device("meta"):
        network = GANscan(levels=8)
    widths = [
        level.layers[-2].num_features
        for level in network.modules()
        if hasattr(level, "layers") and isinstance(level.layers[-1], nn.Dropout)
    ]
    assert widths == [512, 512, 512]


def test_restores_between_black_and_full_scale():
    network = GANscan(filters=4, levels=3, channels=1).eval()
    with torch.no_grad():
        restored = network(10 * torch.randn(1, 1, 16, 24))
    assert restored.shape == (1, 1, 16, 24)
    assert restored.abs().max() <= 1


@pytest.mark.parametrize("options", [{"levels": 2}, {"filters": 0}, {"norm": "spectral"}])
def test_options_that_it_cannot_have_are_refused(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        GANscan(**options)
