"""What the report on a restoration shows, and its sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Kernel
from unsmear.restoration.consistency import DECONVOLVED, INPUT, TILE, Verdicts


@dataclass(frozen=True, eq=False)
class Report:
    """What is shown of one restoration.

    title: the image's name. movement: the kernel in words and how sure it is, "linear motion of
    10.2 px at 35 degrees (confidence 0.97)". blurred, restored: (batch, channel, y, x), counts.
    kernel: what was taken out; None where nothing was, or the restorer is not told.
    verdicts, misfit: of `reblur`; None where nothing was checked. empty: (batch, channel), planes
    that hold nothing but noise. channels: their names, or nothing. method: the restorer's name;
    nothing for an image that was passed on as it was.
    """

    title: str
    movement: str
    blurred: NDArray[Any]
    restored: NDArray[Any]
    kernel: Kernel | None = None
    verdicts: Verdicts | None = None
    misfit: NDArray[np.float32] | None = None
    empty: NDArray[np.bool_] | None = None
    channels: Sequence[str] = ()
    method: str = ""

    @property
    def names(self) -> list[str]:
        """The channels' names, or their numbers from 1."""
        count = self.blurred.shape[1]
        given = list(self.channels) if len(self.channels) == count else []
        return given or [f"channel {number + 1}" for number in range(count)]

    def light(self) -> list[tuple[str, float, float, float]]:
        """Return each channel's name, mean count before and after, and the change as a part."""
        before, after = (
            planes.mean(axis=(0, 2, 3), dtype=np.float64)
            for planes in (self.blurred, self.restored)
        )
        return [
            (name, float(one), float(other), float((other - one) / one) if one else 0.0)
            for name, one, other in zip(self.names, before, after, strict=True)
        ]


def sentences(report: Report) -> list[str]:
    """Return what was found and done, in words for a microscopist."""
    said = [f"{report.movement[:1].upper()}{report.movement[1:]}."]
    if report.kernel is None and report.method:
        return [*said, f"The image was restored by {report.method}; nothing was checked."]
    if report.kernel is None:
        return [*said, "The image was passed on as it was."]
    if report.method:
        said.append(f"It was taken out by {report.method}.")
    if report.verdicts is None or report.empty is None:
        return said
    empty_channels = np.atleast_1d(report.empty.all(axis=0)).tolist()
    said += [
        f"The channel {name.removeprefix('channel ')} holds nothing but noise: left unchanged."
        for name, empty in zip(report.names, empty_channels, strict=True)
        if empty
    ]
    return [*said, *_said_of_tiles(report.verdicts[~report.empty])]


def _said_of_tiles(verdicts: Verdicts) -> list[str]:
    """Return what became of the tiles (n, rows, columns) of planes that show something."""
    if not verdicts.size:
        return []
    replaced = {verdict: int((verdicts == verdict).sum()) for verdict in (DECONVOLVED, INPUT)}
    count = sum(replaced.values())
    every = f"{verdicts.size:,} tiles of {TILE}x{TILE} pixels"
    if not count:
        return [f"Blurred again, the restored image explains the recorded one in all {every}."]
    return [
        f"Blurred again, the restored image does not explain the recorded one in {count:,} of "
        f"{every} ({count / verdicts.size:.2%}).",
        f"There it was replaced: by plain deconvolution in {replaced[DECONVOLVED]:,}, by the "
        f"recorded image in {replaced[INPUT]:,}.",
        "Look at those places in the recorded image before you rely on a detail.",
    ]
