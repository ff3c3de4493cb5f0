"""Every format that the library reads is opened as layers, and layers are written again."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml

import unsmear
from unsmear import images
from unsmear.images import Image

napari_layers = pytest.importorskip("napari.layers", reason="needs unsmear[napari]")

from unsmear.napari import readers, writers  # noqa: E402

MANIFEST = Path(readers.__file__).with_name("napari.yaml")


def counts(*shape):
    return np.random.default_rng(0).integers(0, 900, shape).astype(np.uint16)


def opened(path):
    """Return the layers that napari makes of a file, asking by the plugin's manifest."""
    npe2 = pytest.importorskip("npe2", reason="needs unsmear[napari]")
    npe2.PluginManager.instance().discover()
    data = npe2.read([str(path)], stack=False, plugin_name="unsmear")
    return [napari_layers.Layer.create(*each) for each in data]


def test_napari_is_told_of_every_format():
    manifest = yaml.safe_load(MANIFEST.read_text())
    (contributed,) = manifest["contributions"]["readers"]
    assert set(contributed["filename_patterns"]) == {
        *(f"*{ending}" for ending in images.SUFFIXES), "*.zarr"
    }  # fmt: skip


@pytest.mark.parametrize("name", ["cells.ome.tif", "cells.tif", "cells.ome.zarr"])
def test_channels_are_layers_with_their_calibration(tmp_path, name):
    image = Image(counts(2, 3, 32, 40), "TCYX", ("DAPI", "GFP", "RFP"), (0.1, 0.2))
    unsmear.write(tmp_path / name, image)
    layers = opened(tmp_path / name)
    assert [layer.name for layer in layers] == ["cells DAPI", "cells GFP", "cells RFP"]
    for channel, layer in enumerate(layers):
        assert layer.axis_labels == ("t", "y", "x")
        np.testing.assert_allclose(layer.scale, (1, 0.1, 0.2), rtol=1e-3)
        assert [str(unit) for unit in layer.units] == ["pixel", "micrometer", "micrometer"]
        np.testing.assert_array_equal(layer.data, image.pixels[:, channel])
        assert layer.metadata["unsmear"] == {
            "channel": image.channels[channel], "file": str(tmp_path / name)
        }  # fmt: skip


def test_a_colour_image_is_one_layer(tmp_path):
    pixels = counts(32, 40, 3).astype(np.uint8)
    unsmear.write(tmp_path / "cells.png", Image(pixels, "YXS"))
    (layer,) = opened(tmp_path / "cells.png")
    assert layer.rgb
    assert layer.axis_labels == ("y", "x")
    np.testing.assert_array_equal(layer.data, pixels)
    assert [str(unit) for unit in layer.units] == ["pixel", "pixel"]


def test_grey_with_opacity_is_grey(tmp_path):
    image = Image(counts(32, 40, 2).astype(np.uint8), "YXS", alpha=True)
    (layer,) = (napari_layers.Layer.create(*data) for data in readers.layers(image, "cells"))
    np.testing.assert_array_equal(layer.data, image.pixels[..., 0])


def test_a_large_image_has_levels():
    image = Image(np.zeros((5000, 600), np.uint8), "YX")
    (layer,) = (napari_layers.Layer.create(*data) for data in readers.layers(image, "cells"))
    assert layer.multiscale
    assert [level.shape for level in layer.data][:2] == [(5000, 600), (2500, 300)]


def test_a_file_of_several_images_gives_all_of_them(tmp_path, monkeypatch):
    path = tmp_path / "cells.lif"
    path.write_bytes(b"p\0\0\0")
    monkeypatch.setattr(readers.images, "scenes", lambda _: ["first", "second"])
    monkeypatch.setattr(
        readers.images, "read", lambda _, scene: Image(np.full((8, 8), scene, np.uint8), "YX")
    )
    layers = readers.read(str(path))
    assert [keywords["name"] for _, keywords, _ in layers] == ["cells first", "cells second"]
    assert [int(data[0, 0]) for data, _, _ in layers] == [0, 1]


def test_what_is_no_image_is_left_to_others(tmp_path):
    text, archive = tmp_path / "cells.tif", tmp_path / "cells.png"
    text.write_text("no image")
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a", "b")
    (tmp_path / "folder.zarr").mkdir()
    for path in (text, archive, tmp_path / "folder.zarr", tmp_path / "missing.tif"):
        assert readers.reader_of(str(path)) is None
    assert readers.reader_of([str(text), str(text)]) is None
    with pytest.raises(unsmear.ImageError, match="One file must be opened at a time"):
        readers.read([str(text), str(text)])


def test_a_damaged_file_is_refused_in_a_sentence(tmp_path):
    path = tmp_path / "cells.png"
    unsmear.write(path, Image(counts(32, 40), "YX"))
    path.write_bytes(path.read_bytes()[:200])
    reader = readers.reader_of(path)
    with pytest.raises(unsmear.ImageError, match=r"cells\.png: "):
        reader(path)


@pytest.mark.parametrize("name", ["again.ome.tif", "again.ome.zarr"])
def test_what_is_written_is_what_was_read(tmp_path, name):
    image = Image(counts(2, 3, 32, 40), "TCYX", ("DAPI", "GFP", "RFP"), (0.1, 0.2))
    layers = [napari_layers.Layer.create(*data) for data in readers.layers(image, "cells")]
    path = str(tmp_path / name)
    assert writers.write(path, [layer.as_layer_data_tuple() for layer in layers]) == [path]
    again = unsmear.read(path)
    np.testing.assert_array_equal(again.planes(), image.planes())
    assert again.channels == image.channels
    assert again.pixel_size == pytest.approx(image.pixel_size, rel=1e-3)
    assert set(again.axes) == set("TCYX")


def test_a_result_is_written_and_a_stack_without_axes_is_not(tmp_path):
    done = {"unsmear": {"made_from": "cells"}}
    layer = napari_layers.Image(counts(32, 40), name="cells restored", metadata=done)
    path = str(tmp_path / "restored.tif")
    writers.write(path, [layer.as_layer_data_tuple()])
    np.testing.assert_array_equal(unsmear.read(path).pixels, layer.data)
    stack = napari_layers.Image(counts(3, 32, 40), name="stack").as_layer_data_tuple()
    with pytest.raises(unsmear.AxesError, match="stack: axes must be named"):
        writers.write(path, [stack])
