"""The fields of a plate as one image each, from files of one exposure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np

from unsmear.data.plates.places import apply_place
from unsmear.data.plates.plate import Place, Plate
from unsmear.errors import DataError
from unsmear.images import Image
from unsmear.images.timing import UNKNOWN, Timing

Planes = list[tuple[tuple[int, int, int], Path]]
"""Files with their numbers of the time point, channel and slice, each from 0."""
SAME_SIZE = 1e-3
"""Relative difference of pixel sizes that only comes of rounding."""


def plate_images(plate: Plate) -> Iterator[tuple[str, int, Planes]]:
    """Yield (well, field, planes) for each field, in order.

    The channels' numbers are those of `plate.channels`. The well is "" in an acquisition without
    wells. Where a plate has projections beside its slices, only the slices are taken.

    Raises DataError, which names a file, where two files have one place, or one is missing.
    """
    keys = plate.channel_keys
    fields: dict[tuple[str, str, int], list[tuple[Path, Place]]] = defaultdict(list)
    for file, place in plate.fields.items():
        fields[place.row, place.column.zfill(2), place.field].append((file, place))
    for _, entries in sorted(fields.items(), key=lambda item: (len(item[0][0]), item[0])):
        taken = [entry for entry in entries if not entry[1].projection]
        place = entries[0][1]
        yield place.well, place.field, _numbered(taken or entries, keys)


def left_out(plate: Plate) -> list[Path]:
    """Return the projections that `plate_images` leaves out, because their slices are there."""
    stacks = {(p.well, p.field) for p in plate.fields.values() if not p.projection}
    return [f for f, p in plate.fields.items() if p.projection and (p.well, p.field) in stacks]


def _numbered(entries: Sequence[tuple[Path, Place]], keys: Sequence[tuple[int, str]]) -> Planes:
    """Return a field's files by their numbers; raises DataError where they do not fill a block."""
    times = sorted({place.t for _, place in entries})
    slices = sorted({place.z for _, place in entries})
    at: dict[tuple[int, int, int], Path] = {}
    for file, place in entries:
        key = (
            times.index(place.t),
            keys.index((place.order, place.channel)),
            slices.index(place.z),
        )
        if key in at:
            raise DataError(
                f"{file.name}: a file must be the only one of its well, field, channel, slice and "
                f"time point, got {at[key].name} too."
            )
        at[key] = file
    for key in product(range(len(times)), range(len(keys)), range(len(slices))):
        if key not in at:
            time, channel, z = key
            raise DataError(
                f"{entries[0][0].name}: a field must have a file for each channel, slice and time "
                f"point, got none for {keys[channel][1] or 'its channel'} at slice "
                f"{z + 1} of {len(slices)}, time point {time + 1} of {len(times)}."
            )
    return sorted(at.items())


def assemble(plate: Plate, planes: Planes, read: Callable[[Path], Image]) -> Image:
    """Return a field as one image, axes "TCZYX", with channel names and pixel size.

    planes: as `plate_images` gives them. read: gives a file's image, the original or a result.

    Raises DataError, with the file's name, for one that holds several planes, or has another
    size, dtype or pixel size than the first.
    """
    counts = tuple(max(key[axis] for key, _ in planes) + 1 for axis in range(3))
    first: Image | None = None
    for key, file in planes:
        image = apply_place(read(file), plate.fields[file], plate.vendor)
        _check_single(image, file)
        if first is None:
            first = image
            shape = image.planes().shape[-2:]
            pixels = np.empty((*counts, *shape), image.pixels.dtype)
        _check_same(image, first, file)
        pixels[key] = image.planes()[0, 0]
    if first is None:
        raise DataError(f"{plate.root.name}: a field must have at least one file, got none.")
    return Image(
        pixels,
        "TCZYX",
        plate.channels if all(plate.channels) else (),
        first.pixel_size,
        first.name,
        pixel_size_from=first.pixel_size_from,
        timing=_timing(plate, planes),
    )


def _timing(plate: Plate, planes: Planes) -> Timing:
    """Return the exposure times of the channels, where each has one in all its files."""
    times: dict[int, set[float]] = defaultdict(set)
    for (_, channel, _), file in planes:
        times[channel].add(plate.fields[file].exposure or 0.0)
    known = [min(found) for _, found in sorted(times.items()) if len(found) == 1 and min(found)]
    return Timing(tuple(known)) if len(known) == len(times) else UNKNOWN


def _check_single(image: Image, file: Path) -> None:
    planes = image.planes()
    if planes.shape[:2] != (1, 1):
        raise DataError(
            f"{file.name}: a plate's file must hold one plane to be joined with others, "
            f"got {planes.shape[0] * planes.shape[1]}."
        )


def _check_same(image: Image, first: Image, file: Path) -> None:
    got, wanted = (_described(one) for one in (image, first))
    if got != wanted:
        raise DataError(
            f"{file.name}: a file must be {wanted} like the first of its field, got {got}."
        )
    if first.pixel_size is None or image.pixel_size is None:
        same = first.pixel_size is None and image.pixel_size is None
    else:
        same = bool(np.allclose(image.pixel_size, first.pixel_size, rtol=SAME_SIZE, atol=0))
    if not same:
        raise DataError(
            f"{file.name}: a file must have the pixel size of the first of its field, "
            f"{first.pixel_size}, got {image.pixel_size}."
        )


def _described(image: Image) -> str:
    rows, columns = image.planes().shape[-2:]
    return f"{rows}x{columns} pixels of {image.pixels.dtype}"
