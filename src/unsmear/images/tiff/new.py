"""Writing of new TIFF files: OME, ImageJ and plain ones."""

from __future__ import annotations

import io
import json
import re
import uuid
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from unsmear.atomic import Parts, Pieces
from unsmear.images import axes as axes_
from unsmear.images import record
from unsmear.images.area_mean import area_mean
from unsmear.images.image import Image
from unsmear.images.tiff import contents, ome, rest

OME_TYPES = {
    "int8": "int8", "int16": "int16", "int32": "int32", "uint8": "uint8", "uint16": "uint16",
    "uint32": "uint32", "float32": "float", "float64": "double",
}  # fmt: skip
"""Names that OME has for dtypes."""
SMALLEST_LEVEL = 256
"""Side below which a pyramid that is written anew ends, pixels."""


def stays(carried: Mapping[str, Any]) -> bool:
    """Return whether a TIFF that was read stays of its kind under the name of an OME-TIFF."""
    return carried.get("kind") == "ome" or ".ome." in carried.get("name", "").lower()


def write(image: Image, carried: Mapping[str, Any], options: dict[str, Any]) -> Parts:
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


def write_ome(image: Image, carried: Mapping[str, Any], done: str) -> Parts:
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
    asked = to_ome and not stays(carried)
    said = "ome" in carried or carried.get("kind") in contents.VENDOR
    return (asked or said) and fits_ome(image)


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


def fits_imagej(image: Image) -> bool:
    """Return whether a hyperstack of ImageJ can hold the image: its dtype, its order of axes."""
    ordered = "".join(letter for letter in "TZCYXS" if letter in image.axes)
    return image.axes == ordered and image.pixels.dtype in (np.uint8, np.uint16, np.float32)


def fits_ome(image: Image) -> bool:
    """Return whether OME-XML can describe the image: its dtype, and Y and X behind the others."""
    axes = image.axes.replace("P", "").removesuffix("S")
    return str(image.pixels.dtype) in OME_TYPES and axes.endswith("YX")


def imagej_options(image: Image, carried: Mapping[str, Any], done: str) -> dict[str, Any]:
    """Return options for a hyperstack of ImageJ, with the metadata of the one that was read."""
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
