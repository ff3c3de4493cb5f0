"""The line that says what was done to an image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.cli.jobs import camera_maps
from unsmear.cli.jobs.announcement import axes_phrase
from unsmear.cli.jobs.kernels import pixel_size_phrase
from unsmear.cli.jobs.restore.settings import Restoration
from unsmear.images import Image, outliers
from unsmear.restoration import consistency
from unsmear.restoration.restored import (
    Restored,
    clipped_phrase,
    left_phrase,
    no_data_phrase,
    outliers_phrase,
    saturated_phrase,
)

FLUX_TOLERANCE = 0.2
"""Change of a channel's total intensity, as a fraction, above which a flux-conserving method has
failed."""
CHANNELS = {"groups": "channels in groups", "alone": "each channel alone"}
"""Channel rules in words, for the printed line; the rule `together` is not mentioned."""


def describe(job: Restoration, image: Image, result: Restored[Image, Image]) -> str:
    """Return a phrase on what was done to an image."""
    size = pixel_size_phrase(job.options.kernel, image)
    phrase = f"{result.movement}{size and f' ({size})'}"
    if not result.touched:
        unknown = ", uncertainty unknown" if job.files.options.uncertainty else ""
        return ", ".join(filter(None, [f"{left_phrase(phrase)}{unknown}", axes_phrase(image)]))
    some_left = "; the rest" if _some_left(result) else ","
    replaced = tiles_replaced(result)
    remarks = (
        f"{phrase}{some_left} restored by {method_phrase(job.method.name, result)}",
        f"{replaced:.1%} of the tiles replaced" if replaced else "",
        axes_phrase(image),
        camera_maps.phrase(job.options.camera),
        no_data_phrase(result),
        outliers_phrase(result),
        saturated_phrase(result),
        clipped_phrase(result),
        _opacity_phrase(image),
        _flux_phrase(image, result) if job.method.conserves_flux else "",
    )
    return ", ".join(filter(None, remarks))


def _opacity_phrase(image: Image) -> str:
    """Return a phrase on a last channel that is taken for opacity though it varies; or ""."""
    if not image.alpha or np.ptp(image.pixels[..., -1]) == 0:
        return ""
    return "the last channel taken for opacity and left as it was: save a stain as TIFF"


def _flux_phrase(image: Image, result: Restored[Image, Image]) -> str:
    """Return a phrase on a total intensity that was not kept; "" where it was."""
    before = image.planes()
    if result.outliers:
        before, _ = outliers.replaced(before)
    change = _flux_change(before, result.image)
    if abs(change) > FLUX_TOLERANCE:
        return f"but its total intensity changed by {change:+.0%}: check it"
    return ""


def _some_left(result: Restored[Image, Image]) -> bool:
    """Return whether some frames or exposures of a restored image were left as they were."""
    if result.frames:
        return any(not frame.touched or _some_left(frame) for frame in result.frames)
    if result.verdicts is not None and (result.verdicts == consistency.LEFT).any():
        return True
    return any(one.blur is None for one in result.exposures)


def tiles_replaced(result: Restored[Image, Image]) -> float | None:
    """Return the fraction of the restored tiles that were replaced; None where none was checked."""
    if result.verdicts is None or not result.touched:
        return None
    nothing_but_noise = (result.verdicts == consistency.INPUT).all(axis=(2, 3))
    tiles = result.verdicts[~nothing_but_noise]
    tiles = tiles[tiles != consistency.LEFT]
    return round(float((tiles != consistency.RESTORED).mean()), 4) if tiles.size else 0.0


def _flux_change(before: NDArray[Any], after: Image) -> float:
    """Return the largest relative change of a channel's mean above its darkest pixel."""
    planes, restored = (np.asarray(part, np.float64) for part in (before, after.planes()))
    known = ~np.isnan(planes).all(axis=(0, 2, 3))
    means = [np.nanmean(part[:, known], axis=(0, 2, 3)) for part in (planes, restored)]
    flux = means[0] - np.nanmin(planes[:, known], axis=(0, 2, 3))
    changes = (means[1] - means[0]) / np.maximum(flux, 1e-12)
    return float(changes[np.abs(changes).argmax()])


def method_phrase(method: str, restored: Restored[Image, Image]) -> str:
    """Return a phrase that names the method, and its channel rule and tiles where it has them."""
    details = []
    if restored.channel_rule in CHANNELS and restored.image.planes().shape[1] > 1:
        details.append(CHANNELS[restored.channel_rule])
    if restored.blended:
        details.append("in tiles of {} px that share at least {} px".format(*restored.blended))
    return ", ".join([method, *details])
