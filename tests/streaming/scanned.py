"""A strip of frames, as tests of streams need one: a few, tiny, with the metadata of a scanner."""

from dataclasses import replace

import numpy as np

from unsmear import blur, images
from unsmear.blur import Camera, convolve
from unsmear.images import Image
from unsmear.synthetic import scan as scans
from unsmear.synthetic.scan import Exposure, Grid, Scan, Stage
from unsmear.synthetic.scan.writing import files

SPEED, EXPOSURE, PIXEL = 120, 0.01, 0.2
"""A motion of 6 pixels."""


def plan(folder, count=6, side=64, **changes):
    """Return the plan of a strip of frames of a slide of spots."""
    path = folder / "slide.tif"
    if not path.exists():
        light = np.random.default_rng(5).random((side, side * count)) ** 12
        light = convolve(light, blur.Gaussian(1.2).kernel())
        images.write(path, Image((light / light.max() * 40000).astype(np.uint16), "YX"))
    scan = Scan(
        folder / "scan", scans.given(path), Stage(SPEED), Exposure(EXPOSURE),
        Grid(count, side, 0.25, 1, PIXEL), Camera(3000, 1.0, 400.0, 16), seed=1,
    )  # fmt: skip
    return replace(scan, **changes)


def write(scan):
    """Write the frames; return their paths, and the sharp ones."""
    for index in range(scan.grid.frames):
        scans.write_frame(scan, index)
    pairs = [files(scan, index) for index in range(scan.grid.frames)]
    return [blurred for _, blurred in pairs], [sharp for sharp, _ in pairs]
