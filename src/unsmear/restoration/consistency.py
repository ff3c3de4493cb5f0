"""Does a restored image, blurred again, explain the blurred one? And what to do where it does not.

Tile by tile the residual blurred - kernel * restored is compared with the blurred image's noise.
Structure that a restorer made up is still there after the blur, and so it stands out. Means over
cells of 4x4 pixels are compared: noise falls by 16, structure hardly at all. The thresholds and
how often each kind of error is found: docs/design/harm.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from unsmear.blur import Kernel
from unsmear.restoration.base import Batch
from unsmear.restoration.noise import Noise

CELL = 4
"""Pixels; residuals are averaged over cells of this side."""
TILE = 32
"""Pixels; one verdict a tile. Tiles start at the image's first pixel, the last may be shorter."""
RAMP = 16
"""Pixels around a replaced tile over which what replaces it fades out, in a straight line."""
MISFIT = 3.0
"""Ratio of a tile's residual to what is allowed, both squared, above which it is not explained."""
TOLERANCE = 0.1
"""Of the blurred image's contrast around a cell that may remain: no kernel is known exactly."""
LEAST = 0.01
"""Of the plane's standard deviation that may always remain; no restorer is more exact than that."""

PRIOR = 8
"""Cells of ratio 1 that every tile starts with."""

DOUBT = 1.5
"""Above which a tile beside one that is not explained is not either: what was made up overlaps."""
FITS = 0.1
"""Share of unexplained tiles above which the kernel itself is not believed."""

KEPT, DECONVOLVED, INPUT = 0, 1, 2
WORDS = ("kept", "deconvolved", "input")
"""What a verdict means: the restored tile stands, or is replaced by the plain deconvolution, or by
the blurred image itself."""
Verdicts = NDArray[np.uint8]
"""(batch, channel, rows, columns) of tiles: KEPT, DECONVOLVED or INPUT."""


@dataclass(frozen=True, eq=False)
class Check:
    """How well each tile explains the blurred image.

    misfit: (batch, channel, rows, columns), the residual's mean square over what noise and an
        inexact kernel allow; 1 or below where all is well; 1 where nothing is known, as along the
        image's border.
    empty: (batch, channel), planes that hold nothing but noise: there is nothing to restore.
    """

    misfit: NDArray[np.float32]
    empty: NDArray[np.bool_]

    @property
    def explained(self) -> NDArray[np.bool_]:
        """Whether each tile explains the blurred image, (batch, channel, rows, columns)."""
        bad = self.misfit > MISFIT
        beside = maximum_filter(bad, size=(1, 1, 3, 3))
        return np.asarray(~bad & ~(beside & (self.misfit > DOUBT)) & ~self.empty[..., None, None])

    @property
    def worst(self) -> float:
        """The largest misfit of any tile."""
        return float(self.misfit.max(initial=0))

    @property
    def share(self) -> float:
        """The share of tiles that do not explain the blurred image, 0 to 1."""
        return float(1 - self.explained.mean()) if self.misfit.size else 0.0

    @property
    def fits(self) -> NDArray[np.bool_]:
        """Whether so few tiles of each plane, (batch, channel), are unexplained that the kernel may
        be right. Ask it of the plain deconvolution: what a network makes up says nothing of that.
        Planes that are empty fit; each plane is asked by itself, for channels must not mix.
        """
        return np.asarray(((~self.explained).mean(axis=(2, 3)) <= FITS) | self.empty)


def check(restored: Batch, blurred: Batch, kernel: Kernel, noises: Sequence[Noise]) -> Check:
    """Return how well the restored image, blurred by the kernel, explains the blurred one.

    restored, blurred: (batch, channel, y, x) in one unit, before rounding and clipping.
    kernel: that of the restoration. noises: of each channel of the blurred image.

    Pixels within the kernel's reach of the image's border, and those as bright as the plane's
    brightest where that is repeated (a saturated camera), are left out. A gain and an offset of
    both images, and so of the noise, change nothing; channels and planes do not see each other.
    """
    count, channels, height, width = blurred.shape
    rows, columns = -(-height // TILE), -(-width // TILE)
    misfit = np.ones((count, channels, rows, columns), np.float32)
    empty = np.zeros((count, channels), bool)
    phases = Phases(kernel)
    for i, j in product(range(count), range(channels)):
        cells = _Cells.of(blurred[i, j], noises[j])
        if cells.means.size:
            misfit[i, j] = _misfit(cells, _crop(restored[i, j]), phases, (rows, columns))
            empty[i, j] = _nothing_but_noise(cells, (rows, columns))
    return Check(misfit, empty)


def fall_back(
    restored: Batch, plain: Batch, blurred: Batch, checked: Check, plainly: Check
) -> tuple[Batch, Verdicts]:
    """Return the restored image with the tiles replaced that explain nothing, and the verdicts.

    plain: the plain deconvolution. checked, plainly: the checks of `restored` and of `plain`.

    A tile that does not explain the blurred image is replaced by the plain deconvolution where
    that does, else by the blurred image. Where too many tiles of a plane's plain deconvolution do
    not, the kernel is wrong for it (`Check.fits`), and the whole blurred plane comes back. A plane
    whose own tiles are all explained is kept whatever its plain deconvolution is like: that one is
    only looked at when some plane has a bad tile, and no other channel may decide over this one.

    A replacement is whole on its tile and fades out over RAMP pixels around it; pixels further off
    are the restored ones, bit for bit. A plane that holds nothing but noise is the blurred one.
    Light is not conserved; see `light.conserve`.
    """
    verdicts = np.where(
        checked.explained, KEPT, np.where(plainly.explained, DECONVOLVED, INPUT)
    ).astype(np.uint8)
    whole = checked.explained.all(axis=(2, 3))
    given_up = checked.empty | (~plainly.fits & ~whole)
    verdicts[given_up] = INPUT
    mended = restored.copy()
    for i, j in product(*map(range, restored.shape[:2])):
        if given_up[i, j]:
            mended[i, j] = blurred[i, j]
            continue
        for verdict, other in ((DECONVOLVED, plain), (INPUT, blurred)):
            _blend(mended[i, j], other[i, j], verdicts[i, j] == verdict)
    return mended, verdicts


def _blend(plane: NDArray[np.float32], other: NDArray[np.float32], tiles: NDArray[Any]) -> None:
    """Put `other` over the plane in the tiles marked, fading out around them."""
    if not tiles.any():
        return
    weight = np.kron(tiles, np.ones((TILE, TILE), np.uint8)).astype(np.uint8)
    weight = weight[: plane.shape[0], : plane.shape[1]]
    # Grown by half a ramp, then averaged over a whole one: 1 on the tile, 0 beyond the ramp.
    side = RAMP + 1
    grown = cv2.dilate(weight, np.ones((side, side), np.uint8)).astype(np.float32)
    faded = cv2.blur(grown, (side, side), borderType=cv2.BORDER_REPLICATE)
    touched = faded > 1e-6
    part = np.minimum(faded[touched], 1)
    plane[touched] += part * (other[touched] - plane[touched])
    whole = weight > 0
    plane[whole] = other[whole]


@dataclass(frozen=True, eq=False)
class _Cells:
    """A plane of the blurred image in cells; what does not fill a cell at its end is left out.

    means: (y, x), less `mean`, that of the plane. variance: of the noise of each mean.
    saturated: whether a pixel in or beside the cell is.
    """

    means: NDArray[np.float32]
    mean: float
    variance: NDArray[np.float32]
    saturated: NDArray[np.bool_]

    @classmethod
    def of(cls, plane: NDArray[np.float32], noise: Noise) -> _Cells:
        plane = _crop(plane)
        height, width = (side // CELL for side in plane.shape)
        if not plane.size:
            return cls(plane, 0.0, plane, plane > 0)
        means = cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA)
        white = plane == plane.max()
        if np.count_nonzero(white) in (1, plane.size):
            white[:] = False
        touched = cv2.resize(
            white.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA
        )
        mean = float(means.mean(dtype=np.float64))
        return cls(
            means - np.float32(mean),
            mean,
            noise.variance(means) / np.float32(CELL**2) + _roundoff(plane),
            cv2.dilate(touched, np.ones((3, 3), np.uint8)) > 0,
        )


def _crop(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the part of a plane that whole cells fill."""
    height, width = (side // CELL * CELL for side in plane.shape)
    return plane[:height, :width]


def _roundoff(plane: NDArray[np.float32]) -> np.float32:
    """Return the variance that sums in single precision may be wrong by."""
    return np.float32((4 * np.finfo(np.float32).eps * float(np.abs(plane).max())) ** 2 + 1e-30)


def _misfit(
    cells: _Cells, restored: NDArray[np.float32], phases: Phases, tiles: tuple[int, int]
) -> NDArray[np.float32]:
    """Return each tile's mean ratio of the residual's square to what is allowed."""
    residual = cells.means - phases.cell_means(restored - np.float32(cells.mean))
    window = tuple(2 * (-(-reach // CELL)) + 3 for reach in reversed(phases.reach))
    around, squares = (cv2.blur(part, window) for part in (cells.means, cells.means**2))
    contrast = np.maximum(squares - around**2, 0)
    least = LEAST**2 * float(np.square(cells.means).mean(dtype=np.float64))
    allowed = cells.variance + np.float32(TOLERANCE**2) * contrast + np.float32(least)
    known = ~cells.saturated & phases.inside(cells.means.shape)
    return _over_tiles(residual**2 / allowed, known, tiles)


def _nothing_but_noise(cells: _Cells, tiles: tuple[int, int]) -> bool:
    """Return whether a constant explains every tile."""
    everywhere = np.ones(cells.means.shape, bool)
    return bool(_over_tiles(cells.means**2 / cells.variance, everywhere, tiles).max() <= MISFIT)


def _over_tiles(
    ratios: NDArray[np.float32], known: NDArray[np.bool_], tiles: tuple[int, int]
) -> NDArray[np.float32]:
    """Return the mean ratio of each tile's known cells and of PRIOR cells of ratio 1.

    The mean of few cells is far from 1 by chance alone; the more are known, the more they say.
    """
    side = TILE // CELL
    sums = []
    for values in (np.where(known, ratios, 0), known):
        padded = np.zeros((tiles[0] * side, tiles[1] * side), np.float32)
        padded[: values.shape[0], : values.shape[1]] = values
        sums.append(padded.reshape(tiles[0], side, tiles[1], side).sum(axis=(1, 3)))
    return np.asarray((sums[0] + PRIOR) / (sums[1] + PRIOR), np.float32)


class Phases:
    """A kernel cut up for `cell_means`: means over cells of the image convolved with it.

    The mean over a cell is one number of 16 that a whole convolution would work out. With the
    image's pixels sorted by their place in their cell, each of the 16 places needs a kernel of a
    quarter of the size, on an image of a quarter of the size.
    """

    def __init__(self, kernel: Kernel) -> None:
        centre = len(kernel) // 2
        down, across = (np.abs(np.flatnonzero(kernel.any(axis)) - centre).max() for axis in (1, 0))
        self.reach = int(down), int(across)
        """Pixels above and below, left and right."""
        steps = tuple(-(-reach // CELL) for reach in self.reach)
        # The mean over a cell at 0 sees the pixel at o with the kernel's mean at places - o.
        taps = np.zeros([CELL * (2 * step + 1) for step in steps])
        inner = kernel[
            centre - self.reach[0] : centre + self.reach[0] + 1,
            centre - self.reach[1] : centre + self.reach[1] + 1,
        ][::-1, ::-1]
        for y, x in product(range(CELL), range(CELL)):
            top, left = (
                CELL * step - reach + place
                for step, reach, place in zip(steps, self.reach, (y, x), strict=True)
            )
            taps[top : top + inner.shape[0], left : left + inner.shape[1]] += inner / CELL**2
        sorted_ = taps.reshape(2 * steps[0] + 1, CELL, 2 * steps[1] + 1, CELL)
        self.kernels = sorted_.transpose(1, 3, 0, 2).astype(np.float32)

    def cell_means(self, plane: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the means over the cells of the plane convolved; wrong within reach of its border.

        plane: (y, x), sides multiples of CELL.
        """
        total = np.zeros([side // CELL for side in plane.shape], np.float32)
        for y, x in product(range(CELL), range(CELL)):
            place = np.ascontiguousarray(plane[y::CELL, x::CELL])
            total += cv2.filter2D(place, -1, self.kernels[y, x], borderType=cv2.BORDER_REPLICATE)
        return total

    def inside(self, cells: tuple[int, ...]) -> NDArray[np.bool_]:
        """Return the cells, of so many, out of whose pixels the kernel reaches no border."""
        margins = (-(-reach // CELL) for reach in self.reach)
        known = np.zeros(cells, bool)
        known[tuple(slice(margin, -margin or None) for margin in margins)] = True
        return known
