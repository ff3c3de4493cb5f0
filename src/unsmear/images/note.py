"""The processing record in a file, by which a result of ours is told from a user's own file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import tifffile

from unsmear.images import ome_zarr, png, tiff
from unsmear.images.logged import quiet

NOTE = re.compile(r"unsmear.{0,200}?command(?:&quot;|\W)*(\w+)", re.DOTALL)
"""A record, however the file's format escapes it; its group is the command."""
TEXTS = frozenset({270, 305, 37510, 50839, 65000})
"""TIFF tags that may hold a record: description, software, comment, ImageJ's metadata, ours."""
PAGE = b'<meta name="generator" content="Unsmear">'
"""The line by which a page of ours is known."""
HEAD = 4096
"""Number of bytes of a page in which that line stands."""


def commands(path: Path) -> set[str]:
    """Return the commands, such as "restore", that are on record in a file; none in any other."""
    if ome_zarr.is_zarr(path):
        return ome_zarr.commands(path)
    if not path.is_file():  # a pipe would be waited for
        return set()
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
        if head.startswith(png.MAGIC):
            texts = [path.read_bytes().partition(b"IDAT")[0].decode("latin-1")]
        elif head.startswith(tiff.MAGICS):
            texts = _of_tiff(path)
        else:
            return {"report"} if PAGE in head else set()
    # Whatever is wrong with a file, it is none of ours.
    except Exception:
        return set()
    return {command for text in texts for command in NOTE.findall(text)}


def _of_tiff(path: Path) -> list[str]:
    with quiet("tifffile"), tifffile.TiffFile(path) as file:
        tags = file.pages.first.tags
        return [_text(tag.value) for tag in tags if tag.code in TEXTS]


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)
