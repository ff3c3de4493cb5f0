"""Two hundred damaged files: `make(folder)` writes them and says what each sentence must name.

Run as a script it fills a folder: python tests/cli/damaged.py FOLDER
"""

import io
import itertools
import struct
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import tifffile

COUNT = 200
MAGIC = b"\x89PNG\r\n\x1a\n"


def make(folder):
    """Write the files into a folder; return the names with which the 200 sentences begin."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    names = make_fields(folder)
    (folder / "lost.png").symlink_to(folder / "nowhere.png")
    names.append("lost.png")
    files = {**headers(), **contents(), **strips(), **small()}
    for name, data in itertools.chain(files.items(), cuts()):
        if len(names) == COUNT:
            break
        (folder / name).write_bytes(data)
        names.append(name)
    return names


def plane(dtype=np.uint8, height=24, width=30):
    rng = np.random.default_rng(7)
    rows, columns = np.mgrid[:height, :width]
    waves = np.sin(rows / 4) * np.cos(columns / 5) * 90 + 110 + rng.normal(0, 3, rows.shape)
    return (waves * (1 if dtype == np.uint8 else 16)).astype(dtype)


def encode(ending, pixels, *options):
    return cv2.imencode(ending, pixels, *options)[1].tobytes()


def tiff(pixels, **options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, photometric="minisblack", **options)
    return stream.getvalue()


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def whole():
    """Return a sound file of each format."""
    grey, deep = plane(), plane(np.uint16)
    stack = np.stack([deep] * 6).reshape(2, 3, *deep.shape)
    files = {
        "grey.png": encode(".png", grey),
        "deep.png": encode(".png", deep),
        "colour.png": encode(".png", np.dstack([grey] * 3)),
        "grey.jpg": encode(".jpg", grey),
        "progressive.jpeg": encode(".jpg", grey, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
        "plane.npy": npy(plane(np.float32)),
        "plain.tif": tiff(deep),
        "ome.tif": tiff(stack, ome=True, metadata={"axes": "ZCYX"}),
        "imagej.tif": tiff(stack, imagej=True, metadata={"axes": "ZCYX"}),
        "tiles.tiff": tiff(deep, tile=(16, 16), compression="zlib"),
    }
    for compression in ("lzw", "zlib", "zstd", "packbits"):
        files[f"{compression}.tif"] = tiff(deep, compression=compression)
    return files


def cuts():
    """Yield truncated files of all formats, at ever other places."""
    files = whole()
    for share in (0.5, 0.9, 0.2, 0.7, 0.03, 0.8, 0.4, 0.1, 0.6, 0.3):
        for name, data in files.items():
            yield f"cut{round(share * 100)}-{name}", data[: round(len(data) * share)]


def headers():
    """Return files whose beginning is wrong: no bytes, another kind of file, absurd sizes."""
    files = {}
    for ending in ("png", "jpg", "tif", "npy"):
        files[f"empty.{ending}"] = b""
        files[f"zeros.{ending}"] = bytes(500)
        files[f"page.{ending}"] = b"<!doctype html><title>404 Not Found</title>"
        files[f"noise.{ending}"] = b"x" + np.random.default_rng(0).bytes(500)
    for name, data in whole().items():
        files[f"magic-{name}"] = b"\0" + data[1:]
        files[f"stub-{name}"] = data[:12]
    for name, sizes in {"giant": (2**31 - 1, 2**31 - 1), "flat": (0, 9), "thin": (9, 0)}.items():
        files[f"{name}.png"] = png_of(*sizes, 8, b"")
        files[f"{name}.npy"] = npy_of(f"'|u1', 'fortran_order': False, 'shape': {sizes}")
        files[f"{name}.tif"] = with_tags(tiff(plane()), {256: sizes[0], 257: sizes[1]})
        files[f"{name}.jpg"] = jpeg_of(*(min(size, 65500) for size in sizes))
    files["pickle.npy"] = npy(np.array([{"a": 1}, None], dtype=object))
    files["syntax.npy"] = npy_of("(((")
    return files


def contents():
    """Return files that are sound but hold no image, or damaged inside."""
    files = {}
    infinite = {"inf": np.inf, "minus": -np.inf, "both": [[np.nan, np.inf]]}
    for name, value in infinite.items():
        pixels = plane(np.float32)
        pixels[3:4, 4:6] = value
        files[f"{name}.npy"] = npy(pixels)
        files[f"{name}.tif"] = tiff(pixels)
        files[f"{name}-ome.tif"] = tiff(pixels, ome=True)
        files[f"{name}-zlib.tif"] = tiff(pixels, compression="zlib")
        files[f"{name}-imagej.tif"] = tiff(pixels, imagej=True)
    for dtype in ("bool", "complex64", "U3", "datetime64[s]", "u1,u1"):
        files[f"{dtype.replace(',', '-')}.npy"] = npy(np.zeros((9, 9), dtype))
    files["complex.tif"] = tiff(np.zeros((9, 9), np.complex64))
    files["bits.tif"] = tiff(np.zeros((9, 9), bool))
    files["axes.npy"] = npy(np.zeros((3, 9, 9), np.uint8))
    files["axes.tif"] = tiff(np.zeros((5, 9, 9), np.uint8), metadata=None)
    files["line.npy"] = npy(np.zeros(9, np.uint8))
    files["none.tif"] = b"II*\0\0\0\0\0"
    ome = tiff(plane(), ome=True)
    files["xml.tif"] = ome.replace(b"<Pixels", b"<Pi<els")
    files["nothing-ome.tif"] = ome.replace(b"Pixels ", b"Pixelz ")
    sound = zlib.compress(bytes(9 * 10))
    files["crc.png"] = png_of(9, 9, 8, sound).replace(b"IDAT", b"iDAT")
    files["short.png"] = png_of(9, 9, 8, zlib.compress(bytes(9 * 10 - 1)))
    files["long.png"] = png_of(9, 9, 8, zlib.compress(bytes(9 * 10 + 1)))
    files["stream.png"] = png_of(9, 9, 8, sound[:-3])
    files["adler.png"] = png_of(9, 9, 8, sound[:-1] + b"\xee")
    files["depth.png"] = png_of(9, 9, 5, sound)
    files["nodata.png"] = png_of(9, 9, 8, b"")
    return files


def strips():
    """Return TIFF files whose strips or tiles are missing, elsewhere or of another kind."""
    files = {}
    for name, options in {
        "plain": {},
        "lzw": {"compression": "lzw"},
        "zlib": {"compression": "zlib"},
        "zstd": {"compression": "zstd"},
    }.items():
        data = tiff(plane(np.uint16), rowsperstrip=24, **options)
        files[f"{name}-nowhere.tif"] = with_tags(data, {273: 0})
        files[f"{name}-outside.tif"] = with_tags(data, {273: 10**6})
        files[f"{name}-none.tif"] = with_tags(data, {279: 0})
        if options:  # of a single plain strip the size follows from the image's
            files[f"{name}-less.tif"] = with_tags(data, {279: 40})
        other = 5 if name != "lzw" else 8
        files[f"{name}-other.tif"] = with_tags(data, {259: other})
    return files


def small():
    """Return images that can be read, and are too small to hold a movement."""
    files = {}
    for height, width in [(1, 1), (1, 9), (9, 1), (2, 2)]:
        pixels = plane(np.uint8, height, width)
        files[f"{height}x{width}.png"] = encode(".png", pixels)
        files[f"{height}x{width}.jpg"] = encode(".jpg", pixels)
        files[f"{height}x{width}.tif"] = tiff(pixels)
        files[f"{height}x{width}.npy"] = npy(pixels)
    return files


def make_fields(folder):
    """Write HPA fields whose channels do not belong together; return what the sentences name."""
    grey = plane()
    edges = np.dstack([np.roll(grey > 120, shift, axis=1) * np.uint8(255) for shift in (0, 7, 15)])
    spoiled = {
        "size": encode(".png", grey[:-1]),
        "depth": encode(".png", plane(np.uint16)),
        "mixture": encode(".png", edges),
        "cut": encode(".png", grey)[:200],
        "empty": b"",
        "swapped": b"GIF89a",
        "missing": None,
    }
    names = []
    for i, (kind, data) in enumerate(spoiled.items()):
        colours = ("red", "green", "blue", "yellow")[: 3 + i % 2]
        for colour in colours:
            (folder / f"{kind}-field_{colour}.png").write_bytes(encode(".png", grey))
        channel = folder / f"{kind}-field_green.png"
        channel.unlink() if data is None else channel.write_bytes(data)
        names.append(f"{kind}-field" if data is None else channel.name)
    return names


def png_of(width, height, depth, stream):
    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", stream), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    ]
    return MAGIC + b"".join(chunks)


def npy_of(description):
    text = f"{{'descr': {description}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + bytes(81)


def jpeg_of(width, height):
    data = encode(".jpg", plane())
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def with_tags(data, values):
    """Return a little-endian TIFF with other values in some tags of its first page."""
    changed = bytearray(data)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tags = file.pages[0].tags
        for code, value in values.items():
            size = {3: 2, 4: 4}[int(tags[code].dtype)]
            limit = min(value, 256**size - 1)
            at = tags[code].valueoffset
            changed[at : at + size] = limit.to_bytes(size, "little")
    return bytes(changed)


if __name__ == "__main__":
    print("\n".join(make(sys.argv[1])))
