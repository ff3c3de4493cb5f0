"""Weights come back as they were saved, and what is not theirs is refused in a sentence."""

import json
import pickle

import pytest
import torch

from unsmear.checkpoints import checkpoint
from unsmear.errors import WeightsError

CARD = {"network": "DeepWiener", "options": {"widths": [4, 4]}, "steps": 7}


@pytest.fixture
def saved(tmp_path):
    tensors = {"a": torch.rand(2, 3, 4), "b.c": torch.arange(5)}
    path = tmp_path / "made" / "v1.2-own"
    checkpoint.save(path, tensors, CARD)
    return path, tensors


def test_weights_and_card_come_back(saved):
    path, tensors = saved
    loaded = checkpoint.load(path)
    assert (loaded.name, loaded.network) == ("v1.2-own", "DeepWiener")
    assert loaded.options == CARD["options"]
    assert CARD.items() <= loaded.card.items()
    assert loaded.tensors.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert torch.equal(loaded.tensors[name], tensor)
        assert loaded.tensors[name].dtype == tensor.dtype
    names = sorted(file.name for file in path.parent.iterdir())
    assert names == ["v1.2-own.json", "v1.2-own.safetensors"]


def test_tensors_are_saved_as_they_stand_in_memory(tmp_path):
    turned = torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last).requires_grad_()
    checkpoint.save(tmp_path / "own", {"a": turned}, CARD)
    assert torch.equal(checkpoint.load(tmp_path / "own").tensors["a"], turned)


@pytest.mark.parametrize("damage", [lambda data: data[:-8], lambda data: data[:-1] + b"\xff"])
def test_damaged_weights_are_refused(saved, damage):
    path = saved[0].with_name("v1.2-own.safetensors")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(WeightsError, match=r"^v1\.2-own\.safetensors: the file is damaged: its ch"):
        checkpoint.load(saved[0])


def test_a_wrong_checksum_is_refused(saved):
    rewrite_card(saved[0], sha256="0" * 64)
    with pytest.raises(WeightsError, match=r"^v1\.2-own\.safetensors: the file is damaged: its ch"):
        checkpoint.load(saved[0])


@pytest.mark.parametrize("missing", ["network", "options", "sha256"])
def test_a_card_that_says_too_little_is_refused(saved, missing):
    rewrite_card(saved[0], **{missing: None})
    with pytest.raises(WeightsError, match=r"^v1\.2-own\.json: a card must say its network"):
        checkpoint.load(saved[0])


@pytest.mark.parametrize("text", ["[1, 2]", '"card"', "null"])
def test_a_card_must_be_a_card(saved, text):
    saved[0].with_name("v1.2-own.json").write_text(text)
    with pytest.raises(WeightsError, match=r"^v1\.2-own\.json: a card must say"):
        checkpoint.load(saved[0])


@pytest.mark.parametrize("ending", [".json", ".safetensors"])
def test_a_missing_file_is_named(saved, ending):
    saved[0].with_name(saved[0].name + ending).unlink()
    with pytest.raises(
        WeightsError, match=r"weights must be two files ending in \.safetensors and"
    ):
        checkpoint.load(saved[0])


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe{}"])
def test_a_card_that_cannot_be_read_is_refused(saved, content):
    saved[0].with_name("v1.2-own.json").write_bytes(content)
    with pytest.raises(WeightsError, match=r"^v1\.2-own\.json: a card must be a JSON file; "):
        checkpoint.load(saved[0])


@pytest.mark.parametrize("pattern", ["{}", "{}.safetensors", "{}.json"])
def test_a_path_may_have_an_ending(saved, pattern):
    assert checkpoint.find(pattern.format(saved[0])) == saved[0]
    assert checkpoint.load(pattern.format(saved[0])).name == "v1.2-own"


def test_a_run_stands_for_its_best(saved):
    folder = saved[0].parent
    assert checkpoint.find(folder) is None
    checkpoint.save(folder / "best", {"a": torch.ones(2)}, CARD)
    assert checkpoint.find(folder) == folder / "best"
    assert checkpoint.load(folder).tensors["a"].tolist() == [1, 1]


def test_a_place_stands_for_the_weights_that_were_found_there(saved):
    path, tensors = saved
    place = checkpoint.locate(path)
    assert checkpoint.load(place).card["sha256"] == place.sha256
    for changed in (({"a": torch.zeros(1)}, CARD), (tensors, CARD | {"steps": 8})):
        checkpoint.save(path, *changed)
        with pytest.raises(WeightsError, match=r"^v1\.2-own: the weights must not change"):
            checkpoint.load(place)


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(WeightsError, match=r"^magic: weights must be .* shipped \(.*deep-wiener"):
        checkpoint.load("magic")


def test_nothing_is_unpickled(saved, tmp_path):
    opened = tmp_path / "opened"
    data = pickle.dumps({"a": Trap(opened)})
    saved[0].with_name("v1.2-own.safetensors").write_bytes(data)
    rewrite_card(saved[0], sha256=checkpoint.sha256(data).hexdigest())
    with pytest.raises(WeightsError, match=r"^v1\.2-own\.safetensors: the weights cannot be read"):
        checkpoint.load(saved[0])
    assert not opened.exists()


class Trap:
    """Makes a folder where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return type(self.path).mkdir, (self.path,)


@pytest.mark.parametrize("missing", ["network", "options"])
def test_weights_without_a_card_are_not_saved(tmp_path, missing):
    card = {name: value for name, value in CARD.items() if name != missing}
    with pytest.raises(WeightsError, match=f"^own: a card must say its {missing}\\.$"):
        checkpoint.save(tmp_path / "own", {"a": torch.zeros(1)}, card)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", checkpoint.shipped())
def test_shipped_weights_are_what_their_card_says(name):
    loaded = checkpoint.load(name)
    assert loaded.name == name
    assert all(tensor.isfinite().all() for tensor in loaded.tensors.values())


def test_shipped_weights_are_small_together():
    assert {"deep-wiener", "deep-wiener-lean", "deep-wiener-fast"} <= set(checkpoint.shipped())
    size = sum(path.stat().st_size for path in checkpoint.SHIPPED.glob("*.safetensors"))
    assert size <= 12e6


def rewrite_card(path, **changes):
    """Replace entries of the card; those that become None go."""
    card_path = path.with_name(path.name + ".json")
    card = json.loads(card_path.read_text()) | changes
    without_none = {name: value for name, value in card.items() if value is not None}
    card_path.write_text(json.dumps(without_none))
