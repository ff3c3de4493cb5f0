"""Take motion blur out of fluorescence microscopy images and prove that the biology survived."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Image": "images",
    "read": "images",
    "write": "images",
    "Motion": "blur",
    "estimate_blur": "estimate",
    "restore_image": "pipeline",
    "convolve": "blur",
    "psnr": "metrics",
    "gain_psnr": "metrics",
    "ssim": "metrics",
    "Scaling": "intensity",
    "UnsmearError": "errors",
}
__all__ = sorted([*_HOME, "__version__"])


def __getattr__(name: str) -> Any:
    """Import a public name's module when the name is first used."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
