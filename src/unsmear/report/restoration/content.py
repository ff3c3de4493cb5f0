"""Content of a restoration report: its data and its sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Kernel
from unsmear.report.restoration.movements import Field
from unsmear.restoration.consistency import DECONVOLVED, INPUT, LEFT, TILE, Verdicts
from unsmear.restoration.resolution import Measured


@dataclass(frozen=True, eq=False)
class Detail:
    """The part of an image that is shown enlarged.

    part: where it is, in pixels of the images that are shown. blurred, restored: (channel, y, x).
    """

    part: tuple[slice, slice]
    blurred: NDArray[Any]
    restored: NDArray[Any]


@dataclass(frozen=True, eq=False)
class Report:
    """The data of a restoration report on one image.

    title: name of the image. movement: the motion in words, "linear motion of 10.2 px at 35 degrees
    (confidence 0.97)". blurred, restored: (batch, channel, y, x), counts. kernel: kernel of the
    deconvolution; None for a blind method, or an image left unchanged. verdicts, misfit: results of
    the consistency check; None without it. empty: (batch, channel), planes that hold only noise.
    clipped: phrase on pixels beyond the range of the dtype. no_data: fraction without data.
    channels: their names, or nothing. method: name of the method; empty for an image left
    unchanged. moved: what the kernel is that of, where it is not that of the whole image.
    movements: where each exposure moved how. resolutions: the finest detail of each exposure.
    pixel_size: (y, x), micrometres.

    Of a slide the images are smaller than it is. scale: side of one of their pixels, pixels of the
    slide. means: counts of each of its channels, before and after. detail: the enlarged part.
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
    clipped: str = ""
    no_data: float = 0.0
    movements: Sequence[Field] = ()
    resolutions: Sequence[Measured] = ()
    pixel_size: tuple[float, float] | None = None
    moved: str = ""
    scale: int = 1
    means: Sequence[tuple[float, float]] = ()
    detail: Detail | None = None

    @property
    def sides(self) -> tuple[int, int]:
        """The height and the width of the image, pixels."""
        height, width = self.blurred.shape[2:]
        return self.scale * height, self.scale * width

    @property
    def touched(self) -> bool:
        """Whether anything was restored."""
        return bool(self.method)

    @property
    def shown(self) -> int:
        """The plane, or time point, or slice, that is shown: the one that changed most."""
        before, after = (
            np.asarray(planes, np.float32).reshape(len(planes), -1)
            for planes in (self.blurred, self.restored)
        )
        return int(np.nan_to_num(np.abs(after - before)).mean(axis=1).argmax())

    @property
    def names(self) -> list[str]:
        """The channels' names, or their numbers, from 0 as in the printed line."""
        count = self.blurred.shape[1]
        names = list(self.channels) if len(self.channels) == count else []
        return names or [f"channel {number}" for number in range(count)]

    def intensities(self) -> list[tuple[str, float, float, float]]:
        """Return each channel's name, mean counts before and after, and the relative change.

        They are NaN for a channel without data.
        """
        means = self.means or zip(_means(self.blurred), _means(self.restored), strict=True)
        return [
            (name, float(before), float(after), float((after - before) / before) if before else 0.0)
            for name, (before, after) in zip(self.names, means, strict=True)
        ]


def intensities_in_words(report: Report) -> list[list[str]]:
    """Return a row a channel: its name, mean counts before and after, and the relative change."""
    return [
        [name, "no data", "", ""]
        if np.isnan(before)
        else [name, f"{before:.5g}", f"{after:.5g}", f"{round(change, 4) + 0.0:+.2%}"]
        for name, before, after, change in report.intensities()
    ]


def _means(planes: NDArray[Any]) -> list[float]:
    """Return the mean counts of each channel of (batch, channel, y, x), NaN without data."""
    channels = (planes[:, number] for number in range(planes.shape[1]))
    known = (counts[~np.isnan(counts)] for counts in channels)
    return [float(counts.mean(dtype=np.float64)) if counts.size else np.nan for counts in known]


def sentences(report: Report) -> list[str]:
    """Return the sentences of the report: the motion, the method, the consistency check."""
    lines = [f"{report.movement[:1].upper()}{report.movement[1:]}."]
    if report.no_data:
        share = f"{100 * report.no_data:.2g} %"
        lines.append(f"{share} of the pixels hold no data and were left as they were.")
    if report.clipped:
        lines.append(f"{report.clipped}.")
    if report.kernel is None and not report.method:
        return [*lines, "The image was left unchanged."]
    if report.verdicts is None and report.method:
        return [*lines, f"Restored by {report.method}, without a consistency check."]
    if report.method:
        lines.append(f"Restored by {report.method}.")
    if report.verdicts is None or report.empty is None:
        return lines
    empty_channels = np.atleast_1d(report.empty.all(axis=0)).tolist()
    lines += [
        f"Channel {name.removeprefix('channel ')} holds only noise: left unchanged."
        for name, empty in zip(report.names, empty_channels, strict=True)
        if empty
    ]
    return [*lines, *_tile_sentences(report.verdicts[~report.empty])]


def _tile_sentences(verdicts: Verdicts) -> list[str]:
    """Return the sentences on the tiles of the planes that are not empty."""
    verdicts = verdicts[verdicts != LEFT]
    if not verdicts.size:
        return []
    replaced = {verdict: int((verdicts == verdict).sum()) for verdict in (DECONVOLVED, INPUT)}
    count = sum(replaced.values())
    all_tiles = f"{verdicts.size:,} tiles of {TILE}x{TILE} pixels"
    if not count:
        return [f"Consistency check: passed in all {all_tiles}."]
    return [
        f"Consistency check: failed in {count:,} of {all_tiles} ({count / verdicts.size:.2%}).",
        f"These tiles were replaced: by classical deconvolution in {replaced[DECONVOLVED]:,}, by "
        f"the recorded image in {replaced[INPUT]:,}.",
        "Compare them with the recorded image before you rely on a detail.",
    ]
