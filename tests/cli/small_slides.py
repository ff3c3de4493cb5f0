"""Slides that are small: the limit from which images are slides is lowered (`slides_are_small`)."""

from functools import partial

import numpy as np
import pytest

from unsmear import Gaussian, Motion, images
from unsmear.blur import convolve
from unsmear.images.ome_zarr import new


def write_slide(path, seed=0, side=256, change=None):
    """Write an OME-Zarr in chunks of 64 pixels, in which something moved; return its counts.

    change: called with the counts before they are written.
    """
    rng = np.random.default_rng(seed)
    sharp = np.zeros((side, side), np.float32)
    spots = tuple(rng.integers(8, side - 8, (2, side * side // 160)))
    sharp[spots] = rng.uniform(0.2, 1, len(spots[0]))
    light = convolve(convolve(sharp, Gaussian(2).kernel()) * 3e5, Motion(6, 30).kernel()) + 200
    pixels = rng.poisson(light).astype("u2")[None]
    if change is not None:
        change(pixels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(new, "make", partial(new.make, chunk=(64, 64)))
        images.write(path, images.Image(pixels, "CYX", pixel_size=(0.3, 0.3)))
    return pixels
