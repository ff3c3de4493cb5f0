"""What every listed classifier must do; one that is added is tested without a new test.

A classifier of your own too: UNSMEAR_NETWORKS=FOLDER pytest tests/models/test_classifiers.py
"""

import inspect
import json
from copy import deepcopy
from functools import cache

import pytest
import torch

from unsmear import models
from unsmear.checkpoints import checkpoint
from unsmear.models.transfer import fit_weights

pytestmark = pytest.mark.parametrize("name", models.classifiers())


@cache
def new(name, **options):
    """Return a network of these options, made once; who changes it must copy it."""
    return models.build(name, **options)


@pytest.fixture(scope="module")
def settled():
    """Return a function that returns a copy of a settled network of three labels."""
    settled = {}

    def copied(name, settle):
        if name not in settled:
            settled[name] = settle(deepcopy(new(name, labels=3)))
        return deepcopy(settled[name])

    return copied


def side(network):
    """Return a side that the network takes."""
    return network.stride * -(-max(network.smallest, 24) // network.stride)


@pytest.mark.slow
def test_says_what_it_takes(name):
    network = models.build(name, labels=4, channels=2)
    assert (network.labels, network.channels) == (4, 2)
    assert network.stride >= 1
    assert network.smallest >= 1
    low, high = network.values
    assert low < high


@pytest.mark.slow
@pytest.mark.parametrize(("labels", "channels"), [(19, 3), (5, 4)])
def test_gives_a_finite_logit_for_each_label(name, draw, labels, channels):
    network = new(name, labels=labels, channels=channels).eval()
    images = draw(network, 2, side(network), side(network) + network.stride)
    copy = images.clone()
    with torch.no_grad():
        logits = network(images)
    assert logits.shape == (2, labels)
    assert logits.isfinite().all()
    assert torch.equal(images, copy)


@pytest.mark.slow
def test_takes_its_smallest_image(name, draw):
    network = new(name, labels=3).eval()
    smallest = network.stride * -(-network.smallest // network.stride)
    with torch.no_grad():
        assert network(draw(network, 1, smallest, smallest)).isfinite().all()


@pytest.mark.slow
def test_judges_each_image_for_itself_and_from_all_its_channels(name, draw, settle, settled):
    network = settled(name, settle)
    images = draw(network, 2, side(network), side(network))
    with torch.no_grad():
        both = network(images)
        torch.testing.assert_close(both[1:], network(images[1:]))
        assert not torch.equal(both[0], both[1])
        for channel in range(network.channels):
            other = images.clone()
            other[:, channel] = draw(network, 1, *images.shape[2:])[:, 0]
            assert not torch.equal(network(other), both)


@pytest.mark.slow
def test_every_parameter_gets_a_gradient(name, draw, settle, settled):
    network = settled(name, settle).train()
    network(draw(network, 4, side(network), side(network))).square().sum().backward()
    for parameter, weight in network.named_parameters():
        assert weight.grad is not None, parameter
        assert weight.grad.isfinite().all(), parameter
        assert weight.grad.any(), parameter


@pytest.mark.slow
def test_its_options_are_those_of_its_signature_and_go_through_a_card(name):
    options = models.options_of(name)
    parameters = inspect.signature(models.constructor(name)).parameters.values()
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters)
    assert (options["labels"], options["channels"]) == (19, 3)
    models.build(name, **json.loads(json.dumps(options)))


@pytest.mark.slow
def test_what_it_learned_can_be_written_and_begin_another(name, draw, settle, settled, tmp_path):
    network = settled(name, settle)
    options = {"labels": 3}
    checkpoint.save(tmp_path / "best", network.state_dict(), {"network": name, "options": options})
    loaded = checkpoint.load(tmp_path / "best")
    again = models.build(loaded.network, **loaded.options).double()
    again.load_state_dict(fit_weights(again, loaded.tensors))
    images = draw(network, 1, side(network), side(network))
    with torch.no_grad():
        assert torch.equal(network(images), again.eval()(images))
    other = models.build(name, labels=7, channels=4)
    fitted = fit_weights(other, loaded.tensors)
    new = [key for key in fitted if torch.equal(fitted[key], other.state_dict()[key])]
    assert set(new) == {"head.weight", "head.bias"}
    other.load_state_dict(fitted)
