"""The resolution in a report: a sentence for one exposure, a table for all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unsmear.metrics.resolution import Resolution
from unsmear.report.restoration import resolutions
from unsmear.report.restoration.content import Report
from unsmear.report.restoration.page import write
from unsmear.restoration.resolution import NO_NOISE, Measured

MOVED = Measured("", 30.0, Resolution(10.04, 3.0), Resolution(5.0, 2.96))


def _report(*measured: Measured, **changed: Any) -> Report:
    planes = np.zeros((1, 1, 40, 40), np.uint8)
    return Report("cells", "no motion found", planes, planes, resolutions=measured, **changed)


@pytest.mark.parametrize(
    ("measured", "sentence"),
    [
        (
            MOVED,
            "along the movement 10.0 px recorded, 5.0 px restored; "
            "across it 3.0 px recorded, 3.0 px restored.",
        ),
        (
            Measured("", None, Resolution(3.14, None)),
            "along the rows 3.1 px; along the columns only noise.",
        ),
    ],
)
def test_a_single_exposure_has_a_sentence(measured: Measured, sentence: str) -> None:
    (said,) = resolutions.sentences(_report(measured))
    assert said == f"Finest detail above the noise: {sentence}"


def test_what_was_not_measured_says_why() -> None:
    report = _report(Measured("", reason=NO_NOISE))
    assert resolutions.sentences(report) == [f"The resolution was not measured: {NO_NOISE}."]
    assert resolutions.rows(report) == []
    assert resolutions.sentences(_report()) == []


def test_lengths_are_in_micrometres_too_where_the_pixel_size_is_known() -> None:
    still = Measured("channel 1", None, Resolution(4.0, 4.0))
    report = _report(MOVED, still, pixel_size=(0.2, 0.1))
    assert resolutions.sentences(report) == []
    assert resolutions.rows(report)[1:] == [
        ["all", "30 degrees", "10.0 px (1.33 um)", "5.0 px (0.661 um)",
         "3.0 px (0.541 um)", "3.0 px (0.534 um)"],
        ["channel 1", "rows", "4.0 px (0.4 um)", "-", "4.0 px (0.8 um)", "-"],
    ]  # fmt: skip


def test_the_page_has_them(tmp_path: Path) -> None:
    write(tmp_path / "a.html", _report(MOVED))
    page = (tmp_path / "a.html").read_text()
    for words in (*resolutions.sentences(_report(MOVED)), "across, recorded", "threshold 1/7"):
        assert words in page
    write(tmp_path / "b.html", _report())
    assert "threshold 1/7" not in (tmp_path / "b.html").read_text()
