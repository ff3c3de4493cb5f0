"""Both DeblurGANs beside the outputs of their authors' own networks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.models.make_deblurgan_vectors import drawn, image
from unsmear import models
from unsmear.checkpoints import convert_deblurgan
from unsmear.errors import OptionError
from unsmear.models.deblurgan import Critic

SMALL = {"filters": 4, "blocks": 2}


@pytest.fixture(scope="module")
def golden():
    """Return the file of `make_deblurgan_vectors.py`."""
    with np.load(Path(__file__).with_name("deblurgan.npz")) as arrays:
        return dict(arrays)


def published(golden, name, before=""):
    """Return a state_dict as the authors save it, running statistics and copies included."""
    named = {}
    for line in str(golden[f"{name}_arrays"]).splitlines():
        called, *shape = line.split()
        array = np.asarray(drawn(called, tuple(map(int, shape))))
        named[before + called] = torch.from_numpy(array)
    return named


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def output(network, *pixels):
    with torch.no_grad():
        return network.eval()(*pixels).numpy()


def restored(path, network, pixels):
    """Return what a network makes of pixels with the weights of a file."""
    options, tensors = convert_deblurgan.read(path, network)
    built = models.build(network, **options)
    built.load_state_dict(tensors)
    return output(built, pixels)


@pytest.mark.slow
def test_they_have_as_many_parameters_as_their_authors_networks():
    # counted by `make_deblurgan_vectors.py`; v2 without the layers that its forward pass leaves out
    assert count(models.build("deblurgan")) == 11_378_179
    assert count(Critic()) == 2_764_737
    assert count(models.build("deblurgan-v2-mobile")) == 3_312_707 - 1_206_080


@pytest.mark.parametrize("kind", ["generator", "plain"])
def test_deblurgan_s_weights_give_what_they_give_its_authors(golden, tmp_path, kind):
    torch.save(published(golden, kind), tmp_path / "latest_net_G.pth")
    outputs = restored(tmp_path / "latest_net_G.pth", "deblurgan", image(32, 44))
    np.testing.assert_allclose(outputs[..., ::2, ::2], golden[kind], rtol=1e-4, atol=1e-5)
    assert np.abs(golden[kind] - image(32, 44).numpy()[..., ::2, ::2]).mean() > 0.1


def test_deblurgan_s_critic_scores_as_its_authors_do(golden):
    critic = Critic(filters=8)
    named = published(golden, "critic")
    state = {name: named[name.replace("layers.", "model.")] for name in critic.state_dict()}
    critic.load_state_dict(state)
    scores = output(critic, torch.zeros(1, 3, 32, 44), image(32, 44))
    np.testing.assert_allclose(scores, golden["critic"], rtol=1e-4, atol=1e-5)


def test_deblurgan_v2_s_weights_give_what_they_give_its_authors(golden, tmp_path):
    path = tmp_path / "fpn_mobilenet.h5"
    torch.save({"model": published(golden, "mobile", "module.")}, path)
    outputs = restored(path, "deblurgan-v2-mobile", image(64, 96))
    np.testing.assert_allclose(outputs[..., ::4, ::4], golden["mobile"], rtol=1e-4, atol=1e-5)
    assert np.abs(golden["mobile"] - image(64, 96).numpy()[..., ::4, ::4]).mean() > 0.1


@pytest.mark.parametrize(
    ("name", "options"), [("deblurgan", SMALL), ("deblurgan-v2-mobile", {"filters": 4})]
)
def test_a_correction_is_added_and_cut_off_at_black_and_white(name, options):
    network = models.build(name, **options).eval()
    last = network.last[-1] if name == "deblurgan" else network.final
    blurred = 2 * torch.rand(1, 3, 32, 32) - 1
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    np.testing.assert_array_equal(output(network, blurred), blurred)
    nn.init.constant_(last.bias, 0.5493061)  # its hyperbolic tangent is a half
    expected = torch.clamp(blurred + 0.5, max=1)
    np.testing.assert_allclose(output(network, blurred), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "options"), [("deblurgan", SMALL), ("deblurgan-v2-mobile", {"filters": 4})]
)
def test_training_and_restoring_differ_by_dropout_alone(name, options):
    network = models.build(name, **options)
    drops = [module for module in network.modules() if isinstance(module, nn.Dropout)]
    assert [drop.p for drop in drops] == ([0.5] * 2 if name == "deblurgan" else [])
    for drop in drops:
        drop.p = 0.0
    blurred = 2 * torch.rand(2, 3, 64, 64) - 1
    with torch.no_grad():
        assert torch.equal(network.train()(blurred), network.eval()(blurred))


@pytest.mark.parametrize(
    ("name", "options"), [("deblurgan", SMALL), ("deblurgan-v2-mobile", {"filters": 4})]
)
def test_one_channel_will_do(name, options):
    network = models.build(name, channels=1, **options)
    assert output(network, torch.rand(1, 1, 64, 32)).shape == (1, 1, 64, 32)


def test_the_critic_sees_the_candidate_alone_and_each_image_for_itself():
    critic = Critic(filters=4)
    blurred, candidate, other = torch.rand(3, 2, 3, 64, 64)
    scores = output(critic, blurred, candidate)
    np.testing.assert_array_equal(output(critic, other, candidate), scores)
    np.testing.assert_allclose(output(critic, blurred[1:], candidate[1:]), scores[1:], atol=1e-6)
    assert not np.allclose(output(critic, blurred, other), scores)


def test_the_critic_gives_thirty_five_by_thirty_five_scores_and_takes_sixteen_pixels():
    critic = Critic(filters=4)
    assert output(critic, *torch.rand(2, 1, 3, 256, 256)).shape == (1, 1, 35, 35)
    assert output(critic, *torch.rand(2, 1, 3, 16, 16)).shape == (1, 1, 5, 5)


@pytest.mark.parametrize(("norm", "biased"), [("instance", 5), ("none", 5), ("batch", 2)])
def test_the_critic_s_normalisation_is_an_option(norm, biased):
    layers = list(Critic(filters=4, norm=norm).modules())
    convs = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    assert sum(conv.bias is not None for conv in convs) == biased
    norms = [layer for layer in layers if isinstance(layer, nn.BatchNorm2d | nn.InstanceNorm2d)]
    assert [layer.num_features for layer in norms] == ([] if norm == "none" else [8, 16, 32])


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("deblurgan", {"dropout": 1.0}, r"^dropout must be 0 or more and below 1, got 1\.0\.$"),
        ("deblurgan", {"filters": 0}, r"^filters must be 1 or more, got 0\.$"),
        ("deblurgan-v2-mobile", {"channels": 0}, r"^channels must be 1 or more, got 0\.$"),
    ],
)
def test_options_that_they_cannot_have_are_refused(name, options, sentence):
    with pytest.raises(OptionError, match=sentence):
        models.build(name, **options)
