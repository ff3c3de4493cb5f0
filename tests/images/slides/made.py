"""Slides, small, and their restoration by a function of the counts that is easy to check.

Run as a script it restores one, and kills itself at a call: python made.py SOURCE RESULT CALL
"""

import os
import random
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import tifffile
import zarr

from unsmear import images
from unsmear.images import slides

DONE = '{"unsmear": "0.1.0", "command": "restore"}'
BLOCK = (64, 96)


def counts(*shape, dtype="u2"):
    return np.random.default_rng(0).integers(0, 4000, shape).astype(dtype)


def restored(counts, dtype):
    return (counts // 2 + 7).astype(dtype)


def write_zarr(path, version="0.5", axes="CYX", shape=(2, 150, 200), chunk=(32, 48), **options):
    """Write an OME-Zarr with three levels; options: of its arrays."""
    pixels = counts(*shape)
    group = zarr.create_group(str(path), zarr_format=2 if version == "0.4" else 3)
    datasets = []
    for name, step in (("0", 1), ("1", 2), ("2", 4)):
        level = pixels[..., ::step, ::step]
        made = group.create_array(
            name, shape=level.shape, dtype=level.dtype,
            chunks=options.get("chunks", (*[1] * (len(axes) - 2), *chunk)),
            **{key: value for key, value in options.items() if key != "chunks"},
        )  # fmt: skip
        made[...] = level
        scale = [1.0] * (len(axes) - 2) + [0.25 * step] * 2
        transform = {"type": "scale", "scale": scale}
        datasets.append({"path": name, "coordinateTransformations": [transform]})
    kinds = {"T": "time", "C": "channel"}
    listed = [{"name": letter.lower(), "type": kinds.get(letter, "space")}
              | ({"unit": "micrometer"} if letter in "YX" else {}) for letter in axes]  # fmt: skip
    said = {"multiscales": [{"axes": listed, "datasets": datasets}]}
    if version == "0.4":
        said["multiscales"][0]["version"] = "0.4"
    own = said if version == "0.4" else {"ome": {"version": "0.5", **said}}
    group.attrs.update({**own, "microscope": {"lens": 40}})
    group.create_array("labels", shape=(4, 4), dtype="u1")[...] = 3


def write_tiff(path, pixels=None, axes="CYX", levels=0, **options):
    """Write an OME-TIFF of tiles. levels: below the image, each half as large."""
    pixels = counts(2, 150, 200) if pixels is None else pixels
    options = {"tile": (32, 48), **options}
    metadata = {"axes": axes, "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25}
    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(pixels, subifds=levels, metadata=metadata, **options)
        for level in range(1, levels + 1):
            file.write(pixels[..., :: 2**level, :: 2**level], subfiletype=1, **options)


def write_svs(path):
    """Write a pyramid as a slide scanner does."""
    pixels = counts(140, 530, 3, dtype="u1")
    said = "Aperio Image Library v1\r\n530x140 |MPP = 0.25"
    with tifffile.TiffWriter(path) as file:
        for step in (1, 8, 2):  # the second page is a thumbnail
            level = pixels[::step, ::step]
            file.write(level, tile=(32, 48), photometric="rgb", metadata=None, description=said)


def blocks_of(slide, block=BLOCK):
    """Return all blocks of a slide."""
    batches, channels, height, width = slide.header.planes().shape
    return [
        (batch, channel, slice(y, min(y + block[0], height)), slice(x, min(x + block[1], width)))
        for batch in range(batches)
        for channel in range(channels)
        for y in range(0, height, block[0])
        for x in range(0, width, block[1])
    ]


def restore(source, path, dtype="u2", block=BLOCK, seed=0, done=DONE):
    """Restore a slide block by block, in a random order; return what could not be kept."""
    slide = slides.open(Path(source))
    sink = slides.Sink.create(Path(path), slide, np.dtype(dtype), block, "half")
    blocks = blocks_of(slide, block)
    random.Random(seed).shuffle(blocks)
    for place in blocks:
        if not sink.is_done(*place):
            sink.write(*place, restored(slide.read(*place), dtype))
            sink.mark(*place, {"place": place[:2]})
    return sink.finish(done)


def restore_whole(source, path, dtype="u2"):
    """Restore the same image in memory."""
    image = images.read(source)
    return images.write(path, replace(image, pixels=restored(image.pixels, dtype)), DONE)


def kill_at(call):
    """Kill this process at a call of a function of the package, counted from 1; 0 counts all."""
    count = 0

    def watch(frame, event, _):
        nonlocal count
        if event == "call" and "unsmear" in frame.f_code.co_filename:
            count += 1
            if count == call:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(watch)
    return lambda: count


def count_calls(source, path):
    """Restore a slide; return the number of calls at which that can be killed."""
    counted = kill_at(0)
    try:
        restore(source, path)
    finally:
        sys.setprofile(None)
    return counted()


if __name__ == "__main__":
    kill_at(int(sys.argv[3]))
    restore(sys.argv[1], sys.argv[2])
