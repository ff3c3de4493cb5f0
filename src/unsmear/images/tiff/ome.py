"""OME-XML metadata: reading, editing, and the options with which tifffile writes it anew."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat
from xml.sax.saxutils import escape

from unsmear.errors import ImageError, error_text
from unsmear.images import axes
from unsmear.images.image import Image
from unsmear.images.timing import UNKNOWN, Timing
from unsmear.images.units import micrometres

SECONDS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9, "min": 60.0}
"""Units of exposure times, seconds."""
PIXELS = (
    "SignificantBits",
    "PhysicalSizeZ",
    "PhysicalSizeZUnit",
    "TimeIncrement",
    "TimeIncrementUnit",
)
CHANNEL = (
    "Name",
    "Color",
    "Fluor",
    "ContrastMethod",
    "AcquisitionMode",
    "IlluminationType",
    "ExcitationWavelength",
    "ExcitationWavelengthUnit",
    "EmissionWavelength",
    "EmissionWavelengthUnit",
    "PinholeSize",
    "PinholeSizeUnit",
    "NDFilter",
)


def parse(
    xml: str, name: str, number: int = 0
) -> tuple[tuple[float, float] | None, tuple[str, ...], dict[str, Any], Timing]:
    """Return pixel size, channel names ("" for one without), the metadata for `options`, and the
    exposures of the channels.

    number: of the image in the file, from 0.
    """
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise ImageError(f"{name}: its OME-XML is damaged ({error_text(error)}).") from error
    images = root.findall("{*}Image")
    image = images[number] if number < len(images) else None
    pixels = None if image is None else image.find("{*}Pixels")
    if image is None or pixels is None:
        raise ImageError(f"{name}: its OME-XML describes no image.")
    channels = [_attributes(channel, CHANNEL) for channel in pixels.findall("{*}Channel")]
    names = tuple(channel.get("Name", "") for channel in channels)
    carried: dict[str, Any] = {
        **_attributes(pixels, PIXELS),
        "Name": image.get("Name", ""),
        "Description": image.findtext("{*}Description", ""),
        "Channel": channels,
    }
    return _pixel_size(pixels), names if any(names) else (), carried, _timing(pixels)


def _timing(pixels: ElementTree.Element) -> Timing:
    """Return the exposure times of the channels, where each has one time in all its planes, and
    the place of the stage, where all planes have one.
    """
    place = _place(pixels)
    channels = pixels.findall("{*}Channel")
    times: list[set[float]] = [set() for _ in channels]
    for plane in pixels.findall("{*}Plane"):
        factor = SECONDS.get(plane.get("ExposureTimeUnit", "s"), 0.0)
        try:
            channel, time = int(plane.get("TheC", -1)), float(plane.get("ExposureTime", 0)) * factor
        except ValueError:
            continue
        if 0 <= channel < len(times):
            times[channel].add(round(time, 12))
    known = [min(found) for found in times if len(found) == 1 and min(found) > 0]
    if not channels or len(known) < len(channels):
        return replace(UNKNOWN, place=place)
    # Only what a camera exposed has a time, and samples of a pixel are the colours of one camera.
    samples = channels[0].get("SamplesPerPixel", "1")
    return Timing(tuple(known), len(channels) == 1 and samples in ("3", "4"), place)


def _place(pixels: ElementTree.Element) -> tuple[float, float] | None:
    """Return where the stage stood, (y, x) micrometres, where all planes say the same."""
    places = set()
    for plane in pixels.findall("{*}Plane"):
        sides = []
        for axis in "YX":
            factor = micrometres(plane.get(f"Position{axis}Unit", "µm"))
            try:
                sides.append(float(plane.get(f"Position{axis}", "nan")) * (factor or math.nan))
            except ValueError:
                return None
        places.add((sides[0], sides[1]))
    if len(places) != 1 or not all(map(math.isfinite, *places)):
        return None
    return places.pop()


def options(image: Image, carried: Mapping[str, Any], done: str) -> dict[str, Any]:
    """Return tifffile's options to write the image with this metadata."""
    metadata = {k: v for k, v in carried.items() if v}
    metadata["axes"] = image.axes
    metadata["Description"] = "\n".join(filter(None, [carried.get("Description"), done]))
    if image.pixel_size:
        for axis, size in zip("YX", image.pixel_size, strict=True):
            metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"}
    # tifffile needs one entry for each channel, or one for all samples.
    count = max(1, axes.channel_count(image.axes, image.pixels.shape))
    channels = [dict(channel) for channel in carried.get("Channel", [])]
    channels += [{} for _ in range(count - len(channels))]
    coloured = "S" in image.axes and image.channels == ("red", "green", "blue")
    for channel, name in zip(channels, () if coloured else image.channels, strict=False):
        channel |= {"Name": name} if name else {}
    metadata["Channel"] = channels
    return {"ome": True, "metadata": metadata}


def _attributes(element: ElementTree.Element, names: tuple[str, ...]) -> dict[str, str]:
    return {name: element.attrib[name] for name in names if name in element.attrib}


def _pixel_size(pixels: ElementTree.Element) -> tuple[float, float] | None:
    sides = []
    for axis in "YX":
        factor = micrometres(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        try:
            side = float(pixels.get(f"PhysicalSize{axis}", 0))
        except ValueError:
            side = 0.0
        sides.append(side * (factor or 0.0))
    y, x = sides
    return (y, x) if y > 0 and x > 0 else None


@dataclass(frozen=True)
class Changes:
    """What changed in an image of a file.

    number: of the image in the file, from 0.
    shape: its new shape, in the file's own axes.
    attributes: other values of the attributes of its `Pixels`; None removes one.
    pixel_size: another (y, x), micrometres, or None.
    name: (old, new) of the file, by which its metadata say where planes lie.
    axes: those that were given for a file that does not say them, or "".
    """

    number: int = 0
    shape: tuple[int, ...] = ()
    attributes: Mapping[str, str | None] = field(default_factory=dict)
    pixel_size: tuple[float, float] | None = None
    name: tuple[str, str] = ("", "")
    axes: str = ""


BEFORE_DESCRIPTION = ("AcquisitionDate", "AcquiredDate", "ExperimenterRef")
"""Elements of an image that stand before its description."""


def edited(xml: bytes, done: str, changes: Changes) -> bytes:
    """Return OME-XML with the record in the image's description; all else stays, to the letter.

    Raises ValueError for XML that is damaged, or has no such image.
    """
    xml = _utf8(xml)
    places = _Places(changes.number)
    places.read(xml)
    if places.image is None:
        raise ValueError("its OME-XML describes no such image")
    splices: list[tuple[int, int, bytes]] = []
    if places.pixels is not None and (changes.attributes or changes.pixel_size):
        start, end = places.pixels
        tag = _with_attributes(xml[start:end], changes.attributes)
        splices.append((start, end, _with_pixel_size(tag, changes.pixel_size)))
    if done:
        splices.append(_description(xml, places, done))
    for start, end, piece in sorted(splices, reverse=True):
        xml = xml[:start] + piece + xml[end:]
    xml = _with_root_uuid(_renamed(xml, *changes.name), changes.name[1])
    return xml if xml.isascii() else ENCODING.sub(rb"\g<1>UTF-8\g<2>", xml, count=1)


ENCODING = re.compile(rb"""\A(\s*<\?xml\b[^>]*?\bencoding\s*=\s*["'])[^"']*(["'])""")
"""The encoding that XML declares; what is written is UTF-8."""


def _utf8(xml: bytes) -> bytes:
    """Return the XML as UTF-8; some writers put Latin-1 in what they call UTF-8."""
    try:
        xml.decode()
    except UnicodeDecodeError:
        return xml.decode("latin-1").encode()
    return xml


def _renamed(xml: bytes, old: str, new: str) -> bytes:
    """Return the XML of a file that gets another name; its planes are looked for under that."""
    if old == new or not old:
        return xml
    before, after = (escape(name, {'"': "&quot;"}).encode() for name in (old, new))
    pattern = re.compile(rb"(\bFileName\s*=\s*)([\"'])" + re.escape(before) + rb"\2")
    return pattern.sub(lambda found: found[1] + b'"' + after + b'"', xml)


def _with_root_uuid(xml: bytes, name: str) -> bytes:
    """Return the XML of a file that says by a UUID which one it is, if it says it of its planes.

    Without that, programs look for a file of this name, and find none or another.
    """
    root = re.search(rb"<(?:\w+:)?OME\b", xml)
    named = re.escape(escape(name, {'"': "&quot;"}).encode())
    own = re.search(
        rb"<(?:\w+:)?UUID\b[^>]*?\bFileName\s*=\s*\"" + named + rb'"[^>]*>([^<"]+)<', xml
    )
    if root is None or own is None or not name:
        return xml
    start, end = root.end(), _end_of_tag(xml, root.start())
    if re.search(rb"\sUUID\s*=", xml[start:end]):
        return xml
    return xml[:start] + b' UUID="' + own[1].strip() + b'"' + xml[start:]


def _with_pixel_size(tag: bytes, size: tuple[float, float] | None) -> bytes:
    """Return the start tag of `Pixels` with another pixel size."""
    for axis, side in zip("YX", size or (), strict=False):
        name = f"PhysicalSize{axis}"
        # Without a unit it is micrometres; OME had no units before 2015.
        tag = _with_attributes(tag, {name: None, f"{name}Unit": None})
        end = tag.rindex(b"/>") if tag.endswith(b"/>") else len(tag) - 1
        tag = tag[:end].rstrip() + f' {name}="{side:.10g}"'.encode() + tag[end:]
    return tag


def _description(xml: bytes, places: _Places, done: str) -> tuple[int, int, bytes]:
    """Return the piece of XML with the record, and what it replaces."""
    name = places.prefix + "Description"
    if places.description is None:
        piece = f"<{name}>{escape(done)}</{name}>".encode()
        return places.before, places.before, piece
    start, end = places.description
    closing = f"</{name}>".encode()
    element = xml[start:end]
    if not element.endswith(closing):  # <Description/>
        return start, end, f"<{name}>{escape(done)}</{name}>".encode()
    before = b"" if element[: -len(closing)].endswith(b">") else b"\n"
    piece = element[: -len(closing)] + before + escape(done).encode() + closing
    return start, end, piece


def _with_attributes(tag: bytes, attributes: Mapping[str, str | None]) -> bytes:
    for name, value in attributes.items():
        pattern = re.compile(rb"\s" + name.encode() + rb"\s*=\s*(\"[^\"]*\"|'[^']*')")
        new = b"" if value is None else f' {name}="{value}"'.encode()
        tag = pattern.sub(lambda _, new=new: new, tag)  # type: ignore[misc]
    return tag


class _Places:
    """Positions of the parts of an image's XML, bytes.

    image: of its element. pixels, description: (start, end) of the start tag and of the element.
    before: where a description belongs.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._seen = -1
        self._depth = 0
        self._image_depth = 0
        self._starts: list[int] = []
        self.image: int | None = None
        self.prefix = ""
        self.before = 0
        self.pixels: tuple[int, int] | None = None
        self.description: tuple[int, int] | None = None

    def read(self, xml: bytes) -> None:
        """Find the parts; raises ValueError for damaged XML."""
        parser = expat.ParserCreate("utf-8")
        parser.StartElementHandler = lambda name, _: self._start(name, parser, xml)
        parser.EndElementHandler = lambda name: self._end(name, parser, xml)
        parser.StartDoctypeDeclHandler = _refuse_doctype
        try:
            parser.Parse(xml, True)
        except expat.ExpatError as error:
            raise ValueError(f"its OME-XML is damaged ({error_text(error)})") from error

    def _start(self, name: str, parser: expat.XMLParserType, xml: bytes) -> None:
        self._depth += 1
        at = parser.CurrentByteIndex
        self._starts.append(at)
        prefix, _, local = name.rpartition(":")
        if local == "Image" and self.image is None:
            self._seen += 1
            if self._seen == self._number:
                self.image, self._image_depth = at, self._depth
                self.prefix = prefix and f"{prefix}:"
                self.before = _end_of_tag(xml, at)
        elif local == "Pixels" and self._inside() and self.pixels is None:
            self.pixels = (at, _end_of_tag(xml, at))

    def _end(self, name: str, parser: expat.XMLParserType, xml: bytes) -> None:
        start, at = self._starts.pop(), parser.CurrentByteIndex
        local = name.rpartition(":")[2]
        if self._inside():
            closes = xml[at : at + 2] == b"</"  # <Description/> has no tag that closes it
            end = _end_of_tag(xml, at if closes else start)
            if local == "Description" and self.description is None:
                self.description = (start, end)
            elif local in BEFORE_DESCRIPTION:
                self.before = end
        self._depth -= 1
        if self.image is not None and self._depth < self._image_depth:
            self._image_depth = -2  # whatever follows is another image

    def _inside(self) -> bool:
        """Return whether the current element is a child of the image."""
        return self._depth == self._image_depth + 1


def _refuse_doctype(*_: Any) -> None:
    raise ValueError("its OME-XML has a document type, which OME-XML has not")


def _end_of_tag(xml: bytes, at: int) -> int:
    """Return the position behind the tag that begins here."""
    quote = 0
    for place in range(at, len(xml)):
        letter = xml[place]
        if quote:
            quote = 0 if letter == quote else quote
        elif letter in b"\"'":
            quote = letter
        elif letter == ord(">"):
            return place + 1
    return len(xml)
