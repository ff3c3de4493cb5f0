"""GANscan's preset: what it sets, and that it trains and restores."""

import numpy as np
import pytest

from unsmear import images
from unsmear.images import Image
from unsmear.restoration.application import apply_method
from unsmear.train.config import options
from unsmear.train.run import train

TINY = [
    *("--options.filters", "4", "--options.levels", "3", "--adversarial.filters", "4"),
    *("--options.channels", "1", "--data.size", "32", "--data.workers", "0", "--data.epoch", "4"),
    *("--data.validation", "2", "--stop.steps", "4", "--log.validate-every", "2"),
    *("--log.every", "1", "--log.tensorboard", "false"),
]


def test_the_preset_is_the_training_of_pix2pix():
    run = options.resolve("ganscan")
    weights = run.loss.model_dump(exclude={"outputs"})
    assert {name: weight for name, weight in weights.items() if weight} == {"l1": 200.0}
    critic = run.adversarial
    assert (critic.loss, critic.critic, critic.filters) == ("cross-entropy", "patchgan", 64)
    assert (critic.weight, critic.norm) == (1.0, "batch")
    assert (run.optimiser.rate, run.optimiser.betas) == (2e-4, (0.5, 0.999))
    assert (run.data.size, run.data.batch) == (256, 1)


def test_the_preset_s_motions_are_those_of_a_stage():
    run = options.resolve("ganscan")
    assert run.data.angle == (0.0, 0.0)
    assert not run.augment.rotations


@pytest.mark.slow
def test_it_trains_and_restores(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64)).astype(np.uint8)
    images.write(tmp_path / "sharp" / "0.png", Image(pixels, "YX"))
    words = [*TINY, "--data.sharp", str(tmp_path / "sharp")]
    train(options.resolve("ganscan", None, words), tmp_path / "run")
    restored = apply_method(Image(pixels, "YX"), str(tmp_path / "run" / "best"), None).image
    assert restored.pixels.shape == pixels.shape
    assert (restored.pixels != pixels).any()
