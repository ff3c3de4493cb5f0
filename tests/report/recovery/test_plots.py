"""The figures of a recovery: what is drawn is what was given, in colours that can be told apart."""

import sys

import cv2
import numpy as np
import pytest

from unsmear.errors import MissingExtra
from unsmear.report.recovery import plots as curves
from unsmear.report.recovery import plots as figures

pytest.importorskip("matplotlib")

LABELS = ("Nucleoli", "Golgi apparatus", "Vesicles and punctate cytosolic patterns")
RESTORERS = ["sharp", "blurred", "wiener, true kernel", "mine"]
LOOKS = figures.styles(RESTORERS)
NAN = float("nan")


def read(png):
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)


def area(png, colour):
    """Return how many pixels have this colour, "#0072b2"."""
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return int((np.abs(read(png) - wanted).max(axis=-1) < 6).sum())


def test_looks_differ():
    many = figures.styles([*RESTORERS, *(f"r{number}" for number in range(10))])
    assert len({(style.colour, style.mark) for style in many.values()}) == len(many)
    assert many["sharp"].colour == "#000000"
    assert set(figures.styles(["a"])) == {"sharp", "blurred", "a"}


@pytest.mark.slow
def test_a_bar_is_as_long_as_its_f1():
    def drawn(value):
        f1 = {"sharp": [0.9] * 3, "mine": [value] * 3}
        return area(figures.draw_labels(LABELS, [3, 4, 5], f1, LOOKS), LOOKS["mine"].colour)

    empty = drawn(0.0)  # the legend alone
    assert drawn(0.8) - empty == pytest.approx(2 * (drawn(0.4) - empty), rel=0.05)


@pytest.mark.slow
def test_a_label_without_test_images_has_no_bar():
    def drawn(support):
        f1 = {"sharp": [0.5] * 3, "mine": [0.5] * 3}
        return area(figures.draw_labels(LABELS, support, f1, LOOKS), LOOKS["mine"].colour)

    assert drawn([3, 4, 0]) < 0.75 * drawn([3, 4, 5])


@pytest.mark.slow
def test_gained_and_lost_have_their_own_map():
    none, some = {"mine": [0, 0, 0]}, {"mine": [0, 7, 0]}

    def halves(lost, gained):
        picture = read(figures.draw_changes(LABELS, lost, gained))
        inner = picture[10:]
        orange = (inner[..., 0] - inner[..., 2] > 60).sum()
        blue = (inner[..., 2] - inner[..., 0] > 60).sum()
        return orange > 500, blue > 500

    assert halves(some, none) == (True, False)
    assert halves(none, some) == (False, True)
    assert halves(none, none) == (False, False)


def test_swaps_leave_out_what_never_changed():
    counts = np.zeros((4, 4), int)
    counts[0, 3] = 2
    small = read(figures.draw_swaps(LABELS, counts, "mine"))
    counts[1, 2] = counts[2, 1] = 1
    assert read(figures.draw_swaps(LABELS, counts, "mine")).shape[0] > small.shape[0]


def test_nothing_changed_is_a_figure_too():
    assert read(figures.draw_swaps(LABELS, np.zeros((4, 4)), "mine")).size


@pytest.mark.slow
def test_curves_by_blur_show_every_restorer():
    f1 = {name: [(0.8, 0.7, 0.9), (0.6, None, None)] for name in RESTORERS}
    recovery = {"mine": [(0.9, -40.0, 40.0), (NAN, None, None)]}
    png = curves.draw_lengths(["6 px", "10 px"], f1, recovery, LOOKS)
    assert all(area(png, LOOKS[name].colour) > 100 for name in RESTORERS)


@pytest.mark.slow
def test_reliability_and_correlations_draw_every_restorer():
    png = curves.draw_reliability(
        {name: ([0.1, 0.9], [0.2, 0.8]) for name in RESTORERS},
        dict.fromkeys(RESTORERS, 0.02),
        LOOKS,
    )
    assert all(area(png, LOOKS[name].colour) > 100 for name in RESTORERS)
    points = {name: [(0.9, 0.8, 0.95), (NAN, None, None)] for name in RESTORERS[1:]}
    png = curves.draw_correlations(["count", "texture"], points, LOOKS)
    assert all(area(png, LOOKS[name].colour) > 100 for name in RESTORERS[1:])


def test_no_correlation_at_all():
    points = {"mine": [(NAN, None, None)]}
    assert curves.draw_correlations(["count"], points, LOOKS)


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match="pip install"):
        figures.draw_changes(LABELS, {"a": [0, 0, 0]}, {"a": [0, 0, 0]})
