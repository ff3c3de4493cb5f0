"""Small files of microscopes' own formats, written by hand."""

import math
import struct
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
import tifffile

KINDS = {("u1", 2): 0, ("u2", 2): 1, ("f4", 2): 2, ("u1", 3): 3, ("u2", 3): 4}
"""Numbers of CZI's kinds of pixels, by dtype and number of dimensions of a block."""


@dataclass
class Block:
    """A block of a CZI: pixels, and where they lie.

    dims: place along other axes. compression: its number. packed: the bytes under compression.
    """

    pixels: np.ndarray
    y: int
    x: int
    dims: dict = field(default_factory=dict)
    compression: int = 0
    packed: bytes = b""


def czi(path, blocks, channels=("DAPI",), scenes=()):
    """Write a CZI; pixels of 0.15 um, and no metadata where it has no channels."""
    body = bytearray(_segment(b"ZISRAWFILE", bytes(512)))
    entries = []
    for block in blocks:
        entry = _entry(block, len(body))
        data = block.packed or block.pixels.tobytes()
        head = struct.pack("<iiq", 0, 0, len(data)) + entry
        body += _segment(b"ZISRAWSUBBLOCK", head.ljust(256, b"\0") + data)
        entries.append(entry)
    directory = len(body)
    head = struct.pack("<i124x", len(blocks))
    body += _segment(b"ZISRAWDIRECTORY", head + b"".join(entries))
    metadata = len(body)
    xml = _czi_xml(channels, scenes) if channels else b""
    body += _segment(b"ZISRAWMETADATA", struct.pack("<ii248x", len(xml), 0) + xml)
    places = (directory, metadata, 0, 0)
    head = struct.pack("<iiii16s16siqqiq", 1, 0, 0, 0, bytes(16), bytes(16), 0, *places)
    body[32 : 32 + len(head)] = head
    Path(path).write_bytes(bytes(body))


def _segment(kind, data):
    size = -(-len(data) // 32) * 32
    return struct.pack("<16sqq", kind, size, len(data)) + data.ljust(size, b"\0")


def _entry(block, at):
    kind = KINDS[block.pixels.dtype.str[1:], block.pixels.ndim]
    sizes = {"X": block.pixels.shape[1], "Y": block.pixels.shape[0]}
    rows = b"".join(
        struct.pack("<4siifi", name.encode(), start, sizes.get(name, 1), start, sizes.get(name, 0))
        for name, start in {"X": block.x, "Y": block.y, **block.dims}.items()
    )
    count = 2 + len(block.dims)
    return struct.pack("<2siqii6xi", b"DV", kind, at, 0, block.compression, count) + rows


def _czi_xml(channels, scenes):
    distances = "".join(f'<Distance Id="{a}"><Value>1.5E-07</Value></Distance>' for a in "XY")
    named = "".join(f"<Channel Name={quoteattr(name)}/>" for name in channels)
    of_scenes = "".join(
        f"<Scene Index='{number}' Name={quoteattr(name)}/>" for number, name in enumerate(scenes)
    )
    return (
        "<ImageDocument><Metadata><Information><Image><Dimensions>"
        f"<Channels>{named}</Channels><S><Scenes>{of_scenes}</Scenes></S>"
        f"</Dimensions></Image></Information><Scaling><Items>{distances}</Items></Scaling>"
        "</Metadata></ImageDocument>"
    ).encode()


def lif(path, series):
    """Write a LIF; series: (pixels as uint16 CZYX, dyes of the channels) by name."""
    described, blocks = [], b""
    for number, (name, (pixels, dyes)) in enumerate(series.items()):
        described.append(_lif_image(f"B{number}", name, pixels, dyes))
        identity = f"B{number}".encode("utf-16-le")
        data = np.ascontiguousarray(pixels.swapaxes(0, 1)).tobytes()
        blocks += struct.pack("<IIBQBI", 0x70, 10 + len(identity), 42, len(data), 42, 2)
        blocks += identity + data
    xml = (
        '<LMSDataContainerHeader Version="2"><Element Name="p" UniqueID="r"><Data><Experiment/>'
        '</Data><Memory Size="0" MemoryBlockID="R"/>'
        f"<Children>{''.join(described)}</Children></Element></LMSDataContainerHeader>"
    ).encode("utf-16-le")
    head = struct.pack("<IIBI", 0x70, 5 + len(xml), 42, len(xml) // 2)
    Path(path).write_bytes(head + xml + blocks)


def _lif_image(identity, name, pixels, dyes):
    channels, depth, height, width = pixels.shape
    plane = height * width * 2
    described = "".join(
        '<ChannelDescription DataType="0" ChannelTag="0" Resolution="12" Min="0" Max="4095" '
        'NameOfMeasuredQuantity="" Unit="" LUTName="Gray" IsLUTInverted="0" BitInc="0" '
        f'BytesInc="{channel * plane}">{_dye(dyes, channel)}</ChannelDescription>'
        for channel in range(channels)
    )
    sides = ((1, width, 2), (2, height, 2 * width), (3, depth, plane * channels))
    dimensions = "".join(
        f'<DimensionDescription DimID="{axis}" NumberOfElements="{side}" Origin="0" '
        f'Length="{(side - 1) * 2e-7}" Unit="m" BitInc="0" BytesInc="{step}"/>'
        for axis, side, step in sides
    )
    return (
        f'<Element Name={quoteattr(name)} UniqueID="{identity}"><Data><Image><ImageDescription>'
        f"<Channels>{described}</Channels><Dimensions>{dimensions}</Dimensions>"
        f'</ImageDescription></Image></Data><Memory Size="{math.prod(pixels.shape) * 2}" '
        f'MemoryBlockID="{identity}"/><Children/></Element>'
    )


def _dye(dyes, channel):
    if channel >= len(dyes):
        return ""
    entry = f"<Key>DyeName</Key><Value>{dyes[channel]}</Value>"
    return f"<ChannelProperty>{entry}</ChannelProperty>"


def oif(path, order, letters, pixels):
    """Write an OIF and the folder of its planes; pixels of 0.2 um.

    order: axes as the text has them. letters: of the planes' names, those of `pixels` before YX.
    """
    sizes = dict(zip(f"{letters}YX", pixels.shape, strict=True))
    axes = order + "".join(letter for letter in "XYZTCLPQ" if letter not in order)
    said = {
        "FileInformation": {"Version": '"1"'},
        "ProfileSaveInfo": {"Name": '"a"', "Version": '"1"'},
        "Axis Parameter Common": {"AxisCount": len(order), "AxisOrder": f'"{order}"'},
        "Reference Image Parameter": {"ValidBitCounts": 12},
    }
    for number, letter in enumerate(axes):
        side = sizes.get(letter, 0)
        said[f"Axis {number} Parameters Common"] = {
            "AxisCode": f'"{letter}"', "MaxSize": side, "StartPosition": 0.0,
            "EndPosition": side * 0.2, "UnitName": '"um"',
        }  # fmt: skip
    for number in range(sizes.get("C", 0)):
        said[f"Channel {number + 1} Parameters"] = {"DyeName": f'"dye{number + 1}"'}
    lines = (
        line
        for section, values in said.items()
        for line in (f"[{section}]", *(f"{key}={value}" for key, value in values.items()))
    )
    path.write_bytes("\r\n".join(lines).encode("utf-16"))
    folder = path.with_name(f"{path.name}.files")
    folder.mkdir()
    for at in product(*map(range, pixels.shape[:-2])):
        numbered = "".join(f"{a}{i + 1:03d}" for a, i in zip(letters, at, strict=True))
        tifffile.imwrite(folder / f"s_{numbered}.tif", pixels[at], metadata=None)
