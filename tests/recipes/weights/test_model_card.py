"""Model cards: their scores are measured with the weights that they describe."""

import numpy as np
import pytest
import torch

from recipes.weights import deep_wiener, distil, model_card
from unsmear.blur import Motion, convolve
from unsmear.checkpoints import checkpoint
from unsmear.models.deep_wiener import DeepWiener
from unsmear.restoration.methods import METHODS

OPTIONS = {"versions": 2, "constants": 2, "widths": (4, 4), "depth": 1}
SAID = {"network": "DeepWiener", "options": OPTIONS}


@pytest.fixture(scope="module")
def cases():
    kernel = Motion(5, 20).kernel()
    noise = np.random.default_rng(0).random((64, 64), dtype=np.float32)
    sharp = convolve(noise, np.full((5, 5), 1 / 25))
    sharp = (sharp - sharp.min()) / np.ptp(sharp)
    images = (np.rint(255 * plane).astype(np.uint8) for plane in (sharp, convolve(sharp, kernel)))
    return [model_card.Case("cells", 5.0, None, *images, kernel)]


def tensors(seed):
    torch.manual_seed(seed)
    model = DeepWiener(**OPTIONS)
    torch.nn.init.normal_(model.last.weight, std=0.05)
    return model.state_dict()


def shipped():
    return {path.name: path.stat().st_mtime_ns for path in checkpoint.SHIPPED.iterdir()}


@pytest.mark.slow
def test_the_weights_themselves_are_measured_under_a_shipped_name(cases):
    before, methods = shipped(), list(METHODS)
    first, same, different = (
        model_card.measured("deep-wiener", tensors(seed), SAID, cases, cases) for seed in (1, 1, 2)
    )
    assert first == same
    assert first["error_quantile"] != different["error_quantile"]
    assert first["coverage"]["test"] == pytest.approx(
        model_card.COVERED, abs=0.02
    )  # of the very pixels
    assert set(first["coverage"]) == {"asked", "test"}
    assert [row["data"] for row in first["scores"]] == ["cells"]
    assert (shipped(), list(METHODS)) == (before, methods)


def test_a_card_says_what_trained(tmp_path):
    (tmp_path / "MANIFEST.csv").write_text("file,group,licence,attribution,source_repo\n")
    machines = [
        model_card.describe("deep-wiener", tmp_path, {"step": 7} | state)["machine"]
        for state in ({}, {"machine": "a large one"})
    ]
    assert machines == ["two processor cores, without a GPU", "a large one"]


def test_a_card_has_the_options_and_the_recipe_of_its_network(tmp_path):
    (tmp_path / "MANIFEST.csv").write_text("file,group,licence,attribution,source_repo\n")
    for recipe, networks in ((deep_wiener, deep_wiener.NETWORKS), (distil, distil.STUDENTS)):
        for name, options in networks.items():
            card = model_card.describe(name, tmp_path, {"step": 7})
            assert card["options"] == options
            assert f"-m {recipe.__name__} " in card["command"]
            assert f" 7 steps of {recipe.BATCH} planes" in card["command"]
