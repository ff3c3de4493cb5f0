"""`unsmear classify INPUT... --classifier WEIGHTS -o OUT.csv`: labels by number and by name."""

import csv
import zipfile

import cv2
import numpy as np
import pytest

from unsmear import classify, images
from unsmear.data import hpa
from unsmear.images import Image

LABELS = ("Nucleoplasm", "Cytosol", "Vesicles and punctate cytosolic patterns")
COLOURS = ("red", "green", "blue")


@pytest.fixture
def weights(save_network):
    """Return the path of a light classifier whose thresholds find all, some and none."""
    card = {
        "task": "classify",
        "labels": LABELS,
        "thresholds": [0.0, 0.5, 1.0],
        "channels": COLOURS,
        "size": 64,
    }
    options = {"labels": 3, "channels": 3, "features": 4, "stages": 2}
    return save_network("light", said=card, **options)


def field(number=0, side=80, dtype=np.uint8):
    """Return a field with four round nuclei in the blue channel, axes CYX."""
    generator = np.random.default_rng(number)
    pixels = generator.integers(0, 60, (3, side, side)).astype(np.uint8)
    blue = np.full((side, side), 5, np.uint8)
    for y in (20, 60):
        for x in (20, 60):
            cv2.circle(blue, (x, y), 9, 200, -1)
            cv2.circle(pixels[0], (x, y), 15, 120, -1)
    pixels[2] = cv2.GaussianBlur(blue, (0, 0), 1.5)
    return Image(pixels.astype(dtype), "CYX", COLOURS, name=f"cell{number}")


@pytest.fixture
def folder(tmp_path):
    for number in range(3):
        images.write(tmp_path / "cells" / f"cell{number}.tif", field(number))
    return tmp_path / "cells"


def read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_a_folder_gives_a_row_for_each_image(folder, weights, tmp_path, unsmear):
    out = tmp_path / "labels.csv"
    finished = unsmear("classify", folder, "--classifier", weights, "-o", out)
    assert (finished.code, finished.err) == (0, "")
    assert "3 images classified, 0 failed." in finished.out
    rows = read(out)
    assert [row["id"] for row in rows] == ["cell0", "cell1", "cell2"]
    assert list(rows[0]) == ["id", "numbers", "labels", *LABELS]
    wanted = classify.load(weights).probabilities([field(number) for number in range(3)])
    np.testing.assert_allclose(
        [[float(row[name]) for name in LABELS] for row in rows], wanted, atol=1e-6
    )
    for row, shares in zip(rows, wanted, strict=True):
        second = shares[1] >= 0.5
        assert row["numbers"] == ("0|16" if second else "0")
        assert row["labels"] == ("Nucleoplasm|Cytosol" if second else "Nucleoplasm")


@pytest.mark.slow
@pytest.mark.usefixtures("kept_workers")
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_table_is_the_same_whatever_the_workers(folder, weights, tmp_path, unsmear, ending):
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    for number in range(3, 20):  # more than are asked about at once
        images.write(folder / f"cell{number}.tif", field(number))
    written = []
    for workers in (1, 2):
        out = tmp_path / f"labels{workers}.{ending}"
        words = ("classify", folder, "--classifier", weights, "-o", out, "--workers", workers)
        assert unsmear(*words).code == 0
        written.append(out.read_bytes())
    assert written[0] == written[1]


@pytest.mark.slow
def test_parquet_holds_the_same_rows(folder, weights, tmp_path, unsmear):
    parquet = pytest.importorskip("pyarrow.parquet")
    words = ("classify", folder, "--classifier", weights, "-o")
    assert unsmear(*words, tmp_path / "labels.csv").code == 0
    assert unsmear(*words, tmp_path / "labels.parquet").code == 0
    rows = parquet.read_table(tmp_path / "labels.parquet").to_pylist()
    assert [row["numbers"] for row in rows] == [r["numbers"] for r in read(tmp_path / "labels.csv")]
    assert rows[0]["Cytosol"] == pytest.approx(
        float(read(tmp_path / "labels.csv")[0]["Cytosol"]), abs=1e-6
    )


def test_a_batch_goes_on_past_broken_files(folder, weights, tmp_path, unsmear):
    (folder / "broken.png").write_bytes(b"no image")
    images.write(folder / "small.tif", field(side=20))
    images.write(folder / "two.tif", Image(field().pixels[:2], "CYX", ("red", "blue")))
    finished = unsmear("classify", folder, "--classifier", weights, "-o", tmp_path / "labels.csv")
    assert finished.code == 1
    assert len(finished.err.splitlines()) == 3
    assert "broken.png: a file must be" in finished.err
    assert "small.tif: an image for my-light must have sides of at least 32" in finished.err
    assert "two.tif: an image to classify must have the channels red, green, blue" in finished.err
    assert "3 images classified, 3 failed." in finished.out
    assert [row["id"] for row in read(tmp_path / "labels.csv")] == ["cell0", "cell1", "cell2"]


def test_where_nothing_can_be_classified_nothing_is_written(tmp_path, weights, unsmear):
    (tmp_path / "broken.png").write_bytes(b"no image")
    out = tmp_path / "labels.csv"
    finished = unsmear("classify", tmp_path / "broken.png", "--classifier", weights, "-o", out)
    assert finished.code == 1
    assert "0 images classified, 1 failed." in finished.out
    assert not out.exists()


def test_fields_of_the_atlas_and_zip_files_are_read(weights, tmp_path, unsmear):
    hpa.write(tmp_path / "fields" / "abc", field())
    with zipfile.ZipFile(tmp_path / "fields.zip", "w") as packed:
        for file in (tmp_path / "fields").iterdir():
            packed.write(file, file.name)
    words = ("--classifier", weights, "-o", tmp_path / "labels.csv")
    for given in (tmp_path / "fields", tmp_path / "fields.zip"):
        assert unsmear("classify", given, *words).code == 0
        (row,) = read(tmp_path / "labels.csv")
        assert row["id"] == "abc"
        wanted = classify.load(weights).probabilities([field()])[0]
        assert float(row["Cytosol"]) == pytest.approx(wanted[1], abs=1e-6)


def test_letters_name_the_channels_of_images_without_names(weights, tmp_path, unsmear):
    np.save(tmp_path / "cell.npy", field().pixels[::-1])
    out = tmp_path / "labels.csv"
    words = ("classify", tmp_path / "cell.npy", "--classifier", weights, "-o", out, "--axes", "CYX")
    wanted = classify.load(weights)
    for letters, image in (((), field().pixels[::-1]), (("--channels", "BGR"), field().pixels)):
        assert unsmear(*words, *letters).code == 0
        shares = wanted.probabilities([Image(image, "CYX", COLOURS)])[0]
        assert float(read(out)[0]["Cytosol"]) == pytest.approx(shares[1], abs=1e-6)
    finished = unsmear(*words, "--channels", "RG")
    assert finished.code == 1
    assert "the 2 channels that --channels names, got 3" in finished.err


def test_floats_need_a_range(weights, tmp_path, unsmear):
    images.write(tmp_path / "cell.tif", field(dtype=np.float32))
    words = ("classify", tmp_path / "cell.tif", "--classifier", weights, "-o", tmp_path / "l.csv")
    finished = unsmear(*words)
    assert finished.code == 1
    assert "cell.tif: --data-range must say" in finished.err
    assert unsmear(*words, "--data-range", 255).code == 0
    wanted = classify.load(weights).probabilities([field()])[0]
    assert float(read(tmp_path / "l.csv")[0]["Cytosol"]) == pytest.approx(wanted[1], abs=1e-6)


def test_cells_are_found_and_classified_alone(weights, tmp_path, unsmear):
    images.write(tmp_path / "cell.tif", field())
    out = tmp_path / "labels.csv"
    words = ("classify", tmp_path / "cell.tif", "--classifier", weights, "-o", out)
    finished = unsmear(*words, "--cells", "segment")
    assert (finished.code, finished.err) == (0, "")
    assert "4 cells of 1 image classified, 0 failed." in finished.out
    rows = read(out)
    assert [(row["id"], row["cell"]) for row in rows] == [("cell", str(n)) for n in (1, 2, 3, 4)]
    assert len({row["Cytosol"] for row in rows}) == 4


def test_masks_say_where_the_cells_are(weights, tmp_path, unsmear):
    images.write(tmp_path / "in" / "cell.tif", field())
    numbers = np.zeros((80, 80), np.uint16)
    numbers[5:40, 5:40], numbers[45:75, 45:75] = 7, 3
    images.write(tmp_path / "masks" / "cell.png", Image(numbers, "YX"))
    out = tmp_path / "labels.csv"
    words = ("classify", tmp_path / "in", "--classifier", weights, "-o", out)
    finished = unsmear(*words, "--masks", tmp_path / "masks")
    assert (finished.code, finished.err) == (0, "")
    rows = read(out)
    assert [row["cell"] for row in rows] == ["3", "7"]
    alone = np.zeros((3, 64, 64), np.uint8)
    alone[:, 17:47, 17:47] = field().pixels[:, 45:75, 45:75]
    wanted = classify.load(weights).probabilities([Image(alone, "CYX", COLOURS)])[0]
    assert float(rows[0]["Cytosol"]) == pytest.approx(wanted[1], abs=1e-6)


def test_masks_that_do_not_fit_are_named(weights, tmp_path, unsmear):
    for number in range(3):
        images.write(tmp_path / "in" / f"cell{number}.tif", field(number))
    small, floats = np.ones((40, 40), np.uint8), np.ones((80, 80), np.float32)
    images.write(tmp_path / "masks" / "cell0.png", Image(small, "YX"))
    images.write(tmp_path / "masks" / "cell1.tif", Image(floats, "YX"))
    words = ("classify", tmp_path / "in", "--classifier", weights, "-o", tmp_path / "labels.csv")
    finished = unsmear(*words, "--masks", tmp_path / "masks")
    assert finished.code == 1
    assert "masks/cell0.png: masks must be one plane of integers of 80x80" in finished.err
    assert "masks/cell1.tif: masks must be one plane of integers" in finished.err
    assert "cell2: masks must have a file cell2 ending in .png" in finished.err


def test_an_image_without_nuclei_has_no_cells(weights, tmp_path, unsmear):
    dark = Image(np.zeros((3, 80, 80), np.uint8), "CYX", COLOURS)
    images.write(tmp_path / "dark.tif", dark)
    words = ("classify", tmp_path / "dark.tif", "--classifier", weights, "--cells", "segment")
    finished = unsmear(*words, "-o", tmp_path / "labels.csv")
    assert finished.code == 0
    assert "0 cells of 1 image classified, 0 failed." in finished.out
    assert "No image or cell to write." in finished.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["-o", "labels.txt"], "the output must be a file ending in .csv or .parquet"),
        (["-o", "l.csv", "--classifier", "deep-wiener"], "must have a card with the task classify"),
        (["-o", "l.csv", "--classifier", "none"], "none: weights must be two files"),
        (["-o", "l.csv", "--data-range", "0"], "--data-range must be above 0"),
        (["-o", "l.csv", "--channels", "RX"], "channels must be different letters of RGBY"),
        (["-o", "l.csv", "--masks", "nowhere"], "--masks must be a folder of masks, got nowhere"),
        (
            ["-o", "l.csv", "--cells", "segment", "--masks", "."],
            "--cells is not available with --masks",
        ),
        (["-o", "l.csv", "--workers", "0"], "workers must be 1 or more"),
    ],
)
@pytest.mark.slow
def test_wrong_words_are_refused_before_any_work(folder, weights, unsmear, words, sentence):
    given = words if "--classifier" in words else ["--classifier", weights, *words]
    finished = unsmear("classify", folder, *given)
    assert finished.code == 1
    assert sentence in finished.err
    assert finished.out == ""


def test_labels_of_others_have_the_classifiers_numbers():
    from unsmear.classify.tables import numbers_of

    assert numbers_of(["Cytosol", "nucleoplasm"]) == [16, 0]
    assert numbers_of(["Cytosol", "ring"]) == [0, 1]
