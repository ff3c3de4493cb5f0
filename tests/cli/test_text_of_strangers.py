"""Lists, cards, configurations and kernels as a stranger may send them: a sentence each."""

import json
import os
import shutil
import zipfile

import numpy as np
import pytest

from unsmear import images
from unsmear.checkpoints import checkpoint
from unsmear.data import manifest
from unsmear.errors import DataError
from unsmear.images import Image

FAST = ("--method", "wiener", "--length", 3, "--angle", 20)


@pytest.fixture
def image(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(90, 200, (24, 30)).astype(np.uint8)
    images.write(folder / "x.png", Image(pixels, "YX"))
    return folder / "x.png"


def sentence(finished, code=1):
    assert finished.code == code
    [line] = finished.err.splitlines()
    assert len(line) < 700
    assert line.endswith(".")
    return line


@pytest.mark.parametrize("label", ["²", "٣", "9" * 5000, "\x1b[2J"])
def test_a_label_that_is_none(unsmear, image, label):
    image.with_name("train.csv").write_text(f"ID,Label\nx,{label}\n")
    line = sentence(unsmear("prepare", image, "-o", image.parent / "out", "--size", 16))
    assert "train.csv, line 2: a label must be a number from 0 to 18" in line
    assert line.isprintable()


def test_a_list_that_cannot_be_read_is_not_passed_over(unsmear, image):
    os.mkfifo(image.with_name("train.csv"))
    line = sentence(unsmear("restore", image, "-o", image.parent / "out", *FAST))
    assert (
        line == "unsmear: train.csv: the file cannot be read (it must be a file, "
        "got a pipe or a device)."
    )


def test_a_damaged_list_in_a_zip_file_is_not_passed_over(unsmear, image, tmp_path):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as written:
        written.write(image, "x.png")
        written.writestr("train.csv", "ID,Label\nx,1\n")
    archive.write_bytes(archive.read_bytes().replace(b"ID,Label\nx,1", b"ID,Label\nx,2"))
    line = sentence(unsmear("restore", archive, "-o", tmp_path / "out", *FAST))
    assert line.startswith("unsmear: train.csv: the file cannot be read (Bad CRC-32")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[" * 100_000, "w.json: a card must be a JSON file; it is nested too deeply."),
        ("{" + "9" * 9999, "w.json: a card must be a JSON file; "),
        (json.dumps({"network": "n" * 9999, "options": {}, "sha256": ""}), "w"),
    ],
)
def test_a_card_that_is_none(unsmear, image, tmp_path, text, wanted):
    (tmp_path / "w.json").write_text(text)
    (tmp_path / "w.safetensors").write_text("x")
    line = sentence(unsmear("restore", image, "-o", tmp_path / "o", "--method", tmp_path / "w"))
    assert wanted in line


@pytest.mark.parametrize("name", ["w.json", "w.safetensors"])
def test_weights_that_are_a_pipe(unsmear, image, tmp_path, name):
    shipped = checkpoint.SHIPPED / "deep-wiener-fast"
    for ending in checkpoint.ENDINGS:
        shutil.copy(shipped.with_suffix(ending), tmp_path / f"w{ending}")
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    method = ("--method", tmp_path / "w", "--runtime", "torch")
    line = sentence(unsmear("restore", image, "-o", tmp_path / "o", *method, *FAST[2:]))
    assert name in line
    assert "pipe" in line


@pytest.mark.parametrize("value", ["[" * 100_000 + "]" * 100_000, "9" * 5000])
def test_a_configuration_that_is_none(unsmear, tmp_path, value):
    pytest.importorskip("lightning_fabric")
    (tmp_path / "run.toml").write_text(f"model = 'dcae'\nseed = {value}")
    line = sentence(unsmear("train", "dcae", "--config", tmp_path / "run.toml", "--show"))
    assert line.startswith(f"unsmear: {tmp_path}/run.toml: the configuration must be a TOML file (")


def test_a_configuration_that_is_a_pipe(unsmear, tmp_path):
    pytest.importorskip("lightning_fabric")
    os.mkfifo(tmp_path / "run.toml")
    assert "pipe" in sentence(unsmear("train", "dcae", "--config", tmp_path / "run.toml"))


def test_an_option_that_is_nested_without_end(unsmear):
    pytest.importorskip("lightning_fabric")
    assert "seed: " in sentence(unsmear("train", "dcae", "--seed", "[" * 2000, "--show"), 2)


def test_a_kernel_with_a_mark_of_the_byte_order(unsmear, image, tmp_path):
    (tmp_path / "k.csv").write_bytes(b"\xef\xbb\xbf0,1,0\n0,2,0\n0,1,0\n")
    options = ("--method", "wiener", "--kernel", tmp_path / "k.csv")
    assert unsmear("restore", image, "-o", tmp_path / "out", *options).code == 0


@pytest.mark.parametrize("text", ["x" * 9999, "9" * 9999, "1 2 3\n4", ""])
def test_a_kernel_that_is_none(unsmear, image, tmp_path, text):
    (tmp_path / "k.txt").write_text(text)
    options = ("--method", "wiener", "--kernel", tmp_path / "k.txt")
    assert "k.txt: " in sentence(unsmear("restore", image, "-o", tmp_path / "out", *options))


@pytest.mark.parametrize("name", ["k.txt", "k.csv"])
def test_a_kernel_that_is_a_pipe(unsmear, image, tmp_path, name):
    os.mkfifo(tmp_path / name)
    options = ("--method", "wiener", "--kernel", tmp_path / name)
    line = sentence(unsmear("restore", image, "-o", tmp_path / "out", *options))
    assert line == (
        f"unsmear: {name}: the kernel cannot be read (it must be a file, got a pipe or a device)."
    )


def test_a_manifest_that_is_a_pipe(tmp_path):
    os.mkfifo(tmp_path / manifest.FILE)
    with pytest.raises(DataError, match=r"cannot be read \(it must be a file, got a pipe or a de"):
        manifest.read(tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        ("--length", "9" * 400, "--angle", 20),
        ("--length", 3, "--angle", "9" * 5000),
        ("--kernel", "k" * 300),
        ("--method", "m" * 5000),
        ("--iterations", "9" * 5000),
        ("--axes", "Z" * 5000),
        ("--no-data", "n" * 5000),
        ("--report", "r" * 300),
        ("--config", "c" * 5000),
        ("y" * 5000,),
    ],
)
def test_an_argument_without_end_is_repeated_in_part(unsmear, image, tmp_path, options):
    finished = unsmear("restore", image, "-o", tmp_path / "out", "--method", "wiener", *options)
    assert finished.code in (1, 2)
    assert all(len(word) <= 200 for word in finished.err.split())
    assert "\x1b" not in finished.err


def test_a_pipe_where_a_result_belongs(unsmear, image, tmp_path):
    (tmp_path / "out").mkdir()
    os.mkfifo(tmp_path / "out" / "x.png")
    line = unsmear("restore", image, "-o", tmp_path / "out", *FAST).err
    assert "the output folder must have no other file of this name" in line
