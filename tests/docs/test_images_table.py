"""Each cell of the table of formats in docs/reference/images.md is what a restored file shows."""

import importlib.util
import re
import shutil
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from unsmear import images
from unsmear.cli import main
from unsmear.images import note

ROOT = Path(__file__).parents[2]
VENDOR = ROOT.parent / "shared/data/vendor_files"
COLUMNS = ("out", "axes", "pixel size", "channel names", "other metadata", "compression, tiles",
           "pyramid", "record")  # fmt: skip
KINDS = {
    "PNG": "png", "PNG with opacity": "rgba", "JPEG": "jpeg", "TIFF": "plain",
    "TIFF with a lookup table": "palette", "TIFF of tifffile, scikit-image, napari": "shaped",
    "OME-TIFF": "ome", "OME-TIFF pyramid, BigTIFF": "pyramid", "ImageJ, Fiji": "imagej",
    "MetaMorph, ImageXpress TIFF": "metaseries", "Micro-Manager stack": "micromanager",
    "MetaMorph STK": "stk", "Zeiss LSM": "lsm", "Aperio SVS": "svs", "NumPy": "npy",
    "OME-Zarr 0.4": "zarr4", "OME-Zarr 0.5": "zarr5", "Zeiss CZI": "czi", "Nikon ND2": "nd2",
}  # fmt: skip
SHARED = {"czi": "xyz__multiple_images.czi", "nd2": "cluster.nd2"}
MARKS = {  # (what a kind of file says besides, by which it is found in the result)
    "png": lambda path: b"iCCP" in path.read_bytes(),
    "jpeg": lambda path: b"eXIf" in path.read_bytes(),
    "plain": lambda path: tag(path, 306) == "2026:01:02 03:04:05" and tag(path, 274) == 6,
    "palette": lambda path: np.array(tag(path, 320)).any(),
    "shaped": lambda path: '"spacing": 0.5' in tag(path, 270),
    "ome": lambda path: 'PositionX="1200.0"' in tag(path, 270) and "ROI:0" in tag(path, 270),
    "imagej": lambda path: len(tifffile.TiffFile(path).imagej_metadata["LUTs"]) == 2,
    "metaseries": lambda path: "31000.5" in tag(path, 270),
    "micromanager": lambda path: tag(path, 51123) is not None,
    "stk": lambda path: tag(path, 33628) is not None,
    "lsm": lambda path: tag(path, 34412) is not None,
    "svs": lambda path: "AppMag" in str(tag(path, 270)),
    "zarr4": lambda path: zarr.open_group(str(path), mode="r").attrs["microscope"] == {"lens": 40},
    "zarr5": lambda path: zarr.open_group(str(path), mode="r").attrs["microscope"] == {"lens": 40},
    "czi": lambda path: "ZeissMetadata" in str(tag(path, 270)),
    "nd2": lambda path: "NikonMetadata" in str(tag(path, 270)),
}


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tag(path, code):
    found = tifffile.TiffFile(path).pages[0].tags.get(code)
    return None if found is None else found.value


def table():
    """Return the cells of the table in the document: by row, then by column."""
    text = (ROOT / "docs/reference/images.md").read_text()
    lines = re.search(r"(\| in \| out .*?)\n\n", text, re.DOTALL)[1].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert rows[0] == ["in", *COLUMNS]
    return {row[0]: dict(zip(COLUMNS, row[1:], strict=True)) for row in rows[2:]}


def profiled(path):
    """Give a PNG the colour profile of its writer."""
    data = path.read_bytes()
    make = load(ROOT / "tests/images/test_round_trip.py").chunk
    profile = zlib.compress(bytes(16) + b"GRAY" + bytes(108))
    path.write_bytes(data[:33] + make(b"iCCP", b"a\0\0" + profile) + data[33:])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("in")
    made = load(ROOT / "tests/images/kinds.py").write_all(folder)
    profiled(made["png"])
    make = load(ROOT / "tests/images/ome_zarr/test_ome_zarr.py").make
    for version in "45":
        made[f"zarr{version}"] = folder / f"{version}.ome.zarr"
        make(made[f"zarr{version}"], f"0.{version}")
    if VENDOR.is_dir():
        for kind, name in SHARED.items():
            made[kind] = folder / name
            shutil.copy(VENDOR / name, made[kind])
    return made


@pytest.fixture(scope="module")
def results(files, tmp_path_factory):
    """Restore a folder of one file of every kind; return the folder of the results."""
    out = tmp_path_factory.mktemp("out")
    folder = next(iter(files.values())).parent
    given = ["--method", "wiener", "--length", "6", "--angle", "30"]
    argv, sys.argv = sys.argv, ["unsmear", "restore", str(folder), "-o", str(out), *given]
    try:
        with pytest.raises(SystemExit) as stopped:
            main()
    finally:
        sys.argv = argv
    assert stopped.value.code == 0
    return out


def result_of(path, results):
    """Return the result of a file; of several scenes the first."""
    stem = path.name[: -len("".join(path.suffixes[-1:]))]
    found = sorted(
        p for p in results.iterdir()
        if p.name.startswith(f"{stem}.") or p.name.startswith(f"{stem}_")
    )  # fmt: skip
    return found[0]


def first(path):
    return images.read(path, scene=0 if len(images.scenes(path)) > 1 else None)


def long_axes(image):
    return {a for a, n in zip(image.axes, image.pixels.shape, strict=True) if n > 1}


def storage(path):
    """Return how the pixels of a file are stored, in a form that can be compared."""
    if path.is_dir():
        arrays = [a for _, a in zarr.open_group(str(path), mode="r").members(None)
                  if hasattr(a, "chunks")]  # fmt: skip
        return sorted(str((a.path, a.chunks, a.shards, a.compressors)) for a in arrays)
    if path.suffix in (".png", ".npy"):
        return path.suffix
    if path.suffix in (".jpg", ".czi", ".nd2"):
        return None
    page = tifffile.TiffFile(path).pages[0]
    lossless = {7: 8}.get(int(page.compression), int(page.compression))
    return lossless, page.is_tiled, page.tilewidth


def levels(path):
    if path.is_dir():
        attributes = dict(zarr.open_group(str(path), mode="r").attrs)
        return len(attributes.get("ome", attributes)["multiscales"][0]["datasets"])
    if path.suffix not in (".tif", ".lsm", ".stk"):
        return 1
    return len(tifffile.TiffFile(path).series[0].levels)


def compared(before, after):
    return "kept" if before == after else "lost"


def measured(kind, path, result):
    before, after = first(path), first(result)
    colours = "S" in before.axes
    sizes = before.pixel_size, after.pixel_size
    named = any(before.channels) and not colours
    mark = MARKS.get(kind)
    return {
        "out": ".ome.tif" if result.name.endswith(".ome.tif") and path.suffix != ".tif"
        else result.suffix,
        "axes": compared(long_axes(before), long_axes(after)),
        "pixel size": "-" if sizes[0] is None
        else "kept" if sizes[1] and np.allclose(*sizes, rtol=1e-4) else "lost",
        "channel names": compared(before.channels, after.channels) if named else "-",
        "other metadata": "-" if mark is None else "kept" if mark(result) else "lost",
        "compression, tiles": "-" if storage(path) is None
        else compared(storage(path), storage(result)),
        "pyramid": compared(levels(path), levels(result)) if levels(path) > 1 else "-",
        "record": "kept" if note.commands(result) == {"restore"} else "lost",
    }  # fmt: skip


def test_the_table_has_a_row_for_every_kind(files):
    assert set(KINDS) == set(table())
    assert set(KINDS.values()) == set(files) | set(SHARED)


@pytest.mark.slow
@pytest.mark.parametrize("row", KINDS)
def test_each_cell_is_what_a_result_shows(row, files, results):
    kind = KINDS[row]
    if kind not in files:
        pytest.skip("needs the shared real files")
    result = result_of(files[kind], results)
    assert measured(kind, files[kind], result) == table()[row]
