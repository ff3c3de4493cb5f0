"""NumPy arrays in .npy files, which have no metadata."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.errors import AxesError, ImageError, error_text
from unsmear.images import axes as axes_
from unsmear.images.image import Image, check_declared, check_pixels

MAGIC = b"\x93NUMPY"


def read(data: bytes, name: str, axes: str | None = None) -> Image:
    """Return the image in the bytes of an .npy file; nothing is ever unpickled."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on headers as Python 2 wrote them
        pixels = _array(data, name)
    if axes is None:
        if pixels.ndim != 2:
            sizes = "x".join(map(str, pixels.shape))
            raise AxesError(
                f"{name}: a NumPy file of {pixels.ndim} dimensions ({sizes}) does not say what "
                f"they are; give them with --axes, for example --axes "
                f"{axes_.example(pixels.shape)}."
            )
        axes = "YX"
    return Image(check_pixels(pixels, name), axes, name=name)


def _array(data: bytes, name: str) -> NDArray[Any]:
    """Return the array in the bytes of an .npy file; raises ImageError for any damage."""
    try:
        stream = io.BytesIO(data)
        version = np.lib.format.read_magic(stream)
        header = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            header = np.lib.format.read_array_header_2_0
        shape, _, dtype = header(stream)
        if dtype.hasobject:
            raise ImageError(f"{name}: pixels must be integers or floats, got Python objects.")
        check_declared(shape, dtype.itemsize, name)
        array: NDArray[Any] = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except ImageError:
        raise
    # The header is Python text, and each way to write it wrongly raises another error.
    except Exception as error:
        raise ImageError(f"{name}: the NumPy file is damaged ({error_text(error)}).") from error
    return array


def write(image: Image, done: str = "") -> bytes:
    """Return the bytes of an .npy file; `done` is ignored, because the format has no metadata."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, image.pixels, allow_pickle=False)
    return stream.getvalue()
