"""The values behind an analysis are a row for each image, cell and nucleus."""

import csv
import math

from unsmear.recovery.collect.answers import Prediction, Predictions
from unsmear.recovery.output import tidy

MEASURES = {"nuclei count": 2.0, "mean green": [0.25, math.nan], "nucleus IoU": [1.0, 0.9, 0.0]}


def rows(path):
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_every_image_cell_and_nucleus_has_a_row(tmp_path):
    sharp = Prediction("a", "g", "sharp", "motion 6 px", 6.0, (1,), (0.2, 0.7), MEASURES)
    other = Prediction("a", "g", "wiener", "motion 6 px", 6.0, (1,), (0.6, 0.4), MEASURES)
    answers = Predictions(("Nucleoli", "Golgi apparatus"), (0.5, 0.5), (sharp, other))
    tidy.write(tmp_path, answers)
    images, cells, nuclei = (rows(tmp_path / n) for n in (tidy.IMAGES, tidy.CELLS, tidy.NUCLEI))
    assert [row["restorer"] for row in images] == ["sharp", "wiener"]
    assert (images[1]["image"], images[1]["length"]) == ("a", "6")
    assert (images[1]["true_labels"], images[1]["labels"]) == ("Golgi apparatus", "Nucleoli")
    assert (images[1]["probability_Golgi_apparatus"], images[1]["nuclei_count"]) == ("0.4", "2")
    assert [(row["restorer"], row["cell"], row["mean_green"]) for row in cells] == [
        ("sharp", "1", "0.25"), ("sharp", "2", ""), ("wiener", "1", "0.25"), ("wiener", "2", ""),
    ]  # fmt: skip
    assert [row["nucleus_IoU"] for row in nuclei[:3]] == ["1", "0.9", "0"]
    assert list(cells[0]) == [*tidy.OF_A_ROW, "cell", "mean_green"]


def test_without_cells_there_is_no_table_of_cells(tmp_path):
    row = Prediction("a", "a", "sharp", measures={"nuclei count": 2.0})
    assert tidy.write(tmp_path, Predictions(rows=(row,))) == [tmp_path / tidy.IMAGES]
