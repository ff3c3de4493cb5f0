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
