"""What the tests of measures share: a drawn field as the sharp image, and small ones by hand."""

import numpy as np
import pytest

from unsmear.data.labels import CHANNELS
from unsmear.recovery.measures import MaskedImage, segment_image
from unsmear.synthetic import draw_field


@pytest.fixture(scope="session")
def sharp():
    """Return a field as a sharp image: 256x256, four channels, mitochondria."""
    field = draw_field(np.random.default_rng([1, 7]), (256, 256), (14,), 0.32)
    return segment_image(field.planes / np.float32(255), CHANNELS, 0.32)


@pytest.fixture
def make_image():
    """Return a function that makes a `MaskedImage` of planes by colour, and masks."""

    def make(cells, nuclei=None, pixel_size=None, **planes):
        cells = np.asarray(cells, np.int32)
        nuclei = np.zeros_like(cells) if nuclei is None else np.asarray(nuclei, np.int32)
        stacked = np.stack([np.asarray(plane, np.float32) for plane in planes.values()])
        return MaskedImage(stacked, tuple(planes), pixel_size, cells, nuclei)

    return make
