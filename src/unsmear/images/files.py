"""Image files: reading by the file's first bytes, writing by the ending of its name."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from unsmear.atomic import write_aside
from unsmear.errors import ImageError
from unsmear.images import jpeg, npy, png, tiff
from unsmear.images.image import Image

# Readers by the first bytes of a file.
READERS: dict[bytes, Callable[[bytes, str, str | None], Image]] = {
    png.MAGIC: png.read,
    jpeg.MAGIC: jpeg.read,
    npy.MAGIC: npy.read,
    **dict.fromkeys(tiff.MAGICS, tiff.read),
}
# Writers by the ending of a file's name.
WRITERS: dict[str, Callable[[Image, str], bytes]] = {
    ".png": png.write,
    ".tif": tiff.write,
    ".tiff": tiff.write,
    ".npy": npy.write,
}
SUFFIXES = (*WRITERS, ".jpg", ".jpeg")
"""Endings of file names that count as images when a folder is searched."""


def read(path: str | Path | zipfile.Path, axes: str | None = None) -> Image:
    """Return the image in a PNG, JPEG, TIFF or NumPy file, or in a member of a zip file.

    Parameters
    ----------
    path
        The file; its format is taken from its first bytes.
    axes
        The array's axes, where the file does not say or says it wrongly; never guessed.

    Returns
    -------
    Image
        Pixels as stored, with axes, channels, pixel size in micrometres and metadata.

    Raises
    ------
    ImageError
        For a file that is missing, empty, damaged or no image, or that holds NaN or infinities.
    AxesError
        Where `axes` are needed or do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> unsmear.write("cells.tif", unsmear.Image(np.zeros((64, 48), np.uint16), "YX"))
    >>> unsmear.read("cells.tif").pixels.shape
    (64, 48)
    """
    path = Path(path) if isinstance(path, str) else path
    name = path.name
    try:
        _check_file(path)
        data = path.read_bytes()
    # A member of a zip file can be damaged, encrypted or compressed by an unknown method.
    except (OSError, KeyError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(f"{name}: the file cannot be read ({reason}).") from error
    if not data:
        raise ImageError(f"{name}: the file is empty.")
    for magic, reader in READERS.items():
        if data.startswith(magic):
            return reader(data, name, axes)
    raise ImageError(f"{name}: a file must be a PNG, JPEG, TIFF or NumPy image, got none of them.")


def _check_file(path: Path | zipfile.Path) -> None:
    """Raise ImageError for a folder, a pipe or a device; reading a pipe may never end."""
    if isinstance(path, Path) and path.exists() and not path.is_file():
        got = "a folder" if path.is_dir() else "a pipe or a device"
        raise ImageError(f"{path.name}: an input must be a file, got {got}.")


def write(path: str | Path, image: Image, done: str = "") -> None:
    """Write the image in the format of the path's ending; the file appears whole or not at all.

    Parameters
    ----------
    path
        A path that ends in .png, .tif, .tiff or .npy.
    image
        What to write; dtype, axes, pixel size and metadata are kept where the format has room.
    done
        What was done to the image, a line of text; it joins the description that the format has.

    Raises
    ------
    ImageError
        For an ending that is not written, an image that the format cannot hold, and a file that
        cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> unsmear.write("cells.png", unsmear.Image(np.zeros((64, 48), np.uint8), "YX"))
    """
    path = Path(path)
    if not isinstance(image, Image):
        raise ImageError(
            f"{path.name}: what is written must be an Image, got {type(image).__name__}; "
            "the image of a Restored is its .image, that of an array unsmear.Image(array, axes)."
        )
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise ImageError(
            f"{path.name}: an output file must end in {', '.join(WRITERS)}, got {path.suffix!r}."
        )
    write_aside(path, writer(image, done))
