"""Classifiers: loaded from a card that says how they are asked, and asked."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from unsmear import classify
from unsmear.checkpoints import checkpoint, loading
from unsmear.errors import ImageError, OptionError, WeightsError
from unsmear.images import Image


def field(number=0, side=60, channels=("red", "green"), dtype=np.uint8):
    generator = np.random.default_rng(number)
    pixels = generator.integers(0, 256, (len(channels), side, side))
    return Image(pixels.astype(dtype), "CYX", channels, name=f"cell{number}")


def test_a_classifier_is_what_its_card_says(save_classifier):
    loaded = classify.load(save_classifier(thresholds=[0.2, 0.5, 0.7]))
    assert loaded.name == "my-light"
    assert loaded.labels == ("Nucleoplasm", "Nucleoli", "Cytosol")
    assert loaded.channels == ("red", "green")
    assert loaded.size == 48
    np.testing.assert_array_equal(loaded.thresholds, [0.2, 0.5, 0.7])


def test_probabilities_are_the_networks_of_what_is_prepared(save_classifier):
    loaded = classify.load(save_classifier())
    units = classify.prepare_image(field(), loaded.channels, loaded.size)
    network = loading.build_classifier(checkpoint.load(loaded.place))
    with torch.inference_mode():
        wanted = torch.sigmoid(network(torch.from_numpy(2 * units[None] - 1)))
    np.testing.assert_allclose(loaded.probabilities([field()]), wanted.numpy(), atol=1e-5)


def test_what_black_and_white_are_is_on_the_card(save_classifier):
    loaded = classify.load(save_classifier())
    other = classify.load(save_classifier(file="other", scaling={"values": [0.0, 1.0]}))
    assert other.values == (0.0, 1.0)
    assert not np.allclose(loaded.probabilities([field()]), other.probabilities([field()]))


def test_each_image_has_its_own_row_whatever_stands_beside_it(save_classifier):
    loaded = classify.load(save_classifier())
    some = [field(number, 40 if number % 3 else 60) for number in range(20)]
    together = loaded.probabilities(some)
    alone = np.concatenate([loaded.probabilities([image]) for image in some])
    assert together.shape == (20, 3)
    assert len(np.unique(together.round(6), axis=0)) == 20
    np.testing.assert_allclose(together, alone, atol=1e-6)
    assert loaded.probabilities([]).shape == (0, 3)


def test_labels_are_found_from_their_thresholds_on(save_classifier):
    loaded = classify.load(save_classifier(thresholds=[0.2, 0.5, 0.7]))
    np.testing.assert_array_equal(
        loaded.decide(np.array([[0.2, 0.49, 0.69], [0.1, 0.5, 0.71]])),
        [[True, False, False], [False, True, True]],
    )


def test_it_is_sent_elsewhere_by_its_place(save_classifier):
    loaded = classify.load(save_classifier())
    sent = pickle.dumps(loaded)
    assert len(sent) < 2000
    np.testing.assert_array_equal(
        pickle.loads(sent).probabilities([field()]), loaded.probabilities([field()])
    )


def test_floats_need_a_range(save_classifier):
    loaded = classify.load(save_classifier())
    floats = field(dtype=np.float32)
    with pytest.raises(OptionError, match="--data-range"):
        loaded.probabilities([floats])
    np.testing.assert_allclose(
        loaded.probabilities([floats], 255.0), loaded.probabilities([field()]), atol=1e-6
    )


@pytest.mark.slow
def test_images_that_it_cannot_be_asked_about_are_named(save_classifier):
    loaded = classify.load(save_classifier())
    with pytest.raises(ImageError, match=r"^cell0: .* at least 32 pixels, got 20\.$"):
        loaded.probabilities([field(side=20)])
    with pytest.raises(ImageError, match=r"^cell0: .* green is missing\.$"):
        loaded.probabilities([field(channels=("red", "blue"))])
    with pytest.raises(ImageError, match=r"green is missing"):
        loaded.check_channels(field(channels=("red", "blue")))


@pytest.mark.parametrize(
    ("card", "sentence"),
    [
        ({"task": "restore"}, r"with the task classify, got those of the network light\.$"),
        ({"size": 0}, r"must hold labels, thresholds, channels, size, got no size\.$"),
        ({"thresholds": [0.5]}, r"a threshold for each of its 3 labels, got 1\.$"),
    ],
)
def test_a_card_that_says_too_little_is_refused(save_classifier, card, sentence):
    with pytest.raises(WeightsError, match=sentence):
        classify.load(save_classifier(**card))


def test_a_card_must_name_the_networks_labels_and_channels(save_network):
    card = {"task": "classify", "labels": ["a", "b"], "thresholds": [0.5, 0.5], "size": 48}
    path = save_network(
        "light", said=card | {"channels": ["red"]}, labels=2, channels=2, features=4
    )
    with pytest.raises(WeightsError, match=r"the network's 2 channels, got 1: red\.$"):
        classify.load(path)


def test_weights_of_a_restorer_are_refused():
    with pytest.raises(WeightsError, match=r"^deep-wiener: .* of the network DeepWiener\.$"):
        classify.load("deep-wiener")


def test_a_network_that_is_no_classifiers_is_refused(save_classifier):
    path = Path(save_classifier()).with_suffix(".json")
    path.write_text(path.read_text().replace('"network": "light"', '"network": "dcae"'))
    with pytest.raises(WeightsError, match=r"network must be one of .*light.*, got 'dcae'\.$"):
        classify.load(path)


def test_a_network_without_numbers_is_said_to_have_failed(save_network):
    def spoil(model):
        with torch.no_grad():
            model.head.bias.fill_(float("nan"))

    card = {"task": "classify", "labels": ["a", "b"], "thresholds": [0.5, 0.5], "size": 48}
    path = save_network(
        "light", said=card | {"channels": ["red"]}, change=spoil, labels=2, channels=1, features=4
    )
    with pytest.raises(WeightsError, match="its training may have failed"):
        classify.load(path).probabilities([field(channels=("red",))])
