"""ONNX files of unknown origin: what they hold and say of themselves, before anything runs them.

A network in one file is `NAME.onnx`, or a package of bioimage.io (`NAME.zip`) with such a file. An
ONNX file may name other files that hold its numbers, which ONNX Runtime 1.20 reads wherever they
lie: such a file is refused. Fields are those of onnx.proto3 (github.com/onnx/onnx), in the encoding
of protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from unsmear import plain_files
from unsmear.errors import UnsmearError, WeightsError, error_text

ENDINGS = (".onnx", ".zip")
JOINED = "filtered"
"""Name of the one input of a deep-wiener in a package."""
LARGEST = 2**31
"""Largest ONNX file, bytes: protobuf has no larger messages."""
PACKED = 16
"""Largest factor by which a package may pack its network: numbers of a network hardly pack."""
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Ways of packing that zipfile unpacks in pieces of a size that is asked for."""
PIECE = 2**20
"""Bytes that are unpacked at once."""
LARGEST_TAG = 2**32 - 1
"""Largest tag of a field: protobuf's readers cut off the bits beyond, and see another field."""
UNREADABLE = (OSError, ValueError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile)
"""What zipfile raises for a damaged file, a password, or a way of packing that it does not know."""
OTHER_FORM = b"ORTM"
"""Bytes 4 to 8 of ONNX Runtime's own format, which is not looked into."""
MODEL, GRAPH, NODE, ATTRIBUTE, TENSOR, SPARSE, FUNCTION, TRAINING = (
    "ModelProto",
    "GraphProto",
    "NodeProto",
    "AttributeProto",
    "TensorProto",
    "SparseTensorProto",
    "FunctionProto",
    "TrainingInfoProto",
)
PARTS: Mapping[str, Mapping[int, str]] = {
    MODEL: {7: GRAPH, 20: TRAINING, 25: FUNCTION},
    TRAINING: {1: GRAPH, 2: GRAPH},
    FUNCTION: {7: NODE, 11: ATTRIBUTE},
    GRAPH: {1: NODE, 5: TENSOR, 15: SPARSE},
    NODE: {5: ATTRIBUTE},
    ATTRIBUTE: {5: TENSOR, 6: GRAPH, 10: TENSOR, 11: GRAPH, 22: SPARSE, 23: SPARSE},
    SPARSE: {1: TENSOR, 2: TENSOR},
    TENSOR: {},
}
"""Messages within messages in which a tensor can lie, by the number of their field."""
EXTERNAL = (13, 14)
"""Fields of a tensor whose numbers lie elsewhere: external_data and data_location."""
METADATA = 14
"""Field of the model with an entry of its metadata: 1 is the key, 2 the value."""


def is_one(path: Path) -> bool:
    """Return whether a path is of a network in one file."""
    return path.suffix.lower() in ENDINGS and path.is_file()


def read(path: Path) -> bytes:
    """Return the ONNX file at a path, or the one in a package (.zip).

    Raises WeightsError for a file that cannot be read, and as `read_package`.
    """
    if path.suffix.lower() == ".zip":
        return read_package(path)
    with _refused(path):
        return plain_files.read_bytes(path, LARGEST)


def read_package(path: Path) -> bytes:
    """Return the ONNX file in a package of any name; nothing else of that is read.

    Raises WeightsError for a file that is no package, holds none or several, or packs more than a
    network can be packed.
    """
    with _refused(path):
        plain_files.check(path)
        with zipfile.ZipFile(path) as package:
            return _only_network(path, package)


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    """Raise WeightsError where a file cannot be read."""
    try:
        yield
    except UnsmearError:
        raise
    except UNREADABLE as error:
        reason = error_text(error)
        raise WeightsError(f"{path.name}: the file cannot be read ({reason}).") from error


def _only_network(path: Path, package: zipfile.ZipFile) -> bytes:
    """Return the ONNX file in a package, in memory: no name in it becomes a file."""
    networks = [member for member in package.infolist() if member.filename.endswith(".onnx")]
    if len(networks) != 1:
        raise WeightsError(
            f"{path.name}: a package must hold one ONNX file, got {len(networks)}; make one with: "
            "unsmear export NAME --bioimageio"
        )
    (member,) = networks
    if member.file_size > min(LARGEST, PACKED * path.stat().st_size):
        raise WeightsError(
            f"{path.name}: its network must have at most {PACKED} times the size of the package, "
            f"got {member.file_size} bytes."
        )
    if member.compress_type not in PACKINGS:
        raise WeightsError(
            f"{path.name}: its network must be stored or deflated, got another way of packing "
            f"({member.compress_type}); pack it again."
        )
    with package.open(member) as stream:  # it ends at the size that was checked, whatever follows
        return b"".join(iter(partial(stream.read, PIECE), b""))


def metadata(name: str, data: bytes) -> dict[str, str]:
    """Return the metadata of an ONNX file, by key.

    name: of the file, for messages. Raises WeightsError for other bytes, and for a file whose
    numbers lie in other files.
    """
    try:
        if data[4:8] == OTHER_FORM:
            raise ValueError("it has the format of ONNX Runtime")
        entries, external = _looked_through(data)
    except (IndexError, ValueError) as error:
        raise WeightsError(f"{name}: the file must be an ONNX file, got other bytes.") from error
    if external:
        raise WeightsError(
            f"{name}: an ONNX file must hold its numbers itself, got one that takes them from "
            "other files."
        )
    return entries


def _looked_through(data: bytes) -> tuple[dict[str, str], bool]:
    """Return the metadata, and whether any tensor has its numbers elsewhere."""
    entries: dict[str, str] = {}
    external = False
    waiting = [(MODEL, memoryview(data))]
    while waiting:
        kind, message = waiting.pop()
        for number, value in _fields(message):
            external |= kind == TENSOR and number in EXTERNAL and value != 0
            if isinstance(value, int):
                continue
            if number in PARTS[kind]:
                waiting.append((PARTS[kind][number], value))
            elif kind == MODEL and number == METADATA:
                entry = {key: bytes(text).decode() for key, text in _texts(value)}
                entries[entry.get(1, "")] = entry.get(2, "")
    return entries, external


def _texts(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    return ((n, value) for n, value in _fields(message) if isinstance(value, memoryview))


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of a protobuf message's fields; raises ValueError and IndexError."""
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        if key > LARGEST_TAG:
            raise ValueError("a tag has more than 32 bits")
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == 2:
            size, at = _varint(message, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"no field has the wire type {wire}")
        if not number or size > end - at:
            raise ValueError("a field goes beyond its message")
        yield number, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the number at a place and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number has too many bytes")
