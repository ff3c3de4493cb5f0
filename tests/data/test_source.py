"""`find` returns one item an image, whatever holds it, and leaves errors to `read`."""

import os
import pickle
import zipfile

import numpy as np
import pytest

from unsmear import images
from unsmear.data import source
from unsmear.data.source import find, survey
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
    listed = ids(tmp_path / "one", tmp_path / "two")
    assert len(set(listed)) == 3
    assert listed == ["one/a_png", "a_tif", "two/a_png"]


def test_stems_differ_only_where_one_file_would_be_written_twice(tmp_path):
    for name in ("in/a.png", "in/a.tif", "in/b.jpg", "in/b.png", "in/c.jpg", "two/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    items = find([tmp_path / "in", tmp_path / "two"])
    assert [item.stem for item in items] == ["a", "a", "b_jpg", "b_png", "in/c", "two/c"]
    assert len({item.id for item in items}) == len(items)


def test_stem_of_a_field_differs_from_that_of_its_files_alone(tmp_path):
    make(tmp_path / "one/f_red.png")
    make_field(tmp_path / "two", "f")
    make_field(tmp_path / "two", "g")
    items = find([tmp_path / "one", tmp_path / "two"])
    assert [item.stem for item in items] == ["one/f_red", "two/f", "g"]


def test_every_order_of_inputs_gives_unique_ids(tmp_path):
    for name in ("1/x/a.png", "2/x/a.png", "3/x/a.png", "3/x/a_png.png"):
        make(tmp_path / name)
    listed = ids(*(tmp_path / f"{n}/x" for n in "123"), tmp_path)
    assert len(set(listed)) == len(listed) == 4


@pytest.mark.parametrize(
    "given", ["absent.png", "absent/*.png", "empty", "empty.zip", "long" * 80, "long" * 80 + "/*"]
)
def test_nothing_there_is_one_sentence_with_the_name(tmp_path, given):
    (tmp_path / "empty").mkdir()
    zipfile.ZipFile(tmp_path / "empty.zip", "w").close()
    named = given.replace("*", r"\*") if len(given) < 100 else r" \.\.\. \w*long"  # but in part
    with pytest.raises(DataError, match=named) as raised:
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
    make_field(tmp_path, "e", ("red", "green", "blue"))
    make_field(tmp_path, "f", ("red", "blue"))
    _, item = find([tmp_path], channels=channels)
    with pytest.raises(ImageError, match=r"^f: .* got none for green"):
        item.read()


def test_missing_colour_of_a_listed_field_is_said(tmp_path):
    make_field(tmp_path, "f", ("red", "blue"))
    (tmp_path / "train.csv").write_text("ID,Label\nf,0\n")
    [item] = find([tmp_path])
    with pytest.raises(ImageError, match=r"^f: .* got none for green"):
        item.read()


def test_two_stains_of_another_microscope_are_single_images(tmp_path):
    for name in ("x_red.tif", "x_green.tif", "y_blue.png", "y_red.png"):
        make(tmp_path / name)
    (tmp_path / "train.csv").write_text("ID,Label\nz,0\n")
    items = find([tmp_path])
    assert [item.id for item in items] == ["x_green", "x_red", "y_blue", "y_red"]
    assert {item.read().axes for item in items} == {"YX"}


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
    with pytest.raises(ImageError, match=r"^bad.zip: the zip file is damaged.$"):
        bad.read()


@pytest.mark.parametrize(
    "name", ["../a.png", "../../a.png", "/a.png", "d/../../../a.png", "../a_red.png"]
)
def test_member_that_leads_out_of_its_zip_is_refused(tmp_path, name):
    make(tmp_path / "a.png")
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as file:
        file.write(tmp_path / "a.png", "good.png")
        file.writestr(name, (tmp_path / "a.png").read_bytes())
    items = find([tmp_path / "z.zip", tmp_path / "a.png"])
    assert len(items) == 3
    for item in items:
        for path in (item.id, item.stem):
            assert not path.startswith("/")
            assert ".." not in path.split("/")
    [bad] = [
        item
        for item in items
        if str(item.files[0]).endswith(f"z.zip/{name}") or str(item.files[0]) == name
    ]
    with pytest.raises(ImageError, match=rf"^z.zip: .*must not lead out .*, got '{name}'\.$"):
        bad.read()


def test_member_whose_folders_have_no_end_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as file:
        file.writestr("//tmp/a.png", "")
    [item] = find([tmp_path / "z.zip"])
    with pytest.raises(ImageError, match=r"^z.zip: the zip file is damaged\.$"):
        item.read()


@pytest.mark.parametrize("pattern", ["../data/*.png", "*/../data/*.png", "*/../../data/*.png"])
def test_glob_that_leads_upwards_gives_ids_that_do_not(tmp_path, monkeypatch, pattern):
    make(tmp_path / "data/a.png")
    (tmp_path / "here/x").mkdir(parents=True)
    monkeypatch.chdir(tmp_path if pattern == "*/../data/*.png" else tmp_path / "here")
    for path in ids(pattern):
        assert path in ("a", "data/a")


def test_only_regular_files_are_found(tmp_path):
    make(tmp_path / "a.png")
    os.mkfifo(tmp_path / "b.png")
    (tmp_path / "c.png").symlink_to(tmp_path / "absent")
    assert ids(tmp_path) == ids(f"{tmp_path}/*.png") == ["a", "c"]


def test_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    make(tmp_path / "a.png")
    make(tmp_path / "secret/b.png")
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("secret"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    survey = source.survey([tmp_path])
    assert [item.id for item in survey.items] == ["a"]
    assert survey.incomplete
    sentence, _ = survey.sentences()
    assert sentence == (
        f"{tmp_path / 'secret'}: passed over: a folder that cannot be read (Permission denied)."
    )


def test_folders_named_like_lists_are_no_lists(tmp_path):
    make(tmp_path / "in/a.png")
    (tmp_path / "in/MANIFEST.csv").mkdir()
    (tmp_path / "train.csv").mkdir()
    assert ids(tmp_path / "in") == ["a"]


def test_errors_name_the_folder_below_the_input(tmp_path):
    for name in ("x/a.png", "y/a.png", "b.png"):
        make(tmp_path / name)
        (tmp_path / name).write_bytes(b"no image")
    for item, name in zip(find([tmp_path]), ("b.png", "x/a.png", "y/a.png"), strict=True):
        with pytest.raises(ImageError, match=rf"^{name}: a file must be"):
            item.read()


def test_errors_of_a_field_name_its_folder(tmp_path):
    make_field(tmp_path / "x", "e")
    make_field(tmp_path / "x", "f", ("red", "blue"))
    make(tmp_path / "x/e_blue.png", PLANE[:3])
    first, second = find([tmp_path])
    with pytest.raises(ImageError, match=r"^x/e_blue.png: "):
        first.read()
    with pytest.raises(ImageError, match=r"^x/f: a field must"):
        second.read()


def test_fields_of_one_name_in_two_folders_are_two_groups(tmp_path):
    for folder in "AB":
        make_field(tmp_path / folder, "1")
    assert [item.group for item in find([tmp_path])] == ["A/1", "B/1"]
    items = find([tmp_path / "A", tmp_path / "B"])
    assert [item.group for item in items] == ["A/1", "B/1"]


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


def test_a_train_csv_counts_before_a_manifest_whose_labels_are_names_or_numbers(tmp_path):
    for name in ("a.png", "b.png", "c.png"):
        make(tmp_path / name)
    rows = "file,group,labels\na.png,G,Cytosol|2\nb.png,G,sick\nc.png,,\n"
    (tmp_path / "MANIFEST.csv").write_text(rows)
    labels = {item.id: item.labels for item in find([tmp_path])}
    assert labels == {"a": (16, 2), "b": (), "c": ()}
    (tmp_path / "train.csv").write_text("ID,Label\na,3\n")
    assert find([tmp_path])[0].labels == (3,)
    assert find([tmp_path])[0].group == "G"


def test_unknown_labels_are_no_error_where_none_are_wanted(tmp_path):
    make(tmp_path / "a.png")
    (tmp_path / "train.csv").write_text("ID,Label\na,sick\n")
    with pytest.raises(DataError, match=r"train\.csv, line 2: a label must be a number"):
        survey([tmp_path])
    assert survey([tmp_path], labels=False).items[0].labels == ()


def test_label_list_of_another_kind_is_left_alone(tmp_path):
    make(tmp_path / "a.png")
    (tmp_path / "train.csv").write_text("name,x\na,1\n")
    assert find([tmp_path])[0].labels == ()


def test_axes_reach_the_reader(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3, 4, 5), np.uint8))
    [item] = find([tmp_path], axes="CYX")
    assert item.read().planes().shape == (1, 3, 4, 5)


def test_real_folders(shared_data):
    by_folder = {
        name: find([shared_data / name]) for name in ("hpa", "hpa_cells", "hpa_single_cells")
    }
    assert {name: len(items) for name, items in by_folder.items()} == {
        "hpa": 2,
        "hpa_cells": 13,
        "hpa_single_cells": 44,
    }
    assert {item.group for item in by_folder["hpa_cells"]} == {"56_F11_1"}
    everything = find([shared_data])
    assert len({item.id for item in everything}) == len(everything) > 700


def test_a_damaged_manifest_is_said_in_a_sentence(tmp_path):
    images.write(tmp_path / "a.png", Image(np.zeros((4, 4), np.uint8), "YX"))
    (tmp_path / "MANIFEST.csv").write_text('file,group\n"' + "x" * 140_000 + '",G\n')
    with pytest.raises(DataError, match=r"MANIFEST\.csv: the manifest cannot be read"):
        find([tmp_path])
