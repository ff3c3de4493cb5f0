"""The option --no-data: where images hold no data."""

from __future__ import annotations

import numpy as np

from unsmear import images
from unsmear.images.nodata import NoData


def read(given: str | None) -> NoData | None:
    """Return the value of pixels without data, or the mask in a file; None finds padding."""
    if given is None:
        return None
    try:
        return float(given)
    except ValueError:
        return np.asarray(images.read(given).pixels != 0)
