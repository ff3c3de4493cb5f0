"""The command line and `unsmear.restore` decide alike whether an image is touched."""

import numpy as np
import pytest

from unsmear import images, restore
from unsmear.blur import Defocus, Motion, convolve
from unsmear.images import Image
from unsmear.synthetic import draw_field


@pytest.mark.slow
def test_both_leave_the_same_images_alone(tmp_path, unsmear):
    sharp = draw_field(np.random.default_rng(3), (224, 240)).planes[:1]  # one channel: seconds
    blurred = np.rint(convolve(sharp, Motion(12, 30).kernel())).astype(np.uint8)
    random = np.random.default_rng(1)
    cases = {
        "moved": blurred,
        "sharp": sharp,
        "defocused": np.rint(convolve(sharp, Defocus(4).kernel())).astype(np.uint8),
        "noise": random.integers(0, 255, sharp.shape).astype(np.uint8),
        "flat": np.full_like(sharp, 40),
        "dim": random.poisson(blurred / 60).astype(np.uint8),
    }
    folder, out = tmp_path / "in", tmp_path / "out"
    for name, pixels in cases.items():
        images.write(folder / f"{name}.tif", Image(pixels, "CYX"))
    finished = unsmear("restore", folder, "-o", out)
    assert finished.code == 0
    touched = set()
    for name in cases:
        restored = restore(images.read(folder / f"{name}.tif"))
        written = images.read(out / f"{name}.tif").pixels
        np.testing.assert_array_equal(written, restored.image.pixels)
        line = next(line for line in finished.out.splitlines() if line.startswith(f"{name}: "))
        assert ("left unchanged" in line) == (not restored.touched)
        assert line.startswith(f"{name}: {restored.movement}")
        touched |= {name} if restored.touched else set()
    assert "moved" in touched
    assert not touched & {"sharp", "noise", "flat", "defocused"}
