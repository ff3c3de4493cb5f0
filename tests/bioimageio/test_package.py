"""Packages of bioimage.io: what they say, that they compute the same, and the way back."""

import sys
import zipfile

import numpy as np
import pytest
import torch

from unsmear.checkpoints import checkpoint, derived, onnx_export, onnx_file
from unsmear.checkpoints.onnx_interface import Interface
from unsmear.cli import main
from unsmear.errors import OptionError, WeightsError
from unsmear.images import Image
from unsmear.models.deep_wiener import DeepWiener
from unsmear.restoration import methods, pipeline
from unsmear.restoration.learned import network_restorer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def package():
    """Return the module that writes packages; it is imported too slowly to be at the top."""
    pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    pytest.importorskip("bioimageio.spec", reason="bioimageio.spec is not installed")
    from unsmear.bioimageio import package

    return package


@pytest.fixture(scope="module")
def wiener(package, tmp_path_factory):
    """Return the path of a small deep-wiener with random weights, and its package."""
    options = {"versions": 4, "constants": 2, "widths": [6, 8], "depth": 1}
    torch.manual_seed(4)
    model = DeepWiener(**options)
    torch.nn.init.normal_(model.last.weight, std=0.02)
    folder = tmp_path_factory.mktemp("weights")
    card = {"network": "DeepWiener", "options": options, "error_quantile": 1.7,
            "licence": "CC BY-SA 4.0, as the strictest asks", "conserves_light": True,
            "interval": {"scale": 0.7, "longer": 0.5}}  # fmt: skip
    checkpoint.save(folder / "small", model.state_dict(), card)
    return folder / "small", package.write(folder / "small", folder / "small.zip")


def described(path):
    """Return the description of a package, as bioimage.io's own library reads and checks it."""
    from bioimageio import spec

    read = spec.load_description(path, perform_io_checks=True)
    assert not isinstance(read, spec.InvalidDescr), read.validation_summary.display()
    return read


def test_the_package_of_a_deep_wiener_says_what_must_be_known(wiener):
    weights, path = wiener
    model = described(path)
    interface = onnx_export.onnx_interface.of(checkpoint.load(weights))
    halo, stride = interface.facts["halo"], interface.facts["stride"]
    edge = -(-halo // stride) * stride
    assert (model.type, model.license, str(model.name)) == (
        "model",
        "CC-BY-SA-4.0",
        "Unsmear small",
    )
    (given,) = model.inputs
    _, channels, *sides = given.axes
    assert list(channels.channel_names) == [
        "filtered", "sharper", "smoother", "blurred", "noise", "noise of filtered"
    ]  # fmt: skip
    for side in sides:
        assert (side.size.min, side.size.step) == (2 * edge + stride, stride)
        assert side.concatenable
    for output in model.outputs:
        assert [axis.halo for axis in output.axes[2:]] == [edge, edge]
        assert [str(axis.size.tensor_id) for axis in output.axes[2:]] == ["filtered"] * 2
    assert model.weights.onnx.opset_version == onnx_export.OPSET
    assert "10.48550/arXiv.2103.09962" in [str(paper.doi) for paper in model.cite]
    assert model.config.unsmear["error_quantile"] == 1.7


def test_its_files_are_named_small_and_plain(wiener):
    with zipfile.ZipFile(wiener[1]) as archive:
        assert sorted(archive.namelist()) == [
            "README.md", "cover.png", "filtered.npy", "network.onnx", "rdf.yaml", "restored.npy",
            "scale.npy",
        ]  # fmt: skip
        assert len(archive.read("cover.png")) < 500_000
        page = archive.read("README.md").decode()
        arrays = {
            name: np.load(archive.open(name), allow_pickle=False)
            for name in archive.namelist()
            if name.endswith(".npy")
        }
    assert "Halo: 32 pixels" in page
    assert arrays["filtered.npy"].shape == (1, 6, 256, 256)
    run = derived.start(onnx_file.read(wiener[1]))
    for name, output in zip(
        ("restored", "scale"), run({"filtered": arrays["filtered.npy"]}), strict=True
    ):
        np.testing.assert_allclose(output, arrays[f"{name}.npy"], atol=1e-6, rtol=0)


def test_it_restores_an_image_as_its_weights_do(wiener):
    from unsmear import speed
    from unsmear.blur import Motion

    image, kernel = Image(speed.field(120, 2), "CYX"), Motion(*speed.MOTION).kernel()
    ours, theirs = (
        pipeline.apply_method(image, str(path), kernel, uncertainty=True) for path in wiener
    )
    counts = theirs.image.pixels.astype(int) - ours.image.pixels
    assert np.abs(counts).max() <= 1
    bands = theirs.uncertainty.pixels, ours.uncertainty.pixels
    np.testing.assert_allclose(*bands, rtol=1e-4)


@pytest.mark.parametrize("values", [(-1.0, 1.0), (0.0, 1.0)])
def test_a_network_from_image_to_image_comes_back(
    package, save_network, tmp_path, monkeypatch, values
):
    weights = save_network("folding", stride=4, values=list(values), said={"licence": "nobody's"})
    path = package.write(weights, tmp_path / "own.zip")
    model = described(path)
    assert (model.license, model.cite, model.authors) == (None, [], [])
    steps = [step.id for step in (*model.inputs[0].preprocessing, *model.outputs[0].postprocessing)]
    assert ("scale_linear" in steps) == (values != (0.0, 1.0))
    blurred = np.random.default_rng(2).random((1, 3, 61, 75), dtype=np.float32)
    ours = network_restorer.fit(weights, blurred).restore(blurred)
    monkeypatch.setenv("UNSMEAR_NETWORKS", "")
    theirs = methods.find(str(path)).fit(blurred, None).restore(blurred)
    np.testing.assert_allclose(theirs, ours, atol=2e-6, rtol=0)


def test_a_network_without_a_halo_is_not_to_be_cut(package, save_network, tmp_path):
    model = described(package.write(save_network("whole"), tmp_path / "own.zip"))
    assert not any(axis.concatenable for axis in model.inputs[0].axes[2:])
    assert [axis.size.min for axis in model.inputs[0].axes[2:]] == [72, 72]
    assert not any(hasattr(axis, "halo") for axis in model.outputs[0].axes)


@pytest.mark.usefixtures("package")
def test_a_batch_that_is_fixed_has_one_plane():
    from unsmear.bioimageio import tensors

    fixed = Interface("a", None, ("blurred",), ("restored",), (), (), axes={"blurred": {2: "y"}})
    free = Interface("a", None, ("blurred",), ("restored",), (), (), axes={"blurred": {0: "n"}})
    sizes = [tensors.leading(each, "blurred", np.zeros((1, 1)))[0].size for each in (fixed, free)]
    assert sizes == [1, None]


@pytest.mark.parametrize("which", ["wiener", "folding"])
def test_bioimageio_core_runs_it_to_the_same_values(package, wiener, save_network, tmp_path, which):
    core = pytest.importorskip("bioimageio.core", reason="bioimageio.core is not installed")
    path = wiener[1]
    if which == "folding":
        path = package.write(save_network("folding", stride=4), tmp_path / "own.zip")
    summary = core.test_description(path)
    assert summary.status == "passed", summary.display()
    run = derived.start(onnx_file.read(path))
    model = core.load_model_description(path)
    (name,) = [str(each.id) for each in model.inputs]
    channels, edge = model.inputs[0].axes[1].size, model.outputs[0].axes[2].halo
    planes = np.random.default_rng(0).random((1, channels, 240, 320), dtype=np.float32)
    if which == "wiener":
        planes[:, 4:] = planes[:, 4:, :1, :1]
    low, high = (0.0, 1.0) if which == "wiener" else (-1.0, 1.0)
    expected = (run({name: low + (high - low) * planes})[0] - low) / (high - low)
    tiled = core.predict(model=model, inputs={name: planes}, blocksize_parameter=10)
    restored = np.asarray(tiled.members["restored"].data)
    inside = (..., slice(edge, -edge), slice(edge, -edge))
    np.testing.assert_allclose(restored[inside], expected[inside], atol=1e-6, rtol=0)


def test_the_command_writes_it_where_it_runs(wiener, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["unsmear", "export", str(wiener[0]), "--bioimageio"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert not stopped.value.code
    assert "small.zip. Licence of the weights: CC BY-SA 4.0" in capsys.readouterr().out
    assert onnx_file.read(tmp_path / "small.zip") == onnx_file.read(wiener[1])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    assert "small.zip: the file exists; name another" in capsys.readouterr().err


def test_what_restores_nothing_is_refused(package, tmp_path):
    for name in ("light-cells", "estimator"):
        with pytest.raises(OptionError, match=rf"^{name}: a package must be made of a network tha"):
            package.check(name, tmp_path / "a.zip")
    with pytest.raises(OptionError, match=r"^a.onnx: the file to export to must end in .zip"):
        package.check("deep-wiener", tmp_path / "a.onnx")


def test_a_package_that_is_not_as_it_was_made_takes_no_place(
    package, wiener, tmp_path, monkeypatch
):
    other = wiener[1].read_bytes()
    monkeypatch.setattr(package.onnx_export, "exported", lambda *_, **__: (None, b"a network"))
    monkeypatch.setattr(package, "_package", lambda *_: other)
    (tmp_path / "own.zip").write_bytes(b"mine")
    with pytest.raises(WeightsError, match=r"^own.zip: the package must hold the network as it"):
        package.write(wiener[0], tmp_path / "own.zip")
    assert [file.name for file in tmp_path.iterdir()] == ["own.zip"]
    assert (tmp_path / "own.zip").read_bytes() == b"mine"
