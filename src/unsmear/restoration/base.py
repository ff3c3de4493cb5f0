"""What every restorer is, with or without weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Batch = NDArray[np.float32]
"""(batch, channel, y, x), normalised: 0 is black, the brightest pixel 0.5 to 1 (see `Scaling`)."""

GRID = 16
"""Pixels; what is read for a tile begins at a multiple of it in the image, so that a network that
folds pixels together folds those that it folds in the whole image."""


class Restorer(Protocol):
    """A restorer that has seen its whole image and is ready for any tile of it.

    What depends on the whole image (noise, regularisation, kernel) is measured when the restorer
    is made, so `restore` gives a pixel the same value in every tile that has `halo` pixels of
    image, or the image's border, around it and begins at multiples of `grid` pixels.

    A restorer derives from this class, and so has the attributes that it does not set.
    """

    @property
    def halo(self) -> int | None:
        """Pixels around a tile that its result depends on; None: any pixel of the image."""
        ...

    @property
    def grid(self) -> int:
        """Pixels; tiles are read from multiples of it."""
        return GRID

    @property
    def tile(self) -> int | None:
        """Side of the tiles of large images, pixels, where there is no halo; None: never tiled."""
        return None

    @property
    def overlap(self) -> int | None:
        """Pixels over which the tiles of a restorer without a halo fade into each other.

        None: such a restorer needs the whole image.
        """
        return None

    @property
    def channel_rule(self) -> str:
        """How an image's channels meet those of a network (see `learned.network_restorer`)."""
        return ""

    def restore(self, batch: Batch) -> Batch:
        """Return the restored batch, of the same shape; nothing is clipped."""
        ...


class UncertainRestorer(Restorer, Protocol):
    """A restorer that also states its uncertainty."""

    def restore_with_uncertainty(self, batch: Batch) -> Batch:
        """Return (batch, 2 channel, y, x): the restored channels, then the half-width of a 90 %
        prediction interval around each.
        """
        ...


@dataclass(frozen=True)
class Method:
    """A way to restore an image.

    name: as the command line calls it. summary: one line for --help.
    needs_kernel: whether `fit` refuses None for its kernel.
    fit: (blurred, kernel, *, options) -> Restorer, with blurred (batch, channel, y, x), normalised.
    guarded: whether what it restores is checked, and replaced where it is not consistent with the
        recorded image (see `consistency`); its restorer then is an `UncertainRestorer`.
    conserves_flux: whether its results are given the total intensity of the input (see `flux`).
    cited: what a file says restored it, where that is not the name: which weights.
    """

    name: str
    summary: str
    needs_kernel: bool
    fit: Callable[..., Restorer]
    guarded: bool = False
    conserves_flux: bool = True
    cited: str = ""
