"""A slide's result under construction: its blocks are written one by one, in any order.

Everything stands in a folder beside the result until it is complete, so that a run that was killed
goes on. A block counts once the journal has it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear import journal
from unsmear.atomic import write_aside
from unsmear.errors import AxesError, ImageError, UnsmearError, error_text
from unsmear.images import files
from unsmear.images.ome_zarr import is_zarr
from unsmear.images.slides import leases, places, plan, tiff_result
from unsmear.images.slides.new_result import NewTiff, NewZarr
from unsmear.images.slides.places import WritablePlanes
from unsmear.images.slides.result import Result, Site
from unsmear.images.slides.slide import Slide, open_slide
from unsmear.images.slides.zarr_result import ZarrResult

PLAN, BLOCKS, UNKEPT = "plan.json", "blocks.jsonl", "unkept.json"
Block = tuple[int, int, int, int]
"""Batch, channel, first row and first column."""


@dataclass(frozen=True, eq=False)
class Sink:
    """A result that is written block by block.

    A copy in another process, as pickling makes it, only writes blocks: the journal belongs to the
    process that created the sink.

    Attributes
    ----------
    path
        That of the result.
    slide
        What is restored.
    dtype
        Of the result's pixels.
    block
        Rows and columns of a block; those at the lower and right edge may be smaller.
    digest
        Of all that the pixels depend on; it names the folder in which the result grows.
    done
        What is known of each block that was finished.
    """

    path: Path
    slide: Slide
    dtype: np.dtype[Any]
    block: tuple[int, int]
    digest: str = ""
    done: dict[Block, dict[str, Any]] = field(default_factory=dict, repr=False)

    @classmethod
    def create(
        cls,
        path: Path,
        slide: Slide,
        dtype: np.dtype[Any],
        block: tuple[int, int],
        key: str = "",
    ) -> Sink:
        """Return a result to which blocks can be written.

        What an interrupted run left is continued if it is of the same slide, as it is now, with
        the same dtype, blocks and key; else it is deleted.

        key: what else the pixels of the result depend on.

        Raises ImageError for a kind of file that is not written in blocks, for a place that is
        taken by a folder that is no Zarr, for a place in the slide itself, for a result that
        another process is making, and where nothing can be written.
        """
        dtype = np.dtype(dtype)
        own = plan.of(slide, dtype, block, key)
        sink = cls(path, slide, dtype, block, sha256(own).hexdigest()[:16])
        _check_apart(path, slide.path)
        if path.is_dir() and any(path.iterdir()) and not is_zarr(path):
            raise ImageError(
                f"{path.name}: a Zarr must replace no other folder, got one with files."
            )
        with _written(path.name):
            leases.take(path)
            if not sink._is_begun(own):
                sink._clear()
                leases.begin(path, slide.path)
                sink._site.folder.mkdir()
                sink._result.prepare()
                journal.write(sink._folder / BLOCKS, [])
                write_aside(sink._folder / PLAN, own)
            for file in sink._folder.rglob("*.partial"):  # a chunk that was never complete
                file.unlink(missing_ok=True)
            sink.done.update(sink._finished())
        return sink

    def write(
        self,
        batch: int,
        channel: int,
        rows: slice,
        columns: slice,
        pixels: NDArray[Any],
    ) -> None:
        """Write a block and read it back; different processes may write different blocks.

        pixels: (y, x) counts in the result's dtype.

        Raises ImageError where it cannot be written, or reads back as something else.
        """
        self._check(rows, columns, pixels)
        with _written(self.path.name):
            self._planes.write(batch, channel, rows, columns, pixels)
        again = self._planes.read(batch, channel, rows, columns)
        if not np.array_equal(again, pixels, equal_nan=pixels.dtype.kind == "f"):
            raise ImageError(
                f"{self.path.name}: a block must read back as it was written, got other pixels; "
                "the disk may be failing."
            )

    def read(self, batch: int, channel: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a window of blocks that were written, until the result is complete."""
        return self._planes.read(batch, channel, rows, columns)

    @property
    def beside(self) -> Path:
        """The folder for what is told of blocks, which goes with the parts of the result."""
        return self._site.folder / "beside"

    def is_done(self, batch: int, channel: int, rows: slice, columns: slice) -> bool:
        """Return whether a block was marked as finished."""
        return (batch, channel, rows.start, columns.start) in self.done

    def mark(
        self, batch: int, channel: int, rows: slice, columns: slice, facts: Mapping[str, Any]
    ) -> None:
        """Mark a block that was written as finished. facts: what JSON can hold, for `facts`."""
        block = batch, channel, rows.start, columns.start
        journal.append(self._folder / BLOCKS, {"block": block, "facts": dict(facts)})
        self.done[block] = dict(facts)

    def facts(self) -> Iterator[dict[str, Any]]:
        """Return what was said of each finished block, in the blocks' order."""
        return (facts for _, facts in sorted(self.done.items(), key=lambda item: item[0]))

    def finish(self, done: str = "") -> tuple[str, ...]:
        """Complete the result, and forget its parts; as `complete`, which see."""
        unkept = self.complete(done)
        self.discard()
        return unkept

    def complete(self, done: str = "") -> tuple[str, ...]:
        """Complete the result: levels, metadata and the record of processing; it takes its name.

        Until it is discarded, another sink of the same plan has nothing left to do.

        done: a line of text. Return what the format has no room for, in words.

        Raises ImageError where it cannot be written.
        """
        with _written(self.path.name):
            if self._site.result.exists():
                unkept = self._result.finish(done)
                self._verify()
                write_aside(self._folder / UNKEPT, json.dumps(unkept).encode())
                self._take_name()
            unkept = json.loads((self._folder / UNKEPT).read_bytes())
        return tuple(dict.fromkeys(unkept))

    @property
    def is_complete(self) -> bool:
        """Whether the result has its name, and nothing is written any more."""
        return not self._site.result.exists()

    def discard(self) -> None:
        """Delete the parts; what has no name yet is gone."""
        self._clear()
        leases.give_back(self.path)

    def _clear(self) -> None:
        # Without its plan a folder is begun anew, however much of it is left.
        (self._folder / PLAN).unlink(missing_ok=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def __reduce__(self) -> tuple[Any, ...]:
        return Sink, (self.path, self.slide, self.dtype, self.block, self.digest)

    @property
    def _folder(self) -> Path:
        return leases.folder(self.path)

    @cached_property
    def _site(self) -> Site:
        # A worker of a run that was stopped, and is begun anew with other options, may still be
        # writing: to a place of its own.
        return Site(self._folder / self.digest, self.path.name, self.slide, self.dtype, self.block)

    @cached_property
    def _result(self) -> Result:
        return _kind(self._site, self.path)

    @cached_property
    def _planes(self) -> WritablePlanes:
        return self._result.planes()

    def _verify(self) -> None:
        """Raise ImageError unless the result reads back as it was meant.

        Blocks that were written where they lie were read back then; staged ones are read now.
        """
        again = _opened(self._site)
        whole = self._site.image.planes().shape
        same = again.header.planes().shape == whole and again.header.pixels.dtype == self.dtype
        staged = self._site.stage.exists()
        if not same or (staged and not all(map(partial(self._is_same, again), self._blocks()))):
            raise ImageError(
                f"{self.path.name}: the file must read back as it was written, got other "
                f"{'pixels' if same else 'sizes'}; nothing was written."
            )

    def _blocks(self) -> Iterator[tuple[int, int, slice, slice]]:
        """Return all blocks."""
        batches, channels, height, width = self._site.image.planes().shape
        return itertools.product(
            range(batches),
            range(channels),
            places.pieces(slice(0, height), self.block[0]),
            places.pieces(slice(0, width), self.block[1]),
        )

    def _is_same(self, again: Slide, block: tuple[int, int, slice, slice]) -> bool:
        there, here = again.read(*block), self._planes.read(*block)
        return np.array_equal(there, here, equal_nan=here.dtype.kind == "f")

    def _take_name(self) -> None:
        """Rename the result; what was at its place goes with the folder."""
        result = self._site.result
        if self.path.exists() and (self.path.is_dir() or result.is_dir()):
            self.path.replace(self._folder / "old")
        result.replace(self.path)

    def _is_begun(self, own: bytes) -> bool:
        """Return whether the folder holds what an interrupted run of this plan left."""
        try:
            same = (self._folder / PLAN).read_bytes() == own
        except OSError:
            return False
        # A run that was stopped after the result had its name has only to say so.
        return same and (self._site.result.exists() or self.path.exists())

    def _finished(self) -> dict[Block, dict[str, Any]]:
        """Return the finished blocks in the journal; the last word on each counts."""
        path = self._folder / BLOCKS
        found: dict[Block, dict[str, Any]] = {}
        for number, line in enumerate(journal.read(path), 1):
            try:
                entry = json.loads(line)
                batch, channel, row, column = map(int, entry["block"])
                found[batch, channel, row, column] = dict(entry["facts"])
            except journal.DAMAGE as error:
                raise journal.damaged(path, number, error) from error
        return found

    def _check(self, rows: slice, columns: slice, pixels: NDArray[Any]) -> None:
        """Raise ValueError for pixels that are no block."""
        whole = self.slide.header.planes().shape[2:]
        for part, side, end in zip((rows, columns), self.block, whole, strict=True):
            if part.start % side or part.stop != min(part.start + side, end):
                raise ValueError(f"a block must be one of {self.block}, got {rows}, {columns}")
        shape = rows.stop - rows.start, columns.stop - columns.start
        if pixels.shape != shape or pixels.dtype != self.dtype:
            raise ValueError(f"a block must be {shape} of {self.dtype}, got {pixels.shape}")


def _check_apart(path: Path, source: Path) -> None:
    """Raise ImageError for a result that would take the place of its slide, or of a part of it."""
    one, other = path.resolve(), source.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise ImageError(f"{path.name}: the result must be another file than the slide.")


def _kind(site: Site, path: Path) -> Result:
    """Return the kind of result that a path's ending asks for."""
    header = site.slide.header
    if header.alpha:
        raise ImageError(f"{header.name}: an image of this size must have no opacity (alpha).")
    if path.suffix.lower() == ".zarr" or (not path.suffix and "zarr" in header.metadata):
        return ZarrResult(site) if "zarr" in header.metadata else NewZarr(site)
    if not files.is_tiff(path):
        raise ImageError(
            f"{path.name}: an image of this size must be written as .zarr, .tif or .ome.tif, "
            f"got {path.suffix!r}."
        )
    # The kind of file must be the one that `images.write` would make.
    to_ome = path.name.lower().endswith(files.OME_ENDINGS)
    is_tiff = "tiff" in header.metadata and "zarr" not in header.metadata
    edited = tiff_result.result_of(site) if is_tiff else None
    return edited or NewTiff(site, to_ome)


def _opened(site: Site) -> Slide:
    """Open a result; axes that the user gave, and the file has no room for, are given again."""
    try:
        return open_slide(site.result)
    except AxesError:
        return open_slide(site.result, site.image.axes)


@contextlib.contextmanager
def _written(name: str) -> Iterator[None]:
    """Turn what writing raises into an ImageError; each codec has errors of its own."""
    try:
        yield
    except UnsmearError:
        raise
    except Exception as error:
        reason = getattr(error, "strerror", None) or error_text(error)
        raise ImageError(f"{name}: the result cannot be written ({reason}).") from error
