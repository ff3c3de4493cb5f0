"""The map of movements has a line for each exposure and each place that moved differently."""

import numpy as np
import pytest

from unsmear import Image, images
from unsmear.blur import Motion
from unsmear.estimate import Estimate
from unsmear.estimate.drift import Drift
from unsmear.estimate.exposures import Exposure
from unsmear.report.restoration import movements
from unsmear.report.restoration.content import Report
from unsmear.report.restoration.page import write
from unsmear.restoration.exposures import Outcome
from unsmear.restoration.restored import Restored


def image(count, axes="CYX"):
    return Image(np.random.default_rng(1).integers(0, 99, (count, 96, 120)).astype(np.uint8), axes)


def outcome(name, channel, estimate, box=None, *, touched=True):
    exposure = Exposure(np.array([[0, channel]]), estimate, box)
    return Outcome(name, estimate, "", estimate.motion() if touched else None, exposure)


def of_channels(pixels):
    still, moved = Estimate(0.0), Estimate(8.0, 30.0, 0.9)
    lower = (slice(40, 96), slice(0, 120))
    parts = (
        outcome("channel 1", 1, still, touched=False),
        outcome("channel 0, rows 0 to 39", 0, moved, (slice(0, 40), slice(0, 120))),
        outcome("channel 0, rows 40 to 95", 0, Estimate(5.0, 120.0, 0.9), lower),
    )
    return movements.of(pixels, Restored(pixels, exposures=parts))


def test_each_exposure_has_a_field_and_each_part_a_movement():
    first, second = of_channels(image(2))
    assert (first.name, first.plane, len(first.parts)) == ("channel 0", (0, 0), 2)
    assert [mark.at for mark in first.marks] == [(20, 60), (68, 60)]
    assert (second.name, second.plane, second.parts) == ("channel 1", (0, 1), ())
    assert movements.rows([first, second])[1:] == [
        ["channel 0", "rows 0 to 39", "8.0 px at 30 degrees"],
        ["channel 0", "rows 40 to 95", "5.0 px at 120 degrees"],
        ["channel 1", "whole field", "left as it was"],
    ]


@pytest.mark.parametrize("down", [False, True])
def test_a_drift_is_drawn_at_places_along_it(down):
    pixels = image(1)
    drift = Drift(down, Motion(10, 40), Motion(4, 40))
    estimate = Estimate(7.0, 40.0, 0.9, drift=drift)
    (field,) = movements.of(pixels, Restored(pixels, estimate=estimate, blur=estimate.blur()))
    side = 96 if down else 120
    for mark in field.marks:
        along = mark.at[0 if down else 1] / side
        assert mark.motion.length == pytest.approx(10 - 6 * along)
    rows = movements.rows([field])[1:]
    assert len(rows) == len(movements.PLACES)
    assert rows[0][1:] == [f"{'row 10' if down else 'column 12'}", "9.4 px at 40 degrees"]


def test_frames_are_shown_with_their_own_planes():
    pixels = image(3, "TYX")
    moved = [Estimate(4.0, angle, 0.9) for angle in (10, 80)]
    parts = [Restored(image(1), blur=one.motion(), estimate=one) for one in moved]
    parts.append(Restored(image(1), touched=False, movement="no motion found"))
    fields = movements.of(pixels, Restored(pixels, frames=tuple(parts)))
    assert [(field.name, field.plane) for field in fields] == [
        ("t=0", (0, 0)),
        ("t=1", (1, 0)),
        ("t=2", (2, 0)),
    ]
    assert [str(field.marks[0]) for field in fields] == [
        "4.0 px at 10 degrees",
        "4.0 px at 80 degrees",
        "left as it was",
    ]


def test_one_movement_needs_no_map():
    pixels, estimate = image(2), Estimate(8.0, 30.0, 0.9)
    once = movements.of(pixels, Restored(pixels, estimate=estimate, blur=estimate.blur()))
    assert [str(mark) for field in once for mark in field.marks] == ["8.0 px at 30 degrees"]
    assert not movements.several(once)
    still = Estimate(0.0)
    parts = tuple(outcome(f"channel {i}", i, still, touched=False) for i in (0, 1))
    assert not movements.several(movements.of(pixels, Restored(pixels, False, exposures=parts)))
    assert movements.several(of_channels(pixels))


def test_a_plane_has_the_movements_of_its_own_exposures():
    pixels = image(3, "TYX")
    moved = [Estimate(4.0, angle, 0.9) for angle in (10, 80, 120)]
    parts = tuple(Restored(image(1), blur=one.motion(), estimate=one) for one in moved)
    fields = movements.of(pixels, Restored(pixels, frames=parts))
    assert [field.name for field in movements.shown(fields, 1)] == ["t=1"]
    once = movements.of(pixels, Restored(pixels, estimate=moved[0], blur=moved[0].blur()))
    assert movements.shown(once, 2) == list(once)


def test_the_ends_of_a_line_are_those_of_the_movement_enlarged():
    first, last = movements.ends(movements.Mark("", (50, 60), Motion(10, 30)), 2)
    assert first == pytest.approx((55, 60 - 10 * np.cos(np.pi / 6)))
    assert last == pytest.approx((45, 60 + 10 * np.cos(np.pi / 6)))  # it rises to the right
    assert movements.ends(movements.Mark("", (5, 6), None), 2) == ((5, 6), (5, 6))


@pytest.mark.slow
def test_lines_have_the_length_and_direction_of_the_movements(tmp_path):
    pytest.importorskip("matplotlib")
    black = Image(np.zeros((2, 96, 96), np.uint8), "CYX")

    def drawn(angle):
        parts = [outcome("channel 0", 0, Estimate(8.0, angle, 0.9))]
        parts.append(outcome("channel 1", 1, Estimate(0.0), touched=False))
        fields = movements.of(black, Restored(black, exposures=tuple(parts)))
        (tmp_path / "map.png").write_bytes(
            movements.draw(fields, black.planes(), black.planes().shape[2:])
        )
        colours = images.read(tmp_path / "map.png").pixels[..., :3].astype(int)
        line = (
            (colours[..., 0] > 200) & (np.abs(colours[..., 1] - 159) < 20) & (colours[..., 2] < 9)
        )
        return np.argwhere(line[:, : line.shape[1] // 2])

    rising, flat = drawn(45.0), drawn(0.0)
    # Anticlockwise from +x: the line rises to the right, where rows grow downwards.
    assert np.corrcoef(rising.T)[0, 1] < -0.9
    assert np.ptp(flat[:, 1]) > 4 * np.ptp(flat[:, 0])


@pytest.mark.slow
def test_the_page_has_the_map_and_its_words(tmp_path):
    pytest.importorskip("matplotlib")
    pixels = image(2)
    planes = pixels.planes()
    write(tmp_path / "r.html", Report("t", "m", planes, planes, movements=of_channels(pixels)))
    page = (tmp_path / "r.html").read_text()
    assert "Map of movements" in page
    assert "channel 0, rows 0 to 39, 8.0 px at 30 degrees; channel 0, rows 40" in page
    assert 'src="http' not in page
    write(tmp_path / "none.html", Report("t", "m", planes, planes))
    assert "Map of movements" not in (tmp_path / "none.html").read_text()
