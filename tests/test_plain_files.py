"""Files of users are read within bounds, and only files."""

import os

import pytest

from unsmear import plain_files
from unsmear.errors import error_text


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pipe") as refused:
        plain_files.read(tmp_path / "pipe")
    assert error_text(refused.value) == "it must be a file, got a pipe or a device"


def test_a_larger_file_is_refused(tmp_path):
    (tmp_path / "list").write_bytes(bytes(11))
    assert plain_files.read_bytes(tmp_path / "list", 11) == bytes(11)
    with pytest.raises(OSError, match="at most 0 MiB, got 0 MiB"):
        plain_files.read_bytes(tmp_path / "list", 10)


def test_a_mark_of_the_byte_order_is_no_text(tmp_path):
    (tmp_path / "list").write_bytes(b"\xef\xbb\xbf1 2")
    assert plain_files.read(tmp_path / "list") == "1 2"


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (plain_files.parse_json, "[" * 100_000),
        (plain_files.parse_toml, f"x = {'[' * 100_000}"),
    ],
)
def test_nesting_without_end_is_a_value_error(parse, text):
    with pytest.raises(ValueError, match="nested too deeply"):
        parse(text)


def test_a_missing_file_stays_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        plain_files.read_json(tmp_path / "none")
