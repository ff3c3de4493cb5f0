"""The multi-scale network against its authors' own outputs and size, and its options."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.models import published
from unsmear import models
from unsmear.errors import OptionError

SMALL = {"features": 3, "blocks": 1}


def test_restores_every_scale_as_the_authors_own():
    with np.load(Path(__file__).with_name("published.npz")) as arrays:
        expected = [torch.from_numpy(arrays[f"multi-scale {scale}"]) for scale in range(3)]
    with torch.no_grad():
        restored = published.build("multi-scale")(published.image())
    torch.testing.assert_close(restored, expected, atol=2e-5, rtol=1e-4)


def test_has_as_many_parameters_as_published():
    with torch.device("meta"):
        network = models.build("multi-scale", features=64, blocks=19)
    assert sum(weight.numel() for weight in network.parameters()) == 11_721_321


def test_the_scales_go_from_coarse_to_fine():
    blurred = torch.rand(1, 3, 16, 24)
    restored = models.build("multi-scale", residual=True, **SMALL)(blurred)
    assert [tuple(image.shape[2:]) for image in restored] == [(4, 6), (8, 12), (16, 24)]
    torch.testing.assert_close(restored[-1], blurred)
    torch.testing.assert_close(restored[0], torch.nn.functional.avg_pool2d(blurred, 4))


def test_a_finer_scale_sees_what_the_coarser_one_restored(settle):
    network = settle(models.build("multi-scale", **SMALL)).float()
    blurred = torch.rand(1, 3, 16, 16)
    before = network(blurred)
    network.networks[0][-1].bias.data.add_(1.0)
    after = network(blurred)
    for first, second in zip(before, after, strict=True):
        assert not torch.allclose(first, second)


@pytest.mark.parametrize(("scales", "blocks", "size"), [(1, 2, 3), (2, 1, 5), (3, 1, 3)])
@pytest.mark.slow
def test_the_halo_follows_the_options(scales, blocks, size, settle, reach):
    options = {"channels": 1, "features": 8, "blocks": blocks, "size": size, "scales": scales}
    network = settle(models.build("multi-scale", **options))
    assert network.stride == 2 ** (scales - 1)
    assert reach(network, network.halo) == (False, True)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"size": 4}, r"^size must be odd and 1 or more, got 4\.$"),
        ({"scales": 0}, r"^scales must be 1 or more, got 0\.$"),
    ],
)
def test_options_that_it_cannot_have_are_refused(options, sentence):
    with pytest.raises(OptionError, match=sentence):
        models.build("multi-scale", **options)
