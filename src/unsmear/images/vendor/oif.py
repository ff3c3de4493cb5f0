"""Olympus OIB and OIF, by oiffile (BSD-3); an OIF has its planes in a folder beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from unsmear.images.image import Image, check_declared
from unsmear.images.units import micrometres
from unsmear.images.vendor import reader

MAGICS = (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\xff\xfe[\0F\0i\0l\0e\0", b"[FileInformation")
"""First bytes of an OIB, which is a compound file, and of an OIF, a text in UTF-16."""
TITLE = "an Olympus OIB or OIF"


def read(file: Path | bytes, name: str, axes: str | None = None) -> Image:
    """Return the image."""
    oiffile = reader.package("oiffile", name, TITLE)
    with reader.guarded(file, name, TITLE), oiffile.OifFile(file) as oif:
        check_declared(tuple(oif.shape), np.dtype(oif.dtype).itemsize, name)
        said = oif.mainfile
        return reader.image(
            np.asarray(oif.asarray()),
            # The order of the planes' names, which is not that of the text in all versions.
            f"{oif.series[0].axes}YX",
            axes,
            name,
            size=(_size(said, "Axis 1 Parameters Common"), _size(said, "Axis 0 Parameters Common")),
            source="Olympus metadata",
            channels=_channels(said),
            metadata={"oif": {}},
            unkept="Olympus' own metadata",
        )


def folder_of(path: Path) -> Path:
    """Return the folder in which an OIF has its planes."""
    return path.with_name(f"{path.name}.files")


def planes(path: Path) -> list[Path]:
    """Return the files in the folder of an OIF; none for a file of another format."""
    folder = folder_of(path)
    if path.suffix.lower() != ".oif" or not folder.is_dir():
        return []
    return sorted(file for file in folder.iterdir() if file.is_file())


def _size(said: Any, section: str) -> float | None:
    """Return the size of a pixel along an axis, micrometres."""
    axis = said.get(section, {})
    factor = micrometres(str(axis.get("UnitName", "")))
    try:
        start, end = float(axis["StartPosition"]), float(axis["EndPosition"])
        return None if factor is None else abs(end - start) / int(axis["MaxSize"]) * factor
    except (KeyError, ValueError, ZeroDivisionError):
        return None


def _channels(said: Any) -> list[str]:
    names: list[str] = []
    while f"Channel {len(names) + 1} Parameters" in said:
        names.append(str(said[f"Channel {len(names) + 1} Parameters"].get("DyeName", "")))
    return names
