"""The calibration maps of a camera, read from files and named in records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear import images
from unsmear.cli.options.camera_maps import MapOptions
from unsmear.errors import OptionError
from unsmear.images.camera_maps import CameraMaps


def read(options: MapOptions) -> CameraMaps | None:
    """Return the camera whose maps are given; None without any.

    Raises OptionError for maps that no camera has, and what reading raises.
    """
    given = options.given()
    if not given:
        return None
    options.check()
    maps = {name: _map(name, value) for name, value in given.items()}
    try:
        return CameraMaps(**maps)
    except OptionError as error:
        files = ", ".join(f"--{name}-map {value}" for name, value in given.items())
        raise OptionError(f"{files}: {error}") from error


def record(options: MapOptions, camera: CameraMaps | None) -> dict[str, Any]:
    """Return what records say of the maps: of each its file, and the SHA-256 of its values."""
    if camera is None:
        return {}
    sums = camera.checksums()
    return {
        name: {"file": Path(value).name, "sha256": sums[name]}
        for name, value in options.given().items()
    }


def phrase(options: MapOptions) -> str:
    """Return a phrase that names the maps: "with the camera's offset map (dark.tif)", or ""."""
    maps = [f"{name} map ({Path(value).name})" for name, value in options.given().items()]
    return f"with the camera's {' and '.join(maps)}" if maps else ""


def _map(name: str, value: str) -> NDArray[Any]:
    """Return the values of a map: one number, or an image in a file."""
    if name == "offset":
        try:
            return np.asarray(float(value))
        except ValueError:
            pass
    planes = images.read(value).planes()
    if planes.shape[:2] != (1, 1):
        raise OptionError(
            f"--{name}-map {value}: a map must be one plane, got {planes.shape[0]} with "
            f"{planes.shape[1]} channels."
        )
    return np.asarray(planes[0, 0])
