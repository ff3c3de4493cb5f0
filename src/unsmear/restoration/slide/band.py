"""The uncertainty of a slide, block by block: half-widths of a 90 % prediction interval.

Those of a block wait in a file beside its result, as its maps do, and are laid out as a TIFF when
all blocks are done.
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.atomic import write_aside
from unsmear.images.slides import Sink, Slide, given_back
from unsmear.restoration.slide import waiting
from unsmear.restoration.slide.survey import Block, blocks

ENDING = ".npy"


def write(folder: Path, block: Block, half_width: NDArray[np.float32]) -> None:
    """Write the half-widths of a block, (y, x) counts; raises ImageError where that fails."""
    stream = io.BytesIO()
    np.save(stream, half_width)
    write_aside(waiting.file(folder, block, ENDING), stream.getvalue())


def unknown(counts: NDArray[Any]) -> NDArray[np.float32]:
    """Return the half-widths of what was not restored."""
    return np.full(counts.shape, np.nan, np.float32)


def lay_out(path: Path, slide: Slide, sink: Sink, record: str) -> None:
    """Write the half-widths of all blocks as a TIFF of tiles, which has pixel size and channels.

    sink: the result beside whose blocks they lie. record: the processing record. What a stopped
    run of the same result left is continued.

    Raises ImageError where it cannot be written.
    """
    header = slide.header
    # Nothing else of the file that was read belongs to it.
    kept = {name: value for name, value in header.metadata.items() if name == "zarr"}
    bare = replace(slide, header=replace(header, metadata=kept, unkept=()))
    path.parent.mkdir(parents=True, exist_ok=True)
    with given_back(path):
        result = Sink.create(path, bare, np.dtype(np.float32), sink.block, sink.digest)
        for block in blocks(header.planes().shape, sink.block):
            place = block.batch, block.channel, block.rows, block.columns
            if not result.is_done(*place):
                result.write(*place, _read(sink.beside, block))
                result.mark(*place, {})
        result.finish(record)


def _read(folder: Path, block: Block) -> NDArray[np.float32]:
    file = waiting.file(folder, block, ENDING)
    with waiting.reading(file):
        half_width: NDArray[np.float32] = np.load(file)
    return half_width
