"""The option --no-data: where images hold no data."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from unsmear import images
from unsmear.errors import OptionError
from unsmear.images import slides
from unsmear.images.nodata import NoData
from unsmear.images.slides import Slide
from unsmear.location import is_url


def read(given: str | None) -> NoData | Slide | None:
    """Return the value of pixels without data, or the mask in a file; None finds padding.

    A mask of the size of a slide is read by windows.
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
            return slides.open(Path(given))
    return np.asarray(images.read(given).pixels != 0)


def of_whole(no_data: NoData | Slide | None, name: str) -> NoData | None:
    """Return what an image that is no slide is given.

    Raises OptionError for the mask of a slide; name: of the image.
    """
    if isinstance(no_data, Slide):
        height, width = no_data.header.planes().shape[2:]
        raise OptionError(
            f"{name}: --no-data must be a mask of the image's size, got {height}x{width} pixels."
        )
    return no_data
