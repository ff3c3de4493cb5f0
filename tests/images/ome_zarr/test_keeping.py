"""What of a Zarr stays: byte order, what lies around an image, levels, its place and its rights."""

import json
import os
import stat

import numcodecs
import numpy as np
import pytest
import tifffile
import zarr

from tests.images.ome_zarr.zarrs import counts, make
from unsmear import images
from unsmear.errors import ImageError
from unsmear.images import Image, note, ome_zarr
from unsmear.images.ome_zarr import levels, writing

yaozarrs = pytest.importorskip("yaozarrs")

DONE = '{"unsmear": "0.1.0", "command": "restore"}'


def halved(image, dtype=None):
    planes = image.planes() // 2
    return image.with_planes(planes.astype(dtype or planes.dtype))


def metadata_of(array):
    return json.loads((array / ".zarray").read_text())


def attributes_of(path):
    return json.loads((path / ".zattrs").read_text())


def change_attributes(path, change):
    said = attributes_of(path)
    change(said)
    (path / ".zattrs").write_text(json.dumps(said))


def remake(path, **options):
    """Make the largest level again with other options."""
    group = zarr.open_group(str(path), mode="r+")
    pixels = group["s0"][...]
    del group["s0"]
    options = {"dtype": pixels.dtype, "chunks": (1, 32, 32)} | options
    group.create_array("s0", shape=pixels.shape, **options)[...] = pixels


@pytest.mark.parametrize(
    "options",
    [
        {"dtype": ">u2"},
        {"order": "F", "filters": [numcodecs.Delta("u2")], "compressors": numcodecs.Zlib()},
    ],
)
def test_arrays_keep_byte_order_and_filters(options, tmp_path):
    make(tmp_path / "a.zarr")
    remake(tmp_path / "a.zarr", **options)
    image = halved(images.read(tmp_path / "a.zarr"))
    images.write(tmp_path / "b.zarr", image, DONE)
    assert metadata_of(tmp_path / "b.zarr/s0") == metadata_of(tmp_path / "a.zarr/s0")
    np.testing.assert_array_equal(images.read(tmp_path / "b.zarr").pixels, image.pixels)


@pytest.mark.parametrize(
    ("version", "options"),
    [("0.4", {}), ("0.4", {"order": "F"}), ("0.5", {}), ("0.5", {"shards": (2, 64, 64)})],
)
def test_floats_keep_chunks_and_codecs(version, options, tmp_path):
    make(tmp_path / "a.zarr", version, **options)
    image = halved(images.read(tmp_path / "a.zarr"), "f4")
    images.write(tmp_path / "b.zarr", image, DONE)
    before, after = (zarr.open_group(str(tmp_path / f"{n}.zarr"), mode="r")["s0"] for n in "ab")
    assert after.dtype == np.float32
    for what in ("chunks", "shards", "compressors", "order"):
        assert getattr(after, what) == getattr(before, what), what


def test_a_filter_of_integers_is_left_out_for_floats(tmp_path):
    make(tmp_path / "a.zarr")
    remake(tmp_path / "a.zarr", filters=[numcodecs.Delta("u2")])
    images.write(tmp_path / "b.zarr", halved(images.read(tmp_path / "a.zarr"), "f4"), DONE)
    assert metadata_of(tmp_path / "b.zarr/s0")["filters"] is None


def test_what_a_codec_cannot_hold_is_one_sentence(tmp_path):
    make(tmp_path / "a.zarr")
    lossy = [numcodecs.FixedScaleOffset(offset=0, scale=0.01, dtype="u2", astype="u1")]
    remake(tmp_path / "a.zarr", filters=lossy)
    image = Image.with_planes(images.read(tmp_path / "a.zarr"), counts(1, 2, 96, 128))
    with pytest.raises(ImageError, match=r"^b\.zarr: [^\n]*\.$"):
        images.write(tmp_path / "b.zarr", image, DONE)
    assert [p.name for p in tmp_path.iterdir()] == ["a.zarr"]


def test_given_axes_lose_nothing(tmp_path):
    make(tmp_path / "a.zarr")
    change_attributes(
        tmp_path / "a.zarr",
        lambda said: said["multiscales"][0]["axes"][0].update(name="lambda", type="other"),
    )
    image = images.read(tmp_path / "a.zarr", "ZYX")
    assert image.pixel_size == (0.25, 0.25)
    images.write(tmp_path / "b.zarr", halved(image), DONE)
    after = attributes_of(tmp_path / "b.zarr")
    assert after.pop("unsmear") == [json.loads(DONE)]
    assert after == attributes_of(tmp_path / "a.zarr")
    assert (tmp_path / "b.zarr/tables/nuclei/.zarray").is_file()


def test_a_collection_of_one_image_stays_a_collection(tmp_path):
    group = zarr.create_group(str(tmp_path / "a.zarr"), zarr_format=2)
    group.attrs["bioformats2raw.layout"] = 3
    make(tmp_path / "a.zarr/0")
    (tmp_path / "a.zarr/OME").mkdir()
    (tmp_path / "a.zarr/OME/METADATA.ome.xml").write_text("<OME/>")
    images.write(tmp_path / "b.zarr", halved(images.read(tmp_path / "a.zarr")), DONE)
    assert attributes_of(tmp_path / "b.zarr") == {"bioformats2raw.layout": 3}
    assert (tmp_path / "b.zarr/OME/METADATA.ome.xml").read_text() == "<OME/>"
    assert note.commands(tmp_path / "b.zarr") == {"restore"}


def test_every_set_of_levels_is_restored(tmp_path):
    make(tmp_path / "a.zarr")
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="r+")
    pixels = group["s0"][...]
    group.create_array("other", shape=pixels.shape, dtype="u2")[...] = pixels

    def add(said):
        second = json.loads(json.dumps(said["multiscales"][0]))
        second["datasets"] = [{**second["datasets"][0], "path": "other"}]
        said["multiscales"].append(second)

    change_attributes(tmp_path / "a.zarr", add)
    images.write(tmp_path / "b.zarr", halved(images.read(tmp_path / "a.zarr")), DONE)
    after = zarr.open_group(str(tmp_path / "b.zarr"), mode="r")
    np.testing.assert_array_equal(after["other"][...], pixels // 2)


def test_consolidated_metadata_are_those_of_now(tmp_path):
    make(tmp_path / "a.zarr")
    zarr.consolidate_metadata(str(tmp_path / "a.zarr"))
    images.write(tmp_path / "b.zarr", halved(images.read(tmp_path / "a.zarr"), "f4"), DONE)
    group = zarr.open_consolidated(str(tmp_path / "b.zarr"))
    assert group["s0"].dtype == np.float32
    assert "unsmear" in group.attrs


def test_a_locked_zarr_gives_one_that_is_not(tmp_path):
    make(tmp_path / "a.zarr")
    folders = [tmp_path / "a.zarr", *(p for p in (tmp_path / "a.zarr").rglob("*") if p.is_dir())]
    try:
        for folder in folders:
            folder.chmod(0o555)
        images.write(tmp_path / "b.zarr", halved(images.read(tmp_path / "a.zarr")), DONE)
        images.copy(tmp_path / "a.zarr", tmp_path / "c.zarr")
    finally:
        for folder in folders:
            folder.chmod(0o755)
    for name in ("b.zarr", "c.zarr"):
        for root, _, _ in os.walk(tmp_path / name):
            assert os.stat(root).st_mode & stat.S_IWUSR


def test_no_folder_of_another_kind_is_replaced(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr/thesis.txt").write_text("mine")
    with pytest.raises(ImageError, match="must replace no other folder"):
        images.write(tmp_path / "a.zarr", Image(counts(9, 8), "YX"))
    assert [p.name for p in (tmp_path / "a.zarr").iterdir()] == ["thesis.txt"]


def test_a_given_pixel_size_and_names_are_written(tmp_path):
    make(tmp_path / "a.zarr", unit=None)
    before = images.read(tmp_path / "a.zarr")
    assert before.pixel_size is None
    image = Image(before.pixels, "CYX", ("x", "y"), (0.2, 0.1), metadata=before.metadata)
    images.write(tmp_path / "b.zarr", image, DONE)
    yaozarrs.validate_zarr_store(str(tmp_path / "b.zarr"))
    again = images.read(tmp_path / "b.zarr")
    assert (again.channels, again.pixel_size) == (("x", "y"), (0.2, 0.1))
    said = attributes_of(tmp_path / "b.zarr")
    scales = [d["coordinateTransformations"][0] for d in said["multiscales"][0]["datasets"]]
    assert [s["scale"] for s in scales] == [[1.0, 0.2, 0.1], [1.0, 0.4, 0.2]]
    assert said["omero"]["channels"][0]["window"]["end"] == 4000


def test_levels_are_means_of_slices_too():
    pixels = counts(6, 8, 10)
    half = levels.reduced(pixels, "ZYX", (3, 4, 5))
    mean = pixels.astype(float).reshape(3, 2, 4, 2, 5, 2).mean(axis=(1, 3, 5))
    assert np.abs(half - mean).max() <= 1
    thirds = levels.reduced(pixels.astype("f4"), "ZYX", (4, 8, 10))
    np.testing.assert_allclose(thirds[3], pixels[4:].mean(axis=0))


def test_channels_are_never_mixed():
    pixels = counts(4, 3, 3)
    fewer = levels.reduced(pixels, "CYX", (2, 3, 3))
    assert all((plane == pixels).all((1, 2)).any() for plane in fewer)


def test_steps_of_z_and_time_go_along(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.ome.tif", counts(2, 3, 20, 30), photometric="minisblack",
        metadata={"axes": "TZYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1,
                  "PhysicalSizeZ": 500, "PhysicalSizeZUnit": "nm",
                  "TimeIncrement": 50, "TimeIncrementUnit": "ms"},
    )  # fmt: skip
    lost = images.write(tmp_path / "a.zarr", images.read(tmp_path / "a.ome.tif"), DONE)
    assert lost == ("other metadata",)
    yaozarrs.validate_zarr_store(str(tmp_path / "a.zarr"))
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="r")
    multiscale = group.attrs["ome"]["multiscales"][0]
    scale = multiscale["datasets"][0]["coordinateTransformations"][0]["scale"]
    assert scale == pytest.approx([0.05, 0.5, 0.1, 0.1])
    units = [axis.get("unit") for axis in multiscale["axes"]]
    assert units == ["second", "micrometer", "micrometer", "micrometer"]
    images.write(tmp_path / "b.ome.tif", images.read(tmp_path / "a.zarr"), DONE)
    xml = tifffile.TiffFile(tmp_path / "b.ome.tif").ome_metadata
    assert 'PhysicalSizeZ="0.5"' in xml
    assert 'TimeIncrement="0.05"' in xml


@pytest.mark.parametrize(("unit", "said"), [("micron", True), ("pixel", False), (None, False)])
def test_a_step_without_a_unit_is_not_known(unit, said, tmp_path):
    metadata = {"axes": "ZYX", "spacing": 0.5} | ({"unit": unit} if unit else {})
    tifffile.imwrite(tmp_path / "a.tif", counts(3, 20, 30), imagej=True, metadata=metadata)
    images.write(tmp_path / "a.zarr", images.read(tmp_path / "a.tif"), DONE)
    first = zarr.open_group(str(tmp_path / "a.zarr")).attrs["ome"]["multiscales"][0]
    assert ("unit" in first["axes"][0]) is said


def test_what_a_tiff_does_not_keep_is_said(tmp_path):
    make(tmp_path / "a.zarr")
    labels = zarr.open_group(str(tmp_path / "a.zarr"), mode="r+").create_group("labels")
    labels.attrs["labels"] = []
    image = images.read(tmp_path / "a.zarr")
    lost = ("labels", "other arrays", "display settings", "other metadata")
    assert images.write(tmp_path / "a.ome.tif", image, DONE) == lost


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_new_images_of_both_versions_are_valid(version, tmp_path):
    pixels = counts(2, 600, 30, dtype="f4")
    pixels[0] = np.nan
    image = Image(pixels, "CYX", ("a", "b"), (0.5, 0.5))
    writing.write(tmp_path / "a.zarr", image, DONE, version)
    text = (tmp_path / "a.zarr" / (".zattrs" if version == "0.4" else "zarr.json")).read_text()
    assert '"end": NaN' not in text
    yaozarrs.validate_zarr_store(str(tmp_path / "a.zarr"))
    assert ome_zarr.read(tmp_path / "a.zarr", "a").metadata["zarr"]["version"] == version
