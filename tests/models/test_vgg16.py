"""VGG16's features."""

import pytest
import torch

from unsmear.errors import OptionError
from unsmear.models.vgg16 import LAYERS, VGG16


def test_it_has_the_parameters_of_the_original():
    with torch.device("meta"):
        whole, cut = VGG16("block5_conv3"), VGG16()
    assert len(LAYERS) == 13
    assert sum(p.numel() for p in whole.parameters()) == 14_714_688  # Keras's, without the top
    assert sum(p.numel() for p in cut.parameters()) == 1_735_488


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_has_its_size(layer):
    block = int(layer[5])
    with torch.device("meta"):
        features = VGG16(layer)(torch.zeros(2, 3, 64, 48))
    width = (64, 128, 256, 512, 512)[block - 1]
    assert features.shape == (2, width, 64 // 2 ** (block - 1), 48 // 2 ** (block - 1))


def test_features_are_those_after_the_relu():
    torch.manual_seed(0)
    network = VGG16("block2_conv1")
    features = network(torch.randn(1, 3, 8, 8))
    assert features.min() == 0 < features.max()


def test_it_is_torchvisions_order_of_layers():
    torch.manual_seed(0)
    network = VGG16("block3_conv2")
    layers = []
    for name, convolution in network.named_children():
        if name in ("block2_conv1", "block3_conv1"):
            layers.append(torch.nn.MaxPool2d(2, 2))
        layers += [convolution, torch.nn.ReLU()]
    image = torch.randn(1, 3, 17, 20)
    torch.testing.assert_close(network(image), torch.nn.Sequential(*layers)(image))


def test_an_unknown_layer_is_refused():
    with pytest.raises(OptionError, match=r"block1_conv1 to block5_conv3.*got 'conv3_3'"):
        VGG16("conv3_3")
