"""Nikon ND2: positions, time, z, channels and pixel size, by nd2 (BSD-3)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from unsmear.images.image import Image, check_declared
from unsmear.images.timing import Timing
from unsmear.images.vendor import reader

MAGICS = (b"\xda\xce\xbe\x0a", b"\0\0\0\x0cjP  ")
"""First bytes of new files, and of old ones, which are JPEG 2000."""
TITLE = "a Nikon ND2"


def read(file: Path | bytes, name: str, axes: str | None = None) -> Image:
    """Return the image; its positions are the axis P."""
    nd2 = reader.package("nd2", name, TITLE)
    with reader.guarded(file, name, TITLE), nd2.ND2File(file) as opened:
        check_declared(tuple(opened.shape), np.dtype(opened.dtype).itemsize, name)
        voxel = opened.voxel_size()
        # A file that was never calibrated has 1 or 0.
        calibrated = opened.attributes is not None and _is_calibrated(opened)
        return reader.image(
            np.asarray(opened.asarray()),
            "".join(opened.sizes),
            axes,
            name,
            size=(voxel.y, voxel.x) if calibrated else (None, None),
            source="ND2 metadata",
            channels=_channels(opened),
            metadata={"nd2": {}},
            unkept="Nikon's own metadata",
            timing=Timing(together=opened.is_rgb),
        )


def _is_calibrated(opened: Any) -> bool:
    channels = getattr(opened.metadata, "channels", None) or []
    return any(all(channel.volume.axesCalibrated[:2]) for channel in channels)


def _channels(opened: Any) -> list[str]:
    channels = getattr(opened.metadata, "channels", None) or []
    return [str(channel.channel.name) for channel in channels]
