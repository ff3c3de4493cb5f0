"""Two hundred damaged files end in two hundred sentences, and in nothing else."""

from collections import Counter

import numpy as np
import pytest

from tests.cli import damaged
from tests.outputs import outputs
from unsmear import images
from unsmear.data.source import find
from unsmear.errors import UnsmearError
from unsmear.images import Image

KERNEL = ("--length", 5, "--angle", 20)
TWO = (*KERNEL, "--workers", 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged")


@pytest.fixture(scope="module")
def names(folder):
    return damaged.make(folder)


def assert_sentences(lines, names):
    """Each of the names begins exactly one of the lines, and each line is a sentence."""
    assert Counter(line.split(": ")[0] for line in lines) == Counter(names)
    assert all(line.endswith(".") for line in lines)


def test_there_are_two_hundred(names):
    assert len(names) == len(set(names)) == 200


def test_whole_files_are_sound(tmp_path):
    for name, data in damaged.whole().items():
        (tmp_path / name).write_bytes(data)
    for item in find([tmp_path]):
        assert item.read().pixels.size >= 24 * 30


@pytest.mark.slow
def test_reading_says_it_once_and_prints_nothing(folder, names, capfd):
    sentences = []
    for item in find([folder]):
        try:
            item.read()
        except UnsmearError as error:
            sentences.append(str(error))
    assert_sentences(sentences, [name for name in names if name not in damaged.small()])
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("kept_workers")
@pytest.mark.parametrize("options", [(), KERNEL, pytest.param(TWO, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_restore(unsmear, folder, names, tmp_path, options):
    done = unsmear("restore", folder, "-o", tmp_path / "out", *options)
    assert done.code == 1
    assert_sentences(done.err.splitlines(), names)
    assert "0 restored, 200 failed" in done.out
    assert not outputs(tmp_path / "out")


@pytest.mark.slow
def test_the_rest_goes_on(unsmear, folder, names, tmp_path):
    good = tmp_path / "good.png"
    images.write(good, Image(damaged.plane(np.uint8), "YX"))
    done = unsmear("restore", folder, good, "-o", tmp_path / "out", *KERNEL)
    assert done.code == 1
    assert_sentences(done.err.splitlines(), names)
    assert "1 restored, 200 failed" in done.out
    assert [path.name for path in outputs(tmp_path / "out")] == ["good.png"]


@pytest.mark.slow
def test_explore(unsmear, folder, names, tmp_path):
    done = unsmear("explore", folder, "-o", tmp_path / "out")
    assert done.code == 1
    *sentences, last = done.err.splitlines()
    small = damaged.small()
    assert_sentences(sentences, [name for name in names if name not in small])
    assert last == f"{200 - len(small)} of 200 images cannot be read."


@pytest.mark.parametrize("name", damaged.small())
def test_small_images_are_legal_to_read(tmp_path, name):
    (tmp_path / name).write_bytes(damaged.small()[name])
    [item] = find([tmp_path])
    height, width = map(int, name.split(".")[0].split("x"))
    assert item.read().planes().shape == (1, 1, height, width)


def test_small_images_are_refused_by_restore(unsmear, tmp_path):
    (tmp_path / "x.png").write_bytes(damaged.small()["1x1.png"])
    done = unsmear("restore", tmp_path / "x.png", "-o", tmp_path / "out")
    assert (done.code, done.err) == (
        1,
        "x.png: an image must be at least 3x3 pixels to restore, got 1x1.\n",
    )
