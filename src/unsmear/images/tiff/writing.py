"""Writing of TIFF files: the file that was read with other pixels, or a new one."""

from __future__ import annotations

import io
import json
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from unsmear.atomic import Parts, Pieces
from unsmear.images import axes as axes_
from unsmear.images import record
from unsmear.images.area_mean import area_mean
from unsmear.images.image import Image
from unsmear.images.tiff import contents, directories, editing, ome, records, rest
from unsmear.images.tiff.directories import RATIONAL, SHORT, File
from unsmear.images.tiff.reading import opened, stamp
from unsmear.images.tiff.segments import ZSTD
from unsmear.images.tiff.stored import Stored

OME_TYPES = {
    "int8": "int8", "int16": "int16", "int32": "int32", "uint8": "uint8", "uint16": "uint16",
    "uint32": "uint32", "float32": "float", "float64": "double",
}  # fmt: skip
"""Names that OME has for dtypes."""
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
NO_UNIT, CENTIMETRE = 1, 3
OF_MICROMANAGER = "Micro-Manager's index and summary"
SMALLEST_LEVEL = 256
"""Side below which a pyramid that is written anew ends, pixels."""


def write(image: Image, done: str = "", name: str = "") -> Parts:
    """Return a TIFF in pieces: the file that was read with other pixels, or a new one.

    done: the processing record, which joins the description. name: that of the file.
    """
    carried: Mapping[str, Any] = image.metadata.get("tiff", {})
    edited = _edited(image, carried, done, name) if can_edit(image, carried) else None
    if edited is not None:
        return edited
    if "imagej" in carried and _fits_imagej(image):
        return _new(image, carried, _imagej_options(image, carried, done))
    if ("ome" in carried or carried.get("kind") in contents.VENDOR) and _fits_ome(image):
        return _new_ome(image, carried, done)
    return _new(image, carried, plain_options(image, carried, done))


def write_ome(image: Image, done: str = "", name: str = "") -> Parts:
    """Return an OME-TIFF; a TIFF that was read under such a name stays of its kind."""
    carried: Mapping[str, Any] = image.metadata.get("tiff", {})
    if not _stays(carried) and _fits_ome(image):
        return _new_ome(image, carried, done)
    return write(image, done, name)


def _stays(carried: Mapping[str, Any]) -> bool:
    """Return whether a TIFF that was read stays of its kind under the name of an OME-TIFF."""
    return carried.get("kind") == "ome" or ".ome." in carried.get("name", "").lower()


def remark(image: Image) -> str:
    """Return what a user should know of the TIFF that an image becomes, or ""."""
    carried: Mapping[str, Any] = image.metadata.get("tiff", {})
    remarks = []
    if carried.get("compression") == ZSTD:
        remarks.append("Zstandard, which ImageJ and Viv cannot open")
    if "S" in image.axes and image.pixels.dtype.kind == "f":
        remarks.append("colours of floats, which ImageJ and Pillow cannot open")
    return "; ".join(remarks)


def says_more(image: Image) -> bool:
    """Return whether the TIFF that an image was read from says more than an Image does."""
    kind = image.metadata.get("tiff", {}).get("kind")
    return kind in ("ome", "imagej", "metaseries")


def _edited(image: Image, carried: Mapping[str, Any], done: str, name: str) -> Parts | None:
    """Return the file that was read with other pixels; None where that cannot be."""
    source: Path | bytes = carried["file"]
    if stamp(source) is None or stamp(source) != carried["stamp"]:  # gone, or another file by now
        return None
    # Mapped, so that what stays the same is not read before it is written.
    data: Any = source if isinstance(source, bytes) else np.memmap(source, mode="r")
    with opened(source, image.name) as file:
        stored = contents.images(file, image.name)[0][carried["scene"]]
        try:
            parsed = directories.read(memoryview(data))
            tags = tags_of(parsed, stored, image, done, name)
            pieces = editing.with_pixels(parsed, stored, image.pixels, tags)
        except ValueError:  # tags that only tifffile can make sense of
            return None
        if pieces is None:
            return None
        # Micro-Manager's own data stand outside all directories, and say where pixels lie.
        moved = (image.pixels.shape, image.pixels.dtype) != (carried["shape"], carried["dtype"])
        return Pieces(pieces, (OF_MICROMANAGER,) if moved and file.is_micromanager else ())


def tags_of(parsed: File, stored: Stored, image: Image, done: str, name: str) -> records.Tags:
    """Return the tags that change where the file that was read gets other pixels.

    parsed, stored: that file. image: with the pixels. done: the record. name: of the result.
    """
    carried = image.metadata["tiff"]
    changes = _changes(image, carried, stored, name)
    tags = records.tags(parsed, carried["kind"], done, changes)
    given = changes.pixel_size is not None
    if given and carried["kind"] == "imagej":
        tags |= _fractions(parsed, [1 / size for size in image.pixel_size or ()], NO_UNIT)
    elif given or carried["kind"] == "ome":
        tags |= _resolution_tags(parsed, image, given)
    return tags


def can_edit(image: Image, carried: Mapping[str, Any]) -> bool:
    """Return whether the metadata of the file that was read can be those of the image."""
    if not carried.get("editable") or image.channels != carried["channels"]:
        return False
    if image.axes != carried["axes"]:
        return False
    if image.pixel_size == carried["pixel_size"]:
        return True
    # A pixel size that was given is put where the file's own stands.
    return image.pixel_size is not None and (
        carried["kind"] in ("ome", "imagej", "metaseries", "shaped")
        or carried["pixel_size"] is None
        or carried["size_from"].startswith("resolution tags")
    )


def _changes(image: Image, carried: Mapping[str, Any], stored: Stored, name: str) -> ome.Changes:
    """Return what an image has other than the one in its file."""
    attributes: dict[str, str | None] = {}
    for axis in "XY":
        side = image.pixels.shape[stored.axes.index(axis)]
        if side != stored.shape[stored.axes.index(axis)]:
            attributes[f"Size{axis}"] = str(side)
    if image.pixels.dtype != stored.dtype:
        attributes |= {"Type": OME_TYPES.get(str(image.pixels.dtype)), "SignificantBits": None}
    size = None if image.pixel_size == carried["pixel_size"] else image.pixel_size
    names = (carried["name"], name or carried["name"])
    return ome.Changes(stored.number, image.pixels.shape, attributes, size, names)


def _resolution_tags(file: File, image: Image, given: bool) -> records.Tags:
    """Return resolution tags for a file without them: many programs read nothing else.

    given: whether the pixel size is another than that of the file.
    """
    first = file.chain[0].entries
    unit = file.integers(first[RESOLUTION_UNIT])[0] if RESOLUTION_UNIT in first else 2
    there = X_RESOLUTION in first and unit != 1
    if image.pixel_size is None or (there and not given):
        return {}
    return _fractions(file, [1e4 / size for size in image.pixel_size], CENTIMETRE)


def _fractions(file: File, per_unit: Sequence[float], unit: int) -> records.Tags:
    """Return resolution tags. per_unit: pixels (y, x) of a unit, whose number is given."""
    y, x = (np.array(_fraction(value), f"{file.order}u4").tobytes() for value in per_unit)
    return {
        X_RESOLUTION: (RATIONAL, x),
        Y_RESOLUTION: (RATIONAL, y),
        RESOLUTION_UNIT: (SHORT, [unit]),
    }


def _fraction(value: float) -> tuple[int, int]:
    """Return a number as the fraction of two integers of 32 bits."""
    bottom = 1
    while bottom < 10**6 and value * bottom * 10 < 2**32 and value * bottom % 1:
        bottom *= 10
    return min(round(value * bottom), 2**32 - 1), bottom


def _new(image: Image, carried: Mapping[str, Any], options: dict[str, Any]) -> Parts:
    """Return a new file of one series."""
    stream = io.BytesIO()
    tifffile.imwrite(stream, image.pixels, **options)
    return Pieces([stream.getbuffer()], rest.lost(carried))


def _stored_options(image: Image, carried: Mapping[str, Any]) -> dict[str, Any]:
    """Return tifffile's options for how pixels are stored, and for the other tags."""
    return {
        "compression": _writable(carried.get("compression", 1)),
        "tile": carried.get("tile"),
        "software": "unsmear",
        "extratags": rest.tags(carried),
        **_sample_options(image, carried),
    }


def _new_ome(image: Image, carried: Mapping[str, Any], done: str) -> Parts:
    """Return a new OME-TIFF: an image a position, with levels where the input had them."""
    stream = io.BytesIO()
    # tifffile would draw an identity; the same image gives the same file.
    options = ome_options(image, carried, done, _identity(image, done))
    positions, axes = _positions(image)
    with tifffile.TiffWriter(stream, ome=True) as file:
        for position in positions:
            levels = _levels(position, axes, carried)
            file.write(position, subifds=len(levels), **options)
            options["extratags"] = []
            for level in levels:
                file.write(level, **level_options(options))
    return Pieces([stream.getbuffer()], rest.lost(carried))


def is_new_ome(image: Image, to_ome: bool) -> bool:
    """Return whether a file that is written anew is an OME-TIFF. to_ome: whether its name asks."""
    carried: Mapping[str, Any] = image.metadata.get("tiff", {})
    asked = to_ome and not _stays(carried)
    said = "ome" in carried or carried.get("kind") in contents.VENDOR
    return (asked or said) and _fits_ome(image)


def ome_options(
    image: Image, carried: Mapping[str, Any], done: str, identity: uuid.UUID
) -> dict[str, Any]:
    """Return tifffile's options for a new OME-TIFF. identity: of the file."""
    options = ome.options(image, carried.get("ome", {}), done)
    options |= _stored_options(image, carried)
    del options["ome"]
    if image.pixel_size:
        options["resolution"] = tuple(1e4 / size for size in reversed(image.pixel_size))
        options["resolutionunit"] = "CENTIMETER"
    axes = image.axes.replace("P", "")
    own = {"axes": axes, "UUID": f"urn:uuid:{identity}"}
    return options | {"metadata": {**options["metadata"], **own}}


def level_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return tifffile's options for a level of an image that is written with these."""
    names = ("compression", "tile", "photometric", "planarconfig", "extrasamples")
    return {"subfiletype": 1} | {name: options[name] for name in names if name in options}


def _identity(image: Image, done: str) -> uuid.UUID:
    """Return the identity of a file, which depends on what it holds alone."""
    return identity(done, [np.ascontiguousarray(image.pixels)])


def identity(done: str, parts: Iterable[NDArray[Any]]) -> uuid.UUID:
    """Return the identity of a file by its record and the parts of its pixels, in order."""
    digest = blake2b(done.encode(), digest_size=16)
    for part in parts:
        digest.update(part.reshape(-1).view(np.uint8).data)
    return uuid.UUID(bytes=digest.digest(), version=4)


def _positions(image: Image) -> tuple[list[Any], str]:
    """Return the pixels of each position of the stage, and their axes."""
    if "P" not in image.axes:
        return [image.pixels], image.axes
    moved = np.moveaxis(image.pixels, image.axes.index("P"), 0)
    return [np.ascontiguousarray(one) for one in moved], image.axes.replace("P", "")


def _levels(pixels: Any, axes: str, carried: Mapping[str, Any]) -> list[Any]:
    """Return the levels below an image that had a pyramid, each half as large."""
    levels: list[Any] = []
    y, x = axes.index("Y"), axes.index("X")
    rows, columns = pixels.shape[y], pixels.shape[x]
    while carried.get("levels", 1) > 1 and max(rows, columns) > SMALLEST_LEVEL:
        rows, columns = -(-rows // 2), -(-columns // 2)
        levels.append(area_mean(levels[-1] if levels else pixels, y, x, (rows, columns)))
    return levels


def _sample_options(image: Image, carried: Mapping[str, Any]) -> dict[str, Any]:
    """Return tifffile's options for samples: colours, alpha, and the order of samples."""
    photometric = carried.get("photometric", "rgb")
    if photometric == "palette":
        table = carried.get("colormap")
        if table is not None and table.shape[1] == 2 ** (8 * image.pixels.dtype.itemsize):
            return {"photometric": "palette", "colormap": table}
        photometric = "minisblack"
    if "S" not in image.axes:
        return {"photometric": "minisblack" if photometric == "rgb" else photometric}
    samples = image.pixels.shape[image.axes.index("S")]
    # A colour image has three samples, and at most one more: alpha.
    if photometric == "rgb" and samples not in (3, 4):
        photometric = "minisblack"
    options = {"photometric": photometric}
    options["planarconfig"] = "contig" if image.axes.endswith("S") else "separate"
    extra = carried.get("extrasamples", ())
    if not extra and image.alpha:
        extra = (2,)  # opacity that the colours were not multiplied by
    if extra and len(extra) == samples - (3 if photometric == "rgb" else 1):
        options["extrasamples"] = extra
    return options


def _fits_imagej(image: Image) -> bool:
    ordered = "".join(letter for letter in "TZCYXS" if letter in image.axes)
    return image.axes == ordered and image.pixels.dtype in (np.uint8, np.uint16, np.float32)


def _fits_ome(image: Image) -> bool:
    """Return whether OME-XML can describe the image: its dtype, and Y and X behind the others."""
    axes = image.axes.replace("P", "").removesuffix("S")
    return str(image.pixels.dtype) in OME_TYPES and axes.endswith("YX")


def _imagej_options(image: Image, carried: Mapping[str, Any], done: str) -> dict[str, Any]:
    metadata = {**carried["imagej"], "axes": image.axes}
    metadata["Info"] = "\n".join(filter(None, [metadata.get("Info"), done]))
    if "unit" in metadata:  # the description is ASCII; ImageJ itself escapes the micro sign
        metadata["unit"] = re.sub(
            r"[^\0-\x7f]", lambda sign: f"\\u{ord(sign[0]):04x}", str(metadata["unit"])
        )
    options = {"imagej": True, "metadata": metadata, **_resolution(carried)}
    return options | _stored_options(image, carried)


def plain_options(image: Image, carried: Mapping[str, Any], done: str) -> dict[str, Any]:
    """Return options for one line of JSON as the description, as tifffile itself writes it."""
    said: dict[str, Any] = {"shape": list(image.pixels.shape)}
    said["axes"] = "".join("R" if letter == "P" else letter for letter in image.axes)
    if image.channels:
        said["channels"] = list(image.channels)
    if carried.get("description"):
        said["Description"] = carried["description"]
    if done:
        said["unsmear"] = [record.value(done)]
    options: dict[str, Any] = {"metadata": None, "description": json.dumps(said)}
    options |= _resolution(carried)
    if image.pixel_size:
        options["resolution"] = tuple(1e4 / size for size in reversed(image.pixel_size))
        options["resolutionunit"] = "CENTIMETER"
    return options | _stored_options(image, carried)


def _resolution(carried: Mapping[str, Any]) -> dict[str, Any]:
    """Return the resolution tags as they were read, even in an unknown unit."""
    return {key: carried[key] for key in ("resolution", "resolutionunit") if key in carried}


def _writable(compression: int) -> str | None:
    """Return the input's lossless compression by tifffile's name; lossy ones become deflate."""
    lossless = {1: None, 5: "lzw", 8: "zlib", 32946: "zlib", 32773: "packbits", 50000: "zstd"}
    return lossless.get(compression, "zlib")


def as_imagej(image: Image) -> Image:
    """Return an image of floats that ImageJ and Pillow open: samples as channels, a page a plane.

    Display ranges and tables of the image that it came from are left out.
    """
    planes = image.planes()
    sizes = dict(zip(image.axes, image.pixels.shape, strict=True))
    batch = [letter for letter in axes_.BATCH if letter in sizes]
    axes = "".join(batch) + ("C" if planes.shape[1] > 1 or "C" in sizes else "") + "YX"
    shape = [sizes[letter] for letter in batch]
    shape += [planes.shape[1]] if "C" in axes else []
    pixels = planes.reshape(*shape, *planes.shape[2:])
    carried: dict[str, Any] = {"imagej": {"mode": "grayscale"} if "C" in axes else {}}
    if image.pixel_size:
        carried["imagej"]["unit"] = "um"
        carried["resolution"] = tuple(1 / size for size in reversed(image.pixel_size))
    said = image.metadata.get("tiff", {}).get("imagej", {})
    if "spacing" in said and str(said.get("unit", "")) in ("um", "micron", "\\u00B5m"):
        carried["imagej"]["spacing"] = said["spacing"]
    return Image(
        np.ascontiguousarray(pixels), axes, (), image.pixel_size, image.name, {"tiff": carried}
    )
