"""What every restorer is, with or without weights."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Batch = NDArray[np.float32]
"""(batch, channel, y, x) in units: 0 is black, the brightest pixel 0.5 to 1 (see `Scaling`)."""


class Restorer(Protocol):
    """A restorer that has seen its whole image and is ready for any tile of it.

    What depends on the whole image (noise, regularisation, kernel) is measured when the restorer
    is made, so `restore` gives a pixel the same value in every tile that has `halo` pixels of
    image, or the image's border, around it.
    """

    @property
    def halo(self) -> int | None:
        """Pixels around a tile that its result depends on; None: any pixel of the image."""
        ...

    def restore(self, batch: Batch) -> Batch:
        """Return the restored batch, of the same shape; nothing is clipped."""
        ...
