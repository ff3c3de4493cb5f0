"""A slide's result as the OME-Zarr that was read, with other pixels."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.images.ome_zarr import editing, folders, metadata, reading, writing
from unsmear.images.record import value
from unsmear.images.slides import levels, places, stage
from unsmear.images.slides.places import Planes, WritablePlanes
from unsmear.images.slides.result import Site
from unsmear.images.slides.zarr_planes import ZarrPlanes, sides_of


class ZarrResult:
    """A copy of a Zarr in which blocks take the place of shards; levels are made at the end.

    Where a shard holds more than one plane, or part of a block, the blocks wait in a stage.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        carried = site.slide.header.metadata["zarr"]
        self._source: Path = carried["path"]
        self._below = carried["below"]
        self._paths: tuple[str, ...] = carried["levels"]

    def prepare(self) -> None:
        """Copy the Zarr without the pixels of the image."""
        site = self._site
        group = writing.copied(site.result, site.name, self._source, self._below)
        for path in metadata.level_paths(group):
            shape = group[path].shape  # type: ignore[union-attr]
            writing.array_of(group, path, shape, site.dtype)
        if not self._is_direct():
            stage.make(site.stage, site.image.planes().shape, site.dtype, site.block)

    def planes(self) -> WritablePlanes:
        """Return the largest level, or the stage."""
        site = self._site
        if not self._is_direct():
            return stage.planes(site.stage, site.name)
        return ZarrPlanes(self._largest(), site.image.axes, site.name)

    def finish(self, done: str) -> tuple[str, ...]:
        """Make the levels and write the metadata."""
        site, axes = self._site, self._site.image.axes
        group = self._group()
        largest = self._largest()
        if not self._is_direct():
            fill(largest, axes, self.planes())
        for path in metadata.level_paths(group):
            if path != self._paths[0]:
                levels.remake(largest, group[path], axes)
        self._say(done)
        for folder in {site.result / self._below, site.result}:
            folders.consolidate(folder)
        return site.image.unkept

    def _say(self, done: str) -> None:
        """Write the metadata, which are those of the source, and the record."""
        there = metadata.open_group(self._source / self._below, self._site.name)
        group = self._group()
        group.attrs.put(dict(there.attrs))
        image = self._site.image
        found = metadata.multiscale_of(there, image.name, image.axes)
        editing.say(group, image, found, image.pixels.shape)
        if done:
            group.attrs[writing.RECORD] = [*writing.records_of(there), value(done)]

    def _group(self) -> Any:
        return metadata.open_group(self._site.result / self._below, self._site.name, "r+")

    def _largest(self) -> Any:
        return self._group()[self._paths[0]]

    def _is_direct(self) -> bool:
        """Return whether blocks are whole shards of single planes."""
        site = self._site
        sides = sides_of(reading.largest(site.slide.header, site.name))
        spans = dict(zip("YX", site.block, strict=True))
        return all(
            spans[letter] % side == 0 if letter in spans else side == 1
            for letter, side in zip(site.image.axes, sides, strict=True)
        )


def fill(array: Any, axes: str, planes: Planes) -> None:
    """Write an array from planes, shard by shard."""
    for unit in levels.units(array):
        array[unit] = _gathered(planes, axes, array.shape, unit, np.dtype(array.dtype))


def _gathered(
    planes: Planes,
    axes: str,
    shape: tuple[int, ...],
    unit: tuple[slice, ...],
    dtype: np.dtype[Any],
) -> NDArray[Any]:
    """Return a part of an array from planes."""
    spans = dict(zip(axes, unit, strict=True))
    result = np.empty([part.stop - part.start for part in unit], dtype.newbyteorder("="))
    others = [range(part.start, part.stop) for letter, part in spans.items() if letter not in "YX"]
    letters = [letter for letter in axes if letter not in "YX"]
    for place in itertools.product(*others):
        at = dict(zip(letters, place, strict=True))
        window = planes.read(*places.number(axes, shape, at), spans["Y"], spans["X"])
        here = tuple(
            slice(None) if letter in "YX" else at[letter] - spans[letter].start for letter in axes
        )
        result[here] = places.turned(axes, window)
    return result
