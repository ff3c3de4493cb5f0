"""Processing records of restored images."""

from __future__ import annotations

from typing import Any

from unsmear.blur import to_dict
from unsmear.cli.jobs import camera_maps
from unsmear.cli.jobs.record import note, of_blur
from unsmear.cli.jobs.restore.settings import Restoration
from unsmear.estimate import Estimate
from unsmear.images import Image
from unsmear.restoration.restored import Restored

EXACT = "float32"
"""Precision that goes without saying."""


def record_of(job: Restoration, result: Restored[Image, Image]) -> str:
    """Return the processing record for the file's description."""
    maps = camera_maps.record(job.options.camera, job.camera)
    if not result.touched:
        # The suffix is that of files written before.
        return note("restore", result=f"{result.movement}, left as it was", camera=maps)
    own = job.options.own
    done: dict[str, Any] = {
        "method": job.method.cited or job.method.name,
        "options": own,
        "tile": job.options.tile,
        "camera": maps,
    }
    if job.method.precision is not None:
        precision = job.method.precision(**own)
        done["precision"] = precision if precision != EXACT else ""
    if not job.method.needs_kernel:
        done["channels"] = result.channel_rule  # the rule that "auto" chose
        done["options"] = {name: value for name, value in own.items() if name != "channels"}
        if result.blended:
            done["tile"], done["overlap"] = result.blended
    elif result.estimate is not None:
        done |= _of_estimate(result.estimate)
    elif result.frames:
        done["frames"] = [_record(frame) if frame.touched else None for frame in result.frames]
    elif result.exposures:
        done |= _record(result)
    return note("restore", result.blur, **done)


def _record(result: Restored[Image, Image]) -> dict[str, Any]:
    """Return the blurs that were taken out of an image, each with the planes that had it."""
    if not result.exposures:
        return {} if result.blur is None else of_blur(result.blur) | _of_estimate(result.estimate)
    return {
        "exposures": [
            {"planes": one.name, "blur": None}
            if one.blur is None
            else {"planes": one.name, **of_blur(one.blur), **_of_estimate(one.estimate)}
            for one in result.exposures
        ]
    }


def _of_estimate(estimate: Estimate | None) -> dict[str, Any]:
    """Return what the record says of an estimated motion beside it; nothing of a given one."""
    if estimate is None:
        return {}
    said: dict[str, Any] = {"confidence": estimate.confidence}
    if estimate.drift is not None:
        said["drift"] = [to_dict(estimate.drift.first), to_dict(estimate.drift.last)]
        said["drift_axis"] = "y" if estimate.drift.down else "x"
    return said
