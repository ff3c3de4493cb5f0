"""What is scanned: a slide that is drawn as far as it is looked at, or a given image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from unsmear import images
from unsmear.errors import ImageError
from unsmear.images import Image, slides
from unsmear.synthetic import scene
from unsmear.synthetic.field import protein
from unsmear.synthetic.scene import PSF
from unsmear.synthetic.stains import chromatin, microtubules, reticulum, stain
from unsmear.synthetic.texture import Plane, blur

Stain = Literal["nuclei", "microtubules", "reticulum", "protein"]
"""What of the cells is stained."""

PIECE, FADE = 512, 64
"""Sides of the pieces in which a slide is drawn, and of the seams where two fade into each other,
pixels."""
BRIGHT = 99.5
"""Percentile of a drawn piece that becomes `LEVEL`."""
LEVEL = 0.7
"""Normalised intensity of the bright parts of a drawn slide."""
FAR = 2**20
"""Added to the numbers of pieces, which can be negative, for the random generator."""


class Specimen(Protocol):
    """A slide as light: normalised intensities, without noise."""

    def window(self, top: int, left: int, height: int, width: int) -> NDArray[np.float32]:
        """Return a window, (y, x), which may begin left of the slide or above it."""
        ...


@dataclass(frozen=True)
class Drawn:
    """A slide without end of synthetic cells. pixel_size: micrometres."""

    seed: int = 0
    stain: Stain = "nuclei"
    pixel_size: float = 0.16

    def window(self, top: int, left: int, height: int, width: int) -> NDArray[np.float32]:
        """Return a window, in which pieces that lie side by side fade into each other."""
        light = np.zeros((height, width), np.float32)
        rows = range((top - FADE) // PIECE, (top + height - 1) // PIECE + 1)
        columns = range((left - FADE) // PIECE, (left + width - 1) // PIECE + 1)
        for row, column in product(rows, columns):
            piece = _piece(self, row, column)
            y, x = row * PIECE - top, column * PIECE - left
            here = np.s_[max(y, 0) : max(y + len(piece), 0), max(x, 0) : max(x + len(piece), 0)]
            part = light[here]
            start = here[0].start - y, here[1].start - x
            light[here] += piece[start[0] :, start[1] :][: part.shape[0], : part.shape[1]]
        return light


@dataclass(frozen=True)
class Given:
    """A slide in a file: the first plane of its first channel; `given` makes one.

    white: counts that are a normalised intensity of 1.
    """

    path: str
    white: float

    def window(self, top: int, left: int, height: int, width: int) -> NDArray[np.float32]:
        """Return a window; beyond its borders the slide is mirrored."""
        slide = _open(self.path)
        tall, wide = _planes(slide)[-2:]
        rows, columns = (
            _mirrored(np.arange(start, start + size), whole)
            for start, size, whole in ((top, height, tall), (left, width, wide))
        )
        spans = [slice(int(part.min()), int(part.max()) + 1) for part in (rows, columns)]
        if isinstance(slide, Image):
            counts = slide.planes()[0, 0][spans[0], spans[1]]
        else:
            counts = slide.read(0, 0, spans[0], spans[1])
        counts = counts[np.ix_(rows - spans[0].start, columns - spans[1].start)]
        return np.asarray(counts / self.white, np.float32)


def given(path: Path) -> Given:
    """Return the slide in a file, whose brightest pixel becomes a normalised intensity of 1.

    Raises ImageError for a file that cannot be read, or that is dark everywhere.
    """
    slide = _open(str(path))
    if isinstance(slide, Image):
        white = float(slide.planes()[0, 0].max())
    else:
        height, width = _planes(slide)[-2:]
        step = max(1, slide.chunk[0])
        starts = range(0, height, step)
        bands = (slide.read(0, 0, slice(y, min(y + step, height)), slice(0, width)) for y in starts)
        white = max(float(band.max()) for band in bands)
    if not white > 0:
        raise ImageError(f"{path.name}: a slide must have light somewhere, got none above 0.")
    return Given(str(path), white)


def _planes(slide: Image | slides.Slide) -> tuple[int, ...]:
    image = slide if isinstance(slide, Image) else slide.header
    return image.planes().shape


@lru_cache(1)
def _open(path: str) -> Image | slides.Slide:
    """Return a slide: by windows where it is large and can be read so."""
    header = slides.header(Path(path))
    if header is not None and slides.is_slide(header):
        return slides.open(Path(path))
    return images.check_no_gaps(images.read(path), "a simulated scan")


def _mirrored(places: NDArray[Any], size: int) -> NDArray[np.intp]:
    """Return places inside 0 to size - 1 by mirroring, as often as it takes."""
    if size == 1:
        return np.zeros(len(places), np.intp)
    period = 2 * (size - 1)
    inside = places % period
    return np.asarray(np.minimum(inside, period - inside), np.intp)


@lru_cache(32)
def _piece(slide: Drawn, row: int, column: int) -> Plane:
    """Return a piece of a drawn slide, darkened towards its sides by what its neighbours add."""
    rising = np.sin(np.linspace(0, np.pi / 2, FADE + 1)[:-1]) ** 2
    along = np.concatenate([rising, np.ones(PIECE - FADE), 1 - rising]).astype(np.float32)
    light = _light(slide, row, column) * np.float32(LEVEL / _brightness(slide))
    return np.asarray(light * along * along[:, None], np.float32)


@lru_cache(1)
def _brightness(slide: Drawn) -> float:
    """Return the intensity of the bright parts of a slide, by which all of it is scaled."""
    return max(float(np.percentile(_light(slide, 0, 0), BRIGHT)), 1e-3)


@lru_cache(4)
def _light(slide: Drawn, row: int, column: int) -> Plane:
    """Return the light of a piece behind the optics, in the units of its stain."""
    generator = np.random.default_rng((slide.seed, row + FAR, column + FAR))
    side = PIECE + FADE
    drawn = scene.build(generator, (side, side), slide.pixel_size, dividing=False)
    if slide.stain == "protein":
        plane = protein(drawn, (0,), stain(drawn))
    else:
        draw = {"nuclei": chromatin, "microtubules": microtubules, "reticulum": reticulum}
        plane = draw[slide.stain](drawn)
    return np.maximum(blur(plane, PSF / slide.pixel_size), 0)
