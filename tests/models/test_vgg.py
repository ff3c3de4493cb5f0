"""Features of VGG16 and VGG19."""

import pytest
import torch

from unsmear.errors import OptionError
from unsmear.models.vgg import LAYERS, VGG


@pytest.mark.parametrize(
    ("network", "layers", "whole"),
    [("vgg16", 13, 14_714_688), ("vgg19", 16, 20_024_384)],  # Keras's, without the top
)
def test_it_has_the_parameters_of_the_original(network, layers, whole):
    assert len(LAYERS[network]) == layers
    with torch.device("meta"):
        built = VGG(LAYERS[network][-1], network), VGG("block3_conv3", network)
    counts = [sum(weight.numel() for weight in vgg.parameters()) for vgg in built]
    assert counts == [whole, 1_735_488]


@pytest.mark.parametrize(
    ("network", "layer"), [(network, layer) for network in LAYERS for layer in LAYERS[network]]
)
def test_every_layer_has_its_size(network, layer):
    block = int(layer[5])
    with torch.device("meta"):
        features = VGG(layer, network)(torch.zeros(2, 3, 64, 48))
    width = (64, 128, 256, 512, 512)[block - 1]
    assert features.shape == (2, width, 64 // 2 ** (block - 1), 48 // 2 ** (block - 1))


def test_features_are_those_after_the_relu():
    torch.manual_seed(0)
    network = VGG("block2_conv1")
    features = network(torch.randn(1, 3, 8, 8))
    assert features.min() == 0 < features.max()


def test_features_before_the_relu_are_those_that_it_takes():
    torch.manual_seed(0)
    before, after = VGG("block2_conv1", activated=False), VGG("block2_conv1")
    after.load_state_dict(before.state_dict())
    image = torch.randn(1, 3, 8, 8)
    features = before(image)
    assert features.min() < 0
    torch.testing.assert_close(features.relu(), after(image))


@pytest.mark.parametrize(
    ("network", "layer"), [("vgg16", "block3_conv2"), ("vgg19", "block4_conv1")]
)
def test_it_is_torchvisions_order_of_layers(network, layer):
    torch.manual_seed(0)
    network = VGG(layer, network)
    layers = []
    for name, convolution in network.named_children():
        if name in ("block2_conv1", "block3_conv1", "block4_conv1"):
            layers.append(torch.nn.MaxPool2d(2, 2))
        layers += [convolution, torch.nn.ReLU()]
    image = torch.randn(1, 3, 17, 20)
    torch.testing.assert_close(network(image), torch.nn.Sequential(*layers)(image))


def test_an_unknown_layer_is_refused():
    with pytest.raises(OptionError, match=r"block1_conv1 to block5_conv3.*got 'conv3_3'"):
        VGG("conv3_3")
    with pytest.raises(OptionError, match=r"VGG16's \(block1_conv1 to .*got 'block3_conv4'"):
        VGG("block3_conv4")
    VGG("block3_conv4", "vgg19")
