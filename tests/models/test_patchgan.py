"""The paper's discriminator: a map of scores, each of one patch."""

import pytest
import torch
from torch import nn

from unsmear.errors import OptionError
from unsmear.models.patchgan import Discriminator


def count(network):
    """Return the parameters as Keras counts them: with the running mean and variance."""
    buffers = (buffer for buffer in network.buffers() if buffer.is_floating_point())
    return sum(tensor.numel() for tensor in (*network.parameters(), *buffers))


def test_has_as_many_parameters_as_the_paper_says():
    assert count(Discriminator()) == 2_770_433


def test_only_the_last_convolution_has_a_bias_and_the_first_no_normalisation():
    layers = [each for each in Discriminator().modules() if not list(each.children())]
    biased = [each.bias is not None for each in layers if isinstance(each, nn.Conv2d)]
    assert biased == [False, False, False, False, True]
    widths = [each.num_features for each in layers if isinstance(each, nn.BatchNorm2d)]
    assert widths == [128, 256, 512]
    slopes = {each.negative_slope for each in layers if isinstance(each, nn.LeakyReLU)}
    assert slopes == {0.3}


def test_gives_thirty_by_thirty_scores_of_an_image_of_the_paper_s_size():
    images = torch.rand(1, 3, 256, 256)
    with torch.no_grad():
        assert Discriminator()(images, images).shape == (1, 1, 30, 30)


def test_each_score_is_of_seventy_pixels():
    network = Discriminator(filters=4, channels=1, norm="none").double()
    blurred, candidate = torch.rand(2, 1, 1, 160, 160, dtype=torch.float64)
    network(blurred, candidate.requires_grad_())[0, 0, 9, 9].backward()
    rows = candidate.grad[0, 0].abs().sum(1).nonzero()
    columns = candidate.grad[0, 0].abs().sum(0).nonzero()
    assert len(rows) == len(columns) == 70


@pytest.mark.parametrize(("norm", "alone"), [("batch", False), ("instance", True), ("none", True)])
def test_a_gradient_penalty_needs_scores_of_each_image_alone(norm, alone):
    network = Discriminator(filters=4, norm=norm)
    blurred, candidate = torch.rand(2, 2, 3, 64, 64)
    with torch.no_grad():
        before = network(blurred, candidate)[0]
        candidate[1] = torch.rand(3, 64, 64)
        assert torch.equal(network(blurred, candidate)[0], before) == alone


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_every_parameter_gets_a_gradient(norm):
    network = Discriminator(filters=4, norm=norm)
    network(*torch.rand(2, 2, 3, 64, 64)).square().sum().backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.any(), name


def test_the_smallest_image_is_as_documented():
    network = Discriminator(filters=4).eval()
    assert network(*torch.rand(2, 1, 3, 24, 24)).shape == (1, 1, 1, 1)
    with pytest.raises(RuntimeError):
        network(*torch.rand(2, 1, 3, 16, 16))


def test_options_that_it_cannot_have_are_refused():
    with pytest.raises(OptionError, match=r"^norm must be batch, instance or none, got spectral"):
        Discriminator(norm="spectral")
