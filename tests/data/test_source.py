"""`find` returns one item an image, whatever holds it, and leaves errors to `read`."""

import pickle
import zipfile

import numpy as np
import pytest

from unsmear import images
from unsmear.data.source import find
from unsmear.errors import DataError, ImageError, OptionError
from unsmear.images import Image

PLANE = np.arange(48, dtype=np.uint8).reshape(6, 8)


def make(path, plane=PLANE):
    images.write(path, Image(plane, "YX"))


def make_field(folder, name, colours=("red", "green", "blue", "yellow")):
    for i, colour in enumerate(colours):
        make(folder / f"{name}_{colour}.png", PLANE + np.uint8(i))


def ids(*inputs, **options):
    return [item.id for item in find(inputs, **options)]


def test_folder_is_searched_deeply_sorted_and_keeps_sub_folders(tmp_path):
    for name in ("b.png", "a.tif", "deep/er/c.npy", ".hidden.png", ".git/x.png", "masks/a.png"):
        make(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    assert ids(tmp_path) == ["a", "b", "deep/er/c"]


def test_folder_named_masks_is_searched_when_it_is_asked_for(tmp_path):
    make(tmp_path / "masks/a.png")
    assert ids(tmp_path / "masks") == ["a"]
    assert ids(f"{tmp_path}/masks/*.png") == ["a"]


def test_single_file_is_an_item_whatever_its_name(tmp_path):
    make(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.dat")
    [item] = find([tmp_path / "a.dat"])
    np.testing.assert_array_equal(item.read().pixels, PLANE)


@pytest.mark.parametrize("pattern", ["*/x*.png", "**/x?.png", "[ab]/x1.png"])
def test_glob(tmp_path, pattern):
    for name in ("a/x1.png", "b/x1.png", "b/y.png"):
        make(tmp_path / name)
    assert ids(f"{tmp_path}/{pattern}") == ["a/x1", "b/x1"]


def test_file_whose_name_looks_like_a_glob(tmp_path):
    make(tmp_path / "x[1].png")
    assert ids(tmp_path / "x[1].png") == ["x[1]"]


def test_input_named_twice_counts_once(tmp_path):
    make(tmp_path / "a.png")
    assert ids(tmp_path, tmp_path / "a.png", f"{tmp_path}/*.png") == ["a"]


def test_equal_ids_are_told_apart(tmp_path):
    for name in ("one/a.png", "one/a.tif", "two/a.png"):
        make(tmp_path / name)
    found = ids(tmp_path / "one", tmp_path / "two")
    assert len(set(found)) == 3
    assert found == ["one/a_png", "a_tif", "two/a_png"]


def test_every_order_of_inputs_gives_unique_ids(tmp_path):
    for name in ("1/x/a.png", "2/x/a.png", "3/x/a.png", "3/x/a_png.png"):
        make(tmp_path / name)
    found = ids(*(tmp_path / f"{n}/x" for n in "123"), tmp_path)
    assert len(set(found)) == len(found) == 4


@pytest.mark.parametrize("given", ["absent.png", "absent/*.png", "empty", "empty.zip"])
def test_nothing_there_is_one_sentence_with_the_name(tmp_path, given):
    (tmp_path / "empty").mkdir()
    zipfile.ZipFile(tmp_path / "empty.zip", "w").close()
    with pytest.raises(DataError, match=given.replace("*", r"\*")) as raised:
        find([str(tmp_path / given)])
    assert "\n" not in str(raised.value)


def test_field_of_four_is_one_item(tmp_path):
    make_field(tmp_path, "ab-1")
    [item] = find([tmp_path])
    image = item.read()
    assert (item.id, item.group, image.name, image.axes) == ("ab-1", "ab-1", "ab-1", "CYX")
    assert image.channels == ("red", "green", "blue", "yellow")
    np.testing.assert_array_equal(image.pixels[3], PLANE + 3)


@pytest.mark.parametrize(
    ("channels", "colours"), [("", ("red", "green", "blue")), ("bg", ("blue", "green"))]
)
def test_field_of_three_and_forced_channels(tmp_path, channels, colours):
    make_field(tmp_path, "f", ("red", "green", "blue"))
    [item] = find([tmp_path], channels=channels)
    assert item.read().channels == colours


def test_lone_colour_is_an_ordinary_image_unless_forced(tmp_path):
    make(tmp_path / "x_red.png")
    [item] = find([tmp_path])
    assert (item.id, item.read().axes) == ("x_red", "YX")
    [item] = find([tmp_path], channels="R")
    assert (item.id, item.read().axes) == ("x", "CYX")


@pytest.mark.parametrize("channels", ["", "RGB"])
def test_missing_colour_is_said_when_the_field_is_read(tmp_path, channels):
    make_field(tmp_path, "f", ("red", "blue"))
    [item] = find([tmp_path], channels=channels)
    with pytest.raises(ImageError, match=r"^f: .* got none for green"):
        item.read()


def test_unknown_channels():
    with pytest.raises(OptionError, match="RGX"):
        find([], channels="RGX")


def test_colour_in_two_formats_makes_two_fields(tmp_path):
    make_field(tmp_path, "f", ("red", "green", "blue"))
    for colour in ("red", "green", "blue"):
        make(tmp_path / f"f_{colour}.tif")
    assert ids(tmp_path) == ["f_png", "f_tif"]


def test_zip_as_the_competition_packs_it(tmp_path):
    make_field(tmp_path / "train", "one")
    make_field(tmp_path / "test", "two")
    archive = tmp_path / "hpa.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(tmp_path.glob("t*/*.png")):
            file.write(path, path.relative_to(tmp_path))
        file.writestr("train.csv", "ID,Label\none,Cytosol|0\n")
        file.writestr("__MACOSX/train/._one_red.png", "no image")
    test, train = find([archive])
    assert (train.id, train.labels, test.id, test.labels) == ("train/one", (16, 0), "test/two", ())
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(train)).read().pixels, train.read().pixels
    )


def test_zip_beside_its_label_list_and_alone_in_a_folder(tmp_path):
    make_field(tmp_path / "in", "one")
    with zipfile.ZipFile(tmp_path / "train.zip", "w") as file:
        for path in (tmp_path / "in").iterdir():
            file.write(path, path.name)
            path.unlink()
    (tmp_path / "in").rmdir()
    (tmp_path / "train.csv").write_text("ID,Label\none,3\n")
    for given in (tmp_path / "train.zip", tmp_path):
        [item] = find([given])
        assert (item.id, item.labels) == ("one", (3,))


def test_damaged_zip_lets_the_other_inputs_go_on(tmp_path):
    (tmp_path / "bad.zip").write_bytes(b"PK\3\4 and nothing more")
    make(tmp_path / "a.png")
    bad, good = find([tmp_path / "bad.zip", tmp_path / "a.png"])
    assert good.read().axes == "YX"
    with pytest.raises(ImageError, match=r"^bad.zip: "):
        bad.read()


def test_damaged_member_of_a_zip(tmp_path):
    make(tmp_path / "a.png", np.random.default_rng(0).integers(0, 255, (50, 50), np.uint8))
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as file:
        file.write(tmp_path / "a.png", "a.png")
    data = bytearray((tmp_path / "z.zip").read_bytes())
    data[600:700] = bytes(100)
    (tmp_path / "z.zip").write_bytes(data)
    [item] = find([tmp_path / "z.zip"])
    with pytest.raises(ImageError, match=r"^a.png: .*CRC"):
        item.read()


def test_manifest_beside_or_above_gives_groups(tmp_path):
    for name in ("deep/a.png", "deep/b.png", "c.png"):
        make(tmp_path / name)
    make_field(tmp_path / "deep", "f")
    (tmp_path / "MANIFEST.csv").write_text("file,group\ndeep/a.png,G\ndeep/f_red.png,H\n,\n")
    groups = {item.id: item.group for item in find([tmp_path])}
    assert groups == {"deep/a": "G", "deep/b": "deep/b", "c": "c", "deep/f": "H"}


def test_label_list_of_another_kind_is_left_alone(tmp_path):
    make(tmp_path / "a.png")
    (tmp_path / "train.csv").write_text("name,x\na,1\n")
    assert find([tmp_path])[0].labels == ()


def test_axes_reach_the_reader(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3, 4, 5), np.uint8))
    [item] = find([tmp_path], axes="CYX")
    assert item.read().planes().shape == (1, 3, 4, 5)


def test_real_folders(shared_data):
    found = {name: find([shared_data / name]) for name in ("hpa", "hpa_cells", "hpa_single_cells")}
    assert {name: len(items) for name, items in found.items()} == {
        "hpa": 2,
        "hpa_cells": 13,
        "hpa_single_cells": 44,
    }
    assert {item.group for item in found["hpa_cells"]} == {"56_F11_1"}
    everything = find([shared_data])
    assert len({item.id for item in everything}) == len(everything) > 700
