"""The sample data: cells that moved, in which what moved them is found."""

import numpy as np
import pytest

import unsmear

napari_layers = pytest.importorskip("napari.layers", reason="needs unsmear[napari]")
pytest.importorskip("cv2", reason="needs unsmear[synth]")

from unsmear.napari import samples  # noqa: E402


@pytest.mark.slow
def test_the_movement_of_the_cells_is_found():
    layers = [napari_layers.Layer.create(*data) for data in samples.cells()]
    assert [layer.name for layer in layers] == [
        f"smeared cells {channel}" for channel in samples.CHANNELS
    ]
    for layer in layers:
        assert layer.data.shape == (samples.SIDE, samples.SIDE)
        assert layer.data.dtype == np.uint16
        assert tuple(layer.scale) == (samples.PIXEL_SIZE, samples.PIXEL_SIZE)
        assert layer.blending == "additive"
    estimate = unsmear.estimate_blur(layers[0].data)
    assert estimate.sure
    assert estimate.length == pytest.approx(12, abs=0.5)
    assert estimate.angle == pytest.approx(35, abs=2)


def test_the_time_lapse_is_a_stack(monkeypatch):
    monkeypatch.setattr(samples, "SIDE", 64)
    (layer,) = (napari_layers.Layer.create(*data) for data in samples.timelapse())
    assert layer.data.shape == (4, 64, 64)
    assert layer.axis_labels == ("t", "y", "x")
    assert layer.name == "smeared nuclei nuclei"
