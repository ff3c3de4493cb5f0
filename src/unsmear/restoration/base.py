"""What every restorer is, with or without weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Batch = NDArray[np.float32]
"""(batch, channel, y, x) in units: 0 is black, the brightest pixel 0.5 to 1 (see `Scaling`)."""


class Restorer(Protocol):
    """A restorer that has seen its whole image and is ready for any tile of it.

    What depends on the whole image (noise, regularisation, kernel) is measured when the restorer
    is made, so `restore` gives a pixel the same value in every tile that has `halo` pixels of
    image, or the image's border, around it and begins at multiples of `tiling.GRID` pixels, or of
    `grid` where the restorer has one.

    A restorer without a halo can be worked in tiles all the same where it has an `overlap`, the
    pixels over which these fade into each other; images longer than its `tile` are.
    """

    @property
    def halo(self) -> int | None:
        """Pixels around a tile that its result depends on; None: any pixel of the image."""
        ...

    def restore(self, batch: Batch) -> Batch:
        """Return the restored batch, of the same shape; nothing is clipped."""
        ...


@dataclass(frozen=True)
class Method:
    """A way to restore an image.

    name: as the command line calls it. summary: one line for --help.
    needs_kernel: whether `fit` refuses None for its kernel.
    fit: (blurred, kernel, *, options) -> Restorer, with blurred (batch, channel, y, x) in units.
    guarded: whether what it restores is checked, and replaced where it does not explain the image
        (see `unsmear.restoration.consistency`); its restorer then has `restore_with_error`.
    conserves_light: whether its results are given the light of the input (see
        `unsmear.restoration.flux`).
    cited: what a file says restored it, where that is not the name: which weights.
    """

    name: str
    summary: str
    needs_kernel: bool
    fit: Callable[..., Restorer]
    guarded: bool = False
    conserves_light: bool = True
    cited: str = ""
