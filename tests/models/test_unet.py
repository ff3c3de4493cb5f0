"""The U-Net: its levels, its skip connections, its halo."""

import pytest
import torch

from unsmear import models
from unsmear.errors import OptionError


@pytest.mark.parametrize("levels", [1, 2, 4])
@pytest.mark.slow
def test_the_halo_follows_the_levels(levels, settle, reach):
    network = settle(models.build("unet", channels=1, features=3, levels=levels))
    assert network.stride == 2**levels
    assert reach(network, network.halo) == (False, True)


def test_each_level_has_twice_the_channels_of_the_one_above():
    shapes = {
        tuple(weight.shape[:2])
        for weight in models.build("unet", features=4, levels=2).parameters()
        if weight.ndim == 4
    }
    down, up = {(4, 3), (8, 4), (16, 8)}, {(8, 16), (4, 8), (3, 4)}
    assert down | up <= shapes
    assert max(shapes) == (16, 16)


def test_the_decoder_sees_the_encoder_of_its_level(settle):
    network = settle(models.build("unet", features=4, levels=2)).float()
    for weight in network.layers[0].below.parameters():
        weight.data.zero_()
    blurred = torch.rand(1, 3, 16, 16)
    change = network(blurred) - blurred
    assert change.std() > 1e-4  # by the skip connection alone


def test_the_residual_one_changes_nothing_at_first():
    blurred = torch.rand(1, 3, 16, 24)
    assert torch.equal(models.build("unet", features=4)(blurred), blurred)
    other = models.build("unet", features=4, residual=False)
    assert not torch.allclose(other(blurred), blurred, atol=0.01)


@pytest.mark.parametrize("option", ["levels", "features", "channels"])
def test_options_that_it_cannot_have_are_refused(option):
    with pytest.raises(OptionError, match=rf"^{option} must be 1 or more, got 0\.$"):
        models.build("unet", **{option: 0})
