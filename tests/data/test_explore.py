"""What is counted and measured in a data set."""

import csv

import cv2
import numpy as np
import pytest

from unsmear import images
from unsmear.data import image_statistics, label_statistics
from unsmear.data.source import find
from unsmear.errors import DataError
from unsmear.images import Image

LABELS = {"a": (0,), "b": (0, 16), "c": (13, 13), "d": (16, 0, 5)}


def item_of(tmp_path, pixels, axes="YX", channels=()):
    images.write(tmp_path / "a.tif", Image(pixels, axes, channels))
    return find([tmp_path / "a.tif"], axes=axes)[0]


def test_label_counts_count_images_and_entries():
    rows = {row.label: row for row in label_statistics.label_counts(LABELS)}
    assert len(rows) == 19
    assert (rows[0].images, rows[0].share, rows[0].listed) == (3, 0.75, 3)
    assert (rows[13].images, rows[13].listed) == (1, 2)
    assert rows[18].images == 0


def test_labels_per_image():
    rows = [
        (row.labels, row.images, row.listed) for row in label_statistics.labels_per_image(LABELS)
    ]
    assert rows == [(1, 2, 1), (2, 1, 2), (3, 1, 1)]


def test_label_pairs_know_what_chance_would_give():
    first, *others = label_statistics.label_pairs(LABELS)
    assert (first.first, first.second, first.images) == ("Nucleoplasm", "Cytosol", 2)
    assert first.expected == pytest.approx(3 * 2 / 4)
    assert len(others) == 2


def test_channel_statistics(tmp_path):
    plane = np.full((10, 20), 7, np.uint16)
    plane[0, :5] = 4095
    description = image_statistics.describe(item_of(tmp_path, plane))
    [row] = description.channels
    assert (row.height, row.width, row.dtype, row.channel) == (10, 20, "uint16", "0")
    assert (row.minimum, row.p50, row.maximum) == (7, 7, 4095)
    assert row.mean == pytest.approx(plane.mean())
    assert row.std == pytest.approx(plane.std())
    assert row.saturated == pytest.approx(5 / 200)
    assert description.correlations == ()


def test_sharpness_falls_with_blur_and_ignores_gain():
    rng = np.random.default_rng(0)
    sharp = cv2.GaussianBlur(rng.random((80, 80)), (0, 0), 1)
    values = [image_statistics.sharpness(cv2.GaussianBlur(sharp, (0, 0), s)) for s in (0.5, 1, 2)]
    assert values == sorted(values, reverse=True)
    assert image_statistics.sharpness(sharp * 300 + 5) == pytest.approx(
        image_statistics.sharpness(sharp), rel=1e-3
    )
    assert image_statistics.sharpness(np.ones((5, 5))) == 0


def test_correlations_are_pearsons(tmp_path):
    rng = np.random.default_rng(1)
    first, noise = rng.random((2, 30, 30))
    pixels = np.stack([first, 1 - first, noise, np.full_like(first, 3)]).astype(np.float32)
    rows = image_statistics.describe(
        item_of(tmp_path, pixels, "CYX", ("a", "b", "c", "d"))
    ).correlations
    values = {(row.first, row.second): row.pearson for row in rows}
    assert len(values) == 6
    assert values["a", "b"] == pytest.approx(-1)
    assert values["a", "c"] == pytest.approx(np.corrcoef(first.ravel(), noise.ravel())[0, 1])
    assert np.isnan(values["a", "d"])


def test_cells_before_a_dark_background_are_no_agreement(tmp_path):
    """Two stains that have nothing in common but the cell that they lie in."""
    rng = np.random.default_rng(2)
    rows, columns = np.mgrid[:400, :400]
    cell = (rows - 200) ** 2 + (columns - 200) ** 2 < 140**2
    texture = rng.random((2, 400, 400)) * 100 + 50
    pixels = (texture * cell).astype(np.uint8)
    [row] = image_statistics.describe(item_of(tmp_path, pixels, "CYX")).correlations
    assert row.pearson > 0.7
    assert abs(row.pearson_cells) < 0.3
    covered = image_statistics.cell_pixels(pixels[None])[0]
    assert (covered & cell).sum() / (covered | cell).sum() > 0.9


def test_spread_leaves_out_what_is_not_a_number():
    spread = image_statistics.Spread.of([1, 2, 3, np.nan])
    assert (spread.images, spread.mean, spread.median) == (3, 2, 2)
    assert image_statistics.Spread.of([]).images == 0


def test_broken_image_is_described_by_its_failure(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no PNG")
    description = image_statistics.describe(find([tmp_path])[0])
    assert description.failure.startswith("a.png: ")
    assert not description.channels


def test_rows_become_csv(tmp_path):
    rows = [image_statistics.CorrelationRow("a", "red", "yellow", float("nan"), 0.5)]
    label_statistics.write_rows(tmp_path / "c.csv", rows)
    with (tmp_path / "c.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [
            {
                "image": "a",
                "first": "red",
                "second": "yellow",
                "pearson": "",
                "pearson_cells": "0.5",
            }
        ]


def test_source_without_images_or_labels(tmp_path):
    with pytest.raises(DataError, match="absent"):
        label_statistics.read_source(tmp_path / "absent")
    with pytest.raises(DataError, match="at least one image"):
        label_statistics.read_source(tmp_path)


def test_labels_without_images_and_images_without_labels(tmp_path):
    for name in ("a", "b"):
        images.write(tmp_path / f"{name}.png", Image(np.zeros((3, 3), np.uint8), "YX"))
    (tmp_path / "train.csv").write_text("ID,Label\na,13|13\nc,0\nd,0\n")
    source = label_statistics.read_source(tmp_path)
    assert (len(source.items), source.labels, source.unused) == (2, {"a": (13, 13)}, 2)
    assert source.items[0].labels == (13,)


@pytest.mark.slow
def test_sharpness_is_that_of_the_real_manifest(shared_data):
    """Numbers of ../shared/data/MANIFEST.csv, which others computed."""
    item = next(item for item in find([shared_data / "hpa"]) if item.id == "89_B5_1")
    measured = {
        row.channel: round(row.sharpness, 1) for row in image_statistics.describe(item).channels
    }
    assert measured == {"red": 38.0, "green": 1130.5, "blue": 11.8, "yellow": 986.6}
