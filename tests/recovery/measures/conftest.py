"""What the tests of measures share: a drawn field as the sharp image, and small ones by hand."""

import numpy as np
import pytest

from unsmear.data.labels import CHANNELS
from unsmear.recovery.measures import Seen, see
from unsmear.synthetic import draw_field


@pytest.fixture(scope="session")
def sharp():
    """Return a field as it is seen sharp: 256x256, four channels, mitochondria."""
    field = draw_field(np.random.default_rng([1, 7]), (256, 256), (14,), 0.32)
    return see(field.planes / np.float32(255), CHANNELS, 0.32)


@pytest.fixture
def seen():
    """Return a function that makes what is seen of planes by colour, and masks."""

    def make(cells, nuclei=None, pixel_size=None, **planes):
        cells = np.asarray(cells, np.int32)
        nuclei = np.zeros_like(cells) if nuclei is None else np.asarray(nuclei, np.int32)
        stacked = np.stack([np.asarray(plane, np.float32) for plane in planes.values()])
        return Seen(stacked, tuple(planes), pixel_size, cells, nuclei)

    return make
