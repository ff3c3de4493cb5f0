"""The part that is seen, and what is restored there."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

from tests.napari.conftest import smeared
from unsmear.blur import Motion
from unsmear.errors import ImageError
from unsmear.estimate import Estimate
from unsmear.estimate.drift import Drift
from unsmear.estimate.exposures import Exposure

napari_layers = pytest.importorskip("napari.layers", reason="needs unsmear[napari]")

from unsmear.napari import preview  # noqa: E402
from unsmear.napari.arrows import Found  # noqa: E402
from unsmear.napari.layers import choose  # noqa: E402


def chosen(shape, axes, corners=None, **keywords):
    layer = napari_layers.Image(np.zeros(shape, np.uint16), name="cells", **keywords)
    if corners is not None:
        layer.corner_pixels = np.array(corners)
    return choose([layer], axes)[0]


def dims(point, displayed=None):
    return SimpleNamespace(
        ndim=len(point), point=tuple(map(float, point)), displayed=displayed or (-2, -1)
    )


def shown(point):
    return dims(point, (len(point) - 2, len(point) - 1))


@pytest.mark.parametrize(
    ("corners", "rows", "columns"),
    [
        ([[0, 0], [999, 1999]], (308, 692), (808, 1192)),
        ([[100, 200], [299, 449]], (100, 300), (200, 450)),
        ([[-50, -50], [99, 99]], (0, 100), (0, 100)),
        ([[990, 1990], [1500, 2500]], (968, 1000), (1968, 2000)),
        ([[500, 500], [500, 500]], (484, 516), (484, 516)),
    ],
)
def test_the_middle_of_what_is_seen(corners, rows, columns):
    part = preview.seen(chosen((1000, 2000), "YX", corners), shown((0, 0)))
    assert (part.rows.start, part.rows.stop) == rows
    assert (part.columns.start, part.columns.stop) == columns
    assert part.image().pixels.shape == (rows[1] - rows[0], columns[1] - columns[0])


def test_the_slice_is_the_one_that_is_shown():
    stack = chosen((4, 5, 64, 64), "TZYX", [[0] * 4, [3, 4, 63, 63]], scale=(2, 0.5, 1, 1))
    part = preview.seen(stack, shown((6, 1, 0, 0)))
    assert part.plane == {"T": 3, "Z": 2}
    assert part.image().pixels.shape == (1, 1, 64, 64)
    assert part.first == [3, 2, 0, 0]
    with pytest.raises(ImageError, match="cells: a preview must be of a slice that the image has"):
        preview.seen(stack, shown((40, 1, 0, 0)))


@pytest.mark.parametrize("displayed", [(0, 2), (0, 1, 2)])
def test_only_y_and_x_are_previewed(displayed):
    stack = chosen((4, 64, 64), "TYX")
    with pytest.raises(ImageError, match="cells: a preview must be of y and x; show these in 2D"):
        preview.seen(stack, dims((0, 0, 0), displayed))


def test_a_level_that_is_shown_is_no_other_part():
    levels = [np.zeros((1024, 1024), np.uint8), np.zeros((512, 512), np.uint8)]
    layer = napari_layers.Image(levels, multiscale=True, name="cells")
    layer.data_level = 1
    layer.corner_pixels = np.array([[100, 100], [150, 150]])
    part = preview.seen(choose([layer])[0], shown((0, 0)))
    assert (part.rows, part.columns) == (slice(200, 301), slice(200, 301))


def found(estimate, planes=((0, 0),), box=None, **frame):
    return Found(Exposure(np.array(planes), estimate, box), "", frame, alone=True)


def taken(monkeypatch):
    """Return a list of the kernels that are given to `restore`."""
    kernels = []
    monkeypatch.setattr(preview, "restore", lambda _, kernel=None: kernels.append(kernel))
    return kernels


def part_of(chosen, plane=None, rows=(0, 50), columns=(0, 50)):
    return preview.Part(chosen, plane or {}, slice(*rows), slice(*columns))


def test_what_was_found_there_is_taken(monkeypatch):
    kernels = taken(monkeypatch)
    top, bottom = Estimate(5.0, 0.0, 0.9), Estimate(9.0, 0.0, 0.9)
    cells = chosen((100, 100), "YX")
    parts = [
        found(top, box=(slice(0, 60), slice(0, 100))),
        found(bottom, box=(slice(60, 100), slice(0, 100))),
    ]
    preview.restored(part_of(cells), parts)
    preview.restored(part_of(cells, rows=(50, 100)), parts)
    preview.restored(part_of(cells), [])
    assert kernels == [top, bottom, None]
    stack = chosen((2, 3, 100, 100), "TZYX")
    times = [found(top, [(0, 0), (1, 0)], T=0), found(bottom, [(0, 0), (1, 0), (2, 0)], T=1)]
    preview.restored(part_of(stack, {"T": 1, "Z": 1}), times)
    preview.restored(part_of(stack, {"T": 0, "Z": 1}), times)
    preview.restored(part_of(stack, {"T": 0, "Z": 2}), times)
    assert kernels[3:] == [bottom, top, None]


def test_channels_have_their_own(monkeypatch):
    kernels = taken(monkeypatch)
    layers = [napari_layers.Image(np.zeros((64, 64), np.uint8), name=name) for name in "ab"]
    (pair,) = choose(layers, joined=True)
    one, other = Estimate(5.0, 0.0, 0.9), Estimate(9.0, 0.0, 0.9)
    preview.restored(part_of(pair), [found(one, [(0, 0), (0, 1)])])
    preview.restored(part_of(pair), [found(one), found(other, [(0, 1)])])
    preview.restored(part_of(pair), [found(other, [(0, 1)])])
    assert kernels == [one, {0: one, 1: other}, {1: other}]


@pytest.mark.parametrize(
    ("down", "rows", "columns", "length"),
    [(True, (0, 20), (0, 100), 5.0), (False, (0, 100), (80, 100), 13.0)],
)
def test_a_movement_that_changes_is_taken_as_it_is_there(monkeypatch, down, rows, columns, length):
    kernels = taken(monkeypatch)
    estimate = Estimate(9.0, 0.0, 0.9, drift=Drift(down, Motion(4, 0), Motion(14, 0)))
    preview.restored(part_of(chosen((100, 100), "YX"), None, rows, columns), [found(estimate)])
    unsure = Estimate(9.0, 0.0, 0.3, drift=estimate.drift)
    preview.restored(part_of(chosen((100, 100), "YX"), None, rows, columns), [found(unsure)])
    assert kernels == [Motion(length, 0), unsure]


@pytest.mark.slow
def test_it_takes_less_than_a_second_of_a_processor():
    """As long as anybody waits; the first one also loads the network."""
    pixels = smeared((preview.SIDE, preview.SIDE), 10, 30)
    layer = napari_layers.Image(pixels, name="cells")
    part = part_of(choose([layer])[0], None, (0, preview.SIDE), (0, preview.SIDE))
    known, seconds = [found(Estimate(10.0, 30.0, 0.95))], []
    for _ in range(4):
        began = time.process_time()
        result = preview.restored(part, known)
        seconds.append(time.process_time() - began)
    assert result.touched
    assert min(seconds) < 1


def test_a_preview_lies_where_its_part_does():
    from dataclasses import replace

    from unsmear.restoration.restored import Restored

    stack = chosen((4, 100, 100), "TYX", scale=(2, 0.1, 0.2), translate=(1, 5, 6), rotate=15)
    part = part_of(stack, {"T": 2}, (10, 60), (20, 50))
    result = Restored(replace(part.image(), metadata={}), True, "linear motion")
    (data,) = preview.layers(part, result)
    layer = napari_layers.Layer.create(*data)
    assert layer.data.shape == (1, 50, 30)
    np.testing.assert_allclose(
        layer.data_to_world((0, 0, 0)), stack.layers[0].data_to_world((2, 10, 20))
    )
    assert layer.name == "cells preview"
    assert preview.layers(part, replace(result, touched=False)) == []
