"""What every listed network must do; one that is added is tested without a new test.

A network of your own too: UNSMEAR_NETWORKS=FOLDER pytest tests/models/test_conformance.py
"""

import inspect
import json
import math

import pytest
import torch

from unsmear import models
from unsmear.checkpoints import checkpoint
from unsmear.errors import OptionError

SMALLER = {
    "deblurgan": {"filters": 8},
    "gan": {"filters": 8},
    "ganscan": {"filters": 4, "levels": 3},
    "maxim": {"features": 8, "stages": 2, "groups": 1, "bottlenecks": 1, "reduction": 2},
    "multi-scale": {"features": 8, "blocks": 2},
    "two-stage": {"features": 8},
    "unet": {"features": 8},
}
"""Options of networks that are too large for all these tests as they come.

How wide a network is changes neither its halo nor its stride.
"""

pytestmark = pytest.mark.parametrize("name", models.names())


def build(name, **more):
    return models.build(name, **{**SMALLER.get(name, {}), **more})


def sides(network):
    """Return two sides that the network takes, not the same."""
    return tuple(network.stride * -(-side // network.stride) for side in (24, 40))


def test_says_what_it_takes(name):
    network = build(name)
    assert isinstance(network.channels, int)
    assert network.channels >= 1
    assert isinstance(network.stride, int)
    assert network.stride >= 1
    assert network.halo is None or network.halo >= 0
    low, high = network.values
    assert low < high
    if getattr(network, "tile", None) is not None:
        assert network.halo is None
        assert network.tile % math.lcm(network.stride, 16) == 0
        assert 0 <= network.overlap <= network.tile // 2


@pytest.mark.slow
def test_gives_an_image_of_the_same_shape_and_of_finite_values(name, draw):
    network = build(name).eval()
    blurred = draw(network, 2, *sides(network))
    copy = blurred.clone()
    with torch.no_grad():
        restored = models.final(network(blurred))
    assert restored.shape == blurred.shape
    assert restored.dtype == blurred.dtype
    assert restored.isfinite().all()
    assert torch.equal(blurred, copy)


@pytest.mark.slow
def test_takes_an_image_of_one_stride(name, draw):
    network = build(name).eval()
    blurred = draw(network, 1, network.stride, network.stride)
    with torch.no_grad():
        assert models.final(network(blurred)).isfinite().all()


@pytest.mark.slow
def test_restores_each_image_for_itself(name, draw, settle):
    network = settle(build(name))
    blurred = draw(network, 2, *sides(network))
    with torch.no_grad():
        for both, alone in zip(
            models.each(network(blurred)), models.each(network(blurred[1:])), strict=True
        ):
            torch.testing.assert_close(both[1:], alone)


@pytest.mark.slow
@pytest.mark.parametrize("training", [True, False])
def test_every_parameter_gets_a_gradient(name, draw, settle, training):
    network = settle(build(name)).train(training)
    blurred = draw(network, 2, *sides(network))
    sum(output.square().sum() for output in models.each(network(blurred))).backward()
    for parameter, weight in network.named_parameters():
        assert weight.grad is not None, parameter
        assert weight.grad.isfinite().all(), parameter
        assert training or weight.grad.any(), parameter


@pytest.mark.slow
def test_what_it_learned_can_be_kept(name, draw, settle, tmp_path):
    network = settle(build(name)).float()
    options = models.options_of(name) | SMALLER.get(name, {})
    card = {"network": name, "options": options}
    checkpoint.save(tmp_path / "kept", network.state_dict(), card)
    loaded = checkpoint.load(tmp_path / "kept")
    again = models.build(loaded.network, **loaded.options).eval()
    again.load_state_dict(dict(loaded.tensors))
    blurred = draw(network, 1, *sides(network))
    with torch.no_grad():
        assert torch.equal(models.final(again(blurred)), models.final(network(blurred)))


@pytest.mark.slow
def test_sees_as_far_as_its_halo_and_no_further(name, settle, reach):
    network = settle(build(name))
    if network.halo is not None:  # None: the whole image, which nothing can exceed
        assert reach(network, network.halo) == (False, True)


@pytest.mark.slow
def test_its_signature_is_its_schema(name):
    options = models.options_of(name)
    signature = inspect.signature(models.constructor(name))
    for option in signature.parameters.values():
        assert option.kind is option.KEYWORD_ONLY, option
        assert option.default is not option.empty, option
    models.check_options(name, json.loads(json.dumps(options)))
    models.build(name, **json.loads(json.dumps(options)))


def test_refuses_an_option_that_it_does_not_have(name):
    with pytest.raises(OptionError, match=rf"^{name}: an option must be one of .*got chanels\."):
        models.build(name, chanels=3)
