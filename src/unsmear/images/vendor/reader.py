"""What the readers of all formats share: missing packages, damaged files, dimensions, scenes."""

from __future__ import annotations

import contextlib
import importlib
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.errors import AxesError, ImageError, MissingExtra, error_text
from unsmear.images import axes as axes_
from unsmear.images.image import Image, check_pixels
from unsmear.images.timing import UNKNOWN, Timing
from unsmear.images.units import doubt

ORDER = "PTCZYXS"
"""Order of the axes of what is read."""


def package(module: str, name: str, title: str) -> Any:
    """Return the package that reads a format; raises MissingExtra without it.

    name: of the file. title: of the format, "a Zeiss CZI".
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"{name}: {title} needs {module}: pip install 'unsmear[formats]'."
        ) from error


@contextlib.contextmanager
def guarded(file: Path | bytes, name: str, title: str) -> Iterator[None]:
    """Turn every error of a reader into an ImageError, and print none of its messages.

    Raises ImageError for bytes: such formats are read from the disk only.
    """
    if isinstance(file, bytes):
        raise ImageError(f"{name}: {title} must be a file on the disk; unpack it first.")
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (ImageError, AxesError, MissingExtra):
        raise
    except MemoryError as error:
        raise ImageError(
            f"{name}: {title} must fit in memory, got one that does not; it may be damaged."
        ) from error
    # Each reader has errors of its own for a damaged file.
    except Exception as error:
        raise ImageError(f"{name}: {title} is damaged ({error_text(error)}).") from error
    finally:
        logging.disable(logging.NOTSET)


def image(
    pixels: NDArray[Any],
    dims: str,
    given: str | None,
    name: str,
    *,
    size: tuple[float | None, float | None] = (None, None),
    source: str,
    channels: Sequence[str] = (),
    metadata: Mapping[str, Any],
    unkept: str,
    timing: Timing = UNKNOWN,
) -> Image:
    """Return what was read as an image.

    dims: a letter a dimension, ours where the format has such a dimension; others must be of one.
    given: axes that the user gives instead. size: (y, x) in micrometres. source: where that stands.
    unkept: what no result keeps. timing: what the file says of the channels' exposures.
    """
    if given is None:
        strange = [
            axis for axis, side in enumerate(pixels.shape) if dims[axis] not in ORDER and side == 1
        ]
        pixels = pixels.squeeze(tuple(strange))
        dims = "".join(letter for axis, letter in enumerate(dims) if axis not in strange)
        if not {"Y", "X"} <= set(dims):
            raise ImageError(
                f"{name}: an image must have Y and X among its dimensions, got {dims}: a scan of "
                "another plane."
            )
        if set(dims) - set(ORDER):
            sizes = "x".join(map(str, pixels.shape))
            raise AxesError(
                f"{name}: its dimensions ({dims}, {sizes}) must be of {ORDER}; give them with "
                f"--axes, for example --axes {ORDER[:-1][-pixels.ndim :]}."
            )
        dims, pixels = _short(dims, pixels)
        wanted = [letter for letter in ORDER if letter in dims]
        pixels = pixels.transpose([dims.index(letter) for letter in wanted])
        given = dims = "".join(wanted)
    axes_.check(given, pixels.shape, name)
    own_axes = axes_.contradicted(given, dims, pixels.shape, name)
    count = axes_.channel_count(given, pixels.shape)
    y, x = size
    known = (y, x) if y and x and not doubt((y, x), source) else None
    return Image(
        check_pixels(np.ascontiguousarray(pixels), name),
        given,
        tuple(channels) if len(channels) == count and any(channels) else (),
        known,
        name,
        metadata,
        source if known else "",
        unkept=(unkept,),
        timing=timing,
        own_axes=own_axes,
    )


def _short(dims: str, pixels: NDArray[Any]) -> tuple[str, NDArray[Any]]:
    """Leave out dimensions of one but for Y and X; no format of ours needs them."""
    single = [a for a, side in enumerate(pixels.shape) if side == 1 and dims[a] not in "YX"]
    left = "".join(letter for axis, letter in enumerate(dims) if axis not in single)
    return left, pixels.squeeze(tuple(single))
