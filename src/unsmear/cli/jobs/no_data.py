"""The option --no-data: where images hold no data."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np

from unsmear import images
from unsmear.errors import OptionError
from unsmear.images import Image, slides
from unsmear.images.nodata import NoData
from unsmear.images.slides import ReadWholeError, Slide
from unsmear.location import is_url


def read(given: str | None) -> NoData | Slide | None:
    """Return the value of pixels without data, or the mask in a file; None finds padding.

    A mask of the size of a slide is read by windows, where its file can be.
    """
    if given is None:
        return None
    try:
        return float(given)
    except ValueError:
        pass
    if not is_url(given):
        header = slides.header(Path(given))
        if header is not None and slides.is_slide(header):
            with suppress(ReadWholeError):  # as long as memory suffices
                return slides.open(Path(given))
    return np.asarray(images.read(given).pixels != 0)


def of_whole(no_data: NoData | Slide | None, image: Image) -> NoData | None:
    """Return what an image in memory is given: of a mask that is read by windows all of it.

    Raises OptionError for such a mask of another size.
    """
    if not isinstance(no_data, Slide):
        return no_data
    shape = no_data.header.pixels.shape
    if shape not in (image.planes().shape[2:], image.pixels.shape):
        raise OptionError(
            f"{image.name}: --no-data must be a mask of the image's size, got "
            f"{'x'.join(map(str, shape))} pixels."
        )
    return np.asarray(images.read(no_data.path).pixels != 0)
