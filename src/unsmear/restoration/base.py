"""Protocols of restorers, and the record of a restoration method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Kernel

Batch = NDArray[np.float32]
"""Images as (batch, channel, y, x), normalised: 0 is black, the brightest pixel 0.5 to 1 (see
`Scaling`)."""

GRID = 16
"""Spacing of the positions at which the area read for a tile may begin, pixels.

A network that reduces resolution then groups the same pixels as in the whole image."""


class Restorer(Protocol):
    """A restorer that was fitted to a whole image and can restore any tile of it.

    What depends on the whole image (noise, regularisation, kernel) is measured when the restorer
    is created, so `restore` gives a pixel the same value in every tile that has `halo` pixels of
    image, or the image's border, around it and begins at multiples of `grid` pixels.

    Restorers derive from this class and inherit the attributes that they do not define.
    """

    @property
    def halo(self) -> int | None:
        """Pixels around a tile that its result depends on; None: any pixel of the image."""
        ...

    @property
    def grid(self) -> int:
        """Spacing of the positions at which the area read for a tile may begin, pixels."""
        return GRID

    @property
    def tile(self) -> int | None:
        """Side of the tiles of large images, pixels, where there is no halo; None: never tiled."""
        return None

    @property
    def overlap(self) -> int | None:
        """Pixels over which tiles without a halo are blended; None: the whole image is needed."""
        return None

    @property
    def channel_rule(self) -> str:
        """Rule that assigns an image's channels to a network's (`learned.network_restorer`)."""
        return ""

    def restore(self, batch: Batch) -> Batch:
        """Return the restored batch, of the same shape; nothing is clipped."""
        ...

    def precise(self) -> Restorer:
        """Return the restorer whose tiles are those of the whole to the last bit, slower or not."""
        return self


class UncertainRestorer(Restorer, Protocol):
    """A restorer that also states its uncertainty."""

    def restore_with_uncertainty(self, batch: Batch) -> Batch:
        """Return (batch, 2 channel, y, x): the restored channels, then the half-width of a 90 %
        prediction interval around each.
        """
        ...

    def widths_of(self, half_widths: Batch, blurred: Batch, kernel: Kernel) -> Batch:
        """Return the half-widths of the whole image, from those of its tiles.

        half_widths, blurred: (batch, channel, y, x) in one unit. kernel: that of the restoration.
        """
        ...

    def with_widths_of(
        self, half_widths: Batch, blurred: Batch, kernel: Kernel
    ) -> UncertainRestorer:
        """Return the restorer of parts of a plane, whose half-widths follow from windows of it.

        half_widths, blurred: (n, 1, y, x), of the windows, as in `widths_of`.
        """
        ...


@dataclass(frozen=True)
class Method:
    """A way to restore an image.

    name: on the command line. summary: one line for --help.
    needs_kernel: whether the method is non-blind: `fit` refuses None for its kernel.
    fit: (blurred, kernel, *, options) -> Restorer, with blurred (batch, channel, y, x), normalised.
    guarded: whether the result is checked, and replaced where it is not consistent with the
        recorded image (see `consistency`); its restorer then is an `UncertainRestorer`.
    conserves_flux: whether the result is given the total intensity of the input (see `flux`).
    cited: name and weights as they are written into restored files; "" for the name.
    precision: (*, options) -> what a network multiplies in, "float32" or "bfloat16"; None without.
    """

    name: str
    summary: str
    needs_kernel: bool
    fit: Callable[..., Restorer]
    guarded: bool = False
    conserves_flux: bool = True
    cited: str = ""
    precision: Callable[..., str] | None = None
