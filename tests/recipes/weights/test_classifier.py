"""Training of the shipped classifier on a small scale, and the shipped weights."""

import numpy as np
import pytest

from recipes.weights import classifier
from unsmear import classify
from unsmear.checkpoints import checkpoint
from unsmear.data.labels import CHANNELS, LABELS
from unsmear.images import Image
from unsmear.metrics.classification import score
from unsmear.synthetic import Plan, draw_field


@pytest.mark.slow
def test_one_call_goes_from_nothing_to_a_card(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SHIPPED", tmp_path / "weights")
    for name, value in (("FIELDS", 40), ("TEST", 8), ("SIDE", 64)):
        monkeypatch.setattr(classifier, name, value)
    small = {
        "model": "light",
        "options": {"features": 4, "stages": 2},
        "data": {"labels": [0, 2, 16], "size": 64, "batch": 4, "workers": 0},
        "stop": {"steps": 2},
        "log": {"validate_every": 2, "tensorboard": False},
    }
    common = (0, 2, 16)
    monkeypatch.setattr(classifier, "Plan", lambda *given: Plan(*given, among=common))
    monkeypatch.setattr(classifier, "TRAINING", small)
    classifier.make(tmp_path / "run", workers=1)
    loaded = classify.load(tmp_path / "weights" / classifier.NAME)
    assert loaded.labels == tuple(LABELS[label] for label in common)
    assert loaded.card["test"]["images"] == 8
    assert "drawn cells" in loaded.card["licence"]


def test_the_shipped_one_knows_the_labels_of_drawn_cells():
    shipped = classify.load(classifier.NAME)
    assert shipped.labels == LABELS
    assert shipped.channels == ("red", "green", "blue")
    assert shipped.card["test"]["micro_f1"] == pytest.approx(0.92, abs=0.02)
    assert shipped.card["data"]["kind"] == "pairs"


@pytest.mark.slow
def test_it_finds_what_is_drawn():
    shipped = classify.load(classifier.NAME)
    images, truth = [], []
    for label in (0, 2, 9, 13):
        for number in range(3):
            drawn = draw_field(
                np.random.default_rng([label, number]), (256, 256), (label,), classifier.PIXEL_SIZE
            )
            images.append(Image(drawn.planes, "CYX", CHANNELS))
            truth.append([name == LABELS[label] for name in LABELS])
    scores = score(np.array(truth), shipped.probabilities(images), shipped.thresholds)
    assert scores.micro_f1 > 0.8
