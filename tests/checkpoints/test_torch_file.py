"""Files of PyTorch are read as PyTorch reads them, and nothing in them is run."""

import pickle
import struct
import zipfile
from argparse import Namespace
from collections import OrderedDict
from contextlib import suppress

import numpy as np
import pytest
import torch
from torch import nn

from unsmear.checkpoints import torch_file
from unsmear.checkpoints.arrays import opened
from unsmear.errors import WeightsError

LAYOUTS = pytest.mark.parametrize("is_zip", [True, False])
DTYPES = [
    torch.float64, torch.float32, torch.float16, torch.int64, torch.int32, torch.int16, torch.int8,
    torch.uint8, torch.bool,
]  # fmt: skip


def written(path, held, is_zip=True):
    torch.save(held, path, _use_new_zipfile_serialization=is_zip)
    return path


def read(path):
    return {name: tensor.read() for name, tensor in torch_file.read(path).items()}


def refused(path):
    """Return the sentence with which a file is refused."""
    with pytest.raises(WeightsError) as error, opened(path, "pth", "It is damaged.") as stored:
        [one.read() for one in stored]
    return str(error.value)


@LAYOUTS
def test_numbers_of_every_kind_are_those_of_pytorch(tmp_path, is_zip):
    values = torch.arange(-6, 6).reshape(3, 4)
    held = {str(dtype): (values % 5).to(dtype) for dtype in DTYPES}
    path = written(tmp_path / "a.pth", held, is_zip)
    known = torch.load(path, weights_only=True)
    for name, array in read(path).items():
        np.testing.assert_array_equal(array, known[name].numpy())
        assert array.dtype == known[name].numpy().dtype
        assert array.flags.writeable


@LAYOUTS
def test_parts_of_a_storage(tmp_path, is_zip):
    whole = torch.arange(60.0).reshape(3, 4, 5)
    held = {
        "turned": whole.permute(2, 0, 1),
        "part": whole[1:, ::2, 2:4],
        "number": whole[2, 1, 3],
        "none": torch.zeros(0, 3),
        "tied": whole,
        "halves": torch.tensor([1.5, -2.0, 1 / 3], dtype=torch.bfloat16),
    }
    path = written(tmp_path / "a.pth", held, is_zip)
    for name, array in read(path).items():
        known = held[name].float().numpy()
        assert array.shape == known.shape
        np.testing.assert_array_equal(array, known)


@LAYOUTS
@pytest.mark.parametrize("wrapped", ["state_dict", "model", ""])
def test_a_network_and_what_is_saved_with_it(tmp_path, is_zip, wrapped):
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    network(torch.rand(2, 1, 8, 8)).sum().backward()
    optimiser = torch.optim.Adam(network.parameters())
    optimiser.step()
    held = network.state_dict()
    if wrapped:
        held = {"epoch": 3, "name": "ü", "optimizer": optimiser.state_dict(), wrapped: held}
    arrays = read(written(tmp_path / "a.pth.tar", held, is_zip))
    assert list(arrays) == list(network.state_dict())
    for name, tensor in network.state_dict().items():
        np.testing.assert_array_equal(arrays[name], tensor.numpy())


def test_parameters_are_tensors(tmp_path):
    held = OrderedDict(a=nn.Parameter(torch.arange(3.0)))
    assert read(written(tmp_path / "a.pth", held))["a"].tolist() == [0, 1, 2]


class Evil:
    """Makes a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@LAYOUTS
def test_what_would_run_is_named_and_not_run(tmp_path, is_zip):
    path = written(tmp_path / "a.pth", {"a": Evil(tmp_path / "made")}, is_zip)
    assert refused(path) == (
        "a.pth: a file of PyTorch must hold tensors, numbers and text alone, got the Python object "
        "'io.open', which is not run; ask for the weights as .safetensors."
    )
    assert not (tmp_path / "made").exists()
    path = written(tmp_path / "b.pth", {"args": Namespace(lr=1), "state_dict": {}}, is_zip)
    assert "got the Python object 'argparse.Namespace'" in refused(path)


def zipped(path, program, **storages):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", program)
        for name, data in storages.items():
            archive.writestr(f"x/data/{name}", data)
    return path


def storage(count, key="k", kind=b"FloatStorage"):
    """Return the steps that push a storage."""
    text = key.encode()
    return b"(X\7\0\0\0storagectorch\n" + kind + b"\nX" + struct.pack("<I", len(text)) + text + (
        b"X\3\0\0\0cpuJ" + struct.pack("<i", count) + b"tQ"
    )  # fmt: skip


def tensor(count, shape, strides, offset=0):
    """Return a program of one tensor, named a, of a storage k."""

    def numbers(values):
        return b"(" + b"".join(b"J" + struct.pack("<i", value) for value in values) + b"t"

    return (
        b"\x80\2}X\1\0\0\0actorch._utils\n_rebuild_tensor_v2\n("
        + storage(count) + b"J" + struct.pack("<i", offset) + numbers(shape) + numbers(strides)
        + b"\x89)tRs."
    )  # fmt: skip


FLOATS = np.arange(6, dtype=np.float32).tobytes()


def test_a_program_by_hand(tmp_path):
    path = zipped(tmp_path / "a.pth", tensor(6, (2, 3), (3, 1)), k=FLOATS)
    assert read(path)["a"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    "program",
    [
        tensor(6, (2, 4), (3, 1)),  # beyond its storage
        tensor(6, (2, 3), (3, 1), 1),
        tensor(6, (2, 3), (3, 1), -1),
        tensor(6, (2, 3), (-3, 1), 3),
        tensor(6, (2,), (3, 1)),
        tensor(6, (2000, 2000, 2000), (0, 0, 0)),  # as much as it likes of one number
        tensor(7, (2, 3), (3, 1)),  # more than there is
        tensor(2**31 - 1, (2**31 - 1,), (1,)),
        b"\x80\2]" + b"]" * 200_000 + b"a" * 200_000 + b".",  # nested without end
        b"\x80\2}" + b"(" + b"\x85" * 1000 + b"K\1s.",
        b"\x80\2}" + b")" + b"\x85" * 200_000 + b"K\1s.",  # a name nested without end
        b"\x80\2ccollections\nOrderedDict\n]])" + b"\x85" * 200_000 + b"K\1ea\x85R.",
        b"\x80\2}q\0X\1\0\0\0ah\0s.",  # in itself
        b"\x80\2r\xff\xff\xff\xff.",
        b"\x80\2X\xff\xff\xff\xffabc.",
        b"\x80\2\x8d" + b"\xff" * 8 + b".",
        b"\x80\2L" + b"9" * 100_000 + b"L\n.",
        b"\x80\2" + storage(6, "../../../../etc/passwd") + b".",
        b"\x80\2" + storage(6, kind=b"nothing") + b".",
        b"\x80\2K\1.",
        b"",
        b"nothing",
    ],
)
def test_what_describes_no_tensors(tmp_path, program):
    sentence = refused(zipped(tmp_path / "a.pth", program, k=FLOATS))
    assert sentence == "It is damaged." or sentence.startswith("a.pth: a file of PyTorch must hold")


@pytest.mark.parametrize(
    "program",
    [
        pickle.dumps(complex(1)),
        pickle.dumps({1}, 4),
        b"\x80\2(cos\nsystem\nX\4\0\0\0trueo.",
        b"(S'true'\nios\nsystem\n.",
        b"\x80\4\x8c\2os\x8c\6system\x93\x8c\4true\x85R.",
        b"\x80\2\x82\1.",
    ],
)
def test_steps_that_no_tensor_needs(tmp_path, program):
    assert "tensors, numbers and text alone" in refused(zipped(tmp_path / "a.pth", program))


def test_files_of_pytorch_that_say_too_much(tmp_path, monkeypatch):
    big = zipped(tmp_path / "big.pth", tensor(6, (2, 3), (3, 1)), k=FLOATS)
    with zipfile.ZipFile(big, "a") as archive:
        archive.writestr("x/byteorder", "big")
    assert refused(big) == "It is damaged."
    many = {str(number): torch.zeros(9999)[:9990] for number in range(4)}
    shared = torch.zeros(9999)
    tied = written(tmp_path / "tied.pth", {str(n): shared.view(-1) for n in range(9)})
    assert refused(tied) == "It is damaged."
    monkeypatch.setattr(torch_file, "LARGEST", 100)
    assert refused(written(tmp_path / "long.pth", many)) == "It is damaged."


@LAYOUTS
def test_damage_anywhere_is_a_sentence(tmp_path, is_zip):
    path = written(tmp_path / "a.pth", nn.Conv2d(1, 2, 3).state_dict(), is_zip)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    read = 0
    for _ in range(300):
        data = bytearray(whole)
        for at in rng.integers(len(data), size=rng.integers(1, 6)):
            data[at] = rng.integers(256)
        path.write_bytes(data[: rng.integers(len(data) // 2, len(data) + 1)])
        with suppress(WeightsError), opened(path, "pth", "It is damaged.") as stored:
            [one.read() for one in stored]
            read += 1
    assert read < 300  # the others were refused by the one error that is expected
