"""What the widget asks of the library: to estimate and to restore chosen layers. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from unsmear.estimate import Estimate, exposures, series
from unsmear.estimate.exposures import Exposure
from unsmear.images import Image, frames
from unsmear.images.nodata import Gaps
from unsmear.napari.arrows import Found
from unsmear.restoration.pipeline import restore as restore_image
from unsmear.restoration.restored import Restored

Progress: TypeAlias = Callable[[int, int], None]
"""Callback with how much of the work is done, and how much there is."""


class Cancelled(Exception):  # noqa: N818 -- no error: somebody asked for it
    """The work was stopped by the user."""


def estimate(image: Image, progress: Progress) -> list[Found]:
    """Return what blurred each exposure of an image."""
    parts = series.split(image, Gaps.of(image, None))
    return [
        Found(
            exposure,
            f"{frame.name} {exposures.name(frame.image, exposure)}".strip(),
            _frame_of(frame.name),
            alone=len(estimated) == 1,
        )
        for frame, estimated in zip(parts, series.find(parts, progress=progress), strict=True)
        for exposure in estimated
    ]


def part_of(progress: Progress, number: int, count: int) -> Progress:
    """Return the progress of one of so many equal parts."""
    return lambda done, everything: progress(number * everything + done, count * everything)


def _frame_of(name: str) -> dict[str, int]:
    """Return the numbers in the name of a frame, "p=0 t=2", by their axes."""
    numbers = dict(part.split("=") for part in name.split())
    return {axis.upper(): int(number) for axis, number in numbers.items()}


def found_in(image: Image, restored: Restored[Image, Image]) -> list[Found]:
    """Return what blurred each exposure of an image that was restored, and what became of it."""
    exposures_found = []
    for (name, part), result in zip(
        frames.split(image), restored.frames or (restored,), strict=True
    ):
        frame = _frame_of(name)
        for one in result.exposures:
            if one.estimate is not None:
                place = f"{name} {one.name}".strip()
                done = one.blur is not None
                exposures_found.append(Found(one.exposure, place, frame, False, done))
        if result.estimate is not None:
            planes = np.argwhere(np.ones(part.planes().shape[:2], bool))
            exposure = Exposure(planes, result.estimate)
            exposures_found.append(Found(exposure, name, frame, True, result.touched))
    return exposures_found


def restore(
    image: Image, found: Sequence[Found] | None, uncertainty: bool, progress: Progress
) -> Restored[Image, Image]:
    """Return an image restored.

    found: what was estimated in it before; None where nothing was. uncertainty: whether the 90 %
    band is given too.
    """
    return restore_image(image, known(found or ()), uncertainty=uncertainty, progress=progress)


def known(found: Sequence[Found]) -> Estimate | dict[int | str, Estimate] | None:
    """Return the estimates in the form in which `restore` takes them, or None.

    None where a frame has several exposures: they are estimated anew, for they may be of parts of
    the field, which kernels that are given cannot name.
    """
    if not found or not all(one.alone and one.exposure.box is None for one in found):
        return None
    if not found[0].frame:
        return found[0].estimate
    return {
        ", ".join(f"{axis.lower()}={number}" for axis, number in one.frame.items()): one.estimate
        for one in found
    }
