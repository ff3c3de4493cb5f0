"""The widget in a real viewer: click, restore, cancel in the middle, undo, and what is refused."""

import gc
import threading
import weakref

import numpy as np
import pytest

from tests.found import find_everywhere
from tests.napari.conftest import smeared
from unsmear.estimate import Estimate
from unsmear.restoration.restored import Restored

MOVED = Estimate(7.0, 30.0, 0.97, 0.1, 0.5)


@pytest.fixture
def widget(viewer, wait):
    """Return the widget in the viewer's window."""
    from unsmear.napari.widget import RestoreWidget

    widget = RestoreWidget(viewer)
    dock = viewer.window.add_dock_widget(widget)
    widget.band.setChecked(False)  # a layer less
    yield widget
    widget.cancel.click()
    wait(lambda: not widget.work.running)
    viewer.window.remove_dock_widget(dock)


@pytest.fixture
def found(monkeypatch):
    """Let one movement be found in every image."""
    find_everywhere(monkeypatch, MOVED)


@pytest.fixture
def press(widget, wait):
    """Return what clicks a button and waits until the work is done."""

    def pressed(button):
        assert button.isEnabled()
        button.click()
        wait(lambda: not widget.work.running)

    return pressed


def names(viewer):
    return [layer.name for layer in viewer.layers]


def test_names_of_layers_are_shown_as_they_are(viewer, widget):
    from qtpy.QtCore import Qt

    viewer.add_image(np.zeros((8, 8), np.uint8), name="a <b>c</b>.tif")
    assert widget.chosen.text() == "a <b>c</b>.tif"
    plain = Qt.TextFormat.PlainText
    assert [widget.chosen.textFormat(), widget.message.textFormat()] == [plain, plain]


@pytest.mark.usefixtures("found")
def test_estimate_preview_restore_and_undo(viewer, widget, press):
    pixels = smeared((128, 120))
    cells = viewer.add_image(
        pixels, name="cells", scale=(0.1, 0.1), units=("um", "um"), colormap="green",
        contrast_limits=(50, 2000), metadata={"stage": 3},
    )  # fmt: skip
    assert widget.chosen.text() == "cells"
    widget.band.setChecked(True)
    before = cells.as_layer_data_tuple()[1]

    press(widget.estimate)
    assert widget.findings.toPlainText() == (
        "linear motion of 7.0 px at 30 degrees; 0.7 µm\n"
        "almost certain: 97 of 100 such findings are right\n"
        "will be restored"
    )
    assert names(viewer)[0] == "cells"
    assert names(viewer)[1].startswith("movement x")
    assert list(viewer.layers.selection) == [cells]

    cells.corner_pixels = np.array([[20, 30], [99, 89]])
    press(widget.look)
    assert names(viewer)[1] == "cells preview"  # below the arrows
    assert viewer.layers[1].data.shape == (80, 60)
    assert widget.message.text().startswith("Preview of cells: linear motion of 7.0 px")

    press(widget.restore)
    assert [name.split(" x")[0] for name in names(viewer)] == [
        "cells", "cells restored", "cells 90 % band", "cells tiles (none refused)", "movement"
    ]  # fmt: skip
    restored, band = viewer.layers[1:3]
    assert (restored.visible, band.visible) == (True, False)
    assert restored.data.dtype == pixels.dtype
    assert not np.array_equal(restored.data, pixels)
    assert tuple(restored.scale) == (0.1, 0.1)
    assert restored.colormap.name == "green"
    assert restored.metadata["stage"] == 3
    assert "restored" in widget.findings.toPlainText()

    press(widget.before)
    assert not restored.visible
    press(widget.before)
    assert restored.visible
    assert not band.visible

    press(widget.undo)
    assert widget.findings.toPlainText() == ""  # it spoke of what was taken away
    assert [name.split(" x")[0] for name in names(viewer)] == ["cells", "movement"]
    np.testing.assert_array_equal(cells.data, pixels)
    after = cells.as_layer_data_tuple()[1]
    assert {name: str(value) for name, value in after.items()} == {
        name: str(value) for name, value in before.items()
    }
    assert not widget.undo.isEnabled()


def test_an_image_that_did_not_move_is_left_alone(viewer, widget, press, monkeypatch):
    find_everywhere(monkeypatch, Estimate(0.0, 0.0, 0.93))
    viewer.add_image(smeared(), name="cells")
    press(widget.restore)
    assert names(viewer) == ["cells"]
    assert widget.message.text() == "cells: left as it was (no motion found (confidence 0.93))."
    advice = "What to do: Nothing: an image that did not move is left as it is."
    assert advice in widget.findings.toPlainText()
    assert not widget.undo.isEnabled()


@pytest.mark.usefixtures("found")
def test_cancel_in_the_middle(viewer, widget, press, wait):
    viewer.add_image(smeared((5, 64, 64)), name="cells", axis_labels=("t", "y", "x"))
    shares = []
    widget.work.progressed.connect(lambda done, everything: shares.append(done / everything))
    widget.restore.click()
    assert not widget.restore.isEnabled()
    wait(lambda: shares)
    assert 0 < shares[0] < 1
    assert widget.progress.value() > 0
    widget.cancel.click()
    assert widget.message.text() == "Stopping ..."
    assert not widget.cancel.isEnabled()
    wait(lambda: not widget.work.running)
    assert names(viewer) == ["cells"]
    assert widget.message.text() == "Stopped; nothing was added."
    assert shares[-1] < 1
    press(widget.restore)  # again
    assert "cells restored" in names(viewer)


@pytest.mark.usefixtures("found")
def test_the_window_answers_while_it_works(viewer, widget, wait, monkeypatch):
    from unsmear.napari import widget as module

    go, threads = threading.Event(), []

    def slow(*_):
        threads.append(threading.current_thread())
        assert go.wait(60)
        raise ValueError

    monkeypatch.setattr(module.work, "restore", slow)
    viewer.add_image(smeared(), name="cells")
    widget.restore.click()
    wait(lambda: threads)
    viewer.add_points(np.ones((1, 2)), name="spots")
    assert widget.chosen.text() == "spots"
    assert threads != [threading.main_thread()]
    widget.cancel.click()
    go.set()
    wait(lambda: not widget.work.running)


def test_what_comes_of_work_is_told_in_the_thread_of_the_window(qt, wait):
    from unsmear.errors import ImageError
    from unsmear.napari.running import Work

    def job(progress):
        progress(1, 2)
        threads.append(threading.current_thread())
        return job

    def fail(progress):
        raise ImageError("cells: no image.")

    work, threads, told = Work(), [], []

    def tell(what):
        told.append((what, threading.current_thread()))

    def surprise(progress):
        raise ValueError("surprise")

    for function in (job, fail, surprise):
        work.start(function, tell, tell)
        wait(lambda: not work.running)
    here = threading.current_thread()
    assert told == [
        (job, here),
        ("cells: no image.", here),
        ("An error that was not foreseen (ValueError: surprise).", here),
    ]
    assert threads != [here]


@pytest.mark.parametrize(
    ("add", "sentence"),
    [
        (lambda v: None, "An image layer must be chosen: click it in the layer list."),
        (
            lambda v: v.add_labels(np.ones((64, 64), int), name="nuclei"),
            "nuclei: an image layer must be chosen, got one of labels.",
        ),
        (
            lambda v: v.add_image(np.ones((3, 64, 64)), name="stack"),
            "stack: axes must be named for a layer of 3 dimensions (3x64x64), for example 'ZYX': "
            "type a letter for each into Axes.",
        ),
    ],
)
def test_what_cannot_be_restored_is_refused(viewer, widget, press, add, sentence):
    add(viewer)
    before = names(viewer)
    for button in (widget.estimate, widget.look, widget.restore):
        press(button)
        assert widget.message.text() == sentence
        assert names(viewer) == before


def test_an_error_of_the_library_is_a_sentence(viewer, widget, press):
    viewer.add_image(np.ones((64, 64), bool), name="mask")
    press(widget.restore)
    assert widget.message.text() == "mask: pixels must be integers or floats, got bool."
    assert widget.restore.isEnabled()


@pytest.mark.usefixtures("found")
def test_a_result_is_that_of_the_library_and_no_recorded_image(viewer, widget, press):
    import unsmear

    pixels = smeared()
    viewer.add_image(pixels, name="cells")
    press(widget.restore)
    restored = viewer.layers["cells restored"]
    np.testing.assert_array_equal(restored.data, unsmear.restore(pixels).image)
    assert not any("band" in name for name in names(viewer))
    viewer.layers.selection = {restored}
    press(widget.restore)
    assert "got a result of Unsmear" in widget.message.text()
    viewer.layers.remove(restored)  # by hand
    press(widget.before)
    press(widget.undo)
    assert [name.split(" x")[0] for name in names(viewer)] == ["cells", "movement"]


@pytest.mark.usefixtures("found")
def test_a_colour_image(viewer, widget, press):
    pixels = np.moveaxis(smeared((3, 96, 96)), 0, -1)
    rgb = np.clip(pixels // 16, 0, 255).astype(np.uint8)
    viewer.add_image(rgb, rgb=True, name="cells")
    widget.band.setChecked(True)
    press(widget.restore)
    restored = viewer.layers["cells restored"]
    assert restored.rgb
    assert restored.data.shape == rgb.shape
    assert restored.data.dtype == np.uint8
    assert viewer.layers["cells 90 % band (largest of the colours)"].data.shape == (96, 96)


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("axis", ["z", "t"])
def test_a_stack(viewer, widget, press, axis):
    viewer.add_image(
        smeared((3, 64, 64)), name="cells", axis_labels=(axis, "y", "x"), scale=(3, 0.1, 0.1)
    )
    press(widget.estimate)
    arrows = next(layer for layer in viewer.layers if layer.name.startswith("movement"))
    assert sorted(set(arrows.data[:, 0, 0])) == [0, 1, 2]
    assert widget.findings.toPlainText().count("will be restored") == (3 if axis == "t" else 1)
    viewer.dims.set_current_step(0, 2)
    press(widget.look)
    preview = viewer.layers["cells preview"]
    assert preview.data.shape[0] == 1
    np.testing.assert_allclose(preview.data_to_world((0, 0, 0))[0], 6)
    press(widget.restore)
    assert viewer.layers["cells restored"].data.shape == (3, 64, 64)
    assert viewer.layers["cells restored"].axis_labels == (axis, "y", "x")


@pytest.mark.usefixtures("found")
def test_axes_that_are_typed(viewer, widget, press):
    viewer.add_image(smeared((2, 64, 64)), name="cells")
    assert widget.axes.placeholderText() == "to be typed, such as TYX"
    widget.axes.setText("tyx")
    press(widget.estimate)
    assert widget.findings.toPlainText().startswith("t=0\n")


@pytest.mark.usefixtures("found")
def test_several_levels(viewer, widget, press):
    pixels = smeared((600, 560))
    viewer.add_image([pixels, pixels[::2, ::2]], multiscale=True, name="cells")
    press(widget.restore)
    restored = viewer.layers["cells restored"]
    assert restored.multiscale
    assert restored.data[0].shape == (600, 560)


@pytest.mark.usefixtures("found")
def test_channels_of_one_image(viewer, widget, press):
    for name, seed in (("DAPI", 0), ("GFP", 1)):
        viewer.add_image(smeared(seed=seed), name=name, blending="additive", colormap="green")
    viewer.layers.selection = set(viewer.layers)
    assert widget.chosen.text() == "DAPI, GFP"
    widget.joined.setChecked(True)
    press(widget.estimate)
    assert widget.findings.toPlainText().count("will be restored") == 1
    press(widget.restore)
    lowest, other = (viewer.layers[f"{name} restored"] for name in ("DAPI", "GFP"))
    assert (lowest.blending, other.blending) == ("opaque", "additive")
    assert set(viewer.layers.selection) == {viewer.layers["DAPI"], viewer.layers["GFP"]}


@pytest.mark.usefixtures("found")
def test_several_images_one_after_the_other(viewer, widget, press):
    for name, seed in (("one", 0), ("two", 1)):
        viewer.add_image(smeared(seed=seed), name=name)
    viewer.layers.selection = set(viewer.layers)
    press(widget.restore)
    assert {"one restored", "two restored"} <= set(names(viewer))
    assert [line.split(":")[0] for line in widget.message.text().splitlines()] == ["one", "two"]
    assert widget.findings.toPlainText().splitlines()[0] == "one"


@pytest.mark.usefixtures("found")
def test_what_was_estimated_is_used_as_long_as_the_pixels_are_the_same(
    viewer, widget, press, monkeypatch
):
    from unsmear.napari import widget as module

    given = []

    def watched(image, found, *_):
        given.append(len(found))
        return Restored(image, False, "no motion")

    monkeypatch.setattr(module.work, "restore", watched)
    cells = viewer.add_image(smeared(), name="cells")
    press(widget.restore)
    press(widget.estimate)
    press(widget.restore)
    cells.data = smeared(seed=1)
    press(widget.restore)
    assert given == [0, 1, 0]


def test_a_closed_widget_lets_go_of_the_viewer(viewer, qt):
    from unsmear.napari.widget import RestoreWidget

    events = viewer.layers.selection.events.changed
    widget = RestoreWidget(viewer)
    gone = weakref.ref(widget)
    dock = viewer.window.add_dock_widget(widget)
    assert any("RestoreWidget" in str(owner) for owner, _ in events.callbacks)
    viewer.window.remove_dock_widget(dock)
    del widget, dock
    qt.processEvents()
    gc.collect()
    assert gone() is None
    viewer.add_image(smeared(), name="cells")
    assert not any("RestoreWidget" in str(owner) for owner, _ in events.callbacks)
