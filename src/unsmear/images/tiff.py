"""TIFF: OME, ImageJ and plain; any compression, many planes, pixel size and channels kept."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from unsmear.errors import AxesError, ImageError
from unsmear.images.image import Image, check_declared, check_pixels, said
from unsmear.images.logged import logged_as_error

MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
MICROMETRES = {
    "nm": 1e-3,
    "um": 1.0,
    "µm": 1.0,
    "μm": 1.0,
    "\\u00b5m": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "mm": 1e3,
    "cm": 1e4,
    "m": 1e6,
    "inch": 25400.0,
}
OME_PIXELS = (
    "SignificantBits",
    "PhysicalSizeZ",
    "PhysicalSizeZUnit",
    "TimeIncrement",
    "TimeIncrementUnit",
)
OME_CHANNEL = (
    "Color",
    "Fluor",
    "ContrastMethod",
    "AcquisitionMode",
    "IlluminationType",
    "ExcitationWavelength",
    "ExcitationWavelengthUnit",
    "EmissionWavelength",
    "EmissionWavelengthUnit",
    "PinholeSize",
    "PinholeSizeUnit",
    "NDFilter",
)
IMAGEJ_OWN = {"ImageJ", "images", "channels", "slices", "frames", "hyperstack", "unit", "mode"}


def read(data: bytes, name: str, axes: str | None = None) -> Image:
    """Return the image in the bytes of a TIFF file; it must hold a single series."""
    try:
        damaged = f"{name}: the TIFF file is damaged"
        with (
            logged_as_error("tifffile", logging.ERROR, damaged),
            tifffile.TiffFile(io.BytesIO(data)) as file,
        ):
            return _read(file, len(data), name, axes)
    except (ImageError, AxesError):
        raise
    # tifffile meets damaged files with whatever its parsing runs into
    except Exception as error:
        raise ImageError(f"{name}: the TIFF file is damaged ({said(error)}).") from error


def _read(file: tifffile.TiffFile, size: int, name: str, axes: str | None) -> Image:
    if len(file.series) != 1:
        raise ImageError(
            f"{name}: a TIFF must hold one image, got {len(file.series)}; save them one a file."
        )
    series = file.series[0]
    check_declared(series.shape, series.dtype.itemsize, name)
    pages = [page.aspage() for page in series.pages if page is not None]
    if len(pages) < len(series.pages):
        missing = len(series.pages) - len(pages)
        raise ImageError(
            f"{name}: the TIFF file lacks {missing} of its {len(series.pages)} planes."
        )
    for page in pages:
        _check_segments(file, page, size, name)
    page = pages[0]
    carried: dict[str, Any] = {"compression": int(page.compression), "photometric": "minisblack"}
    if page.photometric in (tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.YCBCR):
        carried["photometric"] = "rgb"
    channels: tuple[str, ...] = ()
    if file.is_ome:
        pixel_size, channels, carried["ome"] = _parse_ome(str(file.ome_metadata), name)
    else:
        pixel_size = _resolution(page, (file.imagej_metadata or {}).get("unit", ""))
        if file.is_imagej:
            metadata = file.imagej_metadata or {}
            carried["imagej"] = {k: v for k, v in metadata.items() if k not in IMAGEJ_OWN}
        else:
            carried["description"] = _description(page)
            channels = _shaped_channels(file)
    axes = axes or _known_axes(series, name)
    if series.axes.endswith("S") and not file.is_ome and not channels and axes == "YXS":
        channels = {3: ("red", "green", "blue")}.get(series.shape[-1], ())
    pixels = check_pixels(np.asarray(series.asarray()), name)
    if channels and len(channels) != _count(axes, pixels.shape):
        channels = ()
    return Image(pixels, axes, channels, pixel_size, name, {"tiff": carried})


def _check_segments(file: tifffile.TiffFile, page: tifffile.TiffPage, size: int, name: str) -> None:
    """Raise ImageError where a strip or tile is missing or cut: tifffile makes it black."""
    segments = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    if max((start + count for start, count in segments), default=0) > size:
        raise ImageError(f"{name}: the TIFF file is cut short after {size} bytes.")
    missing = sum(not (start and count) for start, count in segments)
    if missing:
        raise ImageError(f"{name}: the TIFF file lacks {missing} of {len(segments)} strips.")
    if page.compression == tifffile.COMPRESSION.JPEG:
        for start, count in segments:
            file.filehandle.seek(start)
            if b"\xff\xd9" not in file.filehandle.read(count):
                raise ImageError(f"{name}: a JPEG strip of the TIFF file is cut short.")


def write(image: Image, done: str = "") -> bytes:
    """Return the bytes of a TIFF file of the kind that was read; `done` joins its description."""
    carried: Mapping[str, Any] = image.metadata.get("tiff", {})
    stream = io.BytesIO()
    if "imagej" in carried and _fits_imagej(image):
        options = _imagej_options(image, carried["imagej"], done)
    elif "ome" in carried:
        options = _ome_options(image, carried["ome"], done)
    else:
        options = _plain_options(image, carried.get("description", ""), done)
    if not options.get("imagej"):
        options["compression"] = _writable(carried.get("compression", 1))
    colour = "S" in image.axes and carried.get("photometric", "rgb") == "rgb"
    # A colour image has three samples, and at most one more: alpha.
    colour = colour and image.pixels.shape[image.axes.index("S")] in (3, 4)
    if "S" in image.axes and not image.axes.endswith("S"):
        options["planarconfig"] = "separate"
    tifffile.imwrite(
        stream,
        image.pixels,
        photometric="rgb" if colour else "minisblack",
        software="unsmear",
        **options,
    )
    return stream.getvalue()


def _known_axes(series: tifffile.TiffPageSeries, name: str) -> str:
    if set(series.axes) <= set("STCZYX"):
        return str(series.axes)
    sizes = "x".join(map(str, series.shape))
    raise AxesError(
        f"{name}: its metadata do not say what its dimensions ({sizes}) are; "
        f"give them with --axes, for example --axes {'ZYX' if series.ndim == 3 else 'CZYX'}."
    )


def _description(page: tifffile.TiffPage) -> str:
    """Return the first description, unless it is the line of metadata that tifffile writes."""
    text = str(page.description)
    return "" if text.startswith('{"shape"') else text


def _shaped_channels(file: tifffile.TiffFile) -> tuple[str, ...]:
    """Return the channel names that `write` left in tifffile's own line of metadata."""
    names = file.shaped_metadata[0].get("channels") if file.shaped_metadata else None
    return tuple(map(str, names)) if isinstance(names, list) else ()


def _count(axes: str, shape: tuple[int, ...]) -> int:
    return int(np.prod([n for letter, n in zip(axes, shape, strict=False) if letter in "CS"]))


def _resolution(page: tifffile.TiffPage, unit: str) -> tuple[float, float] | None:
    """Return (y, x) in micrometres from the resolution tags and ImageJ's unit."""
    factor = MICROMETRES.get(unit.lower())
    if factor is None:
        factor = {2: 25400.0, 3: 1e4}.get(int(page.resolutionunit or 0))
    x, y = page.resolution if "XResolution" in page.tags else (0.0, 0.0)
    return (factor / y, factor / x) if factor and x > 0 and y > 0 else None


def _parse_ome(
    xml: str, name: str
) -> tuple[tuple[float, float] | None, tuple[str, ...], dict[str, Any]]:
    """Return pixel size, channel names and what else the writer gives back."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise ImageError(f"{name}: its OME-XML is damaged ({error}).") from error
    image, pixels = root.find(".//{*}Image"), root.find(".//{*}Pixels")
    if image is None or pixels is None:
        raise ImageError(f"{name}: its OME-XML describes no image.")
    carried: dict[str, Any] = {k: pixels.attrib[k] for k in OME_PIXELS if k in pixels.attrib}
    carried["Name"] = image.get("Name", "")
    carried["Description"] = image.findtext("{*}Description", "")
    channels = pixels.findall("{*}Channel")
    # Attributes come back as lists, one entry a channel, so all channels must have them.
    carried["Channel"] = {
        key: [channel.attrib[key] for channel in channels]
        for key in OME_CHANNEL
        if channels and all(key in channel.attrib for channel in channels)
    }
    names = tuple(channel.get("Name", "") for channel in channels)
    size = []
    for axis in "YX":
        unit = MICROMETRES.get(pixels.get(f"PhysicalSize{axis}Unit", "µm").lower())
        length = float(pixels.get(f"PhysicalSize{axis}", 0))
        size.append(length * unit if unit else 0.0)
    return (
        (size[0], size[1]) if all(size) else None,
        names if all(names) else (),
        carried,
    )


def _ome_options(image: Image, carried: Mapping[str, Any], done: str) -> dict[str, Any]:
    metadata = {k: v for k, v in carried.items() if v}
    metadata["axes"] = image.axes
    metadata["Description"] = "\n".join(filter(None, [carried.get("Description"), done]))
    if image.pixel_size:
        for axis, size in zip("YX", image.pixel_size, strict=True):
            metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"}
    channel = dict(carried.get("Channel", {}))
    if image.channels:
        channel["Name"] = list(image.channels)
    metadata["Channel"] = channel
    return {"ome": True, "metadata": metadata}


def _fits_imagej(image: Image) -> bool:
    ordered = "".join(letter for letter in "TZCYXS" if letter in image.axes)
    return image.axes == ordered and image.pixels.dtype in (np.uint8, np.uint16, np.float32)


def _imagej_options(image: Image, carried: Mapping[str, Any], done: str) -> dict[str, Any]:
    info = "\n".join(filter(None, [carried.get("Info", ""), done]))
    metadata = {**carried, "axes": image.axes, "Info": info}
    options: dict[str, Any] = {"imagej": True, "metadata": metadata}
    if image.pixel_size:
        metadata["unit"] = "um"
        options["resolution"] = tuple(1 / size for size in reversed(image.pixel_size))
    return options


def _plain_options(image: Image, description: str, done: str) -> dict[str, Any]:
    text = "\n".join(filter(None, [description, done]))
    metadata: dict[str, Any] = {"axes": image.axes}
    if image.channels:
        metadata["channels"] = list(image.channels)
    options: dict[str, Any] = {"metadata": metadata}
    if text:
        # A TIFF description is ASCII; tifffile stores its own line of JSON as a second one.
        options["description"] = text.encode("ascii", "replace").decode()
    if image.pixel_size:
        options["resolution"] = tuple(1e4 / size for size in reversed(image.pixel_size))
        options["resolutionunit"] = "CENTIMETER"
    return options


def _writable(compression: int) -> str | None:
    """Return the input's lossless compression by tifffile's name; lossy ones become deflate."""
    kept = {1: None, 5: "lzw", 8: "zlib", 32946: "zlib", 32773: "packbits", 50000: "zstd"}
    return kept.get(compression, "zlib")
