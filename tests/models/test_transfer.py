"""Weights of one classifier as the beginning of another."""

import re

import pytest
import torch
from torch import nn

from unsmear.errors import WeightsError
from unsmear.models.transfer import fit_weights, widen


class Small(nn.Module):
    def __init__(self, labels, channels):
        super().__init__()
        self.stem = nn.Conv2d(channels, 4, 3, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.more = nn.Conv2d(4, 4, 1)
        self.head = nn.Linear(4, labels)

    def forward(self, images):
        return self.head(self.more(self.norm(self.stem(images))).mean((-2, -1)))


def tensors(labels=6, channels=3):
    return Small(labels, channels).state_dict()


def equal(mine, theirs):
    return mine.keys() == theirs.keys() and all(torch.equal(mine[n], theirs[n]) for n in mine)


def test_weights_of_the_same_shapes_are_taken_as_they_are():
    given = tensors()
    assert equal(fit_weights(Small(6, 3), given), given)


@pytest.mark.parametrize("lacking", [[], ["head.weight", "head.bias"], ["head.bias"]])
def test_a_head_of_other_labels_or_none_stays_new(lacking):
    network, given = Small(5 if not lacking else 6, 3), tensors()
    for name in lacking:
        del given[name]
    fitted = fit_weights(network, given)
    own = network.state_dict()
    assert torch.equal(fitted["head.weight"], own["head.weight"])
    assert torch.equal(fitted["head.bias"], own["head.bias"])
    assert torch.equal(fitted["more.weight"], given["more.weight"])
    network.load_state_dict(fitted)


def test_a_head_that_fits_stays_new_where_its_labels_are_others():
    network, given = Small(6, 3), tensors()
    fitted = fit_weights(network, given, head=False)
    assert torch.equal(fitted["head.weight"], network.state_dict()["head.weight"])
    assert torch.equal(fitted["head.bias"], network.state_dict()["head.bias"])
    assert torch.equal(fitted["stem.weight"], given["stem.weight"])


def test_a_head_of_another_kind_of_layer_is_left_out():
    given = tensors() | {"head.0.weight": torch.zeros(3)}
    del given["head.weight"], given["head.bias"]
    network = Small(6, 3)
    assert fit_weights(network, given).keys() == network.state_dict().keys()


def test_the_count_of_batches_may_be_missing():
    given = tensors()
    given["norm.num_batches_tracked"] += 9
    assert fit_weights(Small(6, 3), given)["norm.num_batches_tracked"] == 9
    del given["norm.num_batches_tracked"]
    assert fit_weights(Small(6, 3), given)["norm.num_batches_tracked"] == 0


@pytest.mark.parametrize("channels", [1, 2, 4, 5])
def test_channels_that_are_alike_make_what_they_made_before(channels):
    three, other = Small(6, 3), Small(6, channels)
    other.load_state_dict(fit_weights(other, three.state_dict()))
    image = torch.rand(2, 1, 8, 8)
    adapted = other.stem(image.expand(-1, channels, -1, -1))
    torch.testing.assert_close(adapted, three.stem(image.expand(-1, 3, -1, -1)))


def test_a_further_channel_gets_the_mean_and_the_others_keep_their_share():
    kernel = torch.randn(4, 3, 3, 3)
    adapted = widen(kernel, 4)
    torch.testing.assert_close(adapted[:, :3], kernel * 0.75)
    torch.testing.assert_close(adapted[:, 3], kernel.mean(1) * 0.75)


def test_the_given_tensors_are_left_as_they_are():
    given = tensors()
    copies = {name: tensor.clone() for name, tensor in given.items()}
    fit_weights(Small(5, 4), given)
    assert equal(given, copies)


def test_all_that_does_not_fit_is_named():
    given = tensors() | {"other.weight": torch.zeros(2)}
    given["more.bias"] = torch.zeros(7)
    del given["norm.weight"]
    with pytest.raises(WeightsError) as raised:
        fit_weights(Small(6, 3), given)
    assert str(raised.value) == (
        "the weights must match the network; missing: norm.weight; unknown: other.weight; "
        "of another shape: more.bias must be 4, is 7."
    )


def test_another_width_of_the_first_convolution_is_named():
    given = tensors() | {"stem.weight": torch.zeros(8, 3, 3, 3)}
    sentence = "of another shape: stem.weight must be 4x3x3x3, is 8x3x3x3"
    with pytest.raises(WeightsError, match=re.escape(sentence)):
        fit_weights(Small(6, 3), given)
