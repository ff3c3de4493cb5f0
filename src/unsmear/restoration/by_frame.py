"""The time points and positions of an image restored each by itself, and joined again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from unsmear.estimate.processed import told_once
from unsmear.estimate.series import Frame
from unsmear.images import Image, frames
from unsmear.images.nodata import Gaps
from unsmear.restoration import consistency, exposures
from unsmear.restoration.consistency import Check, Verdicts
from unsmear.restoration.restored import Restored

FEW = 4
"""Largest number of frames of which each is described."""

RestoreFrame: TypeAlias = Callable[[int, Frame], Restored[Image, Image]]
"""Restores one time point of one position, given its number."""
Results: TypeAlias = Sequence[Restored[Image, Image]]
"""What became of each frame."""


def restore(
    image: Image, series: Sequence[Frame], gaps: Gaps | None, restore_frame: RestoreFrame
) -> Restored[Image, Image]:
    """Return an image whose time points and positions, the series, are restored each by itself."""
    results = [
        Restored(frame.image, False, "no data") if frame.empty else restore_frame(number, frame)
        for number, frame in enumerate(series)
    ]
    dtype = next((r.image.pixels.dtype for r in results if r.touched), image.pixels.dtype)
    pixels = frames.join(image, [r.image.pixels.astype(dtype, copy=False) for r in results])
    return Restored(
        replace(image, pixels=pixels),
        any(r.touched for r in results),
        _movement([frame.name for frame in series], results),
        uncertainty=_joined_bands(image, results),
        consistency=_joined_checks(results),
        verdicts=_joined_verdicts(results),
        no_data=0.0 if gaps is None else gaps.share,
        outliers=sum(r.outliers for r in results),
        saturated=sum(r.saturated for r in results),
        clipped=sum(r.clipped for r in results),
        clipped_black=sum(r.clipped_black for r in results),
        frames=tuple(results),
    )


def _joined_bands(image: Image, results: Results) -> Image | None:
    """Return the uncertainty of all frames, NaN in those without one; None without any."""
    bands = [r.uncertainty for r in results]
    if all(band is None for band in bands):
        return None
    light = image.light()
    unknown = np.full(frames.split(light)[0][1].pixels.shape, np.nan, np.float32)
    pixels = [unknown if band is None else band.pixels for band in bands]
    return replace(light, pixels=frames.join(light, pixels))


def _joined_checks(results: Results) -> Check | None:
    """Return the checks of all frames; nothing is known of those that were left alone."""
    known = [r.consistency for r in results if r.touched and r.consistency is not None]
    if not known:
        return None
    unknown = Check(np.ones_like(known[0].misfit), np.zeros_like(known[0].empty))
    checks = [r.consistency if r.touched and r.consistency else unknown for r in results]
    return Check(
        np.concatenate([check.misfit for check in checks]),
        np.concatenate([check.empty for check in checks]),
    )


def _joined_verdicts(results: Results) -> Verdicts | None:
    """Return the verdicts of all frames; those of a frame that was left alone are LEFT."""
    known = [r.verdicts for r in results if r.verdicts is not None]
    if not known:
        return None
    left = np.full_like(known[0], consistency.LEFT)
    restored = np.full_like(known[0], consistency.RESTORED)
    return np.concatenate(
        [left if not r.touched else restored if r.verdicts is None else r.verdicts for r in results]
    )


def _movement(names: Sequence[str], results: Results) -> str:
    """Return the movement of each frame, or in how many frames which movements were."""
    if len({r.movement for r in results}) == 1 and not results[0].touched:
        return results[0].movement
    if len(results) <= FEW:
        phrases = [
            f"{name}: {r.movement}{'' if r.touched or r.exposures else ', left as it was'}"
            for name, r in zip(names, results, strict=True)
        ]
        return "; ".join(told_once(phrases))
    touched = [r for r in results if r.touched]
    taken = [(one.blur, one.estimate) for r in touched for one in r.exposures or [r]]
    return exposures.summary(len(results), "frames", len(touched), taken)
