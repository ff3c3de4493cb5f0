"""Labelled images to learn from: which they are, on which side, and what becomes of them."""

import shutil
from itertools import islice

import numpy as np
import pytest

from unsmear import images
from unsmear.data import manifest
from unsmear.data.labels import LABELS
from unsmear.data.manifest import Pair
from unsmear.errors import DataError, UnsmearError
from unsmear.images import Image
from unsmear.train.config.classifier import Examples
from unsmear.train.data.labelled import open_examples
from unsmear.train.data.loader import batches

DISC, STRIPES, SIDE = 2, 10, 40
"""What conftest.py draws."""


def asked_of(**options):
    return Examples.model_validate({"labels": [DISC, STRIPES], "size": 32, **options})


@pytest.fixture
def prepared(cell):
    """Return the function that writes the sharp sides of pairs, which are all that is read."""

    def write(folder, rows):
        generator = np.random.default_rng(1)
        for number, row in enumerate(rows):
            pixels = cell(row.labels, generator)
            pixels[2] = number
            images.write(folder / "sharp" / row.name, Image(pixels, "CYX"))
        manifest.write(folder, rows)
        return folder

    return write


def pair(source, blur, split="train", labels=(DISC,), group=""):
    return Pair(f"{source}_k{blur}.png", source, split, group, labels, width=SIDE, height=SIDE)


def ids(side):
    return [entry.id for entry in side.entries]


def test_several_blurs_of_one_image_count_once(prepared, tmp_path):
    rows = [
        pair(source, blur, split, labels)
        for source, split, labels in (
            ("a", "train", (DISC,)),
            ("b", "train", (STRIPES, 16)),
            ("c", "val", (DISC, STRIPES)),
            ("d", "test", ()),  # of no concern: neither learned from nor refused
        )
        for blur in range(3)
    ]
    training, validation = open_examples(asked_of(pairs=prepared(tmp_path, rows)), 0)
    assert (ids(training), ids(validation)) == (["a_k0.png", "b_k0.png"], ["c_k0.png"])
    assert training.draw(0, 1).labels.tolist() == [0, 1]
    assert validation.draw(0, 0).labels.tolist() == [1, 1]
    description = training.describe()
    assert (description["images"], description["labels"]) == (
        2,
        {LABELS[DISC]: 1, LABELS[STRIPES]: 1},
    )
    # The third channel says which row's image it is: the first of its source.
    np.testing.assert_array_equal(np.rint(validation.draw(0, 0).image[2] * 255), 6)


def test_tiles_of_one_image_are_images(prepared, tmp_path):
    rows = [
        Pair(f"a_k{blur}_y{y}_x0.png", "a", "train", labels=(DISC, STRIPES))
        for blur in range(2)
        for y in (0, 40)
    ]
    rows.append(pair("b", 0, "val"))
    training, _ = open_examples(asked_of(pairs=prepared(tmp_path, rows)), 0)
    assert ids(training) == ["a_k0_y0_x0.png", "a_k0_y40_x0.png"]
    assert {entry.group for entry in training.entries} == {"a"}


def test_images_whose_own_names_look_like_repeats_are_images(prepared, tmp_path):
    rows = [Pair(f"cell_k{n}.png", f"cell_k{n}", "train", labels=(DISC, STRIPES)) for n in (0, 1)]
    training, _ = open_examples(asked_of(pairs=prepared(tmp_path, [*rows, pair("b", 0, "val")])), 0)
    assert ids(training) == ["cell_k0.png", "cell_k1.png"]


def test_without_a_split_whole_groups_validate(prepared, tmp_path):
    rows = [pair(f"s{n}", 0, "", ((DISC,), (STRIPES,))[n % 2], f"g{n // 4}") for n in range(24)]
    settings = asked_of(pairs=prepared(tmp_path, rows), share=0.3)
    training, validation = open_examples(settings, 0)
    groups = [{entry.group for entry in side.entries} for side in (training, validation)]
    assert not groups[0] & groups[1]
    assert len(training) + len(validation) == 24
    assert len(validation) == 8
    assert "0.3 of the images validate, whole groups" in training.describe()["division"]


def test_a_kaggle_folder_has_its_labels_from_its_list(kaggle):
    training, validation = open_examples(asked_of(images=[str(kaggle)]), 0)
    listed = dict(line.split(",") for line in (kaggle / "train.csv").read_text().splitlines()[1:])
    assert len(training) + len(validation) == len(listed) == 40
    assert not set(ids(training)) & set(ids(validation))
    for side in (training, validation):
        for index, entry in enumerate(side.entries):
            expected = [
                float(str(label) in listed[entry.id].split("|")) for label in (DISC, STRIPES)
            ]
            assert side.draw(0, index).labels.tolist() == expected
        assert all(0.1 < count / len(side) < 0.9 for count in side.counts())


def test_an_image_is_reduced_and_keeps_its_counts_and_the_order_of_channels(kaggle):
    settings = asked_of(images=[str(kaggle)], channels="BG", size=SIDE)
    training, _ = open_examples(settings, 0)
    field = ids(training)[0]
    files = [images.read(kaggle / f"{field}_{colour}.png") for colour in ("blue", "green")]
    expected = np.stack([file.planes()[0, 0] for file in files]) / 255
    drawn = training.draw(3, 0).image
    assert drawn.dtype == np.float32
    np.testing.assert_allclose(drawn, expected, atol=1e-6)
    assert training.draw(0, 0).image.shape == (2, SIDE, SIDE)
    reduced, _ = open_examples(asked_of(images=[str(kaggle)], channels="BG", size=32), 0)
    small = reduced.draw(0, 0).image
    assert small.shape == (2, 32, 32)
    np.testing.assert_allclose(small.mean((1, 2)), expected.mean((1, 2)), atol=3e-3)


def test_faint_images_of_16_bits_keep_their_levels(tmp_path):
    generator = np.random.default_rng(0)
    (tmp_path / "train.csv").write_text("ID,Label\n" + f"a,{DISC}|{STRIPES}\nb,{DISC}|{STRIPES}\n")
    for name in "ab":
        pixels = generator.integers(0, 400, (3, 32, 32)).astype(np.uint16)
        images.write(tmp_path / f"{name}.tif", Image(pixels, "CYX"))
    for data_range, white in ((None, 65535), (4095, 4095)):
        settings = asked_of(images=[str(tmp_path)], share=0.5, data_range=data_range)
        (side, _) = open_examples(settings, 0)
        pixels = images.read(tmp_path / f"{ids(side)[0]}.tif").planes()[0]
        np.testing.assert_allclose(side.draw(0, 0).image * white, pixels, atol=white / 65535)


def test_images_without_labels_and_labels_without_images_are_refused_or_left_out(kaggle, tmp_path):
    folder = shutil.copytree(kaggle, tmp_path / "copy")
    listed = (folder / "train.csv").read_text()
    (folder / "train.csv").write_text(listed.replace("field00,", "fieldXX,"))
    with pytest.raises(DataError, match=r"^every image must have labels in a train\.csv beside it"):
        open_examples(asked_of(images=[str(folder)]), 0)
    for colour in ("red", "green", "blue"):
        (folder / f"field00_{colour}.png").unlink()
    with pytest.raises(
        DataError, match=r"^every ID of the train\.csv must have its image, got none for fieldXX;"
    ):
        open_examples(asked_of(images=[str(folder)]), 0)
    sides = open_examples(asked_of(images=[str(folder)], lacking="leave-out"), 0)
    assert sorted(ids(sides[0]) + ids(sides[1])) == [f"field{n:02d}" for n in range(1, 40)]


def test_pairs_without_labels_are_refused_or_left_out(prepared, tmp_path):
    rows = [pair(f"s{n}", 0, "val" if n == 1 else "train", (DISC, STRIPES)) for n in range(3)]
    rows += [pair(f"none{n}", 0, "train", ()) for n in range(5)]
    folder = prepared(tmp_path, rows)
    sentence = (
        r"manifest\.csv: every image must have labels, got none for none0_k0\.png, .* and 2 more"
    )
    with pytest.raises(DataError, match=sentence):
        open_examples(asked_of(pairs=folder), 0)
    training, _ = open_examples(asked_of(pairs=folder, lacking="leave-out"), 0)
    assert ids(training) == ["s0_k0.png", "s2_k0.png"]


def test_a_label_without_an_image_to_learn_it_from_is_named(kaggle):
    with pytest.raises(DataError, match=f"got none of {LABELS[15]}; give data.labels without it"):
        open_examples(asked_of(images=[str(kaggle)], labels=[DISC, 15]), 0)


def test_sides_with_nothing_to_learn_or_to_find_are_refused(prepared, tmp_path):
    only = [pair("a", 0, "val", (DISC, STRIPES))]
    with pytest.raises(DataError, match="there must be labelled images to train on, got none"):
        open_examples(asked_of(pairs=prepared(tmp_path / "only", only)), 0)
    others = [pair("a", 0, "train", (DISC, STRIPES)), pair("b", 0, "val", (16,))]
    with pytest.raises(DataError, match="validation images must have a label that is learned"):
        open_examples(asked_of(pairs=prepared(tmp_path / "others", others)), 0)


def test_an_image_that_is_too_small_is_named(kaggle):
    training, _ = open_examples(asked_of(images=[str(kaggle)], size=64), 0)
    with pytest.raises(DataError, match=r"^field\d\d: an image must be at least 64 .* got 40x40"):
        training.draw(0, 0)


def test_a_crop_is_a_random_part_in_training_and_none_in_validation(kaggle):
    settings = asked_of(images=[str(kaggle)], size=SIDE, crop=32)
    whole, _ = open_examples(asked_of(images=[str(kaggle)], size=SIDE), 0)
    training, validation = open_examples(settings, 0)
    assert validation.draw(0, 0).image.shape == (3, SIDE, SIDE)
    full = whole.draw(0, 0).image
    windows = np.lib.stride_tricks.sliding_window_view(full, (3, 32, 32))[0]
    places = set()
    for epoch in range(8):
        part = training.draw(epoch, 0).image
        np.testing.assert_array_equal(part, training.draw(epoch, 0).image)
        (place,) = np.argwhere((windows == part).all((2, 3, 4)))
        places.add(tuple(place))
    assert len(places) > 4


@pytest.mark.slow
def test_cells_are_drawn_the_same_whoever_draws_them():
    settings = asked_of(epoch=6, validation=6, pixel_size=0.9, labels=[0, 16, 13])
    training, validation = open_examples(settings, 5)
    again, _ = open_examples(settings, 5)
    other, _ = open_examples(settings, 6)
    assert (len(training), len(validation)) == (6, 6)
    for index in range(3):
        sample = training.draw(0, index)
        assert sample.image.shape == (3, 32, 32)
        assert 0 <= sample.image.min() < sample.image.max() <= 1
        np.testing.assert_array_equal(sample.image, again.draw(4, index).image)
        assert set(training.entries[index].labels) <= {0, 13, 16}
    assert (training.draw(0, 0).image != validation.draw(0, 0).image).any()
    assert (training.draw(0, 0).image != other.draw(0, 0).image).any()
    hashes = {side.describe()["hash"] for side in (training, validation, again, other)}
    assert len(hashes) == 3


@pytest.mark.slow
def test_batches_are_the_same_for_any_number_of_workers(kaggle):
    training, _ = open_examples(asked_of(images=[str(kaggle)], size=SIDE, crop=32), 0)
    first, other = (
        list(islice(batches(training, start=1, batch=8, workers=workers), 5)) for workers in (0, 2)
    )
    for left, right in zip(first, other, strict=True):
        assert left.number == right.number
        np.testing.assert_array_equal(left.image, right.image)
        np.testing.assert_array_equal(left.labels, right.labels)
        assert left.image.shape == (8, 3, 32, 32)


def test_a_damaged_file_is_named_when_it_is_due(kaggle, tmp_path):
    folder = shutil.copytree(kaggle, tmp_path / "copy")
    training, _ = open_examples(asked_of(images=[str(folder)]), 0)
    (folder / f"{ids(training)[0]}_green.png").write_bytes(b"nothing")
    with pytest.raises(UnsmearError, match=f"{ids(training)[0]}_green.png"):
        training.draw(0, 0)
