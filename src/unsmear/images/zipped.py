"""Members of zip files, unpacked within bounds: a few kilobytes can declare and hold gigabytes."""

from __future__ import annotations

import zipfile

from unsmear.images.image import check_room

PIECE = 2**20
"""Bytes that are unpacked together."""
PACKED = 4096
"""Bytes of a member of LZMA or bzip2 that are unpacked together: all that they hold comes out."""


def read(path: zipfile.Path) -> bytes:
    """Return what a member holds; raises ImageError for one that is larger than memory allows."""
    size = path.root.getinfo(path.at).file_size
    check_room(size, path.name)
    return head(path, size)


def head(path: zipfile.Path, size: int) -> bytes:
    """Return the first bytes of a member, which is unpacked little further."""
    kind = path.root.getinfo(path.at).compress_type
    piece = PIECE if kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) else PACKED
    pieces, left = [], size
    with path.open("rb") as stream:
        while left and (data := stream.read(min(piece, left))):
            pieces.append(data)
            left -= len(data)
    return b"".join(pieces)
