"""Steps along z and time, which the metadata of images hold and no restoration uses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from unsmear.images.image import Image
from unsmear.images.units import micrometres

SECONDS = {
    "nanosecond": 1e-9, "ns": 1e-9, "microsecond": 1e-6, "us": 1e-6, "µs": 1e-6, "μs": 1e-6,
    "millisecond": 1e-3, "ms": 1e-3, "second": 1.0, "seconds": 1.0, "s": 1.0, "sec": 1.0,
    "minute": 60.0, "min": 60.0, "hour": 3600.0, "h": 3600.0, "hr": 3600.0,
    "day": 86400.0, "d": 86400.0,
}  # fmt: skip
"""Lengths of units of time in files, seconds."""
UNITS = {"Z": "micrometer", "T": "second"}
"""The units of `Steps`, by OME-Zarr's names."""
Steps = Mapping[str, float]
"""Steps along Z (micrometres) and T (seconds), where they are known."""


def step(letter: str, value: Any, unit: str | None) -> Steps:
    """Return a step along an axis, empty for one without a unit and for what can be none."""
    factor = micrometres(unit) if letter == "Z" else SECONDS.get(str(unit).strip().lower())
    try:
        length = float(value) * (factor or 0.0)
    except (TypeError, ValueError):
        return {}
    return {letter: length} if math.isfinite(length) and length > 0 else {}


def of_image(image: Image) -> Steps:
    """Return what an image's TIFF says of its steps."""
    carried = image.metadata.get("tiff", {})
    ome, imagej = carried.get("ome") or {}, carried.get("imagej") or {}
    unit = imagej.get("zunit") or imagej.get("unit")
    return {
        **step("Z", imagej.get("spacing"), unit),
        **step("T", imagej.get("finterval"), str(imagej.get("tunit") or "s")),
        **step("Z", ome.get("PhysicalSizeZ"), ome.get("PhysicalSizeZUnit", "µm")),
        **step("T", ome.get("TimeIncrement"), ome.get("TimeIncrementUnit", "s")),
    }


def as_ome(steps: Steps) -> dict[str, str]:
    """Return steps as attributes of OME-XML."""
    said: dict[str, str] = {}
    if "Z" in steps:
        said |= {"PhysicalSizeZ": repr(steps["Z"]), "PhysicalSizeZUnit": "µm"}
    if "T" in steps:
        said |= {"TimeIncrement": repr(steps["T"]), "TimeIncrementUnit": "s"}
    return said
