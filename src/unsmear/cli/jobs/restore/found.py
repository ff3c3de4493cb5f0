"""What was found for each exposure of an image, as the record of a batch says it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unsmear.batches.entry import LEFT, RESTORED, UNSURE
from unsmear.cli.jobs.found import values
from unsmear.estimate import Estimate
from unsmear.images import Image
from unsmear.restoration.resolution import Measured
from unsmear.restoration.restored import Restored

DIGITS = 3
"""Digits after the point of resolutions, pixels."""


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


def with_resolutions(
    found: Sequence[dict[str, Any]], measured: Sequence[Measured]
) -> tuple[dict[str, Any], ...]:
    """Return exposures with their resolutions, pixels, where these were measured.

    measured: of the first of the exposures.
    """
    known = [{**one, **_resolutions(its)} for one, its in zip(found, measured, strict=False)]
    return (*known, *found[len(known) :])


def action_of(touched: bool, found: Iterable[Mapping[str, Any]]) -> str:
    """Return what became of an image. touched: whether anything was restored."""
    if touched:
        return RESTORED
    return UNSURE if any(one.get("unsure") for one in found) else LEFT


def _resolutions(measured: Measured) -> dict[str, float | None]:
    """Return a resolution before and after the restoration; None for only noise."""
    images = {"resolution": measured.recorded, "restored": measured.restored}
    return {
        f"{name}_{direction}": None if value is None else round(value, DIGITS)
        for name, resolution in images.items()
        if resolution is not None
        for direction, value in vars(resolution).items()
    }


def _exposure(
    planes: str, restored: bool, movement: str, estimate: Estimate | None
) -> dict[str, Any]:
    found = {"planes": planes, "restored": restored, "movement": movement}
    return found if estimate is None else found | values(estimate)
