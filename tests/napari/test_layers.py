"""Layers as images of the library: what a layer says is taken, and nothing is guessed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unsmear.errors import AxesError, ImageError
from unsmear.images import Image

napari_layers = pytest.importorskip("napari.layers", reason="needs unsmear[napari]")

from unsmear.napari import readers  # noqa: E402
from unsmear.napari.layers import choose, place_of  # noqa: E402


def layer(shape=(8, 9), dtype=np.uint16, **keywords):
    pixels = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    return napari_layers.Image(pixels, **{"name": "cells", **keywords})


@pytest.mark.parametrize(
    ("shape", "keywords", "named", "axes"),
    [
        ((8, 9), {}, "", "YX"),
        ((8, 9), {"axis_labels": ("t", "x")}, "", None),
        ((3, 8, 9), {}, "", None),
        ((3, 8, 9), {}, "tyx", "TYX"),
        ((3, 8, 9), {"axis_labels": ("z", "y", "x")}, "", "ZYX"),
        ((3, 8, 9), {"axis_labels": ("Time", "Y", "X")}, "", "TYX"),
        ((3, 8, 9), {"axis_labels": ("z", "y", "x")}, "TYX", "TYX"),
        ((3, 8, 9), {"axis_labels": ("depth", "y", "x")}, "", None),
        ((3, 8, 9), {}, "ZYXS", None),
        ((3, 8, 9), {}, "QYX", None),
        ((8, 9, 3), {"rgb": True}, "", "YXS"),
        ((8, 9, 4), {"rgb": True}, "YXS", "YXS"),
        ((2, 8, 9, 3), {"rgb": True, "axis_labels": ("t", "y", "x")}, "", "TYXS"),
        ((2, 8, 9, 3), {"rgb": True}, "CYX", None),
    ],
)
def test_axes_are_those_of_the_layer_or_those_that_were_named(shape, keywords, named, axes):
    if axes is None:
        with pytest.raises(AxesError, match="cells: "):
            choose([layer(shape, **keywords)], named)
        return
    (chosen,) = choose([layer(shape, **keywords)], named)
    image = chosen.image()
    assert chosen.axes == image.axes == axes
    np.testing.assert_array_equal(image.pixels, layer(shape, **keywords).data)
    assert image.alpha == (shape[-1] == 4)
    assert image.timing.together == (axes[-1] == "S")


def test_a_layer_without_names_of_axes_is_refused_with_what_to_type():
    with pytest.raises(AxesError) as refused:
        choose([layer((3, 8, 9))])
    assert str(refused.value) == (
        "cells: axes must be named for a layer of 3 dimensions (3x8x9), for example 'ZYX': "
        "type a letter for each into Axes."
    )


@pytest.mark.parametrize(
    ("scale", "units", "pixel_size"),
    [
        ((0.1, 0.2), ("um", "um"), (0.1, 0.2)),
        ((100, 200), ("nm", "nm"), (0.1, 0.2)),
        ((-0.1, 0.2), ("micrometer", "µm"), (0.1, 0.2)),
        ((0.1, 0.2), None, None),
        ((0.1, 0.2), ("um", "pixel"), None),
        ((0.1, 0.2), ("s", "um"), None),
        ((1, 1), ("um", "um"), None),
        ((5000, 5000), ("um", "um"), None),
    ],
)
def test_the_pixel_size_is_that_of_the_units(scale, units, pixel_size):
    (chosen,) = choose([layer(scale=scale, units=units)])
    assert chosen.pixel_size == (pixel_size and pytest.approx(pixel_size))


def test_the_largest_of_several_levels_is_taken():
    levels = [np.ones((64, 64), np.uint8), np.ones((32, 32), np.uint8)]
    (chosen,) = choose([napari_layers.Image(levels, multiscale=True, name="cells")])
    assert chosen.image().pixels.shape == chosen.sides == (64, 64)


def test_lazy_pixels_are_read_when_they_are_needed():
    class Lazy:
        shape, dtype, ndim, read = (64, 64), np.dtype("uint16"), 2, 0

        def __array__(self, dtype=None, copy=None):
            Lazy.read += 1
            return np.ones(self.shape, self.dtype)

        def __getitem__(self, index):
            return np.ones(self.shape, self.dtype)[index]

    lazy = Lazy()
    (chosen,) = choose([napari_layers.Image(lazy, contrast_limits=(0, 1), name="cells")])
    before = Lazy.read
    chosen.image()
    assert Lazy.read == before + 1


def test_what_memory_has_no_room_for_is_refused_before_it_is_read():
    class Huge:
        shape, dtype, ndim = (10**6, 10**6), np.dtype("uint16"), 2

        def __getitem__(self, index):
            return np.zeros((2, 2), np.uint16)

        def __array__(self, dtype=None, copy=None):
            raise AssertionError

    image = layer()
    (chosen,) = choose([image])
    object.__setattr__(chosen, "arrays", (Huge(),))
    with pytest.raises(ImageError, match="cells: an image must fit in"):
        chosen.image()


def test_several_layers_are_images_of_their_own_or_channels_of_one():
    layers = [layer(name=name, axis_labels=("y", "x")) for name in ("DAPI", "GFP")]
    one, other = choose(layers)
    assert (one.name, other.name, one.image().axes) == ("DAPI", "GFP", "YX")
    (joined,) = choose(layers, joined=True)
    image = joined.image()
    assert (image.axes, image.channels, image.pixels.shape) == ("CYX", ("DAPI", "GFP"), (2, 8, 9))
    assert joined.name == "DAPI and 1 more"
    first, second = joined.pixels_of(image)
    np.testing.assert_array_equal(first, layers[0].data)
    np.testing.assert_array_equal(second, layers[1].data)


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        (lambda: [], "An image layer must be chosen: click it in the layer list."),
        (
            lambda: [napari_layers.Labels(np.ones((8, 9), int), name="nuclei")],
            "nuclei: an image layer must be chosen, got one of labels.",
        ),
        (
            lambda: [napari_layers.Points(np.ones((8, 2)), name="spots")],
            "spots: an image layer must be chosen, got one of points.",
        ),
        (
            lambda: [layer(metadata={"unsmear": {"made_from": "cells"}}, name="old")],
            "old: a recorded image must be chosen, got a result of Unsmear; choose the layer that "
            "it was made from.",
        ),
        (
            lambda: [layer(name="a"), layer((8, 10), name="b")],
            "channels of one image must have one size and dtype, got 8x9 of uint16 and 8x10 of "
            "uint16 (a, b).",
        ),
        (
            lambda: [layer(name="a"), layer(dtype=np.uint8, name="b")],
            "channels of one image must have one size and dtype, got 8x9 of uint16 and 8x9 of "
            "uint8 (a, b).",
        ),
        (
            lambda: [layer(name="a"), layer((8, 9, 3), rgb=True, name="b")],
            "b: a colour image must not be a channel of another.",
        ),
        (
            lambda: [
                layer((2, 8, 9), axis_labels=("c", "y", "x"), name="a"),
                layer((2, 8, 9), axis_labels=("c", "y", "x"), name="b"),
            ],
            "a: a layer with channels must not be one, got CYX.",
        ),
        (
            lambda: [
                layer((2, 8, 9), axis_labels=("t", "y", "x"), name="a"),
                layer((2, 8, 9), axis_labels=("z", "y", "x"), name="b"),
            ],
            "channels of one image must have the same axes, got ['TYX', 'ZYX'].",
        ),
    ],
)
def test_what_cannot_be_an_image_is_refused(layers, sentence):
    with pytest.raises((ImageError, AxesError)) as refused:
        choose(layers(), joined=True)
    assert str(refused.value) == sentence


def test_a_layer_lies_where_another_ones_pixel_is():
    image = layer(
        (3, 8, 9), scale=(2, 0.1, 0.3), translate=(5, 1, 2), rotate=20, axis_labels=tuple("tyx")
    )
    at = place_of(image, (1, 4, 5))
    np.testing.assert_allclose(at, image.data_to_world((1, 4, 5)))


@st.composite
def image_of_any_axes(draw):
    """Draw an image with axes in any order."""
    axes = draw(st.sets(st.sampled_from("PTZC"))) | {"Y", "X"}
    if draw(st.booleans()) and "C" not in axes:
        axes.add("S")
    order = "".join(draw(st.permutations(sorted(axes))))
    sides = {axis: draw(st.integers(1, 4)) for axis in order} | {"S": 3}
    shape = tuple(sides[axis] for axis in order)
    pixels = np.arange(np.prod(shape)).reshape(shape).astype(np.uint16)
    channels = tuple(f"stain {n}" for n in range(sides["C"])) if "C" in axes else ()
    return Image(pixels, order, channels, draw(st.sampled_from([None, (0.1, 0.2)])))


@settings(max_examples=25)
@given(image_of_any_axes())
def test_an_image_comes_back_from_its_layers(image):
    """What a reader of ours says of a layer is enough to make the same image of it again."""
    made = [napari_layers.Layer.create(*data) for data in readers.layers(image, "cells")]
    (chosen,) = choose(made, joined=True)
    again = chosen.image()
    np.testing.assert_array_equal(again.planes(), image.planes())
    assert set(again.axes) == set(image.axes) - ({"C"} if len(made) == 1 else set())
    assert again.pixel_size == (image.pixel_size and pytest.approx(image.pixel_size))
    if len(made) > 1:
        assert again.channels == image.channels
