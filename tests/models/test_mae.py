"""Vision transformer and masked autoencoder beside the published code's own numbers."""

import inspect
import json
import re
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
import torch

from unsmear import models
from unsmear.checkpoints import checkpoint, onnx_export, onnx_interface
from unsmear.errors import OptionError
from unsmear.models.mae import to_images, to_patches
from unsmear.models.vit import positions
from unsmear.train.config.pretraining import Pretext
from unsmear.train.tasks.pretraining import attempt, losses

BASE = {"patch": 16, "width": 768, "depth": 12, "heads": 12}
BASE_DECODER = {"decoder_width": 512, "decoder_depth": 8, "decoder_heads": 16}
TINY = {"patch": 8, "width": 24, "depth": 2, "heads": 3}
TINY_DECODER = {"decoder_width": 16, "decoder_depth": 2, "decoder_heads": 2}
SEED = 2424
NAMES = {
    "encoder.token": "cls_token",
    "encoder.patches.": "patch_embed.proj.",
    "encoder.blocks.": "blocks.",
    "encoder.norm.": "norm.",
    "decoder.enter.": "decoder_embed.",
    "decoder.token": "mask_token",
    "decoder.blocks.": "decoder_blocks.",
    "decoder.norm.": "decoder_norm.",
    "decoder.leave.": "decoder_pred.",
}
LAYERS = {
    ".attention.into.": ".attn.qkv.",
    ".attention.out.": ".attn.proj.",
    ".perceptron.0.": ".mlp.fc1.",
    ".perceptron.2.": ".mlp.fc2.",
}
GOLDEN = np.load(Path(__file__).with_name("mae_24x24.npz"))


def published_name(name):
    for ours, theirs in NAMES.items():
        if name.startswith(ours):
            name = theirs + name.removeprefix(ours)
            break
    for ours, theirs in LAYERS.items():
        name = name.replace(ours, theirs)
    return name


def drawn_weight(name, shape):
    """Return an array as `make_mae_vectors.py` draws it, by the published name."""
    z = np.random.RandomState(crc32(name.encode())).standard_normal(shape)
    if name.endswith("bias") or len(shape) == 1:
        return (0.1 * z + name.endswith("weight")).astype(np.float32)
    return (z * np.prod(shape[1:]) ** -0.5).astype(np.float32)


def channels_first(array):
    """Return values of a patch, the first axis, ordered by channel, y, x; published: y, x, c."""
    return np.moveaxis(array.reshape(8, 8, 3, *array.shape[1:]), 2, 0).reshape(array.shape)


def filled(network):
    with torch.no_grad():
        for name, weight in network.named_parameters():
            array = drawn_weight(published_name(name), tuple(weight.shape))
            if name.startswith("decoder.leave."):
                array = channels_first(array)
            weight.copy_(torch.from_numpy(array))
    return network.eval()


class Noise:
    """A random generator that draws what the published masks were drawn from."""

    def __init__(self, noise):
        self.noise = noise

    def random(self, shape):
        assert self.noise.shape == shape
        return self.noise


@pytest.fixture(scope="module")
def drawn():
    random = np.random.RandomState(SEED)
    blurred, sharp = random.uniform(-1, 1, (2, 2, 3, 24, 24)).astype(np.float32)
    return torch.from_numpy(blurred), torch.from_numpy(sharp), random.rand(2, 9)


@pytest.fixture(scope="module")
def autoencoder():
    return filled(models.build("mae", **TINY, **TINY_DECODER))


def tried(network, drawn, **pretext):
    blurred, sharp, noise = drawn
    settings = Pretext(masked=0.5, **pretext)
    blurred, sharp = ((image + 1) / 2 for image in (blurred, sharp))
    with torch.no_grad():
        result = attempt(network, blurred, sharp, settings, Noise(noise))
        return result, losses(result, settings)


def count(network):
    return sum(weight.numel() for weight in network.parameters())


def test_the_published_size_has_the_published_number_of_parameters():
    with torch.device("meta"):
        network = models.build("mae", **BASE, **BASE_DECODER)
        classifier = models.build("vit", **BASE, labels=1000)
    fixed = (14 * 14 + 1) * 768, (14 * 14 + 1) * 512
    assert count(network) + sum(fixed) == GOLDEN["parameters"] == 111_907_840
    # ViT-B/16 of ImageNet, whose positions are learned: 86,567,656.
    assert count(classifier) + fixed[0] == 86_567_656
    assert count(network.encoder) == 85_647_360


@pytest.mark.parametrize(
    ("pretext", "loss", "patches"),
    [
        ({"input": "sharp", "compared": "masked"}, "masked_loss", "patches"),
        (
            {"input": "sharp", "compared": "masked", "normalise": True},
            "normalised_loss",
            "patches",
        ),
        ({"input": "blurred", "compared": "all"}, "deblurring_loss", "deblurred"),
    ],
)
def test_predictions_and_losses_are_those_of_the_published_code(
    autoencoder, drawn, pretext, loss, patches
):
    result, values = tried(autoencoder, drawn, **pretext)
    assert np.array_equal(result.hidden.numpy(), GOLDEN["hidden"])
    published = channels_first(np.moveaxis(GOLDEN[patches], -1, 0))
    np.testing.assert_allclose(
        np.moveaxis(result.predicted.numpy(), -1, 0), published, rtol=0, atol=2e-5
    )
    assert values["loss"].item() == pytest.approx(float(GOLDEN[loss]), rel=1e-5)


def test_logits_are_those_of_the_published_code(drawn):
    network = filled(models.build("vit", labels=5, pool="class", **TINY))
    with torch.no_grad():
        logits = network(drawn[1])
    np.testing.assert_allclose(logits.numpy(), GOLDEN["logits"], rtol=0, atol=2e-5)


def test_positions_are_the_published_ones_and_those_of_a_grid_that_is_not_square():
    np.testing.assert_allclose(positions(3, 3, 24), GOLDEN["positions"][0, 1:], atol=1e-6)
    wide = positions(2, 5, 24).unflatten(0, (2, 5))
    square = positions(5, 5, 24).unflatten(0, (5, 5))
    assert torch.equal(wide, square[:2])


def test_patches_and_images_are_the_same_pixels():
    images = torch.rand(2, 3, 16, 24)
    patches = to_patches(images, 8)
    assert patches.shape == (2, 6, 192)
    assert torch.equal(patches[1, 4].reshape(3, 8, 8), images[1, :, 8:, 8:16])
    assert torch.equal(to_images(patches, 8, 2), images)


@pytest.mark.parametrize("name", models.autoencoders())
def test_an_autoencoder_sees_what_it_is_shown_and_nothing_else(name, settle_autoencoder):
    network = settle_autoencoder(name)
    side = network.stride
    images = torch.rand(2, network.channels, 2 * side, 3 * side, dtype=torch.float64)
    shown = torch.tensor([[4, 0], [2, 5]])
    with torch.no_grad():
        patches = network(images, shown)
        assert patches.shape == (2, 6, network.channels * side**2)
        other = images.clone()
        other[0, :, :side, side:] += 1  # patches 1 and 2 of the first image are hidden
        assert torch.equal(network(other, shown), patches)
        other[0, :, :side, :side] += 1
        changed = network(other, shown)
    assert not torch.equal(changed[0], patches[0])
    assert torch.equal(changed[1], patches[1])


@pytest.mark.parametrize("name", models.autoencoders())
def test_every_parameter_of_an_autoencoder_gets_a_gradient(name, settle_autoencoder):
    network = settle_autoencoder(name).train()
    images = torch.rand(2, network.channels, 2 * network.stride, 2 * network.stride).double()
    network(images, torch.tensor([[0], [3]])).square().sum().backward()
    for parameter, weight in network.named_parameters():
        assert weight.grad is not None, parameter
        assert weight.grad.any(), parameter


@pytest.mark.parametrize("name", models.autoencoders())
def test_an_autoencoder_says_what_it_takes(name):
    network = models.build(name, channels=4)
    assert network.channels == 4
    assert network.stride >= 1
    low, high = network.values
    assert low < high
    assert set(models.pretrained_by(name)) <= set(models.classifiers())
    options = models.options_of(name)
    parameters = inspect.signature(models.constructor(name)).parameters.values()
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters)
    models.build(name, **json.loads(json.dumps(options)))


@pytest.mark.parametrize("name", models.autoencoders())
def test_the_encoder_of_an_autoencoder_is_that_of_its_classifiers(name):
    network = models.build(name)
    for classifier in models.pretrained_by(name):
        own = models.options_of(classifier).keys() & models.options_of(name).keys()
        values = {option: models.options_of(name)[option] for option in own}
        built = models.build(classifier, **values)
        assert built.values == network.values
        fitted = models.fit_encoder(built, network.state_dict())
        built.load_state_dict(fitted)
        for part, tensor in network.encoder.state_dict().items():
            assert torch.equal(built.encoder.state_dict()[part], tensor)


@pytest.fixture
def settle_autoencoder():
    """Return a function that builds an autoencoder in double precision, no weight of it 0."""

    def settled(name):
        network = models.build(name).double()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.02 * torch.randn_like(parameter))
        return network.eval()

    return settled


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("vit", {"width": 190}, "width must be a multiple of 4 and of heads, 3, got 190."),
        ("vit", {"heads": 5}, "width must be a multiple of 4 and of heads, 5, got 192."),
        ("vit", {"heads": 0}, "heads must be 1 or more, got 0."),
        ("vit", {"patch": 0}, "patch must be 1 or more, got 0."),
        ("vit", {"pool": "max"}, "pool must be mean or class, got max."),
        ("vit", {"dropout": 1.0}, "dropout must be 0 or more and below 1, got 1.0."),
        ("mae", {"decoder_depth": 0}, "decoder_depth must be 1 or more, got 0."),
        (
            "mae",
            {"decoder_width": 10},
            "decoder_width must be a multiple of 4 and of decoder_heads, 3, got 10.",
        ),
    ],
)
def test_sizes_that_cannot_be_are_said(name, options, sentence):
    with pytest.raises(OptionError, match=f"^{re.escape(sentence)}$"):
        models.build(name, **options)


def test_the_class_token_or_the_mean_of_the_patches_is_pooled():
    network = models.build("vit", labels=2, normalise=True, **TINY)
    images = torch.rand(4, 3, 16, 16)
    network.eval()
    with torch.no_grad():
        tokens = network.encoder(images)
        assert torch.allclose(network(images), network.head(network.norm(tokens[:, 1:].mean(1))))
        network.pool = "class"
        assert torch.allclose(network(images), network.head(network.norm(tokens[:, 0])))
        network.train()
        normalised = network.norm(tokens[:, 0])
    assert normalised.mean(0).abs().max() < 1e-5


def test_a_classifier_starts_from_its_own_weights_or_its_encoder_s():
    assert models.can_start("vit", "vit")
    assert models.can_start("vit", "deblur-mae")
    assert models.can_start("mae", "mae")
    assert not models.can_start("mae", "deblur-mae")
    assert not models.can_start("light", "mae")
    assert not models.can_start("vit", "nothing-listed")


@pytest.mark.slow
def test_the_onnx_file_of_a_classifier_takes_images_of_any_size(tmp_path):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    network = models.build("vit", labels=2, **TINY).eval()
    options = {"labels": 2, **TINY}
    checkpoint.save(tmp_path / "vit", network.state_dict(), {"network": "vit", "options": options})
    data = onnx_export.to_bytes(onnx_interface.of(checkpoint.load(tmp_path / "vit")), {})
    running = runtime.InferenceSession(data, providers=["CPUExecutionProvider"])
    for shape in ((1, 3, 24, 40), (3, 3, 8, 8)):
        images = torch.rand(shape)
        with torch.no_grad():
            expected = network(images).numpy()
        (logits,) = running.run(None, {"images": images.numpy()})
        np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5)
