"""Which images a Zarr holds, and what is said of one that is not whole."""

import json
import shutil

import pytest
import zarr

from tests.images.ome_zarr.zarrs import make, make_plate
from unsmear import images
from unsmear.errors import ImageError
from unsmear.images import ome_zarr


def found(path):
    return [str(place) for place in ome_zarr.images_in(path, path.name)]


def test_one_missing_well_leaves_the_others(tmp_path):
    make_plate(tmp_path / "p.zarr")
    shutil.rmtree(tmp_path / "p.zarr/A/2")
    assert found(tmp_path / "p.zarr") == ["A/1/0", "A/1/1", "A/2"]
    with pytest.raises(ImageError, match=r"^2: .*No such file"):
        images.read(tmp_path / "p.zarr/A/2")


def test_a_row_of_a_plate_is_its_fields(tmp_path):
    make_plate(tmp_path / "p.zarr")
    assert found(tmp_path / "p.zarr/A") == ["1/0", "1/1", "2/0", "2/1"]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_groups_of_any_name_are_searched(version, tmp_path):
    group = zarr.create_group(str(tmp_path / "s.zarr"), zarr_format=2 if version == "0.4" else 3)
    group.create_group("images")
    group.create_group("labels")
    for place in ("images/one", "images/two", "labels/cells"):
        make(tmp_path / "s.zarr" / place, version)
    assert found(tmp_path / "s.zarr") == ["images/one", "images/two"]
    with pytest.raises(ImageError, match=r"chosen of 2 .* example s\.zarr/images/one"):
        images.read(tmp_path / "s.zarr")


@pytest.mark.parametrize("place", ["../../secret", "/etc"])
def test_no_image_lies_outside(place, tmp_path):
    make_plate(tmp_path / "p.zarr")
    path = tmp_path / "p.zarr/A/1/.zattrs"
    said = json.loads(path.read_text())
    said["well"]["images"][0]["path"] = place
    path.write_text(json.dumps(said))
    with pytest.raises(ImageError, match="must lie inside it"):
        found(tmp_path / "p.zarr")


def remove_chunks(array):
    for file in list(array.rglob("*")):
        if file.is_file() and file.name not in (".zarray", ".zattrs", "zarr.json"):
            file.unlink()


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_level_without_chunks_is_damage_only_if_a_smaller_one_has_pixels(version, tmp_path):
    make(tmp_path / "a.zarr", version)
    remove_chunks(tmp_path / "a.zarr/s0")
    with pytest.raises(ImageError, match="lacks all 12 chunks"):
        images.read(tmp_path / "a.zarr")
    remove_chunks(tmp_path / "a.zarr/scale1/image")
    assert not images.read(tmp_path / "a.zarr").pixels.any()


@pytest.mark.parametrize("name", ["a.ozx", "a.zarr.zip"])
def test_a_zipped_zarr_is_named(name, tmp_path):
    make(tmp_path / "a.zarr")
    archive = shutil.make_archive(str(tmp_path / "x"), "zip", tmp_path / "a.zarr")
    shutil.move(archive, tmp_path / name)
    with pytest.raises(ImageError, match=r"zip.*unpack it"):
        images.read(tmp_path / name)
