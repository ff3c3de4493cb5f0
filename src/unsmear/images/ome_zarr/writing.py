"""Writing of OME-Zarr: the Zarr that was read with other pixels, or a new one."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unsmear.errors import ImageError
from unsmear.images import axes as axes_
from unsmear.images.area_mean import area_mean
from unsmear.images.image import Image
from unsmear.images.ome_zarr import metadata
from unsmear.images.ome_zarr.reading import read
from unsmear.images.record import value

if TYPE_CHECKING:
    import zarr

ORDER = "TCZYX"
"""Order of the axes that OME-Zarr asks for."""
KINDS = {"T": "time", "C": "channel", "Z": "space", "Y": "space", "X": "space"}
CHUNK = 1024
"""Longest side of a chunk of a new image, pixels."""
SMALLEST = 512
"""Longest side of the smallest level of a new image, pixels."""
COLOURS = ("0000FF", "00FF00", "FF0000", "FFFF00", "FF00FF", "00FFFF", "FFFFFF")
"""Colours in which viewers show the channels of a new image, one after the other."""
SAMPLES = ("FF0000", "00FF00", "0000FF", "FFFFFF")
"""Those of the samples of a colour image."""
RECORD = "unsmear"
"""Attribute with the processing records."""


def write(path: Path, image: Image, done: str = "") -> None:
    """Write an image as a group; it appears whole or not at all, and reads back as it was meant.

    An image that was read from a Zarr gives the same group with other pixels: version, chunks,
    codecs, labels and every attribute stay.

    Raises ImageError for what OME-Zarr cannot hold, and where it cannot be written.
    """
    with _aside(path) as aside:
        carried = image.metadata.get("zarr")
        if carried is not None and image.axes == _own_axes(carried, image):
            _write_again(aside, image, Path(carried["path"]))
        else:
            write_new(aside, image)
        if done:
            group = metadata.open_group(aside, path.name, "r+")
            records = group.attrs.get(RECORD, [])
            before = records if isinstance(records, list) else [records]
            group.attrs[RECORD] = [*before, value(done)]
        _consolidate(aside)
        _check(aside, image, path.name)


def copy(source: Path, path: Path) -> None:
    """Copy a Zarr to the last byte; raises ImageError where that fails."""
    with _aside(path) as aside:
        shutil.copytree(source, aside)


def commands(path: Path) -> set[str]:
    """Return the commands that are on record in a Zarr."""
    try:
        records = metadata.open_group(path, path.name).attrs.get(RECORD, [])
        return {str(record["command"]) for record in records if isinstance(record, dict)}  # type: ignore[union-attr]
    # Whatever is wrong with it, it is none of ours.
    except Exception:
        return set()


@contextlib.contextmanager
def _aside(path: Path) -> Iterator[Path]:
    """Give a folder beside the result, which takes its place at the end."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(aside, ignore_errors=True)
        yield aside
        if path.exists():
            old = path.with_name(f".{path.name}.{os.getpid()}.old")
            path.replace(old)
            aside.replace(path)
            shutil.rmtree(old, ignore_errors=True)
        else:
            aside.replace(path)
    except (OSError, shutil.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(f"{path.name}: the Zarr cannot be written ({reason}).") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _own_axes(carried: dict[str, Any], image: Image) -> str:
    group = metadata.open_group(Path(carried["path"]), image.name)
    return metadata.multiscale_of(group, image.name).axes


def _write_again(aside: Path, image: Image, source: Path) -> None:
    """Copy a group and replace the pixels of its levels."""
    shutil.copytree(source, aside)
    group = metadata.open_group(aside, image.name, "r+")
    found = metadata.multiscale_of(group, image.name)
    whole = group[found.paths[0]].shape  # type: ignore[union-attr]
    for path in found.paths:
        array: Any = group[path]
        ratios = [new / old for new, old in zip(image.pixels.shape, whole, strict=True)]
        shape = [max(1, round(side * r)) for side, r in zip(array.shape, ratios, strict=True)]
        level = reduced(image.pixels, image.axes, shape)
        if level.shape == tuple(array.shape) and level.dtype == array.dtype:
            array[...] = level
        else:
            _replace(group, path, array, level)


def _replace(group: zarr.Group, path: str, array: Any, level: NDArray[Any]) -> None:
    """Put another array in the place of one, with its chunks and codecs."""
    options: dict[str, Any] = {
        "chunks": array.chunks,
        "fill_value": array.fill_value,
        "attributes": dict(array.attrs),
        "compressors": array.compressors,
        "filters": array.filters,
    }
    if array.metadata.zarr_format == 3:
        options["shards"] = array.shards
        options["dimension_names"] = array.metadata.dimension_names
        options["chunk_key_encoding"] = array.metadata.chunk_key_encoding
    else:
        options["order"] = array.order
        separator = array.metadata.dimension_separator
        options["chunk_key_encoding"] = {"name": "v2", "separator": separator}
    del group[path]
    made = group.create_array(path, shape=level.shape, dtype=level.dtype, **options)
    made[...] = level


def reduced(pixels: NDArray[Any], axes: str, shape: Sequence[int]) -> NDArray[Any]:
    """Return pixels of another shape, by the mean of areas; other axes than y and x by planes."""
    y, x = axes.index("Y"), axes.index("X")
    for axis, side in enumerate(shape):
        if axis not in (y, x) and side != pixels.shape[axis]:
            places = ((np.arange(side) + 0.5) * pixels.shape[axis] / side).astype(int)
            pixels = pixels.take(places, axis=axis)
    if (pixels.shape[y], pixels.shape[x]) == (shape[y], shape[x]):
        return pixels
    return area_mean(pixels, y, x, (shape[y], shape[x]))


def write_new(path: Path, image: Image, version: str = "0.5") -> None:
    """Write an image as a new group, with levels; no other group is around it.

    Raises ImageError for positions, for which OME-Zarr has no axis.
    """
    import zarr

    if "P" in image.axes:
        raise ImageError(
            f"{image.name}: an OME-Zarr image must have no positions, got axes {image.axes}; "
            "write OME-TIFF."
        )
    axes = "".join(letter for letter in ORDER if letter in image.axes.replace("S", "C"))
    planes = axes_.to_planes(image.pixels, image.axes)
    sizes = dict(zip(image.axes, image.pixels.shape, strict=True))
    batch = [sizes[letter] for letter in "TZ" if letter in sizes]
    channels = [planes.shape[1]] if "C" in axes else []
    pixels = planes.reshape(*batch, *channels, *planes.shape[2:])
    current = "".join(letter for letter in "TZ" if letter in sizes) + ("C" if channels else "")
    pixels = pixels.transpose([(current + "YX").index(letter) for letter in axes])
    group = zarr.create_group(str(path), zarr_format=3 if version == "0.5" else 2)
    levels = _levels(pixels, axes)
    for number, level in enumerate(levels):
        sides = [min(side, CHUNK) if axis in "YX" else 1
                 for axis, side in zip(axes, level.shape, strict=True)]  # fmt: skip
        options: dict[str, Any] = (
            {"dimension_names": [letter.lower() for letter in axes]}
            if version == "0.5"
            else {"chunk_key_encoding": {"name": "v2", "separator": "/"}}
        )
        array = group.create_array(
            str(number), shape=level.shape, dtype=level.dtype, chunks=tuple(sides), **options
        )
        array[...] = level
    said = _said(image, axes, pixels, levels, version)
    group.attrs.update({"ome": {"version": "0.5", **said}} if version == "0.5" else said)


def _levels(pixels: NDArray[Any], axes: str) -> list[NDArray[Any]]:
    levels = [pixels]
    y, x = axes.index("Y"), axes.index("X")
    while max(levels[-1].shape[y], levels[-1].shape[x]) > SMALLEST:
        shape = list(levels[-1].shape)
        shape[y], shape[x] = -(-shape[y] // 2), -(-shape[x] // 2)
        levels.append(reduced(levels[-1], axes, shape))
    return levels


def _said(
    image: Image, axes: str, pixels: NDArray[Any], levels: list[NDArray[Any]], version: str
) -> dict[str, Any]:
    """Return the metadata of a new image."""
    unit = {"unit": "micrometer"} if image.pixel_size else {}
    listed = [
        {"name": letter.lower(), "type": KINDS[letter], **(unit if letter in "YX" else {})}
        for letter in axes
    ]
    size = dict(zip("YX", image.pixel_size or (1.0, 1.0), strict=True))
    datasets = []
    for number, level in enumerate(levels):
        scale = [
            size.get(letter, 1.0) * whole / side
            for letter, whole, side in zip(axes, pixels.shape, level.shape, strict=True)
        ]
        transform = {"type": "scale", "scale": scale}
        datasets.append({"path": str(number), "coordinateTransformations": [transform]})
    multiscale: dict[str, Any] = {"name": image.name, "axes": listed, "datasets": datasets}
    if version != "0.5":
        multiscale["version"] = version
    said: dict[str, Any] = {"multiscales": [multiscale]}
    if "C" in axes and image.channels:
        said["omero"] = {"channels": _channels(image, axes, pixels)}
    return said


def _channels(image: Image, axes: str, pixels: NDArray[Any]) -> list[dict[str, Any]]:
    """Return how viewers show each channel."""
    names = [*image.channels, *(["alpha"] if image.alpha else [])]
    colours = SAMPLES if "S" in image.axes else COLOURS
    moved = np.moveaxis(pixels, axes.index("C"), 0)
    white = float(np.iinfo(pixels.dtype).max) if pixels.dtype.kind in "iu" else 1.0
    listed = []
    for number, (name, plane) in enumerate(zip(names, moved, strict=True)):
        low, high = float(np.nanmin(plane)), float(np.nanmax(plane))
        window = {"min": min(0.0, low), "max": max(white, high), "start": low, "end": high}
        colour = colours[number % len(colours)]
        listed.append({"label": name, "color": colour, "window": window, "active": True})
    return listed


def _consolidate(path: Path) -> None:
    """Bring consolidated metadata up to date, where there are some."""
    old = (path / ".zmetadata").is_file()
    new = (path / "zarr.json").is_file() and b'"consolidated_metadata"' in (
        path / "zarr.json"
    ).read_bytes()
    if old or new:
        import zarr

        zarr.consolidate_metadata(str(path))


def _check(written: Path, image: Image, name: str) -> None:
    """Raise ImageError unless a group reads back as the image."""
    given = image.axes if "zarr" in image.metadata else None
    again = read(written, name, given)
    there, here = (axes_.to_planes(i.pixels, i.axes) for i in (again, image))
    sizes = again.pixel_size, image.pixel_size
    names = (*image.channels, *(("alpha",) if image.alpha and image.channels else ()))
    wrong = [
        what
        for what, same in (
            ("shape", there.shape == here.shape),
            ("dtype", there.dtype == here.dtype),
            ("pixel size", None in sizes or np.allclose(*sizes, rtol=1e-6)),  # type: ignore[arg-type]
            ("channel names", not names or again.channels == names),
            ("pixels", np.array_equal(there, here, equal_nan=here.dtype.kind == "f")),
        )
        if not same
    ]
    if wrong:
        raise ImageError(
            f"{name}: the Zarr must read back as it was written, got other {', '.join(wrong)}; "
            "nothing was written."
        )
