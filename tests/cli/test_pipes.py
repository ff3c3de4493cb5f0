"""A pipe in the place of any file ends in a sentence: nobody waits for what may never come."""

import json
import os

import numpy as np
import pytest

from tests.images.ome_zarr import zarrs
from tests.images.tiff import test_ndtiff as ndtiff
from unsmear import images
from unsmear.atomic import write_aside
from unsmear.checkpoints import published
from unsmear.errors import ImageError, WeightsError
from unsmear.images import Image, slides

FAST = ("--method", "wiener", "--length", 3, "--angle", 20)


@pytest.fixture
def image(tmp_path):
    pixels = np.random.default_rng(0).integers(90, 200, (24, 30)).astype(np.uint8)
    images.write(tmp_path / "x.png", Image(pixels, "YX"))
    return tmp_path / "x.png"


@pytest.fixture
def pipe(tmp_path):
    """Return a function that puts a pipe in the place of a file."""

    def put(*names):
        path = tmp_path.joinpath(*names)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        os.mkfifo(path)
        return path

    return put


@pytest.mark.parametrize(
    "option",
    ["--kernel", "--no-data", "--offset-map", "--slurm", "--method", "--report", "--output"],
)
def test_an_option_of_restore(unsmear, image, pipe, tmp_path, option):
    if option == "--slurm":
        pytest.importorskip("dask_jobqueue")
    given = {"--output": tmp_path / "out", "--method": "wiener", option: pipe("pipe.tif")}
    words = (word for name, value in given.items() for word in (name, value))
    motion = () if option == "--kernel" else FAST[2:]
    finished = unsmear("restore", image, *words, *motion)
    assert finished.code == 1
    assert "pipe.tif" in finished.err


def test_an_option_of_other_commands(unsmear, image, pipe):
    pipe("weights.pth")
    for words in (
        ("weights", "get", "vgg16", "--from", image.with_name("weights.pth")),
        ("page", pipe("page")),
        ("status", pipe("status")),
        ("evaluate", pipe("evaluate"), "-o", image.with_name("out")),
        ("classify", image, "-o", image.with_name("out"), "--classifier", pipe("classifier")),
        ("page", pipe("run", "run.toml").parent),
    ):
        finished = unsmear(*words)
        assert finished.code == 1
        assert finished.err.startswith(f"unsmear: {words[-1]}") or words[0] != "weights"
        assert len(finished.err.splitlines()) == 1


def test_a_file_of_networks(unsmear, pipe, monkeypatch):
    pytest.importorskip("lightning_fabric")
    monkeypatch.setenv("UNSMEAR_NETWORKS", str(pipe("networks", "net.py").parent))
    finished = unsmear("train", "dcae", "--show")
    assert finished.code == 1
    assert finished.err.endswith("networks/net.py: it must be a file, got a pipe or a device.\n")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("what", ["chunk", "array", "root"])
def test_a_file_of_a_zarr(pipe, tmp_path, version, what):
    zarrs.make(tmp_path / "a.zarr", version)
    places = {
        ("0.4", "chunk"): "s0/0.0.2", ("0.4", "array"): "s0/.zarray", ("0.4", "root"): ".zattrs",
        ("0.5", "chunk"): "s0/c/0/0/2", ("0.5", "array"): "s0/zarr.json",
        ("0.5", "root"): "zarr.json",
    }  # fmt: skip
    assert (tmp_path / "a.zarr" / places[version, what]).is_file()
    pipe("a.zarr", places[version, what])
    with pytest.raises(ImageError, match=r"^a\.zarr: .*(no file|a pipe or a device|got a folder)"):
        images.read(tmp_path / "a.zarr")


@pytest.mark.parametrize("name", ["run_NDTiffStack_1.tif", "NDTiff.index"])
def test_a_file_of_a_data_set_of_micro_manager(pipe, tmp_path, name):
    pixels, half = ndtiff.planes(12), len(ndtiff.PLACES) // 2
    index = ndtiff.write(tmp_path / "run_NDTiffStack.tif", ndtiff.PLACES[:half], pixels[:half])
    index += ndtiff.write(tmp_path / "run_NDTiffStack_1.tif", ndtiff.PLACES[half:], pixels[half:])
    (tmp_path / "NDTiff.index").write_bytes(index)
    pipe(name)
    with pytest.raises(ImageError, match=f"^run_NDTiffStack.tif: .* pipe or a device in {name}"):
        images.read(tmp_path / "run_NDTiffStack.tif")


def test_the_state_of_a_run(pipe, tmp_path):
    state = pytest.importorskip("unsmear.train.engine.state")
    pipe("state.pt")
    with pytest.raises(state.TrainingError, match="it must be a file, got a pipe or a device"):
        state.load(tmp_path, {}, {})


def test_a_pipe_is_not_replaced_by_a_result(pipe, tmp_path):
    path = pipe("out.onnx")
    with pytest.raises(ImageError, match=r"^out\.onnx: the file cannot be written \(it must"):
        write_aside(path, b"x")
    assert path.is_fifo()
    assert [path] == list(tmp_path.iterdir())


def test_weights_that_are_copied(pipe, tmp_path, monkeypatch):
    monkeypatch.setenv("UNSMEAR_HOME", str(tmp_path / "home"))
    with pytest.raises(WeightsError, match=r"a\.pth: cannot be read or written \(it must be a"):
        published.get("vgg16", source=pipe("a.pth"))


def test_a_zarr_of_which_next_to_nothing_is_there(tmp_path):
    zarrs.make(tmp_path / "a.zarr", "0.5")
    (tmp_path / "a.zarr" / "s0" / "c" / "0" / "2" / "1").unlink()
    assert images.read(tmp_path / "a.zarr").pixels.shape == (2, 96, 128)
    file = tmp_path / "a.zarr" / "s0" / "zarr.json"
    said = json.loads(file.read_text())
    file.write_text(json.dumps(said | {"shape": [2, 96 * 10**6, 128]}))
    sentence = (
        r"^a\.zarr: .* must .*hold the chunks that it declares, got \d+ files for [\d,]+ chunks"
    )
    with pytest.raises(ImageError, match=sentence):
        slides.open(tmp_path / "a.zarr")
