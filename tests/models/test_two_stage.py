"""The cascade of two U-Nets: both outputs, and what the second one sees."""

import pytest
import torch

from unsmear import models

SMALL = {"features": 3, "levels": 2}


def test_both_stages_change_nothing_at_first():
    blurred = torch.rand(1, 3, 16, 24)
    first, second = models.build("two-stage", **SMALL)(blurred)
    assert torch.equal(first, blurred)
    assert torch.equal(second, blurred)


def test_the_second_stage_sees_the_image_and_corrects_the_first_one_s(settle):
    network = settle(models.build("two-stage", **SMALL)).float()
    blurred = torch.rand(1, 3, 16, 16)
    first, second = network(blurred)
    assert not torch.allclose(first, second)
    torch.testing.assert_close(second - first, network.second(torch.cat([blurred, first], 1)))
    for weight in network.second[-1].parameters():
        weight.data.zero_()
    again, same = network(blurred)
    assert torch.equal(again, first)
    assert torch.equal(same, first)


def test_it_has_the_parameters_of_two_u_nets():
    def count(name, **options):
        return sum(weight.numel() for weight in models.build(name, **options).parameters())

    more_inputs = 3 * 8 * 3 * 3  # of the second stage's first convolution
    assert count("two-stage", features=8) == 2 * count("unet", features=8) + more_inputs


@pytest.mark.parametrize("levels", [1, 2])
@pytest.mark.slow
def test_the_halo_is_that_of_both_stages(levels, settle, reach):
    network = settle(models.build("two-stage", channels=1, features=3, levels=levels))
    assert reach(network, network.halo) == (False, True)
