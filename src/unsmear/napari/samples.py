"""Sample data: synthetic cells that moved while they were exposed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Motion, convolve
from unsmear.blur.camera import Camera
from unsmear.images import Image
from unsmear.napari.arrows import LayerData
from unsmear.napari.readers import layers

SIDE = 512
"""Side of the images, pixels."""
PIXEL_SIZE = 0.16
"""Pixel size, micrometres."""
CHANNELS = ("microtubules", "protein", "nuclei")
"""Channels that are drawn."""
CAMERA = Camera(photons=3000, read_noise=3, offset=100, bits=16, saturation=1.5)
"""Camera that records them."""
COLOURS = ("red", "green", "blue")


def cells() -> list[LayerData]:
    """Return cells of three stains in one exposure, smeared by 12 pixels; needs `synth`."""
    return _coloured(_recorded([Motion(12, 35)])[0], "CYX", "smeared cells")


def timelapse() -> list[LayerData]:
    """Return nuclei at four time points, each smeared by another movement; the second is sharp."""
    motions = [Motion(8, 20), Motion(0, 0), Motion(14, 110), Motion(10, 160)]
    return _coloured(_recorded(motions)[:, 2:], "TCYX", "smeared nuclei")


def _recorded(motions: Sequence[Motion]) -> NDArray[Any]:
    """Return (time, channel, y, x) counts of a field that moved so; raises MissingExtra."""
    from unsmear.synthetic import draw_field

    generator = np.random.default_rng(19)
    field = draw_field(generator, (SIDE, SIDE), pixel_size=PIXEL_SIZE, bits=16)
    sharp = field.planes[: len(CHANNELS)] / np.float32(65535)
    return np.stack(
        [CAMERA.expose(convolve(sharp, motion.kernel()), generator) for motion in motions]
    )


def _coloured(pixels: NDArray[Any], axes: str, name: str) -> list[LayerData]:
    """Return the layers of an image; several channels are shown in colours of their own."""
    several = pixels.shape[axes.index("C")] > 1
    image = Image(pixels, axes, CHANNELS if several else CHANNELS[2:], (PIXEL_SIZE, PIXEL_SIZE))
    shown = {"blending": "additive"} if several else {}
    return [
        (data, {**keywords, **shown, "colormap": colour if several else "gray"}, kind)
        for (data, keywords, kind), colour in zip(layers(image, name), COLOURS, strict=False)
    ]
