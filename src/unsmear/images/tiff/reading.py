"""Reading of TIFF files: pixels, axes, pixel size, channel names, and what their writers say."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from unsmear.errors import AxesError, ImageError, error_text
from unsmear.images import axes as axes_
from unsmear.images.image import LARGEST, Image, check_declared, check_pixels, choose
from unsmear.images.logged import logged_as_error
from unsmear.images.tiff import contents, ndtiff, ome, palette, pixel_size, segments
from unsmear.images.tiff.stored import Stored
from unsmear.images.timing import UNKNOWN, Timing

MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""First bytes of TIFF and BigTIFF files."""
PHOTOMETRIC = {
    tifffile.PHOTOMETRIC.RGB: "rgb",
    tifffile.PHOTOMETRIC.YCBCR: "rgb",
    tifffile.PHOTOMETRIC.MINISWHITE: "miniswhite",
    tifffile.PHOTOMETRIC.PALETTE: "palette",
}
"""Photometric interpretations as they are written; all others become "minisblack"."""
IMAGEJ_OWN = {"ImageJ", "images", "channels", "slices", "frames", "hyperstack"}
"""Metadata of ImageJ that tifffile writes itself."""
LETTERS = {"R": "P"}
"""Our letters for axes that tifffile names otherwise: positions of the stage."""
NAME_OF_QPTIFF = re.compile(r"<Name>([^<]*)</Name>")
"""The stain in the description of a page."""
HARMLESS = re.compile(r"contains no pages|TiffTag (?!3362|3363|34412)(3[3-9]|[4-6]\d)\d{3} @")
"""What tifffile logs of files that can be read: private tags that are broken, say pointers of EXIF
that another program copied without what they point to. Those of STK and LSM are needed."""
OPACITY = (1, 2)
"""Kinds of an extra sample that are opacity: associated and unassociated alpha."""


def scenes(file: Path | bytes, name: str) -> list[str]:
    """Return the names of the images in a TIFF file; raises as `read` does."""
    with opened(file, name) as found:
        stored, _ = contents.images(found, name)
        return _names(stored)


def read(file: Path | bytes, name: str, axes: str | None = None, scene: int | None = None) -> Image:
    """Return an image of a TIFF file, given by its path or as its bytes.

    scene: number of the image, from 0, where the file holds several.
    """
    with opened(file, name) as found:
        return _read(found, file, name, axes, scene)[0]


def header(
    file: tifffile.TiffFile, path: Path, axes: str | None = None, scene: int | None = None
) -> tuple[Image, Stored]:
    """Return an image of an open TIFF file without its pixels, and how it is stored.

    The pixels are zeros that take no memory. Raises as `read` does.
    """
    return _read(file, path, path.name, axes, scene, load=False)


def stamp(file: Path | bytes) -> tuple[int, int] | None:
    """Return by what a file is known to be the one that was read; None for one that is gone."""
    if isinstance(file, bytes):
        return len(file), 0
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


@contextlib.contextmanager
def opened(file: Path | bytes, name: str) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF file; any error of tifffile, logged ones among them, becomes an ImageError."""
    damaged = f"{name}: the TIFF file is damaged"
    try:
        with (
            logged_as_error("tifffile", logging.ERROR, damaged, but=HARMLESS),
            tifffile.TiffFile(io.BytesIO(file) if isinstance(file, bytes) else file) as found,
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # of pages in other files of a set
            yield found
    except (ImageError, AxesError):
        raise
    # tifffile can raise any error for a damaged file
    except Exception as error:
        raise ImageError(f"{damaged} ({error_text(error)}).") from error


def matches(file: Path, image: Image, name: str) -> tuple[Image, bool]:
    """Return a file that was written as an image without its pixels, and whether they are there.

    Raises as `read` does.
    """
    with opened(file, name) as found:
        try:
            again, stored = _read(found, file, name, None, None, load=False)
        except AxesError:  # axes that the user gave, and the file has no room for
            again, stored = _read(found, file, name, image.axes, None, load=False)
        return again, stored.holds(image.pixels)


def _names(found: Sequence[Stored]) -> list[str]:
    return [one.name or f"image {number + 1}" for number, one in enumerate(found)]


def _read(
    file: tifffile.TiffFile,
    source: Path | bytes,
    name: str,
    axes: str | None,
    scene: int | None,
    load: bool = True,
) -> tuple[Image, Stored]:
    """Return an image and how it is stored. load: whether to read its pixels."""
    found, unkept = contents.images(file, name)
    number = choose(_names(found), scene, name, "the TIFF file")
    stored = found[number]
    kind = contents.kind_of(file)
    _check(stored, name, kind, load)
    size, source_of_size, channels, carried, timing = _metadata(file, stored, kind, name)
    own = "".join(LETTERS.get(letter, letter) for letter in stored.axes)
    given = axes
    axes = axes_.check(axes or _known_axes(own, stored.shape, name), stored.shape, name)
    axes_are_known = set(own) <= set(axes_.KNOWN)
    own_axes = ""
    if axes_are_known or _is_coloured(stored.keyframe):
        own_axes = axes_.contradicted(given, own, stored.shape, name)
    alpha = _has_alpha(stored.keyframe, axes)
    channels = _channel_names(channels, axes, stored.shape, alpha)
    in_set = len({page.parent.filehandle.path for page in stored.pages}) > 1
    unkept += ("its other images",) if len(found) > 1 else ()
    unkept += ("its set of several files",) if in_set else ()
    carried |= {
        "kind": kind,
        "file": source,
        "stamp": stamp(source),
        "name": name,
        "axes": axes,
        "shape": stored.shape,
        "dtype": stored.dtype.newbyteorder("="),
        "size_from": source_of_size,
        "scene": number,
        "levels": len(stored.levels),
        "pixel_size": size,
        "channels": channels,
        # Pixels of such a file can be replaced where it lies.
        "editable": kind not in contents.VENDOR
        and not in_set
        and len(found) == 1
        and (given is None or given == own or not axes_are_known),
    }
    image = Image(
        _pixels(stored, name, load),
        axes,
        channels,
        size,
        name,
        {"tiff": carried},
        source_of_size,
        alpha,
        unkept,
        timing,
        own_axes,
    )
    return image, stored


def _check(stored: Stored, name: str, kind: str, load: bool) -> None:
    """Raise ImageError for an image that cannot be read. load: whether its pixels are wanted."""
    check_declared(stored.shape, stored.dtype.itemsize, name, LARGEST if load else None)
    for page in _pages(stored, name):
        segments.check(page, name, load)
    if kind != "imagej":
        palette.check(stored.keyframe, name)


def _pixels(stored: Stored, name: str, load: bool) -> NDArray[Any]:
    """Return the pixels; where they are not wanted, zeros that take no memory."""
    nothing = check_pixels(np.zeros(1, stored.dtype), name)  # before anything is decoded
    if load:
        return check_pixels(stored.asarray(), name)
    return np.broadcast_to(nothing, stored.shape)


def _channel_names(
    channels: tuple[str, ...], axes: str, shape: tuple[int, ...], alpha: bool
) -> tuple[str, ...]:
    """Return the channels' names, and those of the colours where a colour image has none; () where
    there are not as many as channels. alpha: whether the last sample is opacity.
    """
    if axes == "YXS" and not channels:
        channels = {3: ("red", "green", "blue")}.get(shape[-1] - alpha, ())
    return channels if len(channels) == axes_.channel_count(axes, shape) - alpha else ()


def _pages(stored: Stored, name: str) -> list[Any]:
    """Return the image's pages; raises ImageError if its metadata declare more than it has."""
    pages = [page for page in stored.pages if page is not None]
    missing = len(stored.pages) - len(pages)
    if missing:
        raise ImageError(
            f"{name}: the TIFF file lacks {missing} of its {len(stored.pages)} planes."
        )
    return pages


def _metadata(
    file: tifffile.TiffFile, stored: Stored, kind: str, name: str
) -> tuple[pixel_size.Size, str, tuple[str, ...], dict[str, Any], Timing]:
    """Return pixel size and where it stands, channel names, what is carried to the writer, and the
    exposures of the channels.
    """
    page = stored.keyframe
    carried = _carried(page)
    channels: tuple[str, ...] = ()
    xml_size, timing = None, UNKNOWN
    if kind == "ome":
        xml = stored.xml or str(file.ome_metadata)
        xml_size, channels, carried["ome"], timing = ome.parse(xml, name, stored.number)
    elif kind == "imagej":
        metadata = file.imagej_metadata or {}
        carried["imagej"] = {k: v for k, v in metadata.items() if k not in IMAGEJ_OWN}
        channels = _named_channels(file, stored, kind) if file.is_micromanager else ()
    else:
        channels = _named_channels(file, stored, kind) or ndtiff.channels(file, stored)
        carried["description"] = "" if kind in contents.VENDOR else _description(page)
    size, where = pixel_size.of_page(file, page, xml_size)
    return size, where, channels, carried, timing


def _carried(page: tifffile.TiffPage) -> dict[str, Any]:
    """Return how the pixels are stored, for a file that is written anew."""
    carried = {
        "compression": int(page.compression),
        "photometric": PHOTOMETRIC.get(page.photometric, "minisblack"),
        "extrasamples": tuple(map(int, page.extrasamples)),
        "tile": (page.tilelength, page.tilewidth) if page.is_tiled else None,
    }
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
        carried["colormap"] = page.colormap
    unit = int(page.tags["ResolutionUnit"].value) if "ResolutionUnit" in page.tags else 1
    if "XResolution" in page.tags and min(page.resolution) > 0 and unit in (1, 2, 3):
        carried["resolution"] = page.resolution
        carried["resolutionunit"] = unit
    return carried


def _is_coloured(page: tifffile.TiffPage) -> bool:
    """Return whether each pixel has samples of colours, so that its rows and columns are sure."""
    return PHOTOMETRIC.get(page.photometric) == "rgb" and page.samplesperpixel > 1


def _has_alpha(page: tifffile.TiffPage, axes: str) -> bool:
    """Return whether the last sample is opacity."""
    extra = [int(kind) for kind in page.extrasamples]
    return "S" in axes and bool(extra) and extra[-1] in OPACITY


def _known_axes(axes: str, shape: tuple[int, ...], name: str) -> str:
    if set(axes) <= set(axes_.KNOWN):
        return axes
    sizes = "x".join(map(str, shape))
    raise AxesError(
        f"{name}: its metadata do not say what its dimensions ({sizes}) are; "
        f"give them with --axes, for example --axes {axes_.example(shape)}."
    )


def _description(page: tifffile.TiffPage) -> str:
    """Return the first description; of tifffile's own line of metadata the texts in it."""
    text = str(page.description)
    if not text.startswith("{") or '"shape"' not in text:
        return text
    try:
        said = json.loads(text)
    except ValueError:
        return ""
    records = [r if isinstance(r, str) else json.dumps(r) for r in said.get("unsmear", [])]
    return "\n".join(filter(None, [str(said.get("Description", "")), *records]))


def _named_channels(file: tifffile.TiffFile, stored: Stored, kind: str) -> tuple[str, ...]:
    """Return the channel names in tifffile's line, an LSM, a QPTIFF or Micro-Manager's summary."""
    names: Any = None
    if kind == "shaped" and file.shaped_metadata:
        said: Mapping[str, Any] = file.shaped_metadata[0]
        names = said.get("channels")
        channel = said.get("Channel")
        if names is None and isinstance(channel, dict):
            names = channel.get("Name")
        elif names is None and isinstance(channel, list):
            names = [c.get("Name", "") if isinstance(c, dict) else c for c in channel]
    if names is None and file.is_micromanager:
        names = ((file.micromanager_metadata or {}).get("Summary") or {}).get("ChNames")
    if kind == "lsm":
        names = ((file.lsm_metadata or {}).get("ChannelColors") or {}).get("ColorNames")
    if kind == "qpi":
        pages = [str(page.aspage().description) for page in stored.pages]
        found = [NAME_OF_QPTIFF.search(text) for text in pages]
        names = [one[1] for one in found if one]
    if isinstance(names, str):
        names = [names]
    return tuple(map(str, names)) if isinstance(names, list) else ()
