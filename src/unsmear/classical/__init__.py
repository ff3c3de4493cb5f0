"""Restorers without weights; `METHODS` lists them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from unsmear.classical import richardson_lucy, unsupervised_wiener, wiener, wiener_local
from unsmear.restorer import Restorer

__all__ = ["METHODS", "Method"]


@dataclass(frozen=True)
class Method:
    """A way to restore an image.

    name: as the command line calls it. summary: one line for --help.
    needs_kernel: whether `fit` refuses None for its kernel.
    fit: (blurred, kernel, *, options) -> Restorer, with blurred (batch, channel, y, x) in units.
    """

    name: str
    summary: str
    needs_kernel: bool
    fit: Callable[..., Restorer]


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            "wiener",
            "Wiener filter with a kernel; regularised by the noise found in the image.",
            needs_kernel=True,
            fit=wiener.fit,
        ),
        Method(
            "wiener-local",
            "Noise filter over 5x5 pixels without a kernel; the paper's baseline.",
            needs_kernel=False,
            fit=wiener_local.fit,
        ),
        Method(
            "unsupervised-wiener",
            "Wiener filter with a kernel; regularised by sampling (slow).",
            needs_kernel=True,
            fit=unsupervised_wiener.fit,
        ),
        Method(
            "richardson-lucy",
            "Iteration that stays above 0, with total variation; needs a kernel.",
            needs_kernel=True,
            fit=richardson_lucy.fit,
        ),
    )
}
