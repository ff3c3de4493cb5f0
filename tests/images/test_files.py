"""Errors for inputs that are no files, and for outputs that cannot be written."""

import os

import numpy as np
import pytest

from unsmear import images
from unsmear.errors import ImageError
from unsmear.images import Image


def test_only_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    for name, got in {"pipe": "a pipe or a device", "folder": "a folder"}.items():
        sentence = rf"^{name}\.png: an input must be a file, got {got}\.$"
        with pytest.raises(ImageError, match=sentence):
            images.read(tmp_path / f"{name}.png")


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ImageError, match=r"^a\.png: the file cannot be written \(.*\)\.$"):
        images.write(tmp_path / "file" / "sub" / "a.png", Image(np.zeros((4, 5), "u1"), "YX"))


def test_a_header_as_python_2_wrote_it_is_read_in_silence(tmp_path, recwarn):
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.save(tmp_path / "a.npy", pixels)
    data = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(data.replace(b"(3, 4), }", b"(3L,4), }"))
    np.testing.assert_array_equal(images.read(tmp_path / "a.npy").pixels, pixels)
    assert not recwarn
