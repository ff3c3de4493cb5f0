"""What was found for each exposure of an image, as the record of a batch says it."""

from __future__ import annotations

import math
from typing import Any

from unsmear.estimate import Estimate
from unsmear.images import Image
from unsmear.restoration.restored import Restored

DIGITS = 4
"""Digits after the point of lengths, angles and confidences."""


def found_in(result: Restored[Image, Image]) -> tuple[dict[str, Any], ...]:
    """Return each exposure with its planes, "" for all, and its movement in words and in numbers.

    restored: whether it was taken out. Without numbers where the kernel was given, or none is used.
    """
    if result.frames:
        return tuple(
            {**found, "planes": ", ".join(filter(None, (f"frame {number}", found["planes"])))}
            for number, frame in enumerate(result.frames)
            for found in found_in(frame)
        )
    if result.exposures:
        return tuple(
            _exposure(one.name, one.blur is not None and result.touched, one.movement, one.estimate)
            for one in result.exposures
        )
    return (_exposure("", result.touched, result.movement, result.estimate),)


def _exposure(
    planes: str, restored: bool, movement: str, estimate: Estimate | None
) -> dict[str, Any]:
    found = {"planes": planes, "restored": restored, "movement": movement}
    if estimate is None:
        return found
    numbers = {
        "length": estimate.length,
        "length_error": estimate.length_error,
        "angle": estimate.angle,
        "angle_error": estimate.angle_error,
        "radius": estimate.radius,
        "confidence": estimate.confidence,
    }
    return (
        found
        | {"kind": estimate.kind}
        | {
            name: round(float(value), DIGITS)
            for name, value in numbers.items()
            if math.isfinite(value) and (value or name == "confidence")
        }
    )
