"""The arrows of what was found: one for each exposure, where it is and as it lies."""

import numpy as np
import pytest

from unsmear.blur import Motion
from unsmear.estimate import Estimate
from unsmear.estimate.drift import Drift
from unsmear.estimate.exposures import Exposure

napari_layers = pytest.importorskip("napari.layers", reason="needs unsmear[napari]")

from unsmear.napari import arrows  # noqa: E402
from unsmear.napari.arrows import Found  # noqa: E402
from unsmear.napari.layers import choose  # noqa: E402

MOVED = Estimate(10.0, 30.0, 0.97)
UNSURE = Estimate(6.0, 90.0, 0.5)
STILL = Estimate(0.0, 0.0, 0.9)


def chosen(shape=(100, 200), axes="YX", **keywords):
    layer = napari_layers.Image(np.zeros(shape, np.uint8), name="cells", **keywords)
    return choose([layer], axes)[0]


def found(estimate, planes=((0, 0),), box=None, frame=None, place=""):
    return Found(Exposure(np.array(planes), estimate, box), place, frame or {}, alone=True)


def drawn(*arguments):
    """Return the layer that napari makes of the arrows."""
    layer = napari_layers.Layer.create(*arrows.layer(*arguments))
    assert layer.vector_style == "arrow"
    return layer


def test_an_arrow_lies_in_the_middle_along_the_movement_and_has_two_heads():
    layer = drawn(chosen(scale=(0.1, 0.1), units=("um", "um")), [found(MOVED)])
    along = [-5 * np.sin(np.deg2rad(30)), 5 * np.cos(np.deg2rad(30))]
    np.testing.assert_allclose(layer.data[:, 0], [[50, 100]] * 2)
    np.testing.assert_allclose(layer.data[1, 1], along)
    np.testing.assert_allclose(layer.data[0, 1], -layer.data[1, 1])
    assert tuple(layer.scale) == (0.1, 0.1)
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 2
    assert layer.name == f"movement x{layer.length:g}: cells"
    assert layer.length * 10 <= 0.2 * 100 < 3 * layer.length * 10
    assert dict(layer.features.iloc[0]) == {
        "planes": "all", "length": 10.0, "angle": 30.0, "confidence": 0.97, "sure": True
    }  # fmt: skip


def test_what_did_not_move_has_no_arrow():
    assert arrows.layer(chosen(), [found(STILL)]) is None
    assert arrows.layer(chosen(), []) is None
    defocus = Estimate(0.0, 0.0, 0.9, kind="defocus", radius=3.0)
    assert arrows.layer(chosen(), [found(defocus)]) is None


def test_what_is_unsure_has_another_colour():
    layer = drawn(chosen(), [found(MOVED), found(UNSURE)])
    assert layer.edge_color[0].tolist() != layer.edge_color[2].tolist()
    assert layer.features["sure"].tolist() == [True, True, False, False]


def test_exposures_of_one_field_lie_side_by_side_and_parts_in_their_places():
    layer = drawn(chosen(), [found(MOVED, place="DAPI"), found(UNSURE, place="GFP")])
    np.testing.assert_allclose(layer.data[::2, 0], [[50, 50], [50, 150]])
    boxes = [(slice(0, 40), slice(0, 200)), (slice(40, 100), slice(0, 200))]
    layer = drawn(chosen(), [found(MOVED, box=boxes[0]), found(UNSURE, box=boxes[1])])
    np.testing.assert_allclose(layer.data[::2, 0], [[20, 100], [70, 100]])


def test_each_time_point_has_its_own_and_each_slice_of_an_exposure():
    stack = chosen((4, 3, 100, 200), "TZYX")
    parts = [
        found(MOVED, [(0, 0), (2, 0)], frame={"T": 1}),
        found(UNSURE, [(1, 0)], frame={"T": 3}),
    ]
    layer = drawn(stack, parts)
    assert layer.data[::2, 0, :2].tolist() == [[1, 0], [1, 2], [3, 1]]
    np.testing.assert_allclose(layer.data[:, 1, :2], 0)


def test_a_colour_image_and_channels_of_one_layer():
    colour = napari_layers.Image(np.zeros((100, 200, 3), np.uint8), rgb=True, name="cells")
    layer = drawn(choose([colour])[0], [found(MOVED, [(0, 0), (0, 1), (0, 2)])])
    assert layer.data.shape == (2, 2, 2)
    layer = drawn(chosen((2, 100, 200), "CYX"), [found(MOVED, [(0, 1)])])
    np.testing.assert_allclose(layer.data[0, 0], [1, 50, 100])


@pytest.mark.parametrize(("down", "axis"), [(True, 0), (False, 1)])
def test_a_movement_that_changes_is_drawn_where_it_changes(down, axis):
    drift = Drift(down, Motion(4, 0), Motion(12, 0))
    estimate = Estimate(8.0, 0.0, 0.9, drift=drift)
    layer = drawn(chosen((200, 200)), [found(estimate)])
    lengths = 2 * np.linalg.norm(layer.data[::2, 1], axis=1)
    np.testing.assert_allclose(lengths, [4.8, 8, 11.2])
    np.testing.assert_allclose(layer.data[::2, 0, axis], [20, 100, 180])
    np.testing.assert_allclose(layer.data[::2, 0, 1 - axis], 100)
