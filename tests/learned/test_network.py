"""Weights that are no restorer's are refused in a sentence."""

import pytest
import torch

from unsmear import checkpoint
from unsmear.errors import WeightsError
from unsmear.learned import network
from unsmear.models.deep_wiener import DeepWiener

OPTIONS = {"versions": 2, "constants": 2, "widths": [4, 4], "depth": 1}


def save(path, network_="DeepWiener", options=OPTIONS):
    tensors = DeepWiener(**OPTIONS).state_dict()
    checkpoint.save(path, tensors, {"network": network_, "options": options})
    return str(path)


def test_what_the_card_says_is_known(tmp_path):
    loaded = network.load(save(tmp_path / "own"))
    assert (loaded.versions, loaded.stride, loaded.quantile) == (2, 4, 1.0)
    assert loaded.halo % loaded.stride == 0


def test_untrained_weights_give_back_the_first_version(tmp_path):
    versions = torch.rand(2, 33, 42).numpy()
    restored, scale = network.load(save(tmp_path / "own"))(versions, torch.ones(2).numpy())
    assert (restored == versions[0]).all()
    assert scale.shape == restored.shape


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ({"network_": "KernelNet"}, "^own: the network must be DeepWiener, got KernelNet.$"),
        ({"options": OPTIONS | {"versions": 3}}, "^own: the weights must fit their card; .*size"),
        ({"options": {"colour": 1}}, "^own: the weights must fit their card; .*colour"),
    ],
)
def test_weights_of_another_network_are_refused(card, said, tmp_path):
    with pytest.raises(WeightsError, match=said) as raised:
        network.load(save(tmp_path / "own", **card))
    assert "\n" not in str(raised.value)
