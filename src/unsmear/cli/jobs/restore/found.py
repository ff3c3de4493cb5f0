"""What was found for each exposure of an image, as the record of a batch says it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from unsmear.batches.entry import LEFT, RESTORED, UNSURE
from unsmear.cli.jobs.found import values
from unsmear.estimate import Estimate
from unsmear.images import Image
from unsmear.restoration.restored import Restored


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


def action_of(touched: bool, found: Iterable[Mapping[str, Any]]) -> str:
    """Return what became of an image. touched: whether anything was restored."""
    if touched:
        return RESTORED
    return UNSURE if any(one.get("unsure") for one in found) else LEFT


def _exposure(
    planes: str, restored: bool, movement: str, estimate: Estimate | None
) -> dict[str, Any]:
    found = {"planes": planes, "restored": restored, "movement": movement}
    return found if estimate is None else found | values(estimate)
