"""What a TIFF file holds besides an image, for a result that cannot be an edited copy of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from unsmear.images.tiff import contents, directories
from unsmear.images.tiff.directories import AGAIN, POINTERS, SIZES, SUBIFDS, Directory, File
from unsmear.images.tiff.reading import stamp

ABOUT_PIXELS = frozenset({
    *range(254, 260), 262, 263, 264, 265, 266, 270, 273, 277, 278, 279, *range(280, 284), 284,
    288, 289, 290, 291, 292, 293, 296, 297, 301, 305, 317, 318, 319, *range(320, 326), 330, 332,
    334, 336, 338, 339, 340, 341, 342, 347, *range(512, 522), *range(529, 533), 32997, 33920,
    50838, 50839,
})  # fmt: skip
"""Tags that tell how pixels are stored, and those that are written with every file."""
OF_ALL = frozenset({269, 271, 272, 274, 306, 315, 316, 33432, 34675})
"""Tags that mean the same in a file of any program: camera, orientation, date, colours."""
OWNERS = {"lsm": "Zeiss' own metadata", "stk": "MetaMorph's own metadata"}
OF_SLIDE = "the scanner's own metadata"
OF_OME = "its OME-XML but for names, sizes and colours"
OF_PAGES = "the tags of its other pages"
OF_EXIF = "its EXIF data"
GONE = "what else its file held, which is no longer the one that was read"


def tags(carried: Mapping[str, Any]) -> list[tuple[int, int, int, bytes, bool]]:
    """Return the other tags of the first page, as tifffile takes them.

    carried: what the reader gave of the file. Values of another byte order are left out.
    """
    file = _file(carried)
    if file is None:
        return []
    return [
        (code, entry.kind, entry.count, entry.value, True)
        for code, entry in sorted(file.chain[0].entries.items())
        if code < AGAIN and _is_other(code, carried["kind"]) and not entry.broken
        if code not in POINTERS and (SIZES[entry.kind] == 1 or _is_native(file))
    ]


def lost(carried: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a new file does not hold of the one that was read, in words."""
    if "file" not in carried:
        return ()
    file = _file(carried)
    if file is None:
        return (GONE,)
    kind = carried["kind"]
    words = [OWNERS.get(kind, OF_SLIDE)] if kind in contents.VENDOR else []
    words += [OF_OME] if kind == "ome" else []
    first, *others = file.chain
    words += [OF_EXIF] if any(code in first.children for code in POINTERS[1:]) else []
    if kind not in contents.VENDOR and any(_has_other(page) for page in others):
        words.append(OF_PAGES)
    if not _is_native(file):
        words += ["its private tags"] if _has_other(first, of_bytes=False) else []
    return tuple(words)


def _file(carried: Mapping[str, Any]) -> File | None:
    """Return the directories of the file that was read, or None if it has gone or is damaged."""
    source: Path | bytes | None = carried.get("file")
    if source is None or stamp(source) is None or stamp(source) != carried["stamp"]:
        return None
    data: Any = source if isinstance(source, bytes) else np.memmap(source, mode="r")
    try:
        return directories.read(memoryview(data))
    except directories.DamageError:
        return None


def _is_other(code: int, kind: str) -> bool:
    return code in OF_ALL if kind in contents.VENDOR else code not in ABOUT_PIXELS


def _has_other(page: Directory, of_bytes: bool = True) -> bool:
    """Return whether a page has tags that are written with no file.

    of_bytes: whether those count whose values have no byte order.
    """
    return any(
        code < AGAIN and code not in ABOUT_PIXELS and code != SUBIFDS and not entry.broken
        for code, entry in page.entries.items()
        if of_bytes or SIZES[entry.kind] > 1
    )


def _is_native(file: File) -> bool:
    return np.dtype(f"{file.order}u2").isnative
