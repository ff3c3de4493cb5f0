"""A Zarr comes out as the same Zarr with other pixels; any image can come out as one."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from tests.images.ome_zarr.zarrs import counts, make, make_plate
from unsmear import images
from unsmear.errors import AxesError, ImageError
from unsmear.images import Image, note, ome_zarr

yaozarrs = pytest.importorskip("yaozarrs")

DONE = '{"unsmear": "0.1.0", "command": "restore"}'
VENDOR = Path(__file__).parents[4] / "shared/data/vendor_files"


SHARDED = {"shards": (2, 64, 64)}


@pytest.mark.parametrize(
    ("version", "options"),
    [("0.4", {}), ("0.4", {"compressors": None}), ("0.5", {}), ("0.5", SHARDED)],
)
@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_a_zarr_stays_the_same_zarr(version, options, dtype, tmp_path):
    pixels = make(tmp_path / "a.ome.zarr", version, **options)
    image = images.read(tmp_path / "a.ome.zarr")
    np.testing.assert_array_equal(image.pixels, pixels)
    assert (image.axes, image.channels) == ("CYX", ("DAPI", "GFP"))
    assert image.pixel_size == (0.25, 0.25)
    assert image.pixel_size_from == "OME-Zarr metadata"
    out = tmp_path / "out" / "a.ome.zarr"
    darker = image.with_planes((image.planes() // 2).astype(dtype))
    assert images.write(out, darker, DONE) == ()
    yaozarrs.validate_zarr_store(str(out))
    assert note.commands(out) == {"restore"}
    before, after = (zarr.open_group(str(p), mode="r") for p in (tmp_path / "a.ome.zarr", out))
    attributes = dict(after.attrs)
    assert attributes.pop("unsmear") == [json.loads(DONE)]
    assert attributes == dict(before.attrs)
    for name in ("s0", "scale1/image"):
        there, here = before[name], after[name]
        assert here.dtype == np.dtype(dtype)
        for what in ("shape", "chunks", "shards", "compressors", "order"):
            assert getattr(here, what) == getattr(there, what), what
        assert here.metadata.zarr_format == there.metadata.zarr_format
    np.testing.assert_array_equal(after["s0"][...], darker.pixels)
    mean = darker.pixels.astype(float).reshape(2, 48, 2, 64, 2).mean(axis=(2, 4))
    assert np.abs(after["scale1/image"][...] - mean).max() <= 0.51
    assert (after["tables/nuclei"][...] == 3).all()
    assert not list(out.parent.glob(".*"))


def test_a_zarr_that_became_smaller_keeps_its_levels(tmp_path):
    make(tmp_path / "a.ome.zarr")
    image = images.read(tmp_path / "a.ome.zarr")
    images.write(tmp_path / "b.ome.zarr", image.with_planes(image.planes()[..., 8:-8, 8:-8]))
    group = zarr.open_group(str(tmp_path / "b.ome.zarr"), mode="r")
    assert [group[name].shape[1:] for name in ("s0", "scale1/image")] == [(80, 112), (40, 56)]


@pytest.mark.parametrize(
    ("axes", "shape", "alpha"),
    [
        ("YX", (700, 600), False), ("ZCYX", (2, 3, 40, 50), False),
        ("TZCYX", (2, 2, 3, 9, 8), False), ("YXS", (40, 50, 3), False),
        ("YXS", (40, 50, 4), True), ("CYX", (3, 1100, 30), False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "i2"])
def test_any_image_becomes_a_zarr_and_back(axes, shape, alpha, dtype, tmp_path):
    count = max((n for a, n in zip(axes, shape, strict=True) if a in "CS"), default=1) - alpha
    names = tuple("abc"[:count]) if count > 1 else ()
    image = Image(counts(*shape, dtype=dtype), axes, names, (0.5, 0.25), alpha=alpha)
    images.write(tmp_path / "a.ome.zarr", image, DONE)
    yaozarrs.validate_zarr_store(str(tmp_path / "a.ome.zarr"))
    again = images.read(tmp_path / "a.ome.zarr")
    assert again.axes == "".join(a for a in "TCZYX" if a in axes.replace("S", "C"))
    assert again.pixel_size == (0.5, 0.25)
    assert again.channels == (*names, *(("alpha",) if alpha and names else ()))
    planes = image.planes()
    np.testing.assert_array_equal(again.planes()[:, : planes.shape[1]], planes)
    images.write(tmp_path / "a.ome.tif", again, DONE)
    there = images.read(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(there.planes(), again.planes())
    assert there.pixel_size == pytest.approx((0.5, 0.25))
    assert there.channels == again.channels


def test_positions_have_no_place_in_a_zarr(tmp_path):
    with pytest.raises(ImageError, match="an OME-Zarr image must have no positions"):
        images.write(tmp_path / "a.ome.zarr", Image(counts(2, 9, 8), "PYX"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_plate_is_its_fields(version, tmp_path):
    make_plate(tmp_path / "p.zarr", version)
    yaozarrs.validate_zarr_store(str(tmp_path / "p.zarr"))
    found = [str(path) for path in ome_zarr.images_in(tmp_path / "p.zarr", "p.zarr")]
    assert found == ["A/1/0", "A/1/1", "A/2/0", "A/2/1"]
    with pytest.raises(ImageError, match="an image must be chosen of 4"):
        images.read(tmp_path / "p.zarr")
    assert images.read(tmp_path / "p.zarr/A/2/1").axes == "CYX"


def test_a_copy_is_the_same(tmp_path):
    make(tmp_path / "a.ome.zarr", "0.5")
    images.copy(tmp_path / "a.ome.zarr", tmp_path / "out" / "a.ome.zarr")
    there, here = (
        {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}
        for root in (tmp_path / "a.ome.zarr", tmp_path / "out" / "a.ome.zarr")
    )
    assert there == here


def spoil_axes(path):
    attributes = json.loads((path / ".zattrs").read_text())
    attributes["multiscales"][0]["axes"][0] = {"name": "lambda", "type": "other"}
    (path / ".zattrs").write_text(json.dumps(attributes))


def spoil_json(path):
    (path / ".zattrs").write_text('{"multiscales": [')


def spoil_keys(path):
    (path / ".zattrs").write_text('{"multiscales": [{"axes": 3}]}')


def spoil_nothing_of_ome(path):
    (path / ".zattrs").write_text("{}")


def spoil_array(path):
    shutil.rmtree(path / "s0")


def spoil_chunk(path):
    chunk = next(p for p in (path / "s0").rglob("*") if p.is_file() and p.name[0] != ".")
    chunk.write_bytes(chunk.read_bytes()[:20])


@pytest.mark.parametrize(
    "spoil", [spoil_json, spoil_keys, spoil_nothing_of_ome, spoil_array, spoil_chunk]
)
def test_a_damaged_zarr_is_one_sentence(spoil, tmp_path):
    make(tmp_path / "a.zarr")
    spoil(tmp_path / "a.zarr")
    with pytest.raises(ImageError, match=r"^a\.zarr: [^\n]*\.$"):
        images.read(tmp_path / "a.zarr")


def test_axes_of_other_names_are_asked_for(tmp_path):
    make(tmp_path / "a.zarr")
    spoil_axes(tmp_path / "a.zarr")
    with pytest.raises(AxesError, match=r"lambda, y, x .*--axes ZYX|CYX"):
        images.read(tmp_path / "a.zarr")
    assert images.read(tmp_path / "a.zarr", "ZYX").axes == "ZYX"


def test_a_size_without_a_unit_is_not_known(tmp_path):
    make(tmp_path / "a.zarr", unit=None)
    assert images.read(tmp_path / "a.zarr").pixel_size is None


@pytest.mark.skipif(not VENDOR.is_dir(), reason="needs the shared real files")
@pytest.mark.parametrize("name", ["2d.zarr", "hcs_0.4.zarr/A/1/0"])
def test_real_files(name, tmp_path):
    image = images.read(VENDOR / name)
    images.write(tmp_path / "a.zarr", image.with_planes(image.planes() // 2), DONE)
    yaozarrs.validate_zarr_store(str(tmp_path / "a.zarr"))
    written = images.read(tmp_path / "a.zarr")
    np.testing.assert_array_equal(written.planes(), image.planes() // 2)
