"""A real viewer of napari without a screen, and what is shown in it."""

import os
import sys
import time
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

os.environ["NAPARI_CONFIG"] = ""  # nobody's settings are read or written

WAIT = 60.0
"""Longest time that something in a thread may take, seconds."""


@pytest.fixture(scope="session")
def napari():
    """Return napari; skips without it."""
    return pytest.importorskip("napari", reason="needs unsmear[napari]")


@pytest.fixture(scope="session")
def qt(napari):
    """Return the application, without a screen; skips where no package for Qt is installed."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    os.environ.pop("DISPLAY", None)  # with one there would be OpenGL, or not
    try:
        from qtpy.QtWidgets import QApplication
    except ImportError as error:  # qtpy's own error is one
        pytest.skip(f"needs a package for Qt, such as PySide6-Essentials ({error})")
    return QApplication.instance() or QApplication([])


@pytest.fixture(scope="session")
def a_viewer(napari, qt):
    """Return a viewer that lives as long as the tests; without a screen there is no OpenGL."""
    from napari._vispy import canvas

    answers = {
        "get_gl_extensions": lambda: "texture_float",
        "get_max_texture_sizes": lambda: (16384, 2048),
    }
    drawing = [module for name, module in sys.modules.items() if name.startswith("napari._vispy")]
    with pytest.MonkeyPatch.context() as patch:
        for module, name in product(drawing, answers):
            if hasattr(module, name):
                patch.setattr(module, name, answers[name])
        # It collects garbage at every layer that is removed: in a process of many tests, seconds.
        patch.setattr(canvas, "gc", SimpleNamespace(collect=lambda: None), raising=False)
        viewer = napari.Viewer(show=False)
        yield viewer
        viewer.close()
        qt.processEvents()


@pytest.fixture
def viewer(a_viewer):
    """Return an empty viewer."""
    yield a_viewer
    a_viewer.dims.ndisplay = 2
    a_viewer.layers.clear()
    a_viewer.dims.reset()


@pytest.fixture
def wait(qt):
    """Return what waits until a condition holds, the window answering meanwhile."""

    def waited(holds, seconds=WAIT):
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, "it takes too long"
            qt.processEvents()
            time.sleep(0.002)
        qt.processEvents()

    return waited


def smeared(shape=(96, 96), length=7, angle=30, seed=0):
    """Return uint16 counts of spots that moved; the last two axes are y and x."""
    import unsmear

    rng = np.random.default_rng(seed)
    sharp = np.zeros(shape, np.float32)
    for plane in sharp.reshape(-1, *shape[-2:]):
        for y, x in rng.integers(8, min(shape[-2:]) - 8, (40, 2)):
            plane[y - 2 : y + 3, x - 2 : x + 3] += rng.uniform(500, 3000)
    blurred = unsmear.convolve(sharp, unsmear.Motion(length, angle).kernel())
    return rng.poisson(blurred + 100).astype(np.uint16)
