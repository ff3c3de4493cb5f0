"""DeblurGAN's preset: what it sets, what it needs, and that it trains and restores."""

import csv

import numpy as np
import pytest
import torch

from unsmear import images
from unsmear.checkpoints import checkpoint
from unsmear.errors import WeightsError
from unsmear.images import Image
from unsmear.models.vgg import VGG
from unsmear.restoration import methods
from unsmear.train.config import options
from unsmear.train.run import train

TINY = [
    *("--options.filters", "4", "--options.blocks", "1", "--adversarial.filters", "4"),
    *("--data.size", "32", "--data.workers", "0", "--data.epoch", "4", "--data.length", "2", "6"),
    *("--stop.steps", "4", "--log.validate-every", "2", "--log.every", "1"),
    *("--log.tensorboard", "false"),
]


@pytest.fixture(scope="module")
def sharp(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sharp")
    pixels = np.random.default_rng(1).integers(0, 256, (3, 64, 64)).astype(np.uint8)
    images.write(folder / "0.png", Image(pixels, "CYX"))
    return folder


@pytest.fixture(scope="module")
def vgg19(tmp_path_factory):
    """Return a file of VGG19 up to block1_conv2 by torchvision's names, with random weights."""
    torch.manual_seed(2)
    state = VGG("block1_conv2", "vgg19").state_dict()
    index = {"block1_conv1": 0, "block1_conv2": 2}
    named = {}
    for name, value in state.items():
        layer, part = name.split(".")
        named[f"features.{index[layer]}.{part}"] = value
    path = tmp_path_factory.mktemp("vgg") / "vgg19.pth"
    torch.save(named, path)
    return path


def run_of(sharp, *more):
    return options.resolve("deblurgan", None, [*TINY, "--data.sharp", str(sharp), *more])


def test_the_preset_is_the_published_training():
    run = options.resolve("deblurgan")
    assert (run.options["filters"], run.options["blocks"], run.options["dropout"]) == (64, 9, 0.5)
    assert (run.data.size, run.data.batch, run.data.family) == (256, 1, "trajectory")
    weights = run.loss.model_dump(exclude={"outputs"})
    assert {name: weight for name, weight in weights.items() if weight} == {"perceptual": 100.0}
    vgg = run.perceptual
    assert (vgg.network, vgg.layer, vgg.activated) == ("vgg19", "block3_conv3", False)
    critic = run.adversarial
    assert (critic.loss, critic.weight, critic.penalty) == ("wasserstein", 1.0, 10.0)
    assert (critic.critic, critic.norm, critic.filters) == ("deblurgan", "instance", 64)
    assert (critic.first, critic.critic_steps) == ("critic", 5)
    assert (run.optimiser.name, run.optimiser.rate) == ("adam", 1e-4)
    assert run.optimiser.betas == (0.5, 0.999)
    assert run.schedule.name == "linear"


@pytest.mark.slow
def test_it_trains_and_restores_by_its_weights_path(sharp, vgg19, tmp_path):
    words = ["--perceptual.weights", str(vgg19), "--perceptual.layer", "block1_conv2"]
    summary = train(run_of(sharp, *words), tmp_path / "run")
    assert (summary.reason, summary.step) == ("steps", 4)
    with (tmp_path / "run" / "log.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert {"perceptual", "adversarial", "critic", "critic_real", "penalty"} <= rows[0].keys()
    for row in rows:
        total = 100 * float(row["perceptual"]) + float(row["adversarial"])
        assert float(row["loss"]) == pytest.approx(total, rel=1e-4)
    assert [float(row["rate"]) for row in rows] == pytest.approx([1e-4, 1e-4, 1e-4, 0.5e-4])
    card = checkpoint.load(tmp_path / "run" / "last").card
    assert card["training"]["perceptual"]["weights"] == "vgg19.pth"
    image = np.random.default_rng(1).random((1, 3, 30, 21), dtype=np.float32)
    method = methods.find(str(tmp_path / "run" / "last"))
    restored = method.fit(image, None).restore(image)
    assert restored.shape == image.shape
    assert not np.array_equal(restored, image)


@pytest.mark.slow
def test_a_run_that_was_continued_ends_as_one_that_was_not(sharp, vgg19, tmp_path):
    words = ["--perceptual.weights", str(vgg19), "--perceptual.layer", "block1_conv2"]
    words += ["--schedule.name", "constant", "--optimiser.accumulate", "2"]
    train(run_of(sharp, *words), tmp_path / "whole")
    train(run_of(sharp, *words, "--stop.steps", "2"), tmp_path / "cut")
    train(run_of(sharp, *words), tmp_path / "cut")
    whole, cut = ((tmp_path / name / "last.safetensors") for name in ("whole", "cut"))
    assert whole.read_bytes() == cut.read_bytes()


def test_without_weights_of_vgg19_the_sentence_says_what_to_do(sharp, tmp_path):
    with pytest.raises(WeightsError, match=r"^VGG19's weights are missing .*--perceptual\.weights"):
        train(run_of(sharp), tmp_path / "run")
