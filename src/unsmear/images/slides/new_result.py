"""A slide's result as a new file, where it cannot be the one that was read with other pixels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tifffile

from unsmear.images import ome_zarr
from unsmear.images.ome_zarr import folders, metadata, new, writing
from unsmear.images.ome_zarr.levels import shapes
from unsmear.images.record import value
from unsmear.images.slides import bands, levels, stage
from unsmear.images.slides.places import WritablePlanes
from unsmear.images.slides.result import Site
from unsmear.images.slides.zarr_planes import ZarrPlanes
from unsmear.images.tiff import new as new_tiff
from unsmear.images.tiff import rest, says_more
from unsmear.images.tiff.layout import FULL

OF_IMAGEJ = "ImageJ's own metadata"


class NewZarr:
    """A new OME-Zarr, in which blocks are written as chunks."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._axes = new.axes_of(site.image)

    def prepare(self) -> None:
        """Make the empty levels."""
        site = self._site
        sizes = dict(zip(site.image.axes, site.image.pixels.shape, strict=True))
        count = site.image.planes().shape[1]
        whole = [count if letter == "C" else sizes[letter] for letter in self._axes]
        chunk = [_divisor(side, new.CHUNK) for side in site.block]
        new.make(
            site.result,
            self._axes,
            shapes(whole, self._axes),
            site.dtype,
            chunk=(chunk[0], chunk[1]),
        )

    def planes(self) -> WritablePlanes:
        """Return the largest level."""
        return self._planes()

    def finish(self, done: str) -> tuple[str, ...]:
        """Make the levels and write the metadata."""
        site, group = self._site, self._group()
        for number in range(1, len(list(group.array_keys()))):
            levels.remake(group[str(number - 1)], group[str(number)], self._axes)
        shown = self._ranges() if "C" in self._axes and site.image.channels else []
        new.say(site.result, site.image, shown)
        if done:
            self._group().attrs[writing.RECORD] = [value(done)]
        folders.consolidate(site.result)
        other = ("other metadata",) if says_more(site.image) else ()
        return site.image.unkept + other

    def _planes(self) -> ZarrPlanes:
        return ZarrPlanes(self._group()["0"], self._axes, self._site.name)

    def _group(self) -> Any:
        return metadata.open_group(self._site.result, self._site.name, "r+")

    def _ranges(self) -> list[tuple[float, float]]:
        """Return the lowest and the highest value of each channel."""
        batches, count = self._site.image.planes().shape[:2]
        planes = self._planes()
        found = []
        for channel in range(count):
            ends = new.ranges(
                part
                for batch in range(batches)
                for part in bands.of_plane(planes, (batch, channel))
            )
            known = [end for end in ends if not np.isnan(end[0])] or [(np.nan, np.nan)]
            found.append((min(low for low, _ in known), max(high for _, high in known)))
        return found


class NewTiff:
    """A new TIFF of tiles, written in one pass over blocks that wait in a stage.

    to_ome: whether its name asks for an OME-TIFF.
    """

    def __init__(self, site: Site, to_ome: bool) -> None:
        self._site = site
        self._is_ome = new_tiff.is_new_ome(site.image, to_ome or self._of_imagej(site))

    def prepare(self) -> None:
        """Make the stage."""
        site = self._site
        stage.make(site.stage, site.image.planes().shape, site.dtype, site.block)
        site.result.touch()

    def planes(self) -> WritablePlanes:
        """Return the stage."""
        return self._stage()

    def finish(self, done: str) -> tuple[str, ...]:
        """Write all tiles and the metadata."""
        image, carried = self._site.image, self._carried
        if self._is_ome:
            self._write_ome(done)
        else:
            options = self._tiled(new_tiff.plain_options(image, carried, done))
            shape = image.pixels.shape
            tifffile.imwrite(
                self._site.result,
                bands.tiles(self._stage(), image.axes, shape, options["tile"]),
                shape=shape,
                dtype=self._site.dtype,
                bigtiff=self._is_big(),
                **options,
            )
        left = ome_zarr.left_behind(image) if "zarr" in image.metadata else ()
        lost = (OF_IMAGEJ,) if self._of_imagej(self._site) else ()
        return (*image.unkept, *rest.lost(carried), *lost, *left)

    def _stage(self) -> ZarrPlanes:
        return stage.planes(self._site.stage, self._site.name)

    @property
    def _carried(self) -> Mapping[str, Any]:
        carried: Mapping[str, Any] = self._site.image.metadata.get("tiff", {})
        return carried

    @staticmethod
    def _of_imagej(site: Site) -> bool:
        return "imagej" in site.image.metadata.get("tiff", {})

    def _write_ome(self, done: str) -> None:
        """Write an OME-TIFF: an image a position, with levels where the input had them."""
        site = self._site
        planes = self._stage()
        parts = (
            part
            for index in np.ndindex(*site.image.planes().shape[:2])
            for part in bands.of_plane(planes, (index[0], index[1]))
        )
        identity = new_tiff.identity(done, parts)
        options = self._tiled(new_tiff.ome_options(site.image, self._carried, done, identity))
        axes = site.image.axes.replace("P", "")
        sizes = dict(zip(site.image.axes, site.image.pixels.shape, strict=True))
        below = self._levels()
        count = math.prod(sizes.get(letter, 1) for letter in "TZ")
        with tifffile.TiffWriter(site.result, ome=True, bigtiff=self._is_big()) as file:
            for position in range(sizes.get("P", 1)):
                for number, own in enumerate([planes, *below]):
                    sizes |= dict(zip("YX", own.sides, strict=True))
                    shape = tuple(sizes[letter] for letter in axes)
                    tiles = bands.tiles(own, axes, shape, options["tile"], position * count)
                    more = (
                        {"maxworkers": 1, **new_tiff.level_options(options)}
                        if number
                        else {"subifds": len(below), **options}
                    )
                    file.write(tiles, shape=shape, dtype=site.dtype, **more)
                options["extratags"] = []

    def _levels(self) -> list[ZarrPlanes]:
        """Return levels, each half as large as the one before, which are made beside the stage."""
        site = self._site
        if self._carried.get("levels", 1) < 2:
            return []
        sides = shapes(site.image.planes().shape, stage.AXES, new_tiff.SMALLEST_LEVEL)
        larger = site.stage
        found = []
        for number, shape in enumerate(sides[1:], 1):
            path = site.folder / f"level-{number}"
            stage.make(path, shape, site.dtype, site.block)
            levels.remake(stage.array(larger), stage.array(path), stage.AXES)
            found.append(stage.planes(path, site.name))
            larger = path
        return found

    def _tiled(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return tifffile's options with tiles; without them a page would be encoded whole."""
        tile = options.get("tile") or bands.TILE
        # One thread, whose memory is known.
        return {**options, "tile": tile, "maxworkers": 1}

    def _is_big(self) -> bool:
        """Return whether the file may need positions of 64 bits."""
        shape = self._site.image.pixels.shape
        return 2 * math.prod(shape) * self._site.dtype.itemsize >= FULL


def _divisor(side: int, longest: int) -> int:
    """Return the largest divisor of a side that is at most `longest`."""
    return next(side // count for count in range(1, side + 1)
                if side % count == 0 and side // count <= longest)  # fmt: skip
