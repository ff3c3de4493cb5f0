"""The picture of the page on napari is made by a script, with a display that is not there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "docs/napari_picture.py"
PLATFORM = "Qt platform plugin"
"""What Qt says where libraries of X are missing."""


@pytest.mark.slow
def test_the_picture_is_made(qt, tmp_path):
    pytest.importorskip("cv2", reason="needs unsmear[synth]")
    display = shutil.which("xvfb-run")
    if display is None:
        pytest.skip("needs a virtual display: xvfb-run is not installed")
    picture = tmp_path / "napari.png"
    environment = {name: v for name, v in os.environ.items() if name != "QT_QPA_PLATFORM"}
    done = subprocess.run(
        [display, "-a", "-s", "-screen 0 1600x1200x24", sys.executable, SCRIPT, picture],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and PLATFORM in done.stderr:
        pytest.skip("needs a virtual display: libraries of X are not installed")
    assert done.returncode == 0, done.stderr
    from PIL import Image

    pixels = np.asarray(Image.open(picture))
    assert pixels.shape[:2] == (820, 1240)
    cells = pixels[300:500, 450:750]
    assert cells.reshape(-1, 3).std(axis=0).min() > 20
