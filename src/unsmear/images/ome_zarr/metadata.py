"""Metadata of OME-Zarr 0.4 and 0.5: axes, levels, pixel size, channel names, plates."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unsmear import plain_files
from unsmear.errors import AxesError, ImageError
from unsmear.images.ome_zarr.steps import Steps, step
from unsmear.images.units import doubt, micrometres

if TYPE_CHECKING:
    import zarr

FILES = (".zgroup", ".zattrs", ".zarray", "zarr.json")
"""Files by which a folder is known as a Zarr."""
OLD = (".zgroup", ".zattrs", ".zarray", ".zmetadata")
"""Files of metadata of Zarr 2."""
ARRAY = re.compile(rb'"node_type"\s*:\s*"array"')
WANTED = 'an OME-Zarr of version 0.4 or 0.5 ("multiscales", "plate" or "bioformats2raw.layout")'
SOURCE = "OME-Zarr metadata"
DAMAGE = (KeyError, IndexError, TypeError, ValueError, AttributeError, OSError, RuntimeError)
"""What damaged metadata or chunks can raise."""


@dataclass(frozen=True)
class Multiscale:
    """What the metadata of an image say.

    axes: letters of TCZYX, "" where a name is none of them. paths: of the levels, largest first.
    pixel_size: (y, x) in micrometres. pixel_size_from: where it stands, or why it is not believed.
    steps: along z and time. own_axes: the metadata's, where `axes` are those that a user gave.
    """

    version: str
    axes: str
    names: tuple[str, ...]
    paths: tuple[str, ...]
    pixel_size: tuple[float, float] | None
    pixel_size_from: str
    channels: tuple[str, ...]
    steps: Steps
    own_axes: str


def is_zarr(folder: Path) -> bool:
    """Return whether a folder is a Zarr, of OME or of others."""
    return folder.is_dir() and any((folder / name).is_file() for name in FILES)


def is_metadata(path: str) -> bool:
    """Return whether a path in a Zarr is that of metadata, and not of a chunk."""
    return path.rpartition("/")[2] in (*FILES, *OLD)


def is_array(folder: Path) -> bool:
    """Return whether a folder of a Zarr is an array, whose folders are chunks."""
    if (folder / ".zarray").is_file():
        return True
    try:
        return ARRAY.search((folder / "zarr.json").read_bytes()) is not None
    except OSError:
        return False


def open_group(path: Path, name: str, mode: str = "r") -> zarr.Group:
    """Return a group; raises ImageError where a folder is none."""
    import zarr  # slow to import, and only for those who have one

    try:
        for file in (path / name for name in FILES):
            plain_files.check(file)
        # Consolidated metadata may be older than what they describe.
        return zarr.open_group(str(path), mode=mode, use_consolidated=False)  # type: ignore[arg-type]
    except Exception as error:
        raise ImageError(f"{name}: a folder must be {WANTED}, got none ({text(error)}).") from error


def ome_of(group: zarr.Group) -> Mapping[str, Any]:
    """Return the attributes of OME, which version 0.5 puts into one of their own."""
    attributes = dict(group.attrs)
    inner = attributes.get("ome")
    return inner if isinstance(inner, dict) else attributes


def multiscale_of(group: zarr.Group, name: str, given: str | None = None) -> Multiscale:
    """Return what the metadata of an image say; raises ImageError where they are damaged.

    given: axes that the user gives instead of those in the metadata.
    """
    ome = ome_of(group)
    try:
        first = ome["multiscales"][0]
        names = tuple(
            axis if isinstance(axis, str) else str(axis["name"]) for axis in first["axes"]
        )
        kinds = [axis if isinstance(axis, dict) else {} for axis in first["axes"]]
        paths = tuple(str(dataset["path"]) for dataset in first["datasets"])
        scale = _scale(first, len(names))
        version = str(ome.get("version") or first.get("version") or "0.4")
        channels = tuple(
            str(channel.get("label", ""))
            for channel in (ome.get("omero") or {}).get("channels", [])
        )
        own = _letters(names, kinds)
        letters = given if given and len(given) == len(names) else own
        steps: dict[str, float] = {}
        for axis, letter in enumerate(letters):
            if letter in "ZT":
                steps |= step(letter, scale[axis], kinds[axis].get("unit"))
    except DAMAGE as error:
        raise ImageError(
            f"{name}: a folder must be {WANTED}, got other metadata ({text(error)})."
        ) from error
    size, source = _pixel_size(scale, letters, kinds)
    return Multiscale(version, letters, names, paths, size, source, channels, steps, own)


def level_paths(group: zarr.Group) -> list[str]:
    """Return the paths of all arrays of an image, those of a second set of levels too."""
    ome = ome_of(group)
    first = ome["multiscales"][0]
    paths = [
        str(dataset["path"])
        for multiscale in ome["multiscales"]
        if len(multiscale["axes"]) == len(first["axes"])
        for dataset in multiscale["datasets"]
    ]
    return list(dict.fromkeys(paths))


def _letters(names: tuple[str, ...], kinds: Sequence[Mapping[str, Any]]) -> str:
    letters = ""
    for name, kind in zip(names, kinds, strict=True):
        letter = name.upper()
        if len(letter) != 1 or letter not in "TCZYX":
            letter = {"channel": "C", "time": "T"}.get(str(kind.get("type")), "")
        if not letter or letter in letters:
            return ""
        letters += letter
    return letters


def _scale(multiscale: Mapping[str, Any], count: int) -> list[float]:
    """Return the largest level's size of a step along each axis, in the axes' units."""
    scale = [1.0] * count
    transforms = [
        *multiscale["datasets"][0].get("coordinateTransformations", []),
        *multiscale.get("coordinateTransformations", []),
    ]
    for transform in transforms:
        if transform.get("type") == "scale":
            scale = [a * float(b) for a, b in zip(scale, transform["scale"], strict=True)]
    return scale


def _pixel_size(
    scale: list[float], letters: str, kinds: Sequence[Mapping[str, Any]]
) -> tuple[tuple[float, float] | None, str]:
    if not {"Y", "X"} <= set(letters):
        return None, ""
    sides = []
    for letter in "YX":
        axis = letters.index(letter)
        factor = micrometres(kinds[axis].get("unit"))
        if factor is None:
            return None, ""
        sides.append(scale[axis] * factor)
    size = sides[0], sides[1]
    why = doubt(size, SOURCE)
    return (None, why) if why else (size, SOURCE)


def axes_for(found: Multiscale, shape: tuple[int, ...], given: str | None, name: str) -> str:
    """Return the axes of an image; raises AxesError where its names are no letters of ours."""
    if given or found.axes:
        return given or found.axes
    sizes = "x".join(map(str, shape))
    example = "TCZYX"[-len(shape) :]
    raise AxesError(
        f"{name}: its axes are named {', '.join(found.names)} ({sizes}), which are not known; "
        f"give them with --axes, for example --axes {example}."
    )


def text(error: Exception) -> str:
    """Return an error as part of a sentence."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200].rstrip(".")
