"""The paper's autoencoder, its options, and what the corrected one does better."""

import pytest
import torch

from unsmear import models
from unsmear.errors import OptionError

SMALL = {"filters": (4, 5, 6)}


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_has_as_many_parameters_as_the_paper_says():
    assert count(models.build("dcae")) == 1_406_979


def test_a_latent_convolution_would_make_it_other_than_the_paper_s():
    assert count(models.build("dcae", latent=256)) == 1_406_979 + 256 * 256 * 9 + 256


@pytest.mark.parametrize("upsample", ["transposed", "nearest"])
@pytest.mark.parametrize("latent", [0, 4])
@pytest.mark.parametrize("filters", [(3,), (4, 5), (4, 5, 6, 7)])
@pytest.mark.slow
def test_the_halo_follows_the_options(filters, latent, upsample, settle, reach):
    network = settle(
        models.build("dcae", filters=filters, latent=latent, upsample=upsample, channels=1)
    )
    assert network.stride == 2 ** len(filters)
    assert reach(network, network.halo) == (False, True)


def test_the_residual_one_changes_nothing_at_first():
    blurred = torch.rand(1, 3, 16, 24)
    assert torch.equal(models.build("dcae", residual=True, **SMALL)(blurred), blurred)


def test_only_transposed_convolutions_make_a_checkerboard_of_nothing():
    """Of a plane without any detail, far from its border."""
    spread = {}
    for upsample in ("transposed", "nearest"):
        network = models.build("dcae", upsample=upsample, **SMALL)
        with torch.no_grad():
            middle = network(torch.ones(1, 3, 80, 80))[..., 32:48, 32:48]
        spread[upsample] = middle.std((2, 3)).max().item()
    assert spread["nearest"] < 1e-5
    assert spread["transposed"] > 1e-2


def test_dropout_is_of_the_training_alone():
    network = models.build("dcae", dropout=0.5, **SMALL)
    blurred = torch.rand(1, 3, 32, 32)
    assert not torch.equal(network(blurred), network(blurred))
    network.eval()
    assert torch.equal(network(blurred), network(blurred))


def test_a_sigmoid_stays_between_black_and_white():
    restored = models.build("dcae", output="sigmoid", **SMALL)(100 * torch.randn(1, 3, 16, 16))
    assert 0 <= restored.min() < 0.5 < restored.max() <= 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"upsample": "cubic"}, r"^upsample must be transposed or nearest, got cubic\.$"),
        ({"output": "tanh"}, r"^output must be linear or sigmoid, got tanh\.$"),
        ({"output": "sigmoid", "residual": True}, r"^output must be linear where residual is set"),
        ({"dropout": 1.0}, r"^dropout must be 0 or more and below 1, got 1\.0\.$"),
        ({"filters": ()}, r"^levels must be 1 or more, got 0\.$"),
        ({"filters": (4, 0)}, r"^filters must be 1 or more, got 0\.$"),
        ({"filters": 4}, r"^dcae: filters must be like \(96, 128, 256\), got 4\.$"),
    ],
)
def test_options_that_it_cannot_have_are_refused(options, sentence):
    with pytest.raises(OptionError, match=sentence):
        models.build("dcae", **options)
