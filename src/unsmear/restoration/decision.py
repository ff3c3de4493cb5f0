"""Decision whether an image is touched: the blur to take out of it, or why it is left alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Blur, Motion, Sampled, describe
from unsmear.errors import KernelError
from unsmear.estimate import Estimate

Known: TypeAlias = NDArray[Any] | Blur | Estimate | None
"""A kernel as an array, a blur or an estimate; what None means, the user of the type says."""

QUESTIONED = 0.5
"""Length below which a given motion is questioned and nothing is done, pixels: it moves no light
from one pixel to another that could be brought back, and is a wrong pixel size as a rule."""


@dataclass(frozen=True)
class Decision:
    """The blur to take out of an image, or the reason to leave the image unchanged.

    movement: what was found or given, in words. blur: None where nothing is taken out, and for
    blind methods. estimate: None where the kernel was given. reason: "" where the image is touched.
    """

    movement: str = ""
    blur: Blur | None = None
    estimate: Estimate | None = None
    reason: str = ""


BLIND = Decision("no motion estimated (blind method)")
"""Decision for blind methods."""
STILL = Decision("no motion (given)", reason="no motion (given)")
"""Decision for what is known not to have moved."""


def decide(kernel: Known, force: bool = False) -> Decision:
    """Return the blur to take out: a given kernel always, an estimated one if it is sure.

    kernel: None for what did not move. force: as in `restore`.

    Raises KernelError for anything else.
    """
    if kernel is None:
        return STILL
    if isinstance(kernel, Estimate):
        return _of_estimate(kernel, force)
    if isinstance(kernel, np.ndarray):
        kernel = Sampled.of(kernel)
    if isinstance(kernel, type) or not callable(getattr(kernel, "kernel", None)):
        raise KernelError(
            f"kernel must be an array, a blur or an Estimate, got {type(kernel).__name__}."
        )
    if isinstance(kernel, Motion) and kernel.length == 0:
        return STILL
    given = f"{describe(kernel)} (given)"
    if isinstance(kernel, Motion) and 0 < kernel.length < QUESTIONED:
        return Decision(
            reason=f"{given}, which is under half a pixel: check speed, exposure and pixel size"
        )
    return Decision(given, kernel)


def _of_estimate(estimate: Estimate, force: bool) -> Decision:
    movement = estimate.describe()
    if estimate.confident if force else estimate.sure:
        return Decision(movement, estimate.blur(), estimate)
    if estimate.kind == "shake":
        movement = f"perhaps {movement}, whose path is too uncertain"
    elif estimate.doubt:
        movement = f"{movement}, {estimate.doubt}"
    elif estimate.found and estimate.processed is None:
        movement = f"perhaps {movement}, too uncertain to act on"
    return Decision(movement, None, estimate, movement)
