"""Arrays by name in files of every format: what is claimed, what is read, and what is refused."""

import re
import struct
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from unsmear.checkpoints.arrays import kind_of, opened
from unsmear.errors import WeightsError

HELD = {"a/b": np.arange(6, dtype=np.float32).reshape(2, 3), "c": np.array(2.5)}


def write_npz(path):
    np.savez(path, **HELD)


def write_h5(path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, array in HELD.items():
            file[name] = array


def write_safetensors(path):
    save_file({name: torch.from_numpy(array) for name, array in HELD.items()}, path)


def write_pth(path):
    torch.save({name: torch.from_numpy(array) for name, array in HELD.items()}, path)


def write_wrapped(path):
    tensors = {name: torch.from_numpy(array) for name, array in HELD.items()}
    torch.save({"epoch": 3, "state_dict": tensors}, path)


WRITERS = {
    "npz": write_npz,
    "h5": write_h5,
    "safetensors": write_safetensors,
    "pth": write_pth,
    "wrapped": write_wrapped,
}


@pytest.mark.parametrize("writer", WRITERS)
def test_every_format_gives_the_same_arrays(tmp_path, writer):
    kind = "pth" if writer == "wrapped" else writer
    path = tmp_path / f"arrays.{kind}"
    WRITERS[writer](path)
    with opened(path, kind, "damaged") as stored:
        read = {array.name: (array.claim(), array.read()) for array in stored}
    assert read.keys() == HELD.keys()
    for name, (claim, array) in read.items():
        assert (claim.shape, claim.dtype) == (HELD[name].shape, HELD[name].dtype)
        np.testing.assert_array_equal(array, HELD[name])
    assert kind_of(path, "npz" if kind == "npz" else "pth") == kind


def test_numbers_that_numpy_does_not_know_are_read(tmp_path):
    halves = torch.tensor([1.5, -2.0], dtype=torch.bfloat16)
    save_file({"a": halves}, tmp_path / "a.safetensors")
    with opened(tmp_path / "a.safetensors", "safetensors", "damaged") as (array,):
        assert array.read().dtype == np.float32
        assert array.read().tolist() == [1.5, -2.0]


class Evil:
    def __reduce__(self):
        return (print, ("unpickled",))


def read_all(path, kind):
    with opened(path, kind, "it is damaged.") as stored:
        return [array.read() for array in stored]


@pytest.mark.parametrize("kind", ["npz", "h5", "safetensors"])
def test_damage_is_the_sentence_that_was_given_and_nothing_is_unpickled(tmp_path, kind, capsys):
    if kind == "h5":
        pytest.importorskip("h5py")
    torch.save({"a": Evil()}, tmp_path / "evil.pth")
    np.savez(tmp_path / "evil.npz", a=np.array([Evil()], dtype=object))
    capsys.readouterr()
    for path in (tmp_path / "evil.pth", tmp_path / "evil.npz", tmp_path / "none", tmp_path):
        with pytest.raises(WeightsError, match=r"^it is damaged\.$"):
            read_all(path, kind)
    assert capsys.readouterr().out == ""


def test_an_entry_that_is_no_array_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("readme.txt", "read me")
    sentence = r"^a\.npz: readme\.txt must be an array, got other bytes\.$"
    with opened(tmp_path / "a.npz", "npz", "damaged") as (array,):  # noqa: SIM117
        with pytest.raises(WeightsError, match=sentence):
            array.claim()


def test_tensors_that_are_packed_are_refused(tmp_path):
    torch.save({"a": torch.zeros(9999)}, tmp_path / "plain.pth")
    with (
        zipfile.ZipFile(tmp_path / "plain.pth") as plain,
        zipfile.ZipFile(tmp_path / "a.pth", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    with opened(tmp_path / "plain.pth", "pth", "damaged.") as stored:
        assert [one.read().shape for one in stored] == [(9999,)]
    with (
        pytest.raises(WeightsError, match=r"^damaged"),
        opened(tmp_path / "a.pth", "pth", "damaged."),
    ):
        pass


def test_a_file_of_pytorch_that_runs_something_is_refused_by_what_it_names(tmp_path, capsys):
    torch.save({"a": Evil()}, tmp_path / "evil.pth")
    capsys.readouterr()
    with pytest.raises(WeightsError, match=r"^evil\.pth: .* got the Python object '__bui"):
        read_all(tmp_path / "evil.pth", "pth")
    np.savez(tmp_path / "evil.npz", a=np.array([Evil()], dtype=object))
    for path in (tmp_path / "evil.npz", tmp_path / "none", tmp_path):
        with pytest.raises(WeightsError, match=r"^it is damaged\.$"):
            read_all(path, "pth")
    assert capsys.readouterr().out == ""


def test_the_published_advisories_on_reading_a_state_are_below_the_lower_bound():
    listed = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    needed = [one for part in listed["project"]["optional-dependencies"].values() for one in part]
    bounds = [re.match(r"torch>=(\d+)\.(\d+)", one) for one in needed if one.startswith("torch>")]
    assert bounds
    # CVE-2025-32434 is mended in 2.6, CVE-2026-24747 in 2.10.
    assert all((int(bound[1]), int(bound[2])) >= (2, 10) for bound in bounds)


def test_a_damaged_member_packed_with_lzma_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.npy", np.random.default_rng(0).bytes(1000))
    data = bytearray(path.read_bytes())
    data[50:60] = b"\xff" * 10
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"^damaged$"), opened(path, "npz", "damaged") as stored:
        stored[0].claim()


@pytest.mark.filterwarnings("error")
def test_a_header_as_python_2_wrote_it(tmp_path):
    text = b"{'descr': '<f4', 'fortran_order': False, 'shape': (3L,), }"
    text += b" " * (117 - len(text)) + b"\n"
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        header = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
        archive.writestr("a.npy", header + np.arange(3, dtype="<f4").tobytes())
    with opened(tmp_path / "a.npz", "npz", "damaged.") as (stored,):
        assert stored.claim().shape == (3,)
        assert stored.read().tolist() == [0, 1, 2]
