"""Neighbours continue a frame where they overlap it, and only there."""

import numpy as np
import pytest

from unsmear.images import Image
from unsmear.images.timing import Timing
from unsmear.streaming.neighbours import BEYOND, bordered, offset

SIDE, REACH = 80, 6
WIDTH = REACH + BEYOND


@pytest.fixture(scope="module")
def slide():
    grown = np.random.default_rng(3).normal(size=(300, 300)).cumsum(0).cumsum(1)
    return (grown - grown.min()).astype(np.float32)


def frame(slide, y, x, off=(0.0, 0.0), down=-1):
    """Return the frame at a place; off: what its metadata err by, pixels."""
    place = (down * (y + off[0]) * 0.5, (x + off[1]) * 0.5)
    pixels = slide[y : y + SIDE, x : x + SIDE].copy()
    return Image(pixels, "YX", pixel_size=(0.5, 0.5), timing=Timing(place=place))


def test_frames_on_both_sides_continue_the_slide(slide):
    here = frame(slide, 100, 100)
    wide = bordered(here, [frame(slide, 100, 40), frame(slide, 100, 160)], REACH)
    assert wide.count == 2
    expected = slide[100 : 100 + SIDE, 100 - WIDTH : 100 + SIDE + WIDTH]
    assert np.array_equal(wide.planes[0, 0], expected)
    assert np.array_equal(wide.planes[(..., *wide.inside)][0, 0], here.pixels)


def test_no_more_is_taken_than_a_neighbour_has(slide):
    wide = bordered(frame(slide, 100, 100), [frame(slide, 100, 112)], REACH)
    assert np.array_equal(wide.planes[0, 0], slide[100 : 100 + SIDE, 100 : 112 + SIDE])


@pytest.mark.parametrize("down", [-1, 1])
@pytest.mark.parametrize("y", [40, 160])
def test_frames_above_and_below_whichever_way_the_stage_counts(slide, y, down):
    here, other = frame(slide, 100, 100, down=down), frame(slide, y, 100, down=down)
    wide = bordered(here, [other], REACH)
    rows = slice(100 - WIDTH, 100 + SIDE) if y < 100 else slice(100, 100 + SIDE + WIDTH)
    assert np.array_equal(wide.planes[0, 0], slide[rows, 100 : 100 + SIDE])


def test_a_row_of_displacement_is_heeded(slide):
    wide = bordered(frame(slide, 100, 100), [frame(slide, 102, 160)], REACH)
    expected = slide[102 : 100 + SIDE, 100 + SIDE : 100 + SIDE + WIDTH]
    assert np.array_equal(wide.planes[0, 0, 2:, SIDE:], expected)


def test_a_neighbour_that_sees_something_else_is_no_border(slide):
    wrong = frame(slide, 100, 160, off=(0, -30))
    assert bordered(frame(slide, 100, 100), [wrong], REACH).count == 0


def test_an_error_of_the_encoder_of_a_pixel_is_allowed(slide):
    near = frame(slide, 100, 160, off=(0, 1))
    assert bordered(frame(slide, 100, 100), [near], REACH).count == 1


def test_dark_frames_are_borders_of_each_other():
    noise = np.random.default_rng(0).normal(50, 3, (2, SIDE, SIDE)).astype(np.float32)
    frames = [
        Image(plane, "YX", pixel_size=(0.5, 0.5), timing=Timing(place=(0.0, 30.0 * number)))
        for number, plane in enumerate(noise)
    ]
    assert bordered(frames[0], [frames[1]], REACH).count == 1


def test_frames_without_places_or_overlap_are_no_borders(slide):
    here = frame(slide, 100, 100)
    bare = Image(here.pixels, "YX")
    for other in (bare, frame(slide, 100, 178), frame(slide, 120, 160), here):
        wide = bordered(here, [other], REACH)
        assert wide.count == 0
        assert wide.planes.shape == (1, 1, SIDE, SIDE)
    assert offset(here, bare) is None
    assert offset(here, frame(slide, 90, 130)) == pytest.approx((-10, 30))
