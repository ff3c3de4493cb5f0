"""The figures of a stream."""

import json

import numpy as np
import pytest

from unsmear.streaming.figures import Figures


@pytest.fixture
def figures():
    """Return the figures of 100 frames that took 0.01 s, 0.02 s, ..., of 0.2 megapixels each."""
    found = Figures(budget=0.895)
    for number in range(100):
        found.add("restored", 10.0 + number, 10.0 + number + 0.01 * (number + 1), 200_000)
        found.restoring.append(0.5)
        found.writing.append(0.1)
    return found


def test_latencies_throughput_and_speed(figures):
    latencies = 0.01 * np.arange(1, 101)
    summary = figures.summary(
        2, resolution=1.0, speed_of_computing=900.0, speed_restored=400.0, speed_as_recorded=150.0
    )
    assert (summary.frames, summary.late) == (100, 11)
    assert summary.p50 == pytest.approx(np.quantile(latencies, 0.5))
    assert summary.p99 == pytest.approx(np.quantile(latencies, 0.99))
    assert summary.longest == pytest.approx(1.0)
    assert summary.seconds == pytest.approx(100)
    assert summary.megapixels_per_second == pytest.approx(0.2)
    assert summary.frames_per_second == pytest.approx(4)
    assert summary.highest_speed == 400
    assert summary.complete
    lines = summary.sentences()
    assert lines[0] == "100 frames: 100 restored."
    assert lines[1].startswith("Latency: p50 0.5")  # 0.505, which is rounded either way
    assert lines[1].endswith("p99 0.99 s, longest 1.00 s; 11 over the budget of 0.895 s.")
    assert lines[-1].endswith("the highest stage speed is 400 um/s.")
    assert json.loads(json.dumps(summary.to_dict()))["highest_speed"] == 400


def test_writing_can_be_what_is_slow(figures):
    figures.writing = [0.8] * 100
    assert figures.frames_per_second(2) == pytest.approx(1.25)


def test_computing_can_be_what_limits_the_stage(figures):
    summary = figures.summary(1, resolution=1.0, speed_of_computing=9.0, speed_restored=400.0,
                              speed_as_recorded=150.0)  # fmt: skip
    assert summary.highest_speed == 9


def test_what_is_not_known_is_said(figures):
    assert "is not known" in figures.summary(1, resolution=1.0).sentences()[-1]
    empty = Figures().summary(1)
    assert (empty.p50, empty.megapixels_per_second, empty.frames_per_second) == (None, None, None)
    assert empty.sentences() == ["0 frames: 0 restored."]


def test_what_did_not_come_is_no_frame(figures):
    figures.add_missing(3)
    summary = figures.summary(1)
    assert (summary.frames, summary.missing, summary.complete) == (100, 3, False)
    assert "3 frames did not come." in summary.sentences()
