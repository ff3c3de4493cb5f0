"""Samples: what they are cut from, how they are blurred, scaled and held apart."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from unsmear import blur, images
from unsmear.data import manifest
from unsmear.data.manifest import Pair
from unsmear.data.splits import held_out
from unsmear.errors import DataError, ImageError
from unsmear.images import Image
from unsmear.images.scaling import Scaling
from unsmear.train.config.restorer import Augment, Data
from unsmear.train.data.exposure import DARK, Exposure, draw_window
from unsmear.train.data.restoration import open_training, open_validation
from unsmear.train.data.sources import Cache


def counts(seed, channels=3, side=48, dtype=np.uint8):
    high = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, high, (channels, side, side), dtype, True)


def write(path, pixels):
    grey = len(pixels) == 1
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image(pixels[0], "YX") if grey else Image(pixels, "CYX")
    images.write(path, image)


@pytest.fixture
def sharp(tmp_path):
    """Return a folder of twelve sharp images in twelve groups."""
    folder = tmp_path / "sharp"
    for number in range(12):
        write(folder / f"cell{number:02}.png", counts(number))
    return folder


def make_pairs(folder, splits, channels=3, side=48, dtype=np.uint8, ending=".png"):
    """Write pairs, the blurred one at half the brightness; return their rows."""
    rows = []
    for number, split in enumerate(splits):
        row = Pair(
            f"p{number}{ending}",
            f"s{number}",
            split,
            blur={"family": "motion", "length": 6.0, "angle": 0.0},
            width=side,
            height=side,
        )
        both = counts(number, channels, side, dtype)
        for path, pixels in zip(row.files(folder), (both, both // 2), strict=True):
            write(path, pixels)
        rows.append(row)
    manifest.write(folder, rows)
    return rows


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"size": 15}, "size"),
        ({"length": (5, 4)}, "from low to high, got 5 to 4"),
        ({"angle": (0, float("inf"))}, "angle"),
        ({"photons": (0, 10)}, "photons"),
        ({"read_noise": 1}, "read_noise must come with photons"),
        ({"pairs": "folder", "sharp": ("image.png",)}, "must not both be given"),
        ({"sise": 128}, "sise"),
    ],
)
def test_wrong_options_are_refused(wrong, sentence):
    with pytest.raises(ValidationError, match=sentence):
        Data(**wrong)


def test_the_papers_recipe_is_turned_as_in_the_paper_unless_told():
    assert Data(family="paper").angle == (-45, -45)
    assert Data(family="paper", angle=(0, 90)).angle == (0, 90)
    assert Data().angle == (0, 180)


@pytest.mark.parametrize("zoom", [(2, 1), (0, 1), (1, 9)])
def test_zooms_that_leave_no_image_are_refused(zoom):
    with pytest.raises(ValidationError, match="zoom"):
        Augment(zoom=zoom)


def alike(first, second):
    return np.array_equal(first.blurred, second.blurred) and np.array_equal(
        first.sharp, second.sharp
    )


def test_a_sample_follows_from_seed_epoch_and_index(sharp):
    data = Data(sharp=(str(sharp),), size=32, epoch=20, photons=(50, 500), read_noise=2)
    dataset = open_training(data, 5, 3)
    once = dataset.draw(1, 7)
    dataset.draw(0, 0)
    fresh = pickle.loads(pickle.dumps(dataset))
    assert alike(once, dataset.draw(1, 7))
    assert alike(once, fresh.draw(1, 7))
    others = [dataset.draw(1, 8), dataset.draw(0, 7), open_training(data, 6, 3).draw(1, 7)]
    assert not any(alike(once, second) for second in others)


@pytest.mark.slow
def test_drawn_cells_follow_from_seed_epoch_and_index():
    dataset = open_training(Data(size=64), 0, 3)
    once = dataset.draw(2, 30)
    assert alike(once, open_training(Data(size=64), 0, 3).draw(2, 30))
    assert once.sharp.shape == (3, 64, 64)
    assert once.sharp.dtype == once.blurred.dtype == np.float32
    assert not np.array_equal(once.sharp[0], once.sharp[1])  # the paper's three stains, whole
    assert dataset.conserves_flux


@pytest.mark.slow
def test_a_network_of_one_channel_sees_one_stain():
    assert open_training(Data(size=32), 0, 1).draw(0, 0).sharp.shape == (1, 32, 32)


@pytest.mark.slow
def test_cells_with_other_channels_than_the_network_repeat_one():
    sample = open_training(Data(size=32, channels="GB"), 0, 3).draw(0, 0)
    assert np.array_equal(sample.sharp[0], sample.sharp[1])
    assert np.array_equal(sample.sharp[0], sample.sharp[2])


def test_every_channel_of_another_number_of_channels_comes(tmp_path):
    planes = np.stack([np.full((40, 40), value, np.uint8) for value in (10, 70, 200)])
    planes[:, ::2] += 5
    write(tmp_path / "a.png", planes)
    dataset = open_training(Data(sharp=(str(tmp_path),), size=32, epoch=30), 0, 1)
    draws = [dataset.draw(0, index) for index in range(30)]
    # Each in units of its own power of two: 15/16, 75/128 and 205/256.
    assert {round(float(s.sharp.max()), 3) for s in draws} == {0.938, 0.586, 0.801}


def test_blur_comes_from_beyond_the_crop():
    scene = counts(0, 2, 96, np.uint16)
    exposure = Exposure(blur.Sampler("motion", {"length": 12.0, "angle": 30.0}))
    window = slice(40, 72), slice(3, 35)  # clear of one border, near another
    blurred, sharp = exposure.take(scene, window, np.random.default_rng(0))
    whole = np.rint(blur.convolve(scene, blur.Motion(12, 30).kernel()))
    assert np.array_equal(sharp, scene[:, *window])
    assert np.abs(blurred.astype(float) - whole[:, *window]).max() <= 1  # rounded sums
    alone = np.rint(blur.convolve(sharp, blur.Motion(12, 30).kernel()))
    assert np.abs(blurred - alone).max() > 100


def test_the_papers_recipe_is_the_one_of_the_whole_image():
    scene = counts(0, 3, 64)
    exposure = Exposure.of(Data(family="paper"))
    window = slice(10, 42), slice(20, 52)
    blurred, _ = exposure.take(scene, window, np.random.default_rng(0))
    assert np.array_equal(blurred, blur.Paper(6, -45.0).apply(scene)[:, *window])
    assert not exposure.conserves_flux


def test_light_is_kept_and_the_papers_is_not(sharp):
    for family, low, high in (("motion", 0.97, 1.03), ("paper", 0.5, 0.9)):
        data = Data(sharp=(str(sharp),), size=48, epoch=12, family=family, length=(4, 8))
        dataset = open_training(data, 0, 3)
        draws = [dataset.draw(0, index) for index in range(12)]
        light = np.mean([s.blurred.sum() / s.sharp.sum() for s in draws])
        assert low < light < high
        assert dataset.conserves_flux == (family == "motion")


def test_half_of_the_samples_have_noise():
    flat = np.full((1, 64, 64), 100, np.uint8)
    exposure = Exposure.of(Data(photons=(100, 1000)))
    window = slice(0, 64), slice(0, 64)
    draws = [exposure.take(flat, window, np.random.default_rng(n))[0] for n in range(60)]
    spread = np.array([draw.std() for draw in draws])
    assert 15 <= (spread > 1).sum() <= 45
    noisy = [draw.mean() for draw in draws if draw.std() > 1]
    assert np.mean(noisy) == pytest.approx(100, rel=0.01)
    # Photon noise at 100/128 of white: between 1000 and 100 electrons there.
    relative = spread[spread > 1] / 100
    assert relative.min() > 0.8 / np.sqrt(1000 * 100 / 128)
    assert relative.max() < 1.2 / np.sqrt(100 * 100 / 128)


def test_units_are_those_of_the_blurred_crop(sharp):
    dataset = open_training(Data(sharp=(str(sharp),), size=32, length=(0, 0)), 0, 3)
    sample = dataset.draw(0, 0)
    assert 0.5 < sample.blurred.max() <= 1
    assert np.array_equal(sample.blurred, sample.sharp)  # a movement of 0 pixels


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_pairs_are_cut_alike_in_units_of_the_whole_blurred_image(tmp_path, dtype, ending):
    make_pairs(tmp_path, ["train"] * 3 + ["val"], dtype=dtype, ending=ending)
    dataset = open_training(Data(pairs=tmp_path, size=20), 0, 3)
    assert len(dataset) == 3
    sample = dataset.draw(0, 1)
    whole = counts(1, dtype=dtype)
    scaling = Scaling.of(whole // 2)
    places = [
        (top, left)
        for top in range(29)
        for left in range(29)
        if np.array_equal(
            scaling.to_units(whole[:, top : top + 20, left : left + 20]), sample.sharp
        )
    ]
    ((top, left),) = places
    expected = scaling.to_units(whole[:, top : top + 20, left : left + 20] // 2)
    assert np.array_equal(sample.blurred, expected)
    assert not alike(sample, dataset.draw(1, 1))  # another place in another epoch


def test_grey_pairs_are_repeated_for_three_channels(tmp_path):
    make_pairs(tmp_path, ["train"] * 2, channels=1)
    sample = open_training(Data(pairs=tmp_path, size=48), 0, 3).draw(0, 0)
    assert sample.sharp.shape == (3, 48, 48)
    assert np.array_equal(sample.sharp[0], sample.sharp[2])


def test_pairs_of_the_papers_recipe_do_not_conserve_light(tmp_path):
    rows = make_pairs(tmp_path, ["train", "train", "val"])
    data = Data(pairs=tmp_path, size=32)
    assert open_training(data, 0, 3).conserves_flux
    recipe = {"family": "paper", "degree": 6, "angle": -45.0, "normalise": False}
    manifest.write(tmp_path, [rows[0], replace(rows[1], blur=recipe), rows[2]])
    assert not open_training(data, 0, 3).conserves_flux


def test_the_split_val_is_validated_on(tmp_path):
    make_pairs(tmp_path, ["train", "val", "train", "test", "val", ""])
    data = Data(pairs=tmp_path, size=48)
    training, validation = open_training(data, 0, 3), open_validation(data, 0, 3)
    assert (len(training), len(validation)) == (2, 2)
    assert np.array_equal(
        validation.draw(0, 1).sharp, Scaling.of(counts(4) // 2).to_units(counts(4))
    )
    assert alike(validation.draw(0, 0), validation.draw(9, 0))
    assert len(open_validation(Data(pairs=tmp_path, size=48, validation=1), 0, 3)) == 1


def test_without_a_split_every_tenth_group_is_held_out(tmp_path):
    make_pairs(tmp_path, [""] * 12)
    data = Data(pairs=tmp_path, size=48)
    training, validation = open_training(data, 0, 3), open_validation(data, 0, 3)
    assert (len(training), len(validation)) == (11, 1)
    assert "1 of 12 groups" in validation.describe()["division"]


def test_a_tenth_of_the_groups_is_held_out():
    names = [f"g{number:02}" for number in range(25)]
    assert held_out(names[::-1] * 2) == {"g09", "g19"}
    assert held_out(["b", "a", "b"]) == {"b"}
    assert held_out(["a", "a"]) == set()


def test_sharp_images_are_held_apart(sharp):
    data = Data(sharp=(str(sharp),), size=48, length=(0, 0), epoch=11, validation=4)
    training, validation = open_training(data, 0, 3), open_validation(data, 0, 3)
    trained_on = {training.draw(0, index).sharp.tobytes() for index in range(11)}
    held = {validation.draw(0, index).sharp.tobytes() for index in range(4)}
    assert len(trained_on) == 11  # each image once
    assert len(held) == 1
    assert not trained_on & held
    assert len(validation) == 4


def test_one_image_alone_is_validated_on_too_and_this_is_said(tmp_path):
    write(tmp_path / "only.png", counts(0))
    data = Data(sharp=(str(tmp_path),), size=32)
    validation = open_validation(data, 0, 3)
    assert "other crops" in validation.describe()["division"]
    assert not alike(validation.draw(0, 0), open_training(data, 0, 3).draw(0, 0))


@pytest.mark.slow
def test_cells_to_validate_on_are_others_and_always_the_same():
    data = Data(size=32, validation=5)
    validation = open_validation(data, 0, 3)
    assert alike(validation.draw(0, 4), open_validation(data, 0, 3).draw(3, 4))
    assert not alike(validation.draw(0, 0), open_training(data, 0, 3).draw(0, 0))
    assert validation.describe()["hash"] != open_training(data, 0, 3).describe()["hash"]


def test_dark_windows_are_drawn_again():
    planes = np.zeros((1, 256, 256), np.uint8)
    planes[0, 96:160, 96:160] = counts(0, 1, 64)[0]
    windows = [draw_window(planes, 64, np.random.default_rng(n)) for n in range(40)]
    shown = [planes[:, *window].std() > DARK * 255 for window in windows]
    assert np.mean(shown) > 0.9
    assert draw_window(np.zeros((1, 64, 64)), 32, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("damage", "wanted"),
    [
        (lambda file: file.unlink(), "both files"),
        (lambda file: file.write_bytes(b""), "an empty file"),
    ],
)
def test_a_missing_file_of_a_pair_is_named_before_training(tmp_path, damage, wanted):
    rows = make_pairs(tmp_path, ["train", "train", "val"])
    damage(rows[1].files(tmp_path)[1])
    with pytest.raises(DataError, match=wanted) as raised:
        open_training(Data(pairs=tmp_path, size=32), 0, 3)
    assert str(rows[1].files(tmp_path)[1]) in str(raised.value)


def test_a_damaged_file_of_a_pair_is_named_when_drawn(tmp_path):
    rows = make_pairs(tmp_path, ["train", "train", "val"])
    rows[1].files(tmp_path)[1].write_bytes(b"\x89PNG\r\n\x1a\n no more")
    dataset = open_training(Data(pairs=tmp_path, size=32), 0, 3)
    dataset.draw(0, 0)
    with pytest.raises(ImageError, match=r"^blur/p1\.png: "):
        dataset.draw(0, 1)


def test_two_files_that_are_no_pair_are_named(tmp_path):
    rows = make_pairs(tmp_path, ["train"])
    write(rows[0].files(tmp_path)[1], counts(0, 3, 40))
    with pytest.raises(DataError, match=r"p0\.png: .*1x3x48x48.*1x3x40x40"):
        open_training(Data(pairs=tmp_path, size=32), 0, 3).draw(0, 0)


def test_pairs_smaller_than_a_sample_are_named(tmp_path):
    rows = make_pairs(tmp_path, ["train"])
    data = Data(pairs=tmp_path, size=64)
    with pytest.raises(DataError, match=r"p0\.png: .*64x64.*48x48; give a smaller size"):
        open_training(data, 0, 3)
    manifest.write(tmp_path, [replace(rows[0], width=0, height=0)])  # the manifest says nothing
    with pytest.raises(DataError, match="give a smaller size"):
        open_training(data, 0, 3).draw(0, 0)


def test_sharp_images_smaller_than_a_sample_are_named(sharp):
    dataset = open_training(Data(sharp=(str(sharp),), size=64), 0, 3)
    with pytest.raises(DataError, match=r"cell\d\d: .*64x64.*48x48"):
        dataset.draw(0, 0)


def test_a_manifest_without_pairs_to_train_on_is_refused(tmp_path):
    make_pairs(tmp_path, ["val", "test"])
    with pytest.raises(DataError, match="split train"):
        open_training(Data(pairs=tmp_path, size=32), 0, 3)


def test_descriptions_are_plain_and_tell_sources_apart(sharp, tmp_path):
    make_pairs(tmp_path / "pairs", ["train", "val"])
    datas = [Data(), Data(sharp=(str(sharp),)), Data(pairs=tmp_path / "pairs", size=32)]
    described = [open_training(data, 0, 3).describe() for data in datas]
    for description in described:
        assert json.loads(json.dumps(description)) == description
        assert str(tmp_path) not in json.dumps(description)
        assert len(description["hash"]) == 64
    assert [description["kind"] for description in described] == ["cells", "sharp", "pairs"]


def test_kept_arrays_stay_below_their_limit_and_at_home():
    cache, reads = Cache(3000), []

    def read(key):
        reads.append(key)
        return (np.zeros(1000, np.uint8),)

    for key in (1, 2, 3, 1, 4, 1, 2):
        cache.get(key, lambda key=key: read(key))
    assert reads == [1, 2, 3, 4, 2]  # 2 was the one longest unused when 4 came
    assert len(pickle.dumps(cache)) < 500
