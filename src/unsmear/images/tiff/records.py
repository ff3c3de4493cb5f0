"""The processing record in the metadata that other programs write, which stay as they are."""

from __future__ import annotations

import json
import re
import struct
from typing import Any
from xml.sax.saxutils import quoteattr

from unsmear.images.record import value
from unsmear.images.tiff import directories, ome
from unsmear.images.tiff.directories import Directory, File
from unsmear.images.tiff.editing import DESCRIPTION, text
from unsmear.images.units import micrometres

OWN_TAG = 65000
"""Tag for a record where the description is another program's and has no room for one."""
IMAGEJ_COUNTS, IMAGEJ_DATA = 50838, 50839
"""Tags of ImageJ's own metadata: sizes of the parts, and the parts."""

Tags = dict[int, tuple[int, Any] | None]


def tags(file: File, kind: str, done: str, changes: ome.Changes) -> Tags:
    """Return the tags of the first page that change, by code.

    kind: whose metadata the file has, see `reading.kind_of`. done: the record, a line of text.
    changes: what changed in the image.
    """
    first = file.chain[0]
    entry = first.entries.get(DESCRIPTION)
    said = b"" if entry is None else entry.value.rstrip(b"\0")
    if kind == "ome":
        return {DESCRIPTION: text(ome.edited(said, done, changes))}
    if kind == "shaped":
        return _of_shaped(first, said, done, changes)
    if kind == "imagej":
        size = {DESCRIPTION: text(with_unit(said))} if changes.pixel_size else {}
        return size | (_with_info(file, first, done) if done else {})
    if kind == "metaseries":
        xml = with_calibration(said, changes.pixel_size)
        xml = with_prop(xml, done) if done else xml
        return {} if xml == said else {DESCRIPTION: text(xml)}
    if not done:
        return {}
    if said.lstrip()[:1] in (b"<", b"{") or b"\r" in said:  # another program reads this
        return {OWN_TAG: text(_joined(first, done))}
    return {DESCRIPTION: text(b"\n".join(filter(None, [said, done.encode()])))}


def _of_shaped(first: Directory, said: bytes, done: str, changes: ome.Changes) -> Tags:
    """Return the description of a file of tifffile: its line of JSON, or a text before that."""
    if _is_line(said):
        return {DESCRIPTION: text(with_key(said, done, changes))}
    again = DESCRIPTION + directories.AGAIN
    changed: Tags = {}
    if again in first.entries:
        line = first.entries[again].value.rstrip(b"\0")
        changed[again] = text(with_key(line, "", changes))
    changed[DESCRIPTION] = text(b"\n".join(filter(None, [said, done.encode()])))
    return changed


def _is_line(said: bytes) -> bool:
    try:
        return "shape" in json.loads(said)
    except (ValueError, TypeError, RecursionError):
        return False


def _joined(first: Directory, done: str) -> str:
    entry = first.entries.get(OWN_TAG)
    before = "" if entry is None else entry.value.rstrip(b"\0").decode("utf-8", "replace")
    return "\n".join(filter(None, [before, done]))


def with_key(line: bytes, done: str, changes: ome.Changes) -> bytes:
    """Return tifffile's line of JSON with the record in it; its keys stay in their order."""
    said = json.loads(line)
    said["shape"] = list(changes.shape)
    if changes.axes and "axes" not in said:
        said["axes"] = changes.axes.replace("P", "R")  # tifffile's letter for positions
    for axis, side in zip("YX", changes.pixel_size or (), strict=False):
        said |= {f"PhysicalSize{axis}": side, f"PhysicalSize{axis}Unit": "µm"}
    if done:
        said["unsmear"] = [*said.get("unsmear", []), value(done)]
    return json.dumps(said).encode()


def with_prop(xml: bytes, done: str) -> bytes:
    """Return MetaMorph's XML with the record as a property."""
    prop = f'<prop id="unsmear" type="string" value={quoteattr(done)}/>\n'.encode()
    at = re.search(rb"<PlaneInfo\b|</MetaData>", xml)
    return xml if at is None else xml[: at.start()] + prop + xml[at.start() :]


def with_calibration(xml: bytes, size: tuple[float, float] | None) -> bytes:
    """Return MetaMorph's XML with another pixel size, (y, x) in micrometres."""
    if size is None:
        return xml
    values = {"x": f"{size[1]:.10g}", "y": f"{size[0]:.10g}", "units": "um", "state": "on"}
    for what, new in values.items():
        pattern = re.compile(
            rb'(<prop\s+id="spatial-calibration-' + what.encode() + rb'"[^>]*?\bvalue=")[^"]*(")'
        )
        xml = pattern.sub(lambda found, new=new: found[1] + new.encode() + found[2], xml)  # type: ignore[misc]
    return xml


def with_unit(said: bytes) -> bytes:
    """Return ImageJ's lines with micrometres as their unit; distances of planes go with it."""
    lines = said.decode("utf-8", "replace").split("\n")
    named = dict(line.split("=", 1) for line in lines if "=" in line)
    factor = micrometres(named.get("unit", "").strip())
    kept = [line for line in lines if not re.match(r"[xyz]?unit=", line)]
    if factor is not None and "spacing" in named:
        spacing = f"spacing={float(named['spacing']) * factor:.10g}"
        kept = [spacing if line.startswith("spacing=") else line for line in kept]
    return "\n".join([kept[0], "unit=um", *kept[1:]]).encode()


def _with_info(file: File, first: Directory, done: str) -> Tags:
    """Return ImageJ's metadata with the record in the image's information."""
    order = file.order
    codec = "utf-16-le" if order == "<" else "utf-16-be"

    def word(letters: bytes) -> bytes:
        return letters[::-1] if order == "<" else letters

    parts: list[tuple[bytes, bytes]] = []
    if IMAGEJ_COUNTS in first.entries and IMAGEJ_DATA in first.entries:
        sizes = file.integers(first.entries[IMAGEJ_COUNTS])
        parts = _parts(first.entries[IMAGEJ_DATA].value, sizes, order)
    before = next((part.decode(codec) for kind, part in parts if kind == word(b"info")), "")
    info = "\n".join(filter(None, [before, done])).encode(codec)
    parts = [(kind, part) for kind, part in parts if kind != word(b"info")]
    # A kind with several parts (labels, overlays) has them behind each other.
    parts = [(word(b"info"), info), *parts]
    kinds: dict[bytes, int] = {}
    for kind, _ in parts:
        kinds[kind] = kinds.get(kind, 0) + 1
    header = word(b"IJIJ") + b"".join(
        kind + struct.pack(f"{order}I", count) for kind, count in kinds.items()
    )
    sizes = [len(header), *(len(part) for _, part in parts)]
    data = header + b"".join(part for _, part in parts)
    return {IMAGEJ_COUNTS: (directories.LONG, sizes), IMAGEJ_DATA: (1, data)}


def _parts(data: bytes, sizes: list[int], order: str) -> list[tuple[bytes, bytes]]:
    """Return ImageJ's metadata as (kind, bytes), in order."""
    kinds: list[bytes] = []
    for at in range(4, sizes[0], 8):
        count = struct.unpack_from(f"{order}I", data, at + 4)[0]
        kinds += [data[at : at + 4]] * count
    parts, at = [], sizes[0]
    for kind, size in zip(kinds, sizes[1:], strict=True):
        parts.append((kind, data[at : at + size]))
        at += size
    return parts
