"""Every loss with every network, by the options of the command line."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from unsmear import models
from unsmear.losses import pixel
from unsmear.models.vgg import shapes, up_to
from unsmear.train.config import options
from unsmear.train.data.dataset import Batch
from unsmear.train.engine import build
from unsmear.train.engine.learner import CRITIC, RESTORER, outputs

LAYER = "block1_conv2"
ALONE = ("--adversarial.loss", "none")
LOSSES = {
    "l1": ["--loss.l1", "1", *ALONE],
    "l2": ["--loss.l2", "1", *ALONE],
    "perceptual": ["--loss.perceptual", "1", *ALONE],
    "adversarial": ["--adversarial.loss", "wasserstein", "--adversarial.filters", "4"],
}
SMALLER = {
    "dcae": ["--options.filters=[4, 4]"],
    "deblurgan": ["--options.filters", "4", "--options.blocks", "1"],
    "deblurgan-v2-mobile": ["--options.filters", "4"],
    "gan": ["--options.filters", "4", "--options.blocks", "1"],
    "ganscan": ["--options.filters", "4", "--options.levels", "3"],
    "maxim": [
        *("--options.features", "4", "--options.stages", "1", "--options.groups", "1"),
        *("--options.bottlenecks", "1", "--options.reduction", "2"),
    ],
    "multi-scale": ["--options.features", "4", "--options.blocks", "1"],
    "nafnet": ["--options.width", "4"],
    "two-stage": ["--options.features", "4"],
    "unet": ["--options.features", "4"],
}
"""Options of networks that are slow as they come."""


@pytest.fixture(scope="module")
def vgg(tmp_path_factory):
    """Return a file of VGG16's first layers with random weights."""
    random = np.random.default_rng(0)
    arrays = {}
    for layer in up_to(LAYER):
        for part, shape in shapes(layer).items():
            spread = math.sqrt(2 / math.prod(shape[1:])) if part == "weight" else 0.0
            name = "kernel" if part == "weight" else part
            arrays[f"{layer}/{name}"] = spread * random.standard_normal(shape, np.float32)
    path = tmp_path_factory.mktemp("vgg") / "random.npz"
    np.savez(path, **arrays)
    return path


def learner_of(name, *tokens):
    words = [*SMALLER.get(name, ()), "--data.size", "64", *tokens]
    run = options.resolve(name, None, words)
    torch.manual_seed(0)
    return build.learner(run, build.network(run), build.content(run, torch.device("cpu")))


def batch_of(network, number=0):
    blurred, sharp = torch.rand(2, 2, network.channels, 64, 64)
    return Batch(blurred, sharp, number)


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", models.names())
def test_every_loss_trains_every_network(name, loss, vgg):
    weights = ["--perceptual.network", "vgg16", "--perceptual.weights", str(vgg)]
    learner = learner_of(name, *LOSSES[loss], *weights, "--perceptual.layer", LAYER)
    batch = batch_of(learner.networks[RESTORER])
    before = {
        key: weight.clone() for key, weight in learner.networks[RESTORER].state_dict().items()
    }
    for turn in learner.turns:
        network = learner.networks[turn.network]
        losses = turn.losses(batch)
        losses[turn.minimised].backward()
        steps = torch.optim.SGD(network.parameters(), lr=0.1)
        steps.step()
        assert losses[turn.minimised].isfinite()
    after = learner.networks[RESTORER].state_dict()
    assert any(not torch.equal(before[key], after[key]) for key in before)
    assert (CRITIC in learner.networks) == (loss == "adversarial")


@pytest.mark.parametrize("name", ["multi-scale", "two-stage"])
def test_the_presets_of_several_outputs_train_all_of_them_beside_a_critic_too(name):
    learner = learner_of(name, "--adversarial.loss", "least-squares", "--adversarial.filters", "4")
    network = learner.networks[RESTORER]
    batch = batch_of(network)
    with torch.no_grad():
        losses = learner.turns[0].losses(batch)
        restored = outputs(network, batch.blurred)
        sharp = [
            interpolate(batch.sharp, image.shape[2:], mode="bilinear", antialias=True)
            for image in restored
        ]
        wanted = sum(map(pixel.charbonnier, restored, sharp))
    assert len(restored) > 1
    torch.testing.assert_close(losses["charbonnier"], wanted)
