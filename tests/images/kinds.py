"""One small file of every kind of image, as other programs write them: `write_all(folder)`.

Run as a script it fills a folder: python tests/images/kinds.py FOLDER
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image as Picture

SIDE = 64
PIXEL = 0.25
"""Pixel size of all that say one, micrometres."""
OME = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" Creator="Bio-Formats 7.3">'
    '<Instrument ID="Instrument:0"><Objective ID="Objective:0" LensNA="0.75"/></Instrument>'
    '<Image ID="Image:0" Name="tile 7"><AcquisitionDate>2026-01-02T03:04:05</AcquisitionDate>'
    '<InstrumentRef ID="Instrument:0"/><ObjectiveSettings ID="Objective:0"/>'
    '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="64" SizeY="64" SizeC="2" '
    'SizeZ="1" SizeT="1" SignificantBits="12" PhysicalSizeX="250" PhysicalSizeXUnit="nm" '
    'PhysicalSizeY="0.25">'
    '<Channel ID="Channel:0:0" Name="DAPI" SamplesPerPixel="1"/>'
    '<Channel ID="Channel:0:1" Name="GFP" SamplesPerPixel="1"/><TiffData IFD="0" PlaneCount="2"/>'
    '<Plane TheC="0" TheT="0" TheZ="0" ExposureTime="20.0" ExposureTimeUnit="ms" '
    'PositionX="1200.0" PositionY="3400.0"/>'
    '<Plane TheC="1" TheT="0" TheZ="0" ExposureTime="80.0" ExposureTimeUnit="ms" '
    'PositionX="1200.0" PositionY="3400.0"/></Pixels><ROIRef ID="ROI:0"/></Image>'
    '<ROI ID="ROI:0"><Union><Rectangle ID="Shape:0" X="10" Y="10" Width="20" Height="20"/></Union>'
    "</ROI></OME>"
)
METASERIES = (
    "<MetaData>\n"
    '<prop id="Description" type="string" value="Exposure: 80 ms"/>\n'
    '<prop id="MetaDataVersion" type="float" value="1"/>\n'
    '<prop id="ApplicationName" type="string" value="MetaMorph"/>\n<PlaneInfo>\n'
    '<prop id="spatial-calibration-state" type="bool" value="on"/>\n'
    '<prop id="spatial-calibration-x" type="float" value="0.25"/>\n'
    '<prop id="spatial-calibration-y" type="float" value="0.25"/>\n'
    '<prop id="spatial-calibration-units" type="string" value="um"/>\n'
    '<prop id="stage-position-x" type="float" value="31000.5"/>\n</PlaneInfo>\n</MetaData>'
)


def cells(seed=0, peak=3000.0, offset=100.0, side=SIDE):
    """Return uint16 counts of blobs that moved by 6 px at 30 degrees."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    sharp = np.zeros((side, side))
    for _ in range(side * side // 100):
        cy, cx, radius = rng.uniform(0, side), rng.uniform(0, side), rng.uniform(1, 5)
        sharp += (np.hypot(y - cy, x - cx) < radius) * rng.uniform(0.2, 1)
    fy, fx = np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side), indexing="ij")
    turn = np.deg2rad(30)
    motion = np.sinc(6 * (fx * np.cos(turn) - fy * np.sin(turn)))
    moved = np.fft.ifft2(np.fft.fft2(sharp) * motion).real.clip(0)
    return rng.poisson(moved / moved.max() * peak + offset).astype(np.uint16)


def stack(count, **options):
    return np.stack([cells(seed, **options) for seed in range(count)])


def grey8(seed=0):
    return cells(seed, 200, 5).clip(0, 255).astype(np.uint8)


def png(path):
    picture = Picture.fromarray(cells())
    picture.save(path, dpi=(25400 / PIXEL, 25400 / PIXEL))


def rgba_png(path):
    alpha = np.full((SIDE, SIDE), 255, np.uint8)
    alpha[:20, :20] = 0
    Picture.fromarray(np.dstack([grey8(0), grey8(1), grey8(2), alpha]), "RGBA").save(path)


def jpeg(path):
    exif = Picture.Exif()
    exif[274] = 6
    Picture.fromarray(np.dstack([grey8(s) for s in range(3)])).save(path, quality=98, exif=exif)


def plain_tiff(path):
    per_cm = 1e4 / PIXEL
    tags = [(274, "H", 1, 6, True), (306, "s", 0, "2026:01:02 03:04:05", True)]
    tifffile.imwrite(
        path, cells(), photometric="minisblack", metadata=None, description="slide 3, 40x",
        resolution=(per_cm, per_cm), resolutionunit="CENTIMETER", software="Scanner 2.1",
        tile=(32, 32), compression="zlib", extratags=tags,
    )  # fmt: skip


def ome_tiff(path):
    tifffile.imwrite(
        path, stack(2), description=OME.encode(), metadata=None, photometric="minisblack",
        tile=(32, 32), compression="lzw",
    )  # fmt: skip


def pyramid(path):
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        options = {"tile": (32, 32), "compression": "zlib", "photometric": "minisblack"}
        names = {"Name": ["DAPI", "GFP"]}
        size = {"PhysicalSizeX": PIXEL, "PhysicalSizeY": PIXEL}
        metadata = {"axes": "CYX", "Channel": names, **size}
        pixels = stack(2)
        file.write(pixels, subifds=1, metadata=metadata, **options)
        file.write(pixels[:, ::2, ::2], subfiletype=1, **options)


def imagej(path):
    ranges = (0.0, 4000.0, 0.0, 3000.0)
    lut = np.stack([np.arange(256), np.zeros(256), np.arange(256)]).astype(np.uint8)
    tifffile.imwrite(
        path, stack(6).reshape(3, 2, SIDE, SIDE), imagej=True, resolution=(1 / PIXEL, 1 / PIXEL),
        metadata={"axes": "ZCYX", "unit": "um", "spacing": 0.5, "mode": "composite",
                  "Ranges": ranges, "LUTs": [lut, lut[::-1]], "Labels": list("abcdef"),
                  "Info": "objective 40x"},
    )  # fmt: skip


def shaped(path):
    pixels = stack(6).reshape(3, 2, SIDE, SIDE)
    said = {"axes": "ZCYX", "spacing": 0.5, "unit": "um", "PhysicalSizeX": PIXEL,
            "PhysicalSizeY": PIXEL, "Channel": {"Name": ["DAPI", "GFP"]}}  # fmt: skip
    line = json.dumps({**said, "shape": list(pixels.shape)})  # as until February 2026
    tifffile.imwrite(path, pixels, metadata=None, description=line, photometric="minisblack")


def metaseries(path):
    tifffile.imwrite(
        path, cells(), description=METASERIES, metadata=None, photometric="minisblack",
        software="MetaSeries",
    )  # fmt: skip


def palette(path):
    ramp = (np.arange(256) * 257).astype(np.uint16)
    table = np.stack([ramp * 0, ramp, ramp * 0])
    tifffile.imwrite(path, grey8(), photometric="palette", colormap=table)


def lsm(path):
    """A Zeiss LSM: a full image and a thumbnail after each plane; CZ_LSMINFO says the rest."""
    side = SIDE
    info = struct.pack("<Ii8i3d", 0x0400494C, 512, side, side, 3, 1, 1, 2, side // 2, side // 2,
                       PIXEL * 1e-6, PIXEL * 1e-6, 1e-6)  # fmt: skip
    info += struct.pack("<3dHHH", 0, 0, 0, 0, 0, 0)
    info += b"\0" * (512 - len(info))
    options = {"metadata": None, "photometric": "minisblack", "contiguous": False,
               "software": False}  # fmt: skip
    with tifffile.TiffWriter(path, byteorder="<") as file:
        for number, plane in enumerate(stack(3)):
            extra = [(34412, "B", len(info), info, True)] if number == 0 else []
            file.write(plane, extratags=extra, **options)
            file.write(plane[::2, ::2], subfiletype=1, **options)


def stk(path):
    """A MetaMorph STK: one page, the planes behind each other; UIC tags say the rest."""
    count, side = 3, SIDE
    planes = stack(count)
    strip = side * side * 2
    uic2 = b"".join(struct.pack("<6I", 1, 1, 2459000, 1000 * z, 2459000, 0) for z in range(count))
    at = 8 + count * strip
    uic2_at = at + 2 + 12 * 12 + 4
    size_at = uic2_at + len(uic2)
    uic1_at = size_at + 8
    entries = [
        (254, 4, 1, 0), (256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 16), (259, 3, 1, 1),
        (262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, side), (279, 4, 1, strip),
        (33628, 4, 2, uic1_at), (33629, 5, count, uic2_at),
    ]  # fmt: skip
    with Path(path).open("wb") as file:
        file.write(struct.pack("<2sHI", b"II", 42, at) + planes.astype("<u2").tobytes())
        file.write(struct.pack("<H", len(entries)))
        file.write(b"".join(struct.pack("<HHII", *entry) for entry in entries))
        file.write(struct.pack("<I", 0) + uic2 + struct.pack("<II", 25, 100))
        file.write(struct.pack("<4I", 4, size_at, 5, size_at))


def svs(path):
    """An Aperio slide: a tiled base, a thumbnail, a level, a label."""
    said = f"Aperio Image Library v11\r\n{SIDE}x{SIDE} |AppMag = 40|MPP = {PIXEL}|Date = 01/02/26"
    base = np.dstack([grey8(s) for s in range(3)])
    options = {"metadata": None, "photometric": "rgb", "software": False}
    with tifffile.TiffWriter(path) as file:
        file.write(base, tile=(32, 32), compression="jpeg", compressionargs={"level": 95},
                   description=said, **options)  # fmt: skip
        file.write(base[::2, ::2], description=said, **options)
        file.write(base[::2, ::2], tile=(16, 16), description=said, **options)
        label = "Aperio Image Library v11\r\nlabel 16x16"
        file.write(base[:16, :16], subfiletype=1, description=label, **options)


def micromanager(path, position=0, names=None, times=1, ome=True, stopped=0):
    """A Micro-Manager "image stack file": a header with an index map, metadata in each page.

    names: of the files of all positions; each has the metadata of all. stopped: number of planes
    that were not recorded.
    """
    side, channels, slices = SIDE, 2, 3
    names = names or [Path(path).name]
    stains = ["DAPI", "Cy5"]
    summary = {"MicroManagerVersion": "1.4.22", "Prefix": "run", "Channels": channels,
               "Slices": slices, "Frames": times, "Positions": len(names), "PixelType": "GRAY16",
               "PixelSize_um": PIXEL, "Width": side, "Height": side, "SlicesFirst": False,
               "TimeFirst": True, "ChNames": stains}  # fmt: skip
    order = [(c, z, t) for t in range(times) for z in range(slices) for c in range(channels)]
    planes = {(c, z, t): cells(1000 * position + 100 * t + 10 * c + z) for c, z, t in order}
    images = "".join(
        f'<Image ID="Image:{p}" Name="run_MMStack_Pos{p}"><Pixels ID="Pixels:{p}" '
        f'DimensionOrder="XYCZT" Type="uint16" SizeX="{side}" SizeY="{side}" SizeC="{channels}" '
        f'SizeZ="{slices}" SizeT="{times}" PhysicalSizeX="{PIXEL}" PhysicalSizeY="{PIXEL}">'
        + "".join(
            f'<Channel ID="Channel:{p}:{c}" Name="{stain}" SamplesPerPixel="1"/>'
            for c, stain in enumerate(stains)
        )
        + "".join(
            f'<TiffData FirstC="{c}" FirstT="{t}" FirstZ="{z}" IFD="{number}" PlaneCount="1">'
            f'<UUID FileName="{name}">urn:uuid:{p:08}-0000-0000-0000-000000000000</UUID></TiffData>'
            for number, (c, z, t) in enumerate(order)
        )
        + f'<Plane TheC="0" TheT="0" TheZ="0" PositionX="{10 * p + 10}.0" PositionY="5.0"/>'
        "</Pixels></Image>"
        for p, name in enumerate(names)
    )
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2013-06" '
        f'UUID="urn:uuid:{position:08}-0000-0000-0000-000000000000">{images}</OME>\0'
    ).encode() if ome else b"nothing\0"  # fmt: skip
    head_text = json.dumps(summary).encode()
    body, index = bytearray(), []
    start = 40 + len(head_text)
    written = order[: len(order) - stopped]
    for number, (c, z, t) in enumerate(written):
        at = start + len(body)
        index.append((c, z, t, position, at))
        first = number == 0
        entries = 14 if first else 13
        data_at = at + 2 + 12 * entries + 4
        text_at = data_at + side * side * 2
        said = {"ChannelIndex": c, "SliceIndex": z, "PixelSizeUm": PIXEL, "Exposure-ms": 20}
        text = json.dumps(said).encode() + b"\0"
        rational_at = text_at + len(text)
        xml_at = rational_at + 16
        end = xml_at + (len(xml) if first else 0)
        tags = [(256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 16), (259, 3, 1, 1),
                (262, 3, 1, 1)]  # fmt: skip
        tags += [(270, 2, len(xml), xml_at)] if first else []
        tags += [(273, 4, 1, data_at), (277, 3, 1, 1), (278, 3, 1, side)]
        tags += [(279, 4, 1, side * side * 2), (282, 5, 1, rational_at)]
        tags += [(283, 5, 1, rational_at + 8), (296, 3, 1, 3), (51123, 2, len(text), text_at)]
        body += struct.pack("<H", entries)
        body += b"".join(struct.pack("<HHII", *tag) for tag in tags)
        body += struct.pack("<I", 0 if number == len(written) - 1 else end)
        body += planes[c, z, t].astype("<u2").tobytes() + text
        body += struct.pack("<4I", 40000, 1, 40000, 1) + (xml if first else b"")
    index_at = start + len(body)
    head = struct.pack("<2sHI", b"II", 42, start)
    head += struct.pack("<8I", 54773648, index_at, 483765892, 0, 99384722, 0, 2355492,
                        len(head_text))  # fmt: skip
    ending = struct.pack("<II", 3453623, len(written))
    ending += b"".join(struct.pack("<5I", *row) for row in index)
    Path(path).write_bytes(head + head_text + bytes(body) + ending)
    return np.array(
        [[[planes[c, z, t] for z in range(slices)] for c in range(channels)] for t in range(times)]
    )


def npy(path):
    np.save(path, cells())


WRITERS = {
    "png": ("grey.png", png),
    "rgba": ("colour.png", rgba_png),
    "jpeg": ("photo.jpg", jpeg),
    "plain": ("plain.tif", plain_tiff),
    "ome": ("tile.ome.tif", ome_tiff),
    "pyramid": ("pyramid.ome.tif", pyramid),
    "imagej": ("hyperstack.tif", imagej),
    "shaped": ("python.tif", shaped),
    "metaseries": ("well_s1_w1.tif", metaseries),
    "palette": ("green.tif", palette),
    "lsm": ("confocal.lsm", lsm),
    "stk": ("metamorph.stk", stk),
    "svs": ("slide.svs", svs),
    "micromanager": ("run_MMStack_Pos0.ome.tif", micromanager),
    "npy": ("array.npy", npy),
}
"""Kinds of files by a short name: the file's name, and the function that writes it."""


def write_all(folder):
    """Write one file of every kind; return their paths by kind."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, write in WRITERS.values():
        write(folder / name)
    return {kind: folder / name for kind, (name, _) in WRITERS.items()}


if __name__ == "__main__":
    for made in write_all(sys.argv[1]).values():
        print(made)
