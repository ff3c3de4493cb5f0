"""The report says what was left without data and what was clipped."""

import numpy as np

from unsmear.report.restoration.content import Report, sentences


def test_missing_data_and_clipping_are_sentences() -> None:
    planes = np.ones((1, 1, 8, 8), np.float32)
    planes[..., :2] = np.nan
    report = Report("a", "none", planes, planes, no_data=0.25, clipped="3 pixels clipped")
    said = sentences(report)
    assert "25 % of the pixels hold no data and were left as they were." in said
    assert "3 pixels clipped." in said
    assert report.intensities() == [("channel 0", 1.0, 1.0, 0.0)]
