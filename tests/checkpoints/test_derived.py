"""Networks that run without PyTorch: the same values, from files that belong to their weights."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from unsmear.checkpoints import checkpoint, derived, loading, onnx_export, onnx_interface
from unsmear.errors import MissingExtra, OptionError, WeightsError

SHIPPED = checkpoint.shipped()
LOGITS = 4e-6
"""Largest difference of logits, whose exponentials are used, as a fraction of the largest."""


def example(name):
    """Return an interface of shipped weights, and inputs other than those it was checked with."""
    interface = onnx_interface.of(checkpoint.load(name))
    generator = np.random.default_rng(3)
    inputs = {
        key: generator.random(tuple(tensor.shape), dtype=np.float32)
        for key, tensor in zip(interface.inputs, interface.checked, strict=True)
    }
    return interface, inputs


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_networks_give_what_pytorch_gives(name):
    torch = pytest.importorskip("torch")
    interface, inputs = example(name)
    place, card = checkpoint.card_of(name)
    run = derived.load(place, card, "onnx").run
    with torch.inference_mode():
        answers = interface.module(*(torch.from_numpy(value) for value in inputs.values()))
    answers = answers if isinstance(answers, tuple) else (answers,)
    for ours, theirs in zip(run(inputs), answers, strict=True):
        logits = LOGITS * float(theirs.abs().max())
        allowed = 1e-6 if name.startswith("deep-wiener") else logits
        np.testing.assert_allclose(ours, theirs.numpy(), atol=allowed, rtol=1e-6)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_files_are_those_of_the_shipped_weights(name):
    onnx = pytest.importorskip("onnx")
    place, card = checkpoint.card_of(name)
    model = onnx.load(derived.path_of(place))
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata["sha256"] == card["sha256"]


@pytest.fixture
def own(tmp_path):
    """Return the path of a copy of shipped weights with their ONNX file."""
    for ending in (".safetensors", ".json", ".onnx"):
        source = checkpoint.SHIPPED / f"deep-wiener-fast{ending}"
        shutil.copy(source, tmp_path / f"own{ending}")
    return tmp_path / "own"


def test_a_damaged_or_missing_file_is_named(own):
    place, card = checkpoint.card_of(own)
    assert derived.engine(place, card, "auto") == "onnx"
    file = derived.path_of(place)
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(WeightsError, match=rf"^own.onnx: the file is damaged.*export {own}$"):
        derived.load(place, card, "onnx")
    file.unlink()
    assert derived.engine(place, card, "auto") == "torch"
    with pytest.raises(WeightsError, match=rf"^own.onnx: the file is missing.*export {own}$"):
        derived.load(place, card, "onnx")


@pytest.mark.parametrize("wrong", ["a", None, 0, -8, 1.5, float("inf"), True, 10**6])
def test_a_card_with_wrong_facts_is_named(own, wrong):
    place, card = checkpoint.card_of(own)
    entry = card[checkpoint.DERIVED]
    with pytest.raises(WeightsError, match=r"^own.json: the entry onnx must have whole numbers"):
        derived.facts(place, {**card, checkpoint.DERIVED: {**entry, "halo": wrong}})
    less = {name: value for name, value in entry.items() if name != "stride"}
    with pytest.raises(WeightsError, match=r"^own.json: the entry onnx must have .* no stride"):
        derived.facts(place, {**card, checkpoint.DERIVED: less})


def test_new_tensors_leave_no_old_file_in_use(own):
    loaded = checkpoint.load(own)
    checkpoint.save(own, loaded.arrays, loaded.card)
    card = json.loads(own.with_suffix(".json").read_text())
    assert checkpoint.DERIVED not in card
    assert derived.facts(checkpoint.locate(own), card) is None


def test_what_is_not_installed_is_named(own, monkeypatch):
    place, card = checkpoint.card_of(own)
    found = derived.find_spec
    for missing, runtime, match in (
        ("openvino", "openvino", r"pip install 'unsmear\[openvino\]'\.$"),
        ("torch", "torch", r"^own: PyTorch is needed: pip install 'unsmear\[train\]'\.$"),
    ):
        monkeypatch.setattr(
            derived, "find_spec", lambda name, gone=missing: None if name == gone else found(name)
        )
        with pytest.raises(MissingExtra, match=match):
            derived.engine(place, card, runtime)
    derived.path_of(place).unlink()
    with pytest.raises(WeightsError, match=r"^own.onnx: the file is missing; make it again"):
        derived.engine(place, card, "auto")
    del card[checkpoint.DERIVED]
    with pytest.raises(MissingExtra, match=r"or run `unsmear export` on the weights"):
        derived.engine(place, card, "auto")
    with pytest.raises(OptionError, match=r"^runtime must be auto, torch, onnx or openvino"):
        derived.engine(place, card, "magic")


@pytest.mark.parametrize(
    ("bfloat16", "engine", "exact", "precision"),
    [
        (True, "openvino", False, "bfloat16"),
        (True, "openvino", True, "float32"),
        (True, "onnx", False, "float32"),
        (False, "openvino", False, "float32"),
    ],
)
def test_only_openvino_multiplies_in_bfloat16(monkeypatch, bfloat16, engine, exact, precision):
    monkeypatch.setattr(derived, "find_spec", lambda name: name)
    monkeypatch.setattr(derived, "_default_precision", lambda: "bf16" if bfloat16 else "f32")
    assert derived.precision(engine, exact) == precision


def broken():
    raise RuntimeError("no plugin for CPU")


def test_a_broken_openvino_has_no_bfloat16(monkeypatch):
    monkeypatch.setattr(derived, "find_spec", lambda name: name)
    monkeypatch.setattr(derived, "_default_precision", broken)
    assert not derived.has_bfloat16()


def test_openvino_in_single_precision_gives_the_same():
    pytest.importorskip("openvino", reason="openvino is not installed")
    _, inputs = example("deep-wiener-fast")
    place, card = checkpoint.card_of("deep-wiener-fast")
    exact = derived.load(place, card, "openvino", exact=True).run(inputs)
    for ours, theirs in zip(exact, derived.load(place, card, "onnx").run(inputs), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6, rtol=0)


def test_a_trained_network_does_without_pytorch_after_an_export(own):
    pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    derived.path_of(checkpoint.locate(own)).unlink()
    loaded = checkpoint.load(own)
    checkpoint.save(own, loaded.arrays, loaded.card)
    assert onnx_export.export(own) == own.with_suffix(".onnx")
    place, card = checkpoint.card_of(own)
    assert derived.engine(place, card, "auto") == "onnx"
    facts = derived.load(place, card, "onnx").facts
    model = loading.build_deep_wiener(loaded)
    assert (facts["stride"], facts["halo"]) == (model.stride, model.halo)


@pytest.mark.slow
def test_nothing_is_reported_to_anybody(tmp_path):
    """ONNX Runtime 1.29 and later number a machine, in a file of its user, to report on it."""
    pytest.importorskip("onnxruntime")
    code = "from unsmear.restoration.learned import inference; inference.load('deep-wiener-lean')"
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    subprocess.run([sys.executable, "-c", code], check=True, env={**kept, "HOME": str(tmp_path)})
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_ctrl_c_while_a_runtime_starts_is_no_failure_of_the_file(runtime, monkeypatch):
    class Stopped:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name == runtime:
                raise ImportError("initialization failed") from KeyboardInterrupt()

    monkeypatch.delitem(sys.modules, runtime, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Stopped, *sys.meta_path])
    engine = "onnx" if runtime == "onnxruntime" else "openvino"
    with pytest.raises(KeyboardInterrupt):
        derived._reporting("n.onnx", lambda: derived.start(b"", engine))
