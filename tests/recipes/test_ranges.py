"""The recipe of the range of movements: conditions, resumption, figures and heat maps."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from unsmear.errors import DataError
from unsmear.evaluate import BLURRED, SHARP, MethodWithKernel
from unsmear.restoration import methods

HERE = Path(__file__).parents[2] / "recipes" / "paper"


@pytest.fixture(autouse=True)
def _recipe(monkeypatch):
    monkeypatch.syspath_prepend(HERE)


@pytest.fixture
def few(monkeypatch):
    """Let only the Wiener filter restore, which is told the movement."""
    import ranges

    told = (MethodWithKernel(methods.find("wiener"), "true"),)
    monkeypatch.setattr(ranges, "restorers", lambda: told)
    monkeypatch.setattr(ranges, "PHOTONS", (10_000,))
    return ranges


def go(ranges, folder, conditions):
    command = ["--fields", 1, "--conditions", conditions, "--output", folder]
    command += ["--page", folder / "page" / "range.md"]
    return ranges.main(list(map(str, command)))


@pytest.mark.slow
@pytest.mark.usefixtures("quick_restoration")
def test_a_stopped_run_goes_on_to_the_same_page(few, tmp_path, monkeypatch):
    assert go(few, tmp_path / "whole", 2) == 0
    assert go(few, tmp_path / "stopped", 1) == 0
    journal = tmp_path / "stopped" / few.JOURNAL
    first = journal.read_bytes()
    journal.write_bytes(first + b'[{"field": 0, "len')  # a kill in the middle of a line
    assert go(few, tmp_path / "stopped", 2) == 0
    assert journal.read_bytes().startswith(first)
    for name in ("page/range.md", "page/range.csv", few.JOURNAL):
        whole = (tmp_path / "whole" / name).read_bytes()
        assert (tmp_path / "stopped" / name).read_bytes() == whole
    monkeypatch.setattr(few, "measure", None)  # nothing is left to measure
    assert go(few, tmp_path / "whole", 2) == 0
    text = (tmp_path / "whole" / "page" / "range.md").read_text()
    assert "1 drawn field of 256 x 256" in text
    assert "wiener, true kernel" in text
    assert "nan" not in text
    for name in ("blurred", "wiener-true-kernel"):
        assert f"pictures/range-{name}.png" in text
        picture = tmp_path / "whole" / "page" / "pictures" / f"range-{name}.png"
        assert 5_000 < picture.stat().st_size < 400_000
    with (tmp_path / "whole" / "page" / "range.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["restorer"] for row in rows[:3]] == [SHARP, BLURRED, "wiener, true kernel"]
    assert rows[0]["PSNR, dB"] == ""
    assert float(rows[1]["gain, dB"]) == 0


def test_no_fields_and_a_damaged_journal_are_sentences(few, tmp_path, capsys):
    assert few.main(["--fields", "0", "--output", str(tmp_path)]) == 1
    assert "--fields must be 1 or more, got 0" in capsys.readouterr().err
    (tmp_path / few.JOURNAL).write_text("[{}]\n")
    with pytest.raises(DataError, match="line 1"):
        few.collect(tmp_path / few.JOURNAL, 1, [])


def test_the_camera_records_the_moved_field_with_what_comes_in_from_outside():
    import ranges

    field = ranges.draw(0)
    inside = field.units[:, ranges.MARGIN : -ranges.MARGIN, ranges.MARGIN : -ranges.MARGIN]
    assert inside.shape == (3, ranges.SIDE, ranges.SIDE)
    assert field.nuclei.shape == inside.shape[1:]
    assert max(ranges.LENGTHS) / 2 <= ranges.MARGIN
    sharp, blurred = ranges.expose(field, ranges.Condition(10, 0, 10_000))
    scale = 255 - ranges.OFFSET
    np.testing.assert_allclose(sharp.pixels, ranges.OFFSET + scale * inside, atol=0.5)
    # A movement along a row by ten pixels is the mean of eleven of its pixels, ends by half.
    weights = np.array([0.5, *[1] * 9, 0.5]) / 10
    row, start = field.units[1, ranges.MARGIN + 80], ranges.MARGIN
    moved = np.convolve(row, weights, "same")[start : start + ranges.SIDE]
    noise = math.sqrt(10_000 + ranges.READ_NOISE**2) / 10_000 * scale
    difference = blurred.pixels[1, 80] - (ranges.OFFSET + scale * moved)
    assert np.abs(difference).max() < 5 * noise + 0.5
    assert ranges.expose(field, ranges.Condition(10, 0, 10_000))[1].pixels.tobytes() == (
        blurred.pixels.tobytes()
    )


def rows(gains, photons=200.0):
    """Return rows of one restorer, whose gain in dB is given by length, at two angles."""
    from ranges_cells import Row

    made = []
    for length, gain in gains.items():
        for angle in (0.0, 90.0):
            for name, psnr, found, right in (
                (SHARP, None, 10, 4),
                (BLURRED, 20.0, 5, 1),
                ("wiener, estimated kernel", 20.0 + gain, 9, 1),
            ):
                left = name != SHARP and gain == 0
                made.append(
                    Row(0, length, angle, photons, name, psnr, 10, 10, found, 4, 4, right, left)
                )
    return made


def test_cells_have_gain_f1_and_recovery():
    from ranges_cells import cells

    sharp, blurred, restored = cells(rows({4.0: 3.0}))[:3]
    assert math.isnan(sharp.psnr)
    assert (blurred.gain, blurred.nuclei, blurred.labels) == (0, 0.5, 0.25)
    assert restored.gain == pytest.approx(3)
    assert restored.nuclei_recovery == pytest.approx(0.8)
    assert restored.labels_recovery == 0
    both = cells([*rows({4.0: 3.0}), *rows({4.0: 1.0})])
    assert (both[2].fields, both[2].gain) == (2, pytest.approx(2))


def test_no_recovery_where_blurring_costs_nothing():
    from dataclasses import replace

    from ranges_cells import cells

    same = [replace(row, found=10) for row in rows({4.0: 3.0})]
    assert cells(same)[2].nuclei_recovery is None


@pytest.mark.parametrize(
    ("gains", "said"),
    [
        ({2: 0.0, 4: 0.5, 10: 0.9}, "none"),
        ({2: 1.0, 4: 3.0, 10: 0.9}, "4"),
        ({2: 0.0, 4: 3.0, 10: 2.0}, "10 (from 4)"),
        ({2: 0.0, 4: 3.0, 10: 0.0, 16: 4.0}, "4 (from 4)"),
    ],
)
def test_how_far_a_restorer_reaches(gains, said):
    from ranges_cells import cells
    from ranges_page import left_alone, reach

    made = cells(rows({float(length): gain for length, gain in gains.items()}))
    assert reach(made)[1] == ["wiener, estimated kernel", said]
    alone = [f"{100 * (gain == 0):.0f}" for gain in gains.values()]
    assert left_alone(made)[1][2:] == alone
