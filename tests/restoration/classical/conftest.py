"""An image with edges, points and texture, and its blur."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from unsmear.blur import Motion
from unsmear.restoration.base import Batch


@pytest.fixture(scope="session")
def sharp() -> Batch:
    """Return (1, 2, 176, 200) between 0 and 1: a texture inside of blobs, and single points."""
    generator = np.random.default_rng(3)
    planes = []
    for _ in range(2):
        blobs = gaussian_filter(generator.standard_normal((176, 200)), 14)
        texture = gaussian_filter(generator.standard_normal((176, 200)), 1.5)
        inside = gaussian_filter((blobs > 0.3 * blobs.std()).astype(float), 1)
        plane = inside * (1 + 3 * texture)
        plane[generator.integers(176, size=30), generator.integers(200, size=30)] += 2
        plane = np.maximum(gaussian_filter(plane, 0.8), 0)
        planes.append(plane / plane.max())
    return np.stack(planes)[None].astype(np.float32)


@pytest.fixture(scope="session")
def kernel():
    return Motion(8.0, 30.0).kernel()
