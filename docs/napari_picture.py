"""Make the picture of the plugin in napari: `xvfb-run -a python docs/napari_picture.py`.

    python docs/napari_picture.py [PICTURE]

The sample of smeared cells is opened, estimated, and its middle previewed. It needs a display with
OpenGL, a virtual one for example, and `unsmear[napari]` with a package for Qt.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from qtpy.QtWidgets import QApplication

import napari

PICTURE = Path(__file__).parent / "pictures" / "napari.jpg"
SIZE = 1240, 820
"""Width and height of the window, pixels."""
LONGEST = 120.0
"""Longest time that a step may take, seconds."""


def main(picture: Path = PICTURE) -> None:
    """Write the picture."""
    viewer = napari.Viewer(show_welcome_screen=False)
    viewer.window.resize(*SIZE)
    viewer.open_sample("unsmear", "cells")
    _, widget = viewer.window.add_plugin_dock_widget("unsmear", "Restore layers")
    viewer.layers.selection = set(viewer.layers)
    widget.joined.setChecked(True)
    wait(lambda: False, 1.0)  # until all is drawn
    for step in (widget.estimate, widget.look):
        step.click()
        wait(lambda: not widget.work.running)
    wait(lambda: False, 1.0)
    shot = viewer.screenshot(canvas_only=False, flash=False)
    viewer.close()
    Image.fromarray(np.ascontiguousarray(shot[..., :3])).save(picture, quality=85, optimize=True)


def wait(done: Callable[[], bool], longest: float = LONGEST) -> None:
    """Let the window work until something is done, or so many seconds have gone."""
    end = time.monotonic() + longest
    while not done() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
