"""ONNX export: same results as PyTorch, and the metadata of the file."""

import sys
import warnings

import numpy as np
import pytest

from unsmear.checkpoints import checkpoint
from unsmear.checkpoints import onnx_export as export_
from unsmear.cli import COMMANDS
from unsmear.errors import MissingExtra, OptionError, WeightsError
from unsmear.images import Image
from unsmear.restoration import pipeline
from unsmear.restoration.learned import METHODS, inference

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

CPU = ["CPUExecutionProvider"]


@pytest.mark.parametrize("sides", [(8, 8), (61, 75), (128, 200)])
def test_both_runtimes_give_the_same(weights, sides):
    by_torch, by_onnx = inference.load(weights), inference.load(weights, "onnx")
    versions = np.random.default_rng(1).random((by_torch.versions, *sides), dtype=np.float32)
    constants = np.array([0.01, 0.04], np.float32)
    pairs = zip(by_torch(versions, constants), by_onnx(versions, constants), strict=True)
    for ours, theirs in pairs:
        np.testing.assert_allclose(theirs, ours, atol=1e-4 * np.ptp(versions), rtol=0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.slow
def test_an_image_is_restored_alike(method, kernel, smeared):
    image = Image(smeared((2, 73, 90)), "CYX")
    ours = pipeline.apply_method(image, method, kernel).image.pixels
    theirs = pipeline.apply_method(image, method, kernel, options={"runtime": "onnx"}).image.pixels
    np.testing.assert_allclose(theirs, ours, atol=1e-4 * np.ptp(ours), rtol=0)


@pytest.mark.slow
def test_a_file_is_of_any_size_and_says_whose_it_is(random_weights, tmp_path):
    path = tmp_path / "made" / "own.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export_.export(random_weights, path)
    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    card = checkpoint.load(random_weights).card
    assert (metadata["name"], metadata["sha256"]) == ("random", card["sha256"])
    assert (metadata["stride"], metadata["halo"], metadata["error_quantile"]) == ("8", "67", "1.7")
    running = onnxruntime.InferenceSession(path, providers=CPU)
    shapes = {part.name: part.shape for part in [*running.get_inputs(), *running.get_outputs()]}
    assert shapes == {
        "versions": ["planes", 4, "y", "x"],
        "constants": ["planes", 2],
        "restored": ["planes", 1, "y", "x"],
        "scale": ["planes", 1, "y", "x"],
    }
    for planes, height, width in ((1, 8, 16), (3, 40, 24)):
        inputs = {
            "versions": np.ones((planes, 4, height, width), np.float32),
            "constants": np.ones((planes, 2), np.float32),
        }
        for result in running.run(None, inputs):
            assert result.shape == (planes, 1, height, width)
    assert [file.name for file in path.parent.iterdir()] == ["own.onnx"]


@pytest.mark.slow
def test_the_command_writes_the_file(random_weights, tmp_path, monkeypatch, capsys):
    from unsmear.cli import main

    assert "export" in COMMANDS
    path = tmp_path / "own.onnx"
    monkeypatch.setattr(sys, "argv", ["unsmear", "export", str(random_weights), "-o", str(path)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert not stopped.value.code
    out, err = capsys.readouterr()
    assert str(path) in out
    assert not err
    onnx.checker.check_model(onnx.load(path))


def test_what_cannot_be_exported_is_refused(random_weights, tmp_path):
    with pytest.raises(OptionError, match=r"^own.pt: the file to export to must end in .onnx\.$"):
        export_.export(random_weights, tmp_path / "own.pt")
    with pytest.raises(WeightsError, match=r"^nothing: weights must be two files"):
        export_.export("nothing", tmp_path / "own.onnx")
    assert not list(tmp_path.iterdir())


def test_a_missing_extra_is_named(random_weights, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtra, match=r"needs? onnx: pip install 'unsmear\[onnx\]'\.$"):
        export_.export(random_weights, tmp_path / "own.onnx")
    with pytest.raises(MissingExtra, match=r"needs? onnx: pip install 'unsmear\[onnx\]'\.$"):
        inference.Network(str(random_weights), "onnx")
