"""Tensors in files of PyTorch (.pth), read without PyTorch and without unpickling.

Such a file is a program for Python's unpickler, which may call anything. Here the program is only
taken apart, by the standard library's `pickletools`, and the few steps that describe tensors, their
names, numbers and text are followed. A step that names anything else refuses the file.

A tensor is a part of a storage: a member of the zip file, or what follows the program in a file of
PyTorch before 1.6.
"""

from __future__ import annotations

import io
import pickletools
import struct
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from unsmear.errors import WeightsError, shown

Array = NDArray[Any]

LARGEST = 2**24
"""Largest program that is read, bytes; one of ten thousand tensors has 2 MB."""
TIED = 4
"""Largest ratio of the tensors to their file: a network may use the same ones in several places."""
MAGIC = 0x1950A86A20F9469CFC6C
"""Number with which a file of PyTorch before 1.6 begins."""
BFLOAT16 = "BFloat16Storage"
STORAGES = {
    f"torch {name}Storage": np.dtype(code)
    for name, code in {
        "Double": "<f8", "Float": "<f4", "Half": "<f2", "BFloat16": "<u2", "Long": "<i8",
        "Int": "<i4", "Short": "<i2", "Char": "i1", "Byte": "u1", "Bool": "?",
    }.items()
}  # fmt: skip
"""Dtypes of the numbers in a storage, by its class; bfloat16 is read as its bits."""


@dataclass(frozen=True)
class Storage:
    """Numbers in the file. kind: their class. key: its name there. count: how many."""

    kind: str
    key: str
    count: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype in the file."""
        return STORAGES[self.kind]


@dataclass(frozen=True)
class Tensor:
    """A part of a storage, as the file describes it.

    offset, strides: in numbers, not bytes. load: returns the bytes of a storage.
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    load: Callable[[Storage], bytes]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of `read`; bfloat16, which NumPy does not know, becomes float32."""
        is_bfloat16 = self.storage.kind.endswith(BFLOAT16)
        return np.dtype(np.float32) if is_bfloat16 else self.storage.dtype.newbyteorder("=")

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return prod(self.shape) * self.storage.dtype.itemsize

    def read(self) -> Array:
        """Return the numbers; raises ValueError for a storage of another size than it says."""
        data = self.load(self.storage)
        if len(data) != self.storage.count * self.storage.dtype.itemsize:
            raise ValueError("a storage has another size than it says")
        numbers = np.frombuffer(data, self.storage.dtype)[self.offset :]
        strides = tuple(stride * numbers.itemsize for stride in self.strides)
        part = as_strided(numbers, self.shape, strides)  # `_tensor` holds it within the storage
        if self.storage.kind.endswith(BFLOAT16):
            return (part.astype(np.uint32) << 16).view(np.float32)
        return part.astype(self.dtype)


@dataclass(frozen=True)
class Name:
    """A function or class that the program names: "torch._utils _rebuild_tensor_v2"."""

    text: str


def read(path: Path) -> dict[str, Tensor]:
    """Return the named tensors of a file, taken out of a wrapping dictionary.

    Raises WeightsError for a file that names anything but tensors, OSError where it cannot be read,
    and ValueError for one that is damaged or of another kind.
    """
    try:
        held = _of_zip(path) if zipfile.is_zipfile(path) else _of_one_stream(path)
    except (LookupError, TypeError, AttributeError, OverflowError, struct.error) as error:
        raise ValueError("the program does not describe tensors") from error
    for wrapped in ("state_dict", "model"):
        held = held[wrapped] if isinstance(_entries(held).get(wrapped), dict) else held
    named = _entries(held)
    tensors = {str(name): tensor for name, tensor in named.items() if isinstance(tensor, Tensor)}
    if len(tensors) < len(named):
        raise ValueError("not tensors by name")
    if sum(tensor.size for tensor in tensors.values()) > TIED * path.stat().st_size:
        raise ValueError("tensors must not be far larger than the file")
    return tensors


def _entries(held: Any) -> Mapping[Any, Any]:
    if not isinstance(held, dict):
        raise ValueError("not tensors by name")
    return held


def _of_zip(path: Path) -> Any:
    """Return what the program in a zip file describes."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if sum(entry.file_size for entry in entries) > path.stat().st_size:
            raise ValueError("its tensors must not be packed")  # PyTorch packs none
        (program,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        folder = program.removesuffix("data.pkl")
        orders = [archive.read(name) for name in archive.namelist() if name == f"{folder}byteorder"]
        if any(order != b"little" for order in orders):
            raise ValueError("its numbers must be little-endian")
        with archive.open(program) as stream:
            data = stream.read(LARGEST + 1)

    @lru_cache(maxsize=1)
    def load(storage: Storage) -> bytes:
        with zipfile.ZipFile(path) as archive:
            return archive.read(f"{folder}data/{storage.key}")

    return _Program(path.name, load).run(_bounded(data))


def _of_one_stream(path: Path) -> Any:
    """Return what a file of PyTorch before 1.6 describes: programs, then the storages."""
    with path.open("rb") as file:
        stream = _bounded(file.read(LARGEST + 1), whole=False)
    places: dict[str, int] = {}

    def load(storage: Storage) -> bytes:
        with path.open("rb") as file:
            file.seek(places[storage.key])
            return file.read(storage.count * storage.dtype.itemsize)

    program = _Program(path.name, load)
    if program.run(stream) != MAGIC:
        raise ValueError("not a file of PyTorch")
    _version, _machine = program.run(stream), program.run(stream)
    held = program.run(stream)
    places |= _places(path, program.run(stream), stream.tell(), program.storages)
    return held


def _places(
    path: Path, keys: list[str], start: int, storages: Mapping[str, Storage]
) -> dict[str, int]:
    """Return where the numbers of each storage begin; each is led by how many they are."""
    places = {}
    with path.open("rb") as file:
        for key in keys:
            file.seek(start)
            (count,) = struct.unpack("<q", file.read(8))
            if count != storages[key].count:
                raise ValueError("a storage has another size than it says")
            places[key] = start + 8
            start += 8 + count * storages[key].dtype.itemsize
    if start > path.stat().st_size:
        raise ValueError("the file must hold all of its storages")
    return places


def _bounded(data: bytes, whole: bool = True) -> io.BytesIO:
    """Return a program as a stream; `whole`: nothing but the program, which may be too large."""
    if whole and len(data) > LARGEST:
        raise ValueError("its program must be of a moderate size")
    return io.BytesIO(data)


class _Program:
    """The steps of pickle that describe tensors, on a stack as the unpickler has it."""

    def __init__(self, file: str, load: Callable[[Storage], bytes]) -> None:
        self.file = file
        self.load = load
        self.storages: dict[str, Storage] = {}
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def run(self, stream: IO[bytes]) -> Any:
        """Return what the program at the place of a stream describes; it ends behind it."""
        self._stack, self._marks, self._memo = [], [], {}
        for step, argument, _ in pickletools.genops(stream):
            self._follow(step.name, argument)
        return self._stack.pop()

    def _follow(self, step: str, argument: Any) -> None:
        """Follow one step; raises WeightsError for one that no tensor needs."""
        if step in CONSTANTS:
            self._stack.append(CONSTANTS[step](argument))
        elif step in _STEPS:
            _STEPS[step](self, argument)
        elif step not in ("PROTO", "FRAME", "STOP"):
            raise self._refused(f"a step {step}")

    def _refused(self, what: str) -> WeightsError:
        return WeightsError(
            f"{self.file}: a file of PyTorch must hold tensors, numbers and text alone, got "
            f"{what}, which is not run; ask for the weights as .safetensors."
        )

    def _since_mark(self) -> list[Any]:
        start = self._marks.pop()
        values = self._stack[start:]
        del self._stack[start:]
        return values

    def _mark(self, _: Any) -> None:
        self._marks.append(len(self._stack))

    def _put(self, number: int | None) -> None:
        self._memo[len(self._memo) if number is None else number] = self._stack[-1]

    def _get(self, number: int) -> None:
        self._stack.append(self._memo[number])

    def _tuple(self, count: int | None) -> None:
        if count is None:
            self._stack.append(tuple(self._since_mark()))
        else:
            self._stack[-count:] = [tuple(self._stack[-count:])]

    def _append(self, values: list[Any]) -> None:
        if not isinstance(self._stack[-1], list):
            raise ValueError("values of what is no list")
        self._stack[-1].extend(values)

    def _set(self, values: list[Any]) -> None:
        if not isinstance(self._stack[-1], dict):
            raise ValueError("values of what is no dictionary")
        self._stack[-1].update(_by_name(zip(values[::2], values[1::2], strict=True)))

    def _global(self, text: str) -> None:
        if text not in STORAGES and text not in _CALLS:
            raise self._refused(f"the Python object {shown(text.replace(' ', '.', 1))}")
        self._stack.append(Name(text))

    def _stored(self, _: Any) -> None:
        """Replace the description of a storage by the storage."""
        kind, storage, key, _place, count, *view = self._stack.pop()
        if kind != "storage" or any(part is not None for part in view):
            raise ValueError("not a storage of its own")
        if storage.text not in STORAGES or not isinstance(key, str) or not _are_counts([count]):
            raise ValueError("a storage must have a class, a name and a size")
        self.storages[key] = Storage(storage.text, key, count)
        self._stack.append(self.storages[key])

    def _call(self, _: Any) -> None:
        called, arguments = self._stack[-2:]
        self._stack[-2:] = [_CALLS[called.text](self, *arguments)]

    def _leave_state(self, _: Any) -> None:
        """Drop the attributes of an OrderedDict: versions of its modules."""
        self._stack.pop()
        if not isinstance(self._stack[-1], dict):
            raise ValueError("attributes of what is no dictionary")

    def _tensor(self, storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Tensor:
        """Return a tensor that lies within its storage, and is no larger."""
        if not isinstance(storage, Storage) or len(shape) != len(strides):
            raise ValueError("a tensor without a storage or a shape")
        if not _are_counts([offset, *shape, *strides]):
            raise ValueError("a tensor's shape must be whole numbers")
        size = prod(shape)
        last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
        if size > storage.count or (size and last >= storage.count):
            raise ValueError("a tensor must lie within its storage")
        return Tensor(storage, offset, tuple(shape), tuple(strides), self.load)


def _by_name(pairs: Iterable[Any]) -> dict[str | int, Any]:
    """Return a dictionary; other names than texts and numbers could be nested without end."""
    named = {}
    for name, value in pairs:
        if not isinstance(name, str | int):
            raise ValueError("a name must be a text or a number")
        named[name] = value
    return named


def _are_counts(values: list[Any]) -> bool:
    return all(isinstance(value, int) and 0 <= value < 2**48 for value in values)


def _constant(argument: Any) -> Any:
    return argument


CONSTANTS: dict[str, Callable[[Any], Any]] = {
    "NONE": _constant,
    "NEWTRUE": lambda _: True,
    "NEWFALSE": lambda _: False,
    "EMPTY_DICT": lambda _: {},
    "EMPTY_LIST": lambda _: [],
    "EMPTY_TUPLE": lambda _: (),
    **dict.fromkeys(
        ("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "BINFLOAT", "FLOAT", "UNICODE",
         "BINUNICODE", "SHORT_BINUNICODE", "BINSTRING", "SHORT_BINSTRING", "STRING"), _constant
    ),
}  # fmt: skip
"""Steps that push a number, a text or an empty container, by the name in `pickletools`."""
_STEPS: dict[str, Callable[[_Program, Any], None]] = {
    "MARK": _Program._mark,
    "PUT": _Program._put,
    "BINPUT": _Program._put,
    "LONG_BINPUT": _Program._put,
    "MEMOIZE": _Program._put,
    "GET": _Program._get,
    "BINGET": _Program._get,
    "LONG_BINGET": _Program._get,
    "TUPLE": _Program._tuple,
    "TUPLE1": lambda program, _: program._tuple(1),
    "TUPLE2": lambda program, _: program._tuple(2),
    "TUPLE3": lambda program, _: program._tuple(3),
    "APPEND": lambda program, _: program._append([program._stack.pop()]),
    "APPENDS": lambda program, _: program._append(program._since_mark()),
    "SETITEM": lambda program, _: program._set([program._stack.pop(-2), program._stack.pop()]),
    "SETITEMS": lambda program, _: program._set(program._since_mark()),
    "GLOBAL": _Program._global,
    "BINPERSID": _Program._stored,
    "REDUCE": _Program._call,
    "BUILD": _Program._leave_state,
}
_CALLS: dict[str, Callable[..., Any]] = {
    "collections OrderedDict": lambda program, pairs=(): _by_name(pairs),
    "torch Size": lambda program, sides: tuple(sides),
    "torch._utils _rebuild_tensor": _Program._tensor,
    "torch._utils _rebuild_tensor_v2": _Program._tensor,
    "torch._utils _rebuild_parameter": lambda program, tensor, *_: tensor,
}
"""What the program may name beside storages, and what is done in its place."""
