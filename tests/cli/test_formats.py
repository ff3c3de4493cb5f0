"""A folder of one file of every kind ends with every file restored, copied or named."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.found import find_everywhere
from tests.images import kinds
from tests.images.ome_zarr.zarrs import make_plate
from tests.outputs import outputs
from unsmear import images
from unsmear.batches import layout
from unsmear.estimate import Estimate
from unsmear.images import note, ome_zarr

KERNEL = ("--method", "wiener", "--length", 6, "--angle", 30)
VENDOR = Path(__file__).parents[3] / "shared/data/vendor_files"


@pytest.fixture
def folder(tmp_path):
    kinds.write_all(tmp_path / "in")
    (tmp_path / "in" / "notes.txt").write_text("40x")
    (tmp_path / "in" / "old.oir").write_bytes(bytes(600))
    (tmp_path / "in" / "broken.tif").write_bytes(b"II*\0\0\0\0\0")
    return tmp_path / "in"


@pytest.fixture
def still(monkeypatch):
    """No motion is found in any image."""
    found = Estimate(0.0, confidence=0.9)
    find_everywhere(monkeypatch, found)


@pytest.mark.slow
def test_every_file_is_restored_or_named(folder, tmp_path, unsmear):
    out = tmp_path / "out"
    finished = unsmear("restore", folder, "-o", out, *KERNEL)
    assert finished.code == 1
    assert "broken.tif: the TIFF file holds no image." in finished.err
    assert "old.oir: passed over: an Olympus OIR file" in finished.err
    assert "Not read as images: notes.txt." in finished.err
    count = len(kinds.WRITERS)
    assert f"{count} restored, 1 failed." in finished.out
    assert len(outputs(out)) == count
    assert "(without the label, macro and thumbnail images" in finished.out or (
        "(without label, macro and thumbnail images" in finished.out
    )


@pytest.mark.slow
@pytest.mark.usefixtures("still")
def test_every_file_that_is_left_alone_is_the_same_file(folder, tmp_path, unsmear):
    out = tmp_path / "out"
    finished = unsmear("restore", folder, "-o", out)
    assert f"0 restored, {len(kinds.WRITERS)} left unchanged, 1 failed." in finished.out
    for name, _ in kinds.WRITERS.values():
        assert (out / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("form", ["ome-tiff", "ome-zarr"])
def test_every_file_can_be_asked_for_in_another_format(form, folder, tmp_path, unsmear):
    out = tmp_path / "out"
    (folder / "broken.tif").unlink()
    finished = unsmear("restore", folder, "-o", out, *KERNEL, "--as", form)
    assert f"{len(kinds.WRITERS)} restored, 0 failed." in finished.out
    for name, _ in kinds.WRITERS.values():
        image = images.read(folder / name)
        found = [p for p in outputs(out) if p.name.split(".")[0].startswith(name.split(".")[0])]
        assert found
        again = images.read(found[0])
        assert again.planes().shape[-2:] == image.planes().shape[-2:]
        assert note.commands(found[0]) == {"restore"}
    if form == "ome-zarr":
        yaozarrs = pytest.importorskip("yaozarrs")
        for path in outputs(out):
            yaozarrs.validate_zarr_store(str(path))


def test_the_speed_asks_for_a_size_that_a_screen_cannot_say(tmp_path, unsmear):
    path = tmp_path / "dpi.tif"
    tifffile.imwrite(path, kinds.cells(), photometric="minisblack", resolution=(72, 72),
                     resolutionunit="INCH")  # fmt: skip
    given = ("restore", path, "-o", tmp_path / "out", "--method", "wiener", "--speed", 2000,
             "--exposure", 0.001, "--angle", 0)  # fmt: skip
    finished = unsmear(*given)
    assert finished.code == 1
    assert finished.err == (
        "dpi.tif: the pixel size is unknown (352.8 um in the resolution tags is no pixel size of a "
        "microscope); give --pixel-size.\n"
    )
    finished = unsmear(*given, "--pixel-size", 0.25)
    assert "linear motion of 8.00 px" in finished.out
    assert "(pixel size 0.25 um from --pixel-size)" in finished.out
    finished = unsmear(*given[:6], "--length", 0.2, "--angle", 0)
    assert "under half a pixel" in finished.out
    assert "left unchanged" in finished.out


@pytest.mark.slow
def test_scenes_give_a_result_each(tmp_path, unsmear):
    path = tmp_path / "in" / "a.ome.tif"
    path.parent.mkdir()
    with tifffile.TiffWriter(path) as file:
        for name, side in (("low", 64), ("high", 96)):
            pixels = kinds.cells(side=side)
            file.write(pixels, photometric="minisblack", metadata={"axes": "YX", "Name": name})
    finished = unsmear("restore", path, "-o", tmp_path / "out", *KERNEL)
    assert (finished.code, finished.err) == (0, "")
    assert "2 restored, 0 failed." in finished.out
    names = sorted(p.name for p in outputs(tmp_path / "out"))
    assert names == ["a.ome_high.tif", "a.ome_low.tif"]
    finished = unsmear("estimate", path)
    assert finished.out.count("a.ome_") == 2


def plate(folder):
    """Write an ImageXpress plate of two wells, two sites and two channels."""
    for well in ("B02", "B03"):
        for site in (1, 2):
            for wave in (1, 2):
                name = f"P_{well}_s{site}_w{wave}"
                kinds.metaseries(folder / f"{name}.TIF")
                tifffile.imwrite(folder / f"{name}_thumb.TIF", kinds.cells()[::4, ::4])
    lines = ['"HTSInfoFile", Version 1.0', '"WaveName1", "DAPI"', '"WaveName2", "GFP"', '"EndFile"']
    (folder / "P.HTD").write_text("\n".join(lines))


@pytest.mark.slow
def test_a_plate_comes_out_as_the_same_tree(tmp_path, unsmear):
    folder = tmp_path / "in" / "plate"
    folder.mkdir(parents=True)
    plate(folder)
    out = tmp_path / "out"
    finished = unsmear("restore", tmp_path / "in", "-o", out, *KERNEL)
    assert (finished.code, finished.err) == (0, "")
    assert "8 restored, 0 failed." in finished.out
    assert "9 side files copied." in finished.out

    def tree(root):
        files = (p.relative_to(root) for p in root.rglob("*") if p.is_file())
        return sorted(file.as_posix() for file in files if file.parts[0] != layout.NAME)

    assert tree(out) == tree(tmp_path / "in")
    assert (out / "plate/P.HTD").read_bytes() == (folder / "P.HTD").read_bytes()


@pytest.mark.slow
def test_a_plate_becomes_a_zarr(tmp_path, unsmear):
    yaozarrs = pytest.importorskip("yaozarrs")
    folder = tmp_path / "in" / "plate"
    folder.mkdir(parents=True)
    plate(folder)
    given = ("restore", tmp_path / "in", "-o", tmp_path / "out", *KERNEL, "--as", "ome-zarr")
    for _ in range(2):  # its own plate is replaced
        finished = unsmear(*given)
        assert (finished.code, finished.err) == (0, "")
    (path,) = outputs(tmp_path / "out")
    assert path.name == "P.ome.zarr"
    yaozarrs.validate_zarr_store(str(path))
    fields = [str(field) for field in ome_zarr.images_in(path, path.name)]
    assert fields == ["B/2/0", "B/2/1", "B/3/0", "B/3/1"]
    image = images.read(path / "B/3/1")
    assert (image.axes, image.pixels.shape) == ("TCZYX", (1, 2, 1, 64, 64))
    assert image.channels == ("DAPI", "GFP")
    assert image.pixel_size == pytest.approx((0.25, 0.25))
    (folder / "P_B03_s2_w2.TIF").unlink()
    finished = unsmear(*given[:3], tmp_path / "other", *given[4:])
    assert finished.code == 1
    assert "the plate cannot be written: " in finished.err


@pytest.mark.slow
def test_a_zarr_plate_keeps_its_layout(tmp_path, unsmear):
    yaozarrs = pytest.importorskip("yaozarrs")
    make_plate(tmp_path / "in" / "p.zarr")
    finished = unsmear("restore", tmp_path / "in", "-o", tmp_path / "out", *KERNEL)
    assert (finished.code, finished.err) == (0, "")
    assert "4 restored, 0 failed." in finished.out
    yaozarrs.validate_zarr_store(str(tmp_path / "out" / "p.zarr"))
    attributes = json.loads((tmp_path / "out/p.zarr/.zattrs").read_text())
    assert attributes == json.loads((tmp_path / "in/p.zarr/.zattrs").read_text())


@pytest.mark.slow
@pytest.mark.skipif(not VENDOR.is_dir(), reason="needs the shared real files")
def test_real_files(tmp_path, unsmear):
    folder = tmp_path / "in"
    folder.mkdir()
    for path in VENDOR.iterdir():
        if path.name != "README.md":
            copy = shutil.copytree if path.is_dir() else shutil.copy
            copy(path, folder / path.name)
    finished = unsmear("restore", folder, "-o", tmp_path / "out", *KERNEL)
    assert finished.err.count("\n") == sum("." in line for line in finished.err.splitlines())
    assert "Traceback" not in finished.err
    restored = int(finished.out.rsplit(" restored", 1)[0].split()[-1])
    assert restored >= 15
    for path in (tmp_path / "out").rglob("*.tif*"):
        assert np.asarray(tifffile.imread(path)).size


@pytest.mark.slow
def test_an_index_of_places_goes_only_with_pixels_in_their_places(tmp_path, unsmear):
    folder = tmp_path / "in"
    folder.mkdir()
    kinds.micromanager(folder / "run_MMStack_Pos0.ome.tif")
    (folder / "NDTiff.index").write_bytes(b"places")
    for options, copied in (((), True), (("--dtype", "float32"), False)):
        out = tmp_path / f"out{copied}"
        finished = unsmear("restore", folder, "-o", out, *KERNEL, *options)
        assert finished.code == 0
        assert (out / "NDTiff.index").exists() == copied
        assert ("NDTiff.index: the index is not copied" in finished.err) != copied


@pytest.mark.parametrize(("opacity", "said"), [("stain", True), ("opaque", False)])
def test_a_last_channel_taken_for_opacity_is_named(opacity, said, tmp_path, unsmear):
    pixels = np.random.default_rng(0).integers(0, 250, (48, 64, 4), np.uint8)
    if opacity == "opaque":
        pixels[..., 3] = 255
    images.write(tmp_path / "a.png", images.Image(pixels, "YXS", alpha=True))
    words = ("--method", "wiener", "--length", 5, "--angle", 20)
    done = unsmear("restore", tmp_path / "a.png", "-o", tmp_path / "out", *words)
    assert done.code == 0
    assert ("the last channel taken for opacity and left as it was" in done.out) == said
