"""Layers of a result: they keep what the original has, and say which tiles were refused."""

import numpy as np
import pytest

from unsmear.images import Image
from unsmear.restoration.restored import Restored

napari_layers = pytest.importorskip("napari.layers", reason="needs unsmear[napari]")

from unsmear.napari import results  # noqa: E402
from unsmear.napari.layers import choose  # noqa: E402

KEPT = (
    "scale", "translate", "rotate", "shear", "units", "axis_labels", "contrast_limits", "gamma",
    "opacity", "blending", "interpolation2d", "rendering",
)  # fmt: skip


def layer(shape=(80, 70), **keywords):
    pixels = np.random.default_rng(0).integers(0, 900, shape).astype(np.uint16)
    return napari_layers.Image(pixels, **{"name": "cells", **keywords})


def made(chosen, verdicts=None, band=None, touched=True):
    image = chosen.image()
    result = Restored(
        Image(image.pixels + 1, image.axes, image.channels, alpha=image.alpha),
        touched,
        "linear motion",
        verdicts=None if verdicts is None else np.asarray(verdicts, np.uint8),
        uncertainty=band,
    )
    return [napari_layers.Layer.create(*data) for data in results.layers(chosen, result)]


def test_a_restored_layer_keeps_all_but_its_pixels():
    original = layer(
        scale=(0.1, 0.2), units=("um", "um"), axis_labels=("y", "x"), translate=(3, 4), rotate=10,
        colormap="magenta", contrast_limits=(20, 600), gamma=0.7, opacity=0.9, blending="additive",
        metadata={"stage": [1, 2], "unsmear": {"channel": "DAPI", "file": "a.tif"}},
    )  # fmt: skip
    (restored,) = made(choose([original])[0])
    for name in KEPT:
        np.testing.assert_array_equal(getattr(restored, name), getattr(original, name), name)
    assert restored.colormap.name == "magenta"
    assert restored.name == "cells restored"
    np.testing.assert_array_equal(restored.data, original.data + 1)
    assert restored.metadata["stage"] == [1, 2]
    record = restored.metadata["unsmear"]
    assert record["channel"] == "DAPI"
    assert record["made_from"] == "cells"
    assert record["movement"] == "linear motion"
    assert original.metadata["unsmear"] == {"channel": "DAPI", "file": "a.tif"}


def test_an_image_that_was_left_alone_gives_no_layer():
    assert made(choose([layer()])[0], touched=False) == []


def test_levels_stay_levels():
    levels = [np.ones((1200, 1100), np.uint8), np.ones((600, 550), np.uint8)]
    original = napari_layers.Image(levels, multiscale=True, name="cells")
    restored, tiles = made(choose([original])[0], np.zeros((1, 1, 38, 35)))
    assert restored.multiscale
    assert [level.shape for level in restored.data] == [(1200, 1100), (600, 550), (300, 275)]
    assert tiles.data.shape == (1200, 1100)


def test_the_map_of_tiles_lies_on_the_image():
    verdicts = np.zeros((1, 1, 3, 3))
    verdicts[0, 0, 2, 1] = 2
    verdicts[0, 0, 0, 2] = 1
    original = layer(scale=(0.1, 0.2), translate=(3, 4), rotate=10, units=("um", "um"))
    _, tiles = made(choose([original])[0], verdicts)
    assert isinstance(tiles, napari_layers.Labels)
    assert tiles.data.shape == (80, 70)
    assert (tiles.data[64:, 32:64] == 2).all()
    assert (tiles.data[:32, 64:] == 1).all()
    assert np.count_nonzero(tiles.data) == 16 * 32 + 32 * 6
    np.testing.assert_array_equal(tiles.extent.world, original.extent.world)
    assert tiles.visible
    assert tiles.name == "cells tiles"
    said = dict(zip(tiles.features["index"], tiles.features["tile"], strict=True))
    assert said == {0: "restored", 1: said[1], 2: "replaced by the recorded image", 3: said[3]}


def test_maps_of_tiles_are_those_of_channels_that_have_some():
    layers = [layer(name=name) for name in ("DAPI", "GFP")]
    (chosen,) = choose(layers, joined=True)
    verdicts = np.zeros((1, 2, 3, 3))
    *_, only = made(chosen, verdicts)
    assert only.name == "DAPI tiles (none refused)"
    assert not only.data.any()
    verdicts[0, 1] = 3
    first, second, tiles = made(chosen, verdicts)
    assert [one.name for one in (first, second, tiles)] == [
        "DAPI restored", "GFP restored", "GFP tiles"
    ]  # fmt: skip
    assert (tiles.data == 3).all()
    np.testing.assert_array_equal(second.data, layers[1].data + 1)


def test_stacks_have_their_tiles_in_each_slice():
    (chosen,) = choose([layer((2, 3, 40, 40))], "TZYX")
    verdicts = np.zeros((6, 1, 2, 2))
    verdicts[4, 0, 0, 0] = 2  # time point 1, slice 1
    *_, tiles = made(chosen, verdicts)
    assert tiles.data.shape == (2, 3, 40, 40)
    assert np.argwhere(tiles.data.any(axis=(2, 3))).tolist() == [[1, 1]]


def test_a_colour_image_has_one_map_and_one_band():
    (chosen,) = choose([layer((40, 40, 4), rgb=True)])
    verdicts = np.zeros((1, 3, 2, 2))
    verdicts[0, 2, 1, 1] = 2
    half_width = np.arange(3, dtype=np.float32) * np.ones((40, 40, 3), np.float32)
    restored, band, tiles = made(chosen, verdicts, Image(half_width, "YXS"))
    assert restored.rgb
    assert restored.data.shape == (40, 40, 4)
    assert tiles.data.shape == band.data.shape == (40, 40)
    assert np.count_nonzero(tiles.data) == 64
    assert (band.data == 2).all()
    assert band.name == "cells 90 % band (largest of the colours)"


def test_the_band_is_a_hidden_layer_with_counts():
    (chosen,) = choose([layer(scale=(0.1, 0.2), units=("um", "um"))])
    half_width = np.full((80, 70), 7.5, np.float32)
    half_width[0, 0] = np.nan
    _, band = made(chosen, None, Image(half_width, "YX"))
    assert not band.visible
    assert band.name == "cells 90 % band"
    assert band.data.dtype == np.float32
    np.testing.assert_array_equal(band.data, half_width)
    assert tuple(band.contrast_limits) == (0, 7.5)
    assert tuple(band.scale) == (0.1, 0.2)


def test_results_are_not_taken_for_recorded_images():
    from unsmear.errors import ImageError

    (chosen,) = choose([layer()])
    restored, band, _ = made(
        chosen, np.zeros((1, 1, 3, 3)), Image(np.ones((80, 70), np.float32), "YX")
    )
    for result in (restored, band):
        with pytest.raises(ImageError, match="a recorded image must be chosen"):
            choose([result])
