"""`unsmear explore` describes what it is given, in CSV files and figures."""

import csv
import sys

import cv2
import numpy as np
import pytest

from unsmear import images
from unsmear.cli.explore import explore
from unsmear.data import hpa
from unsmear.images import Image

TABLES = {"label_counts.csv", "labels_per_image.csv", "label_pairs.csv"}
LABEL_FIGURES = {"label_counts.png", "labels_per_image.png", "label_pairs.png"}
IMAGE_FILES = {"images.csv", "intensities.png", "sharpness.png"}
CORRELATION_FILES = {"correlations.csv", "correlations.png"}


@pytest.fixture
def kaggle(tmp_path):
    """Return a folder as the competition has it: three fields and four rows of labels."""
    return write_kaggle(tmp_path / "kaggle")


@pytest.fixture(scope="module")
def explored(tmp_path_factory):
    """Return what `unsmear explore` writes of such a folder."""
    folder = tmp_path_factory.mktemp("explored")
    assert explore(str(write_kaggle(folder / "kaggle")), output=folder / "out") == 0
    return folder / "out"


def write_kaggle(folder):
    rng = np.random.default_rng(0)
    for name in "abc":
        planes = (rng.random((4, 32, 32)) * 255).astype(np.uint8)
        planes[3] = planes[0] // 2
        image = Image(planes, "CYX", ("red", "green", "blue", "yellow"))
        hpa.write(folder / "train" / name, image)
    (folder / "train.csv").write_text("ID,Label\na,0\nb,0|16\nd,18\n")
    return folder


def names(folder):
    return {path.name for path in folder.iterdir()}


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.usefixtures("kept_workers")
def test_kaggle_folder(unsmear, kaggle, tmp_path):
    done = unsmear("explore", kaggle, "-o", tmp_path / "out", "--workers", 2)
    assert (done.code, done.err) == (0, "")
    for line in ("3 images", "1 of them without labels", "1 labelled IDs without an image"):
        assert line in done.out
    assert names(tmp_path / "out") == TABLES | LABEL_FIGURES | IMAGE_FILES | CORRELATION_FILES
    assert len(rows_of(tmp_path / "out/images.csv")) == 12
    red_yellow = [
        float(row["pearson"])
        for row in rows_of(tmp_path / "out/correlations.csv")
        if (row["first"], row["second"]) == ("red", "yellow")
    ]
    assert len(red_yellow) == 3
    assert min(red_yellow) > 0.99
    assert "red and yellow" in done.out


@pytest.mark.slow
def test_figures_are_images(explored):
    assert len(list(explored.glob("*.png"))) == 6
    for path in explored.glob("*.png"):
        assert images.read(path).pixels.std() > 0


@pytest.mark.slow
@pytest.mark.usefixtures("kept_workers")
def test_workers_change_nothing(unsmear, explored, kaggle, tmp_path):
    unsmear("explore", kaggle, "-o", tmp_path / "2", "--workers", 2)
    for name in names(explored):
        assert (explored / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


@pytest.mark.slow
def test_label_list_alone(unsmear, kaggle, tmp_path):
    done = unsmear("explore", kaggle / "train.csv", "-o", tmp_path / "out")
    assert done.code == 0
    assert "3 images" in done.out
    assert names(tmp_path / "out") == TABLES | LABEL_FIGURES


def test_any_images_without_labels(unsmear, tmp_path):
    cv2.imwrite(str(tmp_path / "a.jpg"), np.eye(16, dtype=np.uint8) * 255)
    images.write(tmp_path / "z.tif", Image(np.ones((3, 8, 8), np.float32), "ZYX"))
    done = unsmear("explore", tmp_path, "-o", tmp_path / "out")
    assert done.code == 0
    assert names(tmp_path / "out") == IMAGE_FILES


@pytest.mark.slow
def test_broken_images_are_listed_and_the_rest_goes_on(unsmear, kaggle, tmp_path):
    (kaggle / "train/b_green.png").write_bytes(b"")
    (kaggle / "train/c_red.png").unlink()
    done = unsmear("explore", kaggle, "-o", tmp_path / "out")
    assert done.code == 1
    assert done.err.splitlines() == [
        "train/b_green.png: the file is empty.",
        "train/c: a field must have a file for each of red, green, blue, yellow, got none for red.",
        "2 of 3 images cannot be read.",
    ]
    assert {row["image"] for row in rows_of(tmp_path / "out/images.csv")} == {"train/a"}


def test_nothing_to_explore(unsmear, tmp_path):
    done = unsmear("explore", tmp_path / "absent", "-o", tmp_path / "out")
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert "absent" in done.err
    assert not (tmp_path / "out").exists()


def test_without_matplotlib_the_tables_are_still_written(unsmear, kaggle, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    done = unsmear("explore", kaggle, "-o", tmp_path / "out")
    assert done.code == 0
    assert "pip install 'unsmear[report]'" in done.err
    assert names(tmp_path / "out") == TABLES | {"images.csv", "correlations.csv"}


@pytest.mark.slow
def test_real_label_list(unsmear, shared_data, tmp_path):
    done = unsmear("explore", shared_data / "hpa_labels/train.csv", "-o", tmp_path / "out")
    lines = [line.replace("│", " ").split() for line in done.out.splitlines()]
    assert ["21,806", "images"] in lines
    assert ["0", "Nucleoplasm", "8,797", "40.3%"] in lines
    assert ["18", "Negative", "34", "0.2%"] in lines


@pytest.mark.slow
def test_real_fields(unsmear, shared_data, tmp_path):
    done = unsmear("explore", shared_data / "hpa", "-o", tmp_path / "out")
    assert done.code == 0
    assert "1728x1728 uint8" in done.out
    assert len(rows_of(tmp_path / "out/correlations.csv")) == 12


@pytest.mark.slow
def test_where_nobody_watches_no_number_is_cut(unsmear, kaggle, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    done = unsmear("explore", kaggle, "-o", tmp_path / "[out]")
    assert "…" not in done.out
    assert "median in cells" in done.out
    assert f"Written to {tmp_path}/[out]: label_counts.csv, " in done.out
