"""The paper's generator, its options, and what the corrected one does better."""

import pytest
import torch
from torch import nn

from unsmear import models
from unsmear.errors import OptionError

SMALL = {"filters": 4, "blocks": 2}


def count(network):
    """Return the parameters as Keras counts them: with the running mean and variance."""
    buffers = (buffer for buffer in network.buffers() if buffer.is_floating_point())
    return sum(tensor.numel() for tensor in (*network.parameters(), *buffers))


@pytest.mark.slow
def test_has_as_many_parameters_as_the_paper_says():
    assert count(models.build("gan")) == 11_399_171


@pytest.mark.slow
def test_drops_half_in_each_of_nine_blocks_and_adds_half_of_the_image():
    network = models.build("gan")
    drops = [each.p for each in network.modules() if isinstance(each, nn.Dropout)]
    assert drops == [0.5] * 9
    nn.init.zeros_(network.last[-1].weight)
    blurred = 2 * torch.rand(1, 3, 16, 16) - 1
    assert torch.equal(network.eval()(blurred), blurred / 2)


def test_stays_between_black_and_white():
    network = models.build("gan", **SMALL)
    nn.init.constant_(network.last[-1].bias, 100.0)
    blurred = 2 * torch.rand(1, 3, 16, 16) - 1
    torch.testing.assert_close(network(blurred), (1 + blurred) / 2)


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_the_residual_one_changes_nothing_at_first(norm):
    blurred = torch.rand(1, 3, 16, 24)
    network = models.build("gan", skip="residual", norm=norm, **SMALL)
    assert torch.equal(network(blurred), blurred)


@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_the_halo_follows_the_options(blocks, norm, settle, reach):
    options = {"filters": 4, "blocks": blocks, "norm": norm, "channels": 1, "skip": "residual"}
    network = settle(models.build("gan", **options))
    assert reach(network, network.halo) == (False, True)


def test_with_statistics_of_each_image_it_sees_all_of_it(settle, reach):
    network = settle(models.build("gan", norm="instance", **SMALL))
    assert network.halo is None
    beyond, _ = reach(network, 100)
    assert beyond


@pytest.mark.parametrize(("norm", "alike"), [("batch", False), ("instance", True), ("none", True)])
def test_only_a_batch_s_statistics_part_training_from_restoring(norm, alike):
    network = models.build("gan", norm=norm, dropout=0.0, **SMALL)
    blurred = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(network.train()(blurred), network.eval()(blurred)) == alike


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"skip": "whole"}, r"^skip must be half or residual, got whole\.$"),
        ({"norm": "layer"}, r"^norm must be batch, instance or none, got layer\.$"),
        ({"dropout": -0.5}, r"^dropout must be 0 or more and below 1, got -0\.5\.$"),
        ({"filters": 0}, r"^filters must be 1 or more, got 0\.$"),
    ],
)
@pytest.mark.slow
def test_options_that_it_cannot_have_are_refused(options, sentence):
    with pytest.raises(OptionError, match=sentence):
        models.build("gan", **options)
