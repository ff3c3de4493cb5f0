"""Restoration methods by name, or by the path of weights."""

import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from unsmear.checkpoints import checkpoint
from unsmear.errors import OptionError, WeightsError
from unsmear.restoration.methods import METHODS, find


@pytest.mark.parametrize("name", METHODS)
def test_a_name_is_found(name):
    assert find(name) is METHODS[name]
    assert find(METHODS[name]) is METHODS[name]


@pytest.mark.parametrize("ending", ["", "/best", "/best.safetensors", "/best.json"])
def test_weights_are_found_by_their_path_or_their_runs(save_network, ending):
    path = save_network("pass")
    method = find(f"{Path(path).parent}{ending}")
    assert (method.name, method.needs_kernel, method.guarded) == ("my-pass", False, False)
    assert method.conserves_flux
    sha256 = checkpoint.load(path).card["sha256"]
    assert method.cited == f"my-pass {sha256[:12]}"


def test_a_relative_path_is_a_path(save_network, monkeypatch):
    monkeypatch.chdir(Path(save_network("pass")).parents[2])
    assert find("runs/pass").name == "my-pass"
    monkeypatch.chdir("runs/pass")
    assert find("best").name == "my-pass"


def test_the_best_of_a_run_is_not_its_last(save_network):
    best = save_network("pass")
    save_network("pass", "last", change=lambda model: model.gains.data.zero_())
    folder = Path(best).parent
    assert find(str(folder)).cited == find(best).cited != find(str(folder / "last")).cited


def test_a_card_says_whether_light_is_conserved(save_network):
    assert not find(save_network("pass", said={"conserves_light": False})).conserves_flux


@pytest.mark.slow
def test_a_deep_wiener_of_a_path_is_one(tmp_path):
    loaded = checkpoint.load("deep-wiener-fast")
    path = tmp_path / "mine"
    checkpoint.save(path, loaded.tensors, {**loaded.card, "name": "mine"})
    method = find(str(path))
    assert (method.name, method.needs_kernel, method.guarded) == ("mine", True, True)
    image = np.random.default_rng(1).random((1, 1, 40, 50), dtype=np.float32)
    kernel = np.ones((1, 5)) / 5
    kernel = np.pad(kernel, ((2, 2), (0, 0)))
    ours, theirs = (find(weights).fit(image, kernel) for weights in (str(path), "deep-wiener-fast"))
    expected = theirs.restore_with_uncertainty(image)
    # One runs on PyTorch, the other on ONNX Runtime.
    np.testing.assert_allclose(ours.restore_with_uncertainty(image), expected, atol=1e-6)
    # The band is of the card alone: it changes though the tensors do not.
    wider = {**loaded.card, "error_quantile": 2 * loaded.card["error_quantile"]}
    checkpoint.save(path, loaded.tensors, wider)
    again = find(str(path)).fit(image, kernel).restore_with_uncertainty(image)
    np.testing.assert_allclose(again, expected * np.float32([1, 2])[:, None, None], atol=1e-6)


def test_the_estimators_weights_restore_nothing(tmp_path):
    for ending in (".safetensors", ".json", ".onnx"):
        shutil.copy(checkpoint.SHIPPED / f"estimator{ending}", tmp_path / f"mine{ending}")
    with pytest.raises(WeightsError, match=r"^mine: the network must be one of .*got 'KernelNet'"):
        find(str(tmp_path / "mine")).fit(np.zeros((1, 1, 32, 32), np.float32), None)


@pytest.mark.parametrize("name", ["wiener", "deep-wiener"])
@pytest.mark.slow
def test_no_weights_take_the_name_of_a_method(save_network, name):
    path = save_network("pass", said={"name": name})
    assert find(path).name == path
    assert find(path).cited.startswith(f"{name} ")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("winer", "wiener"),
        ("deep-weiner", "deep-wiener"),
        ("runs/pass/bset", "runs/pass/best"),
        ("runs/pas", "runs/pass"),
    ],
)
def test_what_was_nearly_right_is_answered_with_what_was_meant(
    save_network, name, meant, monkeypatch
):
    monkeypatch.chdir(Path(save_network("pass")).parents[2])
    meant = meant.replace("/", os.sep)
    with pytest.raises(OptionError) as raised:
        find(name)
    assert str(raised.value) == (
        f"a method must be one of {', '.join(METHODS)}, a name of `unsmear weights "
        "list`, or the path of weights (runs/NAME/best), "
        f"got {name!r}; did you mean {meant}?"
    )


@pytest.mark.parametrize("name", ["magic", "", ".", "no/such/folder", "/"])
def test_anything_else_is_answered_with_the_methods(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OptionError, match=r"^a method must be one of deep-wiener, .*path of weigh"):
        find(name)


@pytest.mark.parametrize(("gone", "left"), [(".json", ".safetensors"), (".safetensors", ".json")])
def test_half_of_weights_is_named(save_network, gone, left):
    path = Path(save_network("pass"))
    path.with_suffix(gone).unlink()
    sentence = rf"^best\{left}: weights must be two files .*, got no best\{gone} beside it\.$"
    for given in (path, path.parent, path.with_suffix(left)):
        with pytest.raises(WeightsError, match=sentence):
            find(str(given))


def test_a_method_can_be_sent_to_another_process(save_network):
    method = find(save_network("pass"))
    image = np.random.default_rng(1).random((1, 3, 8, 12), dtype=np.float32)
    copied = pickle.loads(pickle.dumps(method))
    np.testing.assert_allclose(copied.fit(image, None).restore(image), image, atol=1e-6)
    for name in METHODS:
        assert pickle.loads(pickle.dumps(METHODS[name])).name == name
