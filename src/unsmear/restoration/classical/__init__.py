"""Classical restoration methods, without weights; `METHODS` lists them."""

from __future__ import annotations

from unsmear.restoration.base import Method
from unsmear.restoration.classical import (
    adaptive_wiener,
    richardson_lucy,
    unsupervised_wiener,
    wiener,
)

__all__ = ["METHODS"]

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            "wiener",
            "Wiener filter with a kernel; regularised by the noise measured in the image.",
            needs_kernel=True,
            fit=wiener.fit,
        ),
        Method(
            "wiener-local",
            "Blind noise filter over 5x5 pixels; the paper's baseline.",
            needs_kernel=False,
            fit=adaptive_wiener.fit,
        ),
        Method(
            "unsupervised-wiener",
            "Wiener filter with a kernel; regularised by sampling (slow).",
            needs_kernel=True,
            fit=unsupervised_wiener.fit,
        ),
        Method(
            "richardson-lucy",
            "Richardson-Lucy deconvolution with a kernel and total variation; never negative.",
            needs_kernel=True,
            fit=richardson_lucy.fit,
        ),
    )
}
