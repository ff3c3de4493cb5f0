"""Writing of TIFF files."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import tifffile

from unsmear.images.image import Image
from unsmear.images.tiff import ome


def write(image: Image, done: str = "") -> bytes:
    """Return the bytes of a TIFF file of the kind that was read; `done` joins the description."""
    carried: Mapping[str, Any] = image.metadata.get("tiff", {})
    stream = io.BytesIO()
    if "imagej" in carried and _fits_imagej(image):
        options = _imagej_options(image, carried, done)
    elif "ome" in carried:
        options = ome.options(image, carried["ome"], done)
    else:
        options = _plain_options(image, carried, done)
    options |= _sample_options(image, carried)
    tifffile.imwrite(
        stream,
        image.pixels,
        compression=_writable(carried.get("compression", 1)),
        software="unsmear",
        **options,
    )
    return stream.getvalue()


def _sample_options(image: Image, carried: Mapping[str, Any]) -> dict[str, Any]:
    """Return tifffile's options for samples: colours, alpha, and the order of samples."""
    photometric = carried.get("photometric", "rgb")
    if "S" not in image.axes:
        return {"photometric": "minisblack" if photometric == "rgb" else photometric}
    samples = image.pixels.shape[image.axes.index("S")]
    # A colour image has three samples, and at most one more: alpha.
    if photometric == "rgb" and samples not in (3, 4):
        photometric = "minisblack"
    options = {"photometric": photometric}
    options["planarconfig"] = "contig" if image.axes.endswith("S") else "separate"
    extra = carried.get("extrasamples", ())
    if extra and len(extra) == samples - (3 if photometric == "rgb" else 1):
        options["extrasamples"] = extra
    return options


def _fits_imagej(image: Image) -> bool:
    ordered = "".join(letter for letter in "TZCYXS" if letter in image.axes)
    return image.axes == ordered and image.pixels.dtype in (np.uint8, np.uint16, np.float32)


def _imagej_options(image: Image, carried: Mapping[str, Any], done: str) -> dict[str, Any]:
    metadata = {**carried["imagej"], "axes": image.axes}
    metadata["Info"] = "\n".join(filter(None, [metadata.get("Info"), done]))
    if "unit" in metadata:  # the description is ASCII; ImageJ itself escapes the micro sign
        metadata["unit"] = re.sub(
            r"[^\0-\x7f]", lambda sign: f"\\u{ord(sign[0]):04x}", str(metadata["unit"])
        )
    return {"imagej": True, "metadata": metadata, **_resolution(carried)}


def _plain_options(image: Image, carried: Mapping[str, Any], done: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": image.axes}
    if image.channels:
        metadata["channels"] = list(image.channels)
    options: dict[str, Any] = {"metadata": metadata, **_resolution(carried)}
    text = "\n".join(filter(None, [carried.get("description"), done]))
    if text:  # tifffile stores its own line of JSON as a second description
        options["description"] = text.encode()
    if image.pixel_size:
        options["resolution"] = tuple(1e4 / size for size in reversed(image.pixel_size))
        options["resolutionunit"] = "CENTIMETER"
    return options


def _resolution(carried: Mapping[str, Any]) -> dict[str, Any]:
    """Return the resolution tags as they were read, even in an unknown unit."""
    return {key: carried[key] for key in ("resolution", "resolutionunit") if key in carried}


def _writable(compression: int) -> str | None:
    """Return the input's lossless compression by tifffile's name; lossy ones become deflate."""
    lossless = {1: None, 5: "lzw", 8: "zlib", 32946: "zlib", 32773: "packbits", 50000: "zstd"}
    return lossless.get(compression, "zlib")
