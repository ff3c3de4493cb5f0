"""What a JPEG file says beside its pixels, as the chunks of a PNG that say the same."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

EXIF, ICC, XMP, JFIF = b"Exif\0\0", b"ICC_PROFILE\0", b"http://ns.adobe.com/xap/1.0/\0", b"JFIF\0"
"""First bytes of the segments that are carried over."""
APP0, APP1, APP2, COMMENT, SCAN = 0xE0, 0xE1, 0xE2, 0xFE, 0xDA
"""Second bytes of markers."""
METRES = {1: 0.0254, 2: 0.01}
"""Lengths of the units of a JFIF resolution."""


def chunks(data: bytes) -> bytes:
    """Return PNG chunks with a JPEG's orientation and other EXIF, profile, texts and resolution."""
    profile: dict[int, bytes] = {}
    found: dict[bytes, bytes] = {}
    texts = b""
    for marker, body in _segments(data):
        if marker == APP1 and body.startswith(EXIF) and body[6:8] in (b"II", b"MM"):
            found.setdefault(b"eXIf", chunk(b"eXIf", body[len(EXIF) :]))
        elif marker == APP1 and body.startswith(XMP):
            packet = b"XML:com.adobe.xmp\0\0\0\0\0" + body[len(XMP) :]
            found.setdefault(b"iTXt", chunk(b"iTXt", packet))
        elif marker == APP2 and body.startswith(ICC) and len(body) > 14:
            profile[body[12]] = body[14:]
        elif marker == APP0 and body.startswith(JFIF) and len(body) >= 12:
            found.setdefault(b"pHYs", _resolution(body))
        elif marker == COMMENT and body:
            texts += chunk(b"iTXt", b"Comment\0\0\0\0\0" + _utf8(body.rstrip(b"\0")))
    if profile:
        whole = b"".join(part for _, part in sorted(profile.items()))
        found[b"iCCP"] = chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(whole))
    return b"".join(found.values()) + texts


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a PNG chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (marker's second byte, body) of the segments before the scan."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != SCAN:
        if data[at + 1] == 0xFF:  # fill bytes
            at += 1
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        yield data[at + 1], data[at + 4 : at + 2 + length]
        at += 2 + length


def _resolution(body: bytes) -> bytes:
    """Return the chunk of a JFIF resolution, which may be a ratio alone."""
    unit, x, y = struct.unpack_from(">BHH", body, 7)
    metre = METRES.get(unit)
    if not (x and y) or (metre is None and x == y):
        return b""
    sides = (x, y) if metre is None else (round(x / metre), round(y / metre))
    return chunk(b"pHYs", struct.pack(">IIB", *sides, metre is not None))


def _utf8(text: bytes) -> bytes:
    try:
        text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1").encode()
    return text
