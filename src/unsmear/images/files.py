"""Image files: reading by the file's first bytes, writing by the ending of its name."""

from __future__ import annotations

import lzma
import math
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.atomic import Parts, Pieces, copy_aside, write_aside
from unsmear.errors import ImageError
from unsmear.images import axes as axes_
from unsmear.images import jpeg, known, npy, ome_zarr, png, tiff, zipped
from unsmear.images.image import Image, check_room
from unsmear.images.staging import staged
from unsmear.images.units import LARGEST_OF_TAGS, doubt
from unsmear.images.vendor import czi, lif, nd2, oif
from unsmear.location import Location, is_url

DAMAGE = (OSError, KeyError, EOFError, RuntimeError, zlib.error, lzma.LZMAError,
          zipfile.BadZipFile)  # fmt: skip
"""What reading a file can raise; a member of a zip file can be damaged or encrypted."""


@dataclass(frozen=True)
class Format:
    """A kind of image file.

    title: its name in sentences, "a JPEG".
    magics: the first bytes of its files, one of them.
    read: (the file, its name, axes, number of the scene) to an image. The file is its bytes, or
    its path where `by_path` and it lies on the disk.
    scenes: (the file) to the names of the images in it, where there can be several.
    """

    title: str
    magics: tuple[bytes, ...]
    read: Callable[..., Image]
    scenes: Callable[..., list[str]] | None = None
    by_path: bool = False


FORMATS = (
    Format("a PNG", (png.MAGIC,), png.read),
    Format("a JPEG", (jpeg.MAGIC,), jpeg.read),
    Format("a NumPy file", (npy.MAGIC,), npy.read),
    Format("a TIFF", tiff.MAGICS, tiff.read, tiff.scenes, by_path=True),
    Format(czi.TITLE, (czi.MAGIC,), czi.read, czi.scenes, by_path=True),
    Format(nd2.TITLE, nd2.MAGICS[:1], nd2.read, by_path=True),
    Format(lif.TITLE, (lif.MAGIC,), lif.read, lif.scenes, by_path=True),
    Format(oif.TITLE, oif.MAGICS, oif.read, by_path=True),
)
OLD_ND2 = Format(nd2.TITLE, nd2.MAGICS, nd2.read, by_path=True)
"""Old files of Nikon, which are JPEG 2000 and known by their ending."""
ZARR = Format("an OME-Zarr", (), ome_zarr.read, by_path=True)
"""The format of folders."""
TIFFS = (".tif", ".tiff", ".btf", ".tf2", ".tf8")
"""Endings of TIFFs."""
# Writers by the ending of a file's name: (image, line of text) to the file's contents; those of
# TIFFs are also given the file's name.
WRITERS: dict[str, Callable[..., bytes | Parts]] = {
    ".png": png.write,
    **dict.fromkeys(TIFFS, tiff.write),
    ".npy": npy.write,
}
OME_ENDINGS = (".ome.tif", ".ome.tiff", ".ome.btf", ".ome.tf2", ".ome.tf8")
"""Endings of OME-TIFFs."""
SUFFIXES = (*WRITERS, ".jpg", ".jpeg", ".stk", ".lsm", ".svs", ".ndpi", ".qptiff", ".scn",
            ".bif", ".czi", ".nd2", ".lif", ".oib", ".oif")  # fmt: skip
"""Endings of file names that count as images when a folder is searched."""
HOLDS = {".npy": frozenset[str](), ".png": frozenset({"pixel size"})}
"""What formats keep besides the pixels; all others keep axes, pixel size and channel names."""
ALL = frozenset({"axes", "pixel size", "channel names"})


def read(
    path: str | Path | zipfile.Path | Location,
    axes: str | None = None,
    scene: int | None = None,
) -> Image:
    """Return the image in a file of a known format, or in a member of a zip file.

    Parameters
    ----------
    path
        The file; its format is taken from its first bytes. An address, as in
        "s3://bucket/plate.zarr/A/1/0" or "https://host/cells.tif", with the extra `cloud`.
    axes
        The array's axes, where the file does not say or says it wrongly; never guessed.
    scene
        Number of the image, from 0; to be given where the file holds several, see `scenes`.

    Returns
    -------
    Image
        Pixels as stored, with axes, channels, pixel size in micrometres and metadata.

    Raises
    ------
    ImageError
        For a file that is missing, empty, damaged or no image, or that holds infinities.
    AxesError
        Where `axes` are needed or do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> unsmear.write("cells.tif", unsmear.Image(np.zeros((64, 48), np.uint16), "YX"))
    ()
    >>> unsmear.read("cells.tif").pixels.shape
    (64, 48)
    """
    path = _place(path)
    if isinstance(path, Location):
        with staged([path]) as (here,):
            image = read(here, axes, scene)
        # The Zarr that it would be written into is gone.
        kept = {name: value for name, value in image.metadata.items() if name != "zarr"}
        return replace(image, metadata=kept)
    kind, file = _opened(path)
    several = {} if kind.scenes is None else {"scene": scene}
    return kind.read(file, path.name, axes, **several)


def scenes(path: str | Path | zipfile.Path | Location) -> list[str]:
    """Return the names of the images in a file, [""] for a file of one; raises as `read` does."""
    path = _place(path)
    if isinstance(path, Location):
        with staged([path]) as (here,):
            return scenes(here)
    kind, file = _opened(path)
    return [""] if kind.scenes is None else kind.scenes(file, path.name)


def _place(path: str | Path | zipfile.Path | Location) -> Path | zipfile.Path | Location:
    """Return what a path names; an address that ends in .zarr, or lies in one, is a Zarr."""
    if not isinstance(path, str):
        return path
    return location_of(path) if is_url(path) else Path(path)


def location_of(url: str) -> Location:
    """Return a remote image; its address alone says whether it is a file or a Zarr."""
    location = Location(url)
    in_zarr = any(part.lower().endswith(".zarr") for part in location.path.parts)
    return replace(location, folder=in_zarr and location.suffix.lower() not in SUFFIXES)


def is_tiff(path: Path) -> bool:
    """Return whether a file of this name is written as a TIFF."""
    return path.suffix.lower() in TIFFS


def is_read(head: bytes) -> bool:
    """Return whether a file that begins with these bytes is of a format that is read."""
    return any(head.startswith(kind.magics) for kind in FORMATS)


def _opened(path: Path | zipfile.Path) -> tuple[Format, Path | bytes]:
    """Return the file's format, and its path or its bytes, as that wants it."""
    name = path.name
    if isinstance(path, Path) and ome_zarr.is_zarr(path):
        return ZARR, path
    try:
        _check_file(path)
        if isinstance(path, Path):
            with path.open("rb") as stream:
                head = stream.read(64)
        else:
            head = zipped.head(path, 64)
        if not head:
            raise ImageError(f"{name}: the file is empty.")
        kind = _format_of(name, head)
        if isinstance(path, Path):
            return kind, path if kind.by_path else _read(path)
        return kind, zipped.read(path)
    except DAMAGE as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(f"{name}: the file cannot be read ({reason}).") from error


def _read(path: Path) -> bytes:
    check_room(path.stat().st_size, path.name)
    return path.read_bytes()


def _format_of(name: str, head: bytes) -> Format:
    """Return the format of a file; raises ImageError for one that is not read."""
    ending = PurePath(name).suffix.lower()
    if ending == ".nd2" and head.startswith(nd2.MAGICS):
        return OLD_ND2
    kind = next((kind for kind in FORMATS if head.startswith(kind.magics)), None)
    # Some formats begin as a TIFF and have their pixels elsewhere.
    if kind is None or ending in known.BY_ENDING:
        got = known.sentence(name, head) or "none of them; save it as one of them"
        raise ImageError(
            f"{name}: a file must be an image of a format that is read (PNG, JPEG, TIFF, "
            f"OME-Zarr, CZI, ND2, LIF, OIB, OIF, NumPy), got {got}."
        )
    return kind


def _check_file(path: Path | zipfile.Path) -> None:
    """Raise ImageError for a folder, a pipe or a device; reading a pipe may never end."""
    if isinstance(path, Path) and path.exists() and not path.is_file():
        got = "a folder" if path.is_dir() else "a pipe or a device"
        raise ImageError(f"{path.name}: an input must be a file, got {got}.")


def write(path: str | Path, image: Image, done: str = "") -> tuple[str, ...]:
    """Write the image in the format of the path's ending, read back before it takes its name.

    Parameters
    ----------
    path
        A path that ends in .png, .tif, .tiff or .npy.
    image
        What to write; dtype, axes, pixel size and metadata are kept where the format has room.
    done
        What was done to the image, a line of text; it joins the description that the format has.

    Returns
    -------
    tuple of str
        What the format has no room for, in words; empty as a rule.

    Raises
    ------
    ImageError
        For an ending that is not written, an image that the format cannot hold, a file that
        cannot be written, and one that does not read back as it was meant.

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> unsmear.write("cells.png", unsmear.Image(np.zeros((64, 48), np.uint8), "YX"))
    ()
    """
    path = Path(path)
    if not isinstance(image, Image):
        raise ImageError(
            f"{path.name}: what is written must be an Image, got {type(image).__name__}; "
            "the image of a Restored is its .image, that of an array unsmear.Image(array, axes)."
        )
    if path.suffix.lower() == ".zarr" or (not path.suffix and "zarr" in image.metadata):
        ome_zarr.write(path, image, done)
        return image.unkept + (("other metadata",) if tiff.says_more(image) else ())
    writer = _writer(path.name)
    if writer is None:
        raise ImageError(
            f"{path.name}: an output file must end in {', '.join((*WRITERS, '.zarr'))}, "
            f"got {path.suffix!r}."
        )
    # A TIFF may say its own name, under which other programs look for its planes.
    named = (path.name,) if is_tiff(path) else ()
    data = writer(image, done, *named)
    write_aside(path, data, partial(check_written, image=image, name=path.name))
    unkept = data.unkept if isinstance(data, Pieces) else ()
    left = ome_zarr.left_behind(image) if "zarr" in image.metadata else ()
    unsaid = _said(image) - HOLDS.get(path.suffix.lower(), ALL)
    return tuple(dict.fromkeys((*image.unkept, *unkept, *left, *sorted(unsaid))))


def _writer(name: str) -> Callable[..., bytes | Parts] | None:
    """Return the writer for a file name; the longest ending counts."""
    lower = name.lower()
    if lower.endswith(OME_ENDINGS):
        return tiff.write_ome
    return WRITERS.get(PurePath(lower).suffix)


def check_written(written: Path, image: Image, name: str) -> None:
    """Raise ImageError unless a file that was just written reads back as the image.

    written: the file, perhaps under a temporary name. name: the name that it is to have.
    """
    suffix = PurePath(name).suffix.lower()
    holds = HOLDS.get(suffix, ALL)
    same_pixels = False
    if suffix in TIFFS:
        again, same_pixels = tiff.matches(written, image, name)
    else:
        again = read(written, image.axes if suffix == ".npy" else None)
    wrong = [
        what
        for what, same in (
            ("shape", _planes(again).shape == _planes(image).shape),
            ("dtype", again.pixels.dtype == image.pixels.dtype),
            ("axes", "axes" not in holds or _long_axes(again) == _long_axes(image)),
            ("pixel size", "pixel size" not in holds or _same_size(again, image)),
            ("channel names", "channel names" not in holds or _same_channels(again, image)),
        )
        if not same
    ]
    if not wrong and not same_pixels:
        if suffix in TIFFS:  # perhaps in another order
            again = read(written, again.axes)
        wrong = [] if _same_pixels(again, image) else ["pixels"]
    if wrong:
        raise ImageError(
            f"{name}: the file must read back as it was written, got other {', '.join(wrong)}; "
            "nothing was written."
        )


def _said(image: Image) -> set[str]:
    """Return what is known of an image besides the pixels."""
    # The names of colours go without saying.
    named = image.channels if "S" not in image.axes else ()
    said = {"pixel size": image.pixel_size, "channel names": named}
    return {what for what, value in said.items() if value}


def _same_size(again: Image, image: Image) -> bool:
    if image.pixel_size is None or doubt(image.pixel_size, ""):
        return True
    if again.pixel_size is None:
        return max(image.pixel_size) > LARGEST_OF_TAGS
    sides = zip(again.pixel_size, image.pixel_size, strict=True)
    return all(math.isclose(there, here, rel_tol=1e-3) for there, here in sides)


def _same_channels(again: Image, image: Image) -> bool:
    return not image.channels or again.channels == image.channels


def _same_pixels(again: Image, image: Image) -> bool:
    same_axes = again.axes == image.axes
    there, here = (i.pixels if same_axes else _planes(i) for i in (again, image))
    return np.array_equal(there, here, equal_nan=here.dtype.kind == "f")


def _long_axes(image: Image) -> set[str]:
    """Return the axes of more than one, which are all that some formats name."""
    sizes = zip(image.axes, image.pixels.shape, strict=True)
    return {axis for axis, size in sizes if size > 1 or axis in "YX"}


def _planes(image: Image) -> NDArray[Any]:
    """Return all planes, those of opacity too."""
    return axes_.to_planes(image.pixels, image.axes)


def copy(source: Path | zipfile.Path | Location, path: Path) -> None:
    """Copy a file to the last byte, an OIF with its planes; the copy appears whole or not at all.

    Raises ImageError where it cannot be read or written.
    """
    if isinstance(source, Location):
        with staged([source]) as (here,):
            copy(here, path)
        return
    if isinstance(source, Path) and ome_zarr.is_zarr(source):
        ome_zarr.copy(source, path)
        return
    if isinstance(source, Path):
        # Before the text that names them: an OIF without its planes is none.
        for plane in oif.planes(source):
            copy(plane, oif.folder_of(path) / plane.name)
        copy_aside(source, path)
        return
    try:
        data = zipped.read(source)
    except DAMAGE as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(f"{source.name}: the file cannot be read ({reason}).") from error
    write_aside(path, data)


def written_ending(file: str | Path | zipfile.Path | Location) -> str:
    """Return the ending of the output file: its own, or that of the format it is written in.

    file: the input, or its name. A JPEG becomes a PNG, because compression would lose detail; what
    is only read becomes an OME-TIFF. A Zarr keeps its name, which has no ending inside a plate.
    """
    ending = PurePath(file if isinstance(file, str) else file.name).suffix
    if ending.lower() in WRITERS or (not isinstance(file, str) and file.is_dir()):
        return ending
    return ".png" if ending.lower() in (".jpg", ".jpeg") else ".ome.tif"
