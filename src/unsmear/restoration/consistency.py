"""Re-blurring consistency check of a restored image, and replacement of inconsistent tiles.

In each tile the residual blurred - kernel * restored is compared with the blurred image's noise.
Structure that a restorer has invented is still visible after the blur, so the residual shows it.
Means over cells of 4x4 pixels are compared: their noise variance is 16 times lower, their structure
nearly the same. Thresholds, and how often each kind of error is found: docs/design/harm.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from unsmear.blur import Kernel
from unsmear.filters import box_mean, window_maxima
from unsmear.images.area_mean import reduce
from unsmear.restoration.base import Batch
from unsmear.restoration.noise import CELL, Noise

TILE = 32
"""Side of the tiles that are checked, pixels; the last tile of a row or column may be shorter."""
RAMP = 16
"""Width of the ramp around a replaced tile over which its replacement fades out, pixels."""
MISFIT = 3.0
"""Normalised residual (misfit) of a tile above which it is inconsistent."""
TOLERANCE = 0.1
"""Allowed residual as a fraction of the local contrast, because no kernel is known exactly."""
FLOOR = 0.01
"""Residual floor as a fraction of the plane's standard deviation; no restorer is more exact."""

ROWS = 32
"""Number of rows of cells that are convolved together."""
PRIOR = 8
"""Number of cells of ratio 1 that are added to the mean of every tile."""

SUSPECT = 1.5
"""Misfit above which a tile next to an inconsistent one is inconsistent too, because invented
structure crosses borders of tiles."""
WRONG_KERNEL = 0.1
"""Fraction of inconsistent tiles above which the kernel is taken to be wrong."""

RESTORED, DECONVOLVED, INPUT, LEFT = 0, 1, 2, 3
"""Verdict on a tile: it is kept, replaced by the plain deconvolution, or by the blurred image; or
nothing was restored there, because its exposure is not known to have moved so."""
WORDS = ("kept", "deconvolved", "input", "left")
"""Names of the verdicts in reports and JSON, in their order."""
Verdicts = NDArray[np.uint8]
"""Verdicts on tiles, (batch, channel, rows, columns)."""


@dataclass(frozen=True, eq=False)
class Check:
    """Result of the consistency check of an image.

    misfit: (batch, channel, rows, columns), the normalised residual of each tile: its mean square
        over what noise and an inexact kernel allow; about 1 or below in a consistent tile; 1 where
        nothing is known, as along the image's border.
    empty: (batch, channel), planes that hold nothing but noise: there is nothing to restore.
    contradicted: (batch, channel), planes with light at frequencies that the kernel does not pass;
        nothing in them is consistent. None: in no plane.
    """

    misfit: NDArray[np.float32]
    empty: NDArray[np.bool_]
    contradicted: NDArray[np.bool_] | None = None

    @property
    def explained(self) -> NDArray[np.bool_]:
        """Whether each tile is consistent with the image, (batch, channel, rows, columns)."""
        bad = self.misfit > MISFIT
        beside = maximum_filter(bad, size=(1, 1, 3, 3))
        none = self.empty if self.contradicted is None else self.empty | self.contradicted
        return np.asarray(~bad & ~(beside & (self.misfit > SUSPECT)) & ~none[..., None, None])

    @property
    def worst(self) -> float:
        """Largest misfit of any tile."""
        return float(self.misfit.max(initial=0))

    @property
    def share(self) -> float:
        """Fraction of inconsistent tiles, 0 to 1."""
        return float(1 - self.explained.mean()) if self.misfit.size else 0.0

    @property
    def kernel_may_be_right(self) -> NDArray[np.bool_]:
        """Whether few enough tiles of each plane, (batch, channel), are inconsistent.

        Use it on the check of the plain deconvolution: structure that a network invents says
        nothing about the kernel. Always true for empty planes. Each plane is judged by itself,
        because channels must not mix.
        """
        return np.asarray(((~self.explained).mean(axis=(2, 3)) <= WRONG_KERNEL) | self.empty)


def check(
    restored: Batch,
    blurred: Batch,
    kernel: Kernel,
    noises: Sequence[Noise],
    gaps: NDArray[np.bool_] | None = None,
    plain: Batch | None = None,
) -> Check:
    """Return how consistent the restored image, blurred by the kernel, is with the blurred one.

    restored, blurred: (batch, channel, y, x) in one unit, before rounding and clipping.
    kernel: that of the restoration. noises: of each channel of the blurred image.
    gaps: true where a pixel holds no data and was filled; nothing is known there.
    plain: the plain deconvolution. In channels whose kernel is right (`Noise.kernel_fits`) its
        residual, which its regularisation leaves, is allowed too.

    Pixels within the kernel's reach of the image's border are left out, and so are those as bright
    as the plane's brightest if that is repeated (a saturated camera). A gain and an offset of both
    images, and so of the noise, change nothing. Channels and planes are checked independently.
    """
    count, channels, rows, columns = tiles_of(blurred)
    misfit = np.ones((count, channels, rows, columns), np.float32)
    empty = np.zeros((count, channels), bool)
    contradicted = np.tile([noise.kernel_fails for noise in noises], (count, 1))
    phases = Phases(kernel)
    for i, j in product(range(count), range(channels)):
        cells = _Cells.of(blurred[i, j], noises[j], None if gaps is None else gaps[i, j])
        if cells.means.size:
            known = plain[i, j] if plain is not None and noises[j].kernel_fits else None
            misfit[i, j] = _misfit(cells, restored[i, j], phases, (rows, columns), known)
            empty[i, j] = _nothing_but_noise(cells, (rows, columns))
    return Check(misfit, empty, contradicted & ~empty)


def tiles_of(planes: NDArray[Any]) -> tuple[int, int, int, int]:
    """Return the shape of maps of tiles, (batch, channel, rows, columns), of planes."""
    count, channels, height, width = planes.shape
    return count, channels, -(-height // TILE), -(-width // TILE)


def fall_back(
    restored: Batch, plain: Batch, blurred: Batch, checked: Check, plain_check: Check
) -> tuple[Batch, Verdicts]:
    """Return the restored image with its inconsistent tiles replaced, and the verdicts.

    plain: the plain deconvolution. checked, plain_check: the checks of `restored` and of `plain`.

    An inconsistent tile is replaced by the plain deconvolution if that is consistent, and otherwise
    by the blurred image. If too many tiles of a plane's plain deconvolution are inconsistent, the
    kernel is wrong for it (`Check.kernel_may_be_right`), and the whole plane is the blurred one. A
    plane whose own tiles are all consistent is kept whatever its plain deconvolution is like: that
    exists only if some plane has an inconsistent tile, and channels must not decide about others.

    A replacement is complete on its tile and fades out over RAMP pixels around it; pixels further
    away are the restored ones, bit for bit. A plane that holds nothing but noise is the blurred
    one. The total intensity is not conserved; see `flux.conserve`.
    """
    verdicts = np.where(
        checked.explained, RESTORED, np.where(plain_check.explained, DECONVOLVED, INPUT)
    ).astype(np.uint8)
    consistent = checked.explained.all(axis=(2, 3))
    rejected = checked.empty | (~plain_check.kernel_may_be_right & ~consistent)
    verdicts[rejected] = INPUT
    result = restored.copy()
    for i, j in product(*map(range, restored.shape[:2])):
        if rejected[i, j]:
            result[i, j] = blurred[i, j]
            continue
        for verdict, replacement in ((DECONVOLVED, plain), (INPUT, blurred)):
            _blend(result[i, j], replacement[i, j], verdicts[i, j] == verdict)
    return result, verdicts


def _blend(
    plane: NDArray[np.float32], replacement: NDArray[np.float32], tiles: NDArray[Any]
) -> None:
    """Replace the marked tiles of the plane in place, with a ramp around them."""
    if not tiles.any():
        return
    weight = np.kron(tiles, np.ones((TILE, TILE), np.uint8)).astype(np.uint8)
    weight = weight[: plane.shape[0], : plane.shape[1]]
    # Grown by half a ramp, then averaged over a whole one: 1 on the tile, 0 beyond the ramp.
    side = RAMP + 1
    grown = window_maxima(weight, side).astype(np.float32)
    faded = box_mean(grown, (side, side), "edge")
    touched = faded > 1e-6
    part = np.minimum(faded[touched], 1)
    plane[touched] += part * (replacement[touched] - plane[touched])
    whole = weight > 0
    plane[whole] = replacement[whole]


@dataclass(frozen=True, eq=False)
class _Cells:
    """A plane of the blurred image, averaged over whole cells.

    means: (y, x), less `mean`, that of the plane. variance: noise variance of each mean.
    saturated: whether a pixel in or beside the cell is saturated, or holds no data.
    gaps: whether a pixel in the cell holds no data. contrast: see `Noise`.
    """

    means: NDArray[np.float32]
    mean: float
    variance: NDArray[np.float32]
    saturated: NDArray[np.bool_]
    gaps: NDArray[np.bool_] | None = None
    contrast: float = 0.0

    @classmethod
    def of(
        cls, plane: NDArray[np.float32], noise: Noise, gaps: NDArray[np.bool_] | None = None
    ) -> _Cells:
        plane = _crop(plane)
        height, width = (side // CELL for side in plane.shape)
        if not plane.size:
            return cls(plane, 0.0, plane, plane > 0)
        means = reduce(plane, (height, width))
        white = plane == plane.max()
        if np.count_nonzero(white) in (1, plane.size):
            white[:] = False
        empty: NDArray[np.bool_] | None = None
        if gaps is not None:
            white |= _crop(gaps)
            blocks = _crop(gaps).reshape(height, CELL, width, CELL)
            empty = np.asarray(blocks.any(axis=(1, 3)))
        touched = reduce(white.astype(np.float32), (height, width))
        mean = float(means.mean(dtype=np.float64))
        return cls(
            means - np.float32(mean),
            mean,
            noise.variance(means) / np.float32(CELL**2)
            + np.float32(noise.shared)
            + _roundoff(plane),
            window_maxima(touched, 3) > 0,
            empty,
            noise.contrast,
        )


def _crop(plane: NDArray[Any]) -> NDArray[Any]:
    """Return the part of a plane that whole cells fill."""
    height, width = (side // CELL * CELL for side in plane.shape)
    return plane[:height, :width]


def _roundoff(plane: NDArray[np.float32]) -> np.float32:
    """Return the variance of rounding errors of sums in single precision."""
    return np.float32((4 * np.finfo(np.float32).eps * float(np.abs(plane).max())) ** 2 + 1e-30)


def _misfit(
    cells: _Cells,
    restored: NDArray[np.float32],
    phases: Phases,
    tiles: tuple[int, int],
    plain: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Return each tile's mean ratio of the squared residual to its allowed square."""

    def residual(plane: NDArray[np.float32]) -> NDArray[np.float32]:
        return cells.means - phases.cell_means(_crop(plane), cells.mean)

    tall, wide = (2 * (-(-reach // CELL)) + 3 for reach in phases.reach)
    around, squares = (box_mean(part, (tall, wide)) for part in (cells.means, cells.means**2))
    contrast = np.maximum(squares - around**2, 0)
    spread = float(np.square(cells.means).mean(dtype=np.float64))
    least = FLOOR**2 * max(spread, cells.contrast**2)
    allowed = cells.variance + np.float32(TOLERANCE**2) * contrast + np.float32(least)
    if plain is not None:
        # The largest around, for another restorer's residual has other signs in other cells.
        allowed += window_maxima(residual(plain) ** 2, 5)
    known = ~cells.saturated & phases.inside(cells.means.shape)
    return _over_tiles(residual(restored) ** 2 / allowed, known, tiles)


def _nothing_but_noise(cells: _Cells, tiles: tuple[int, int]) -> bool:
    """Return whether every tile is consistent with a constant."""
    everywhere = np.ones(cells.means.shape, bool) if cells.gaps is None else ~cells.gaps
    return bool(_over_tiles(cells.means**2 / cells.variance, everywhere, tiles).max() <= MISFIT)


def _over_tiles(
    ratios: NDArray[np.float32], known: NDArray[np.bool_], tiles: tuple[int, int]
) -> NDArray[np.float32]:
    """Return the mean ratio of each tile's known cells and of PRIOR cells of ratio 1.

    The mean of few cells is far from 1 by chance; the prior cells pull it towards 1.
    """
    side = TILE // CELL
    sums = []
    for values in (np.where(known, ratios, 0), known):
        padded = np.zeros((tiles[0] * side, tiles[1] * side), np.float32)
        padded[: values.shape[0], : values.shape[1]] = values
        sums.append(padded.reshape(tiles[0], side, tiles[1], side).sum(axis=(1, 3)))
    return np.asarray((sums[0] + PRIOR) / (sums[1] + PRIOR), np.float32)


class Phases:
    """Polyphase form of a kernel, for the means over cells of an image convolved with it.

    A whole convolution would compute 16 values for each mean. With the image's pixels sorted by
    their position in their cell, each of the 16 positions needs a kernel with sides of a quarter,
    on an image with sides of a quarter. The sums over the 16 positions are one product of matrices
    for each tap, that is for each place of such a kernel.
    """

    def __init__(self, kernel: Kernel) -> None:
        centre = len(kernel) // 2
        down, across = (np.abs(np.flatnonzero(kernel.any(axis)) - centre).max() for axis in (1, 0))
        self.reach = int(down), int(across)
        """Reach of the kernel vertically and horizontally, pixels."""
        down, across = steps = tuple(-(-reach // CELL) for reach in self.reach)
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
        sorted_ = taps.reshape(2 * down + 1, CELL, 2 * across + 1, CELL).swapaxes(1, 2)
        used = sorted_.any(axis=(2, 3))
        self._places = np.argwhere(used)
        self._weights = sorted_[used].reshape(-1, CELL**2).astype(np.float32)
        self._steps = down, across

    def cell_means(self, plane: NDArray[np.float32], level: float = 0.0) -> NDArray[np.float32]:
        """Return the means over cells of the convolved plane, less a level; wrong within reach of
        its border.

        plane: (y, x), sides multiples of CELL. It is worked on in strips: a large plane has no room
        for copies.
        """
        height, width = (side // CELL for side in plane.shape)
        down, across = self._steps
        total = np.zeros((height, width), np.float32)
        for top in range(0, height, ROWS):
            bottom = min(top + ROWS, height)
            rows = plane[max(0, top - down) * CELL : (bottom + down) * CELL] - np.float32(level)
            cells = rows.reshape(-1, CELL, width, CELL).transpose(1, 3, 0, 2)
            beyond = max(0, down - top), max(0, bottom + down - height)
            strip = np.pad(cells, ((0, 0), (0, 0), beyond, (across, across)), mode="edge")
            products = self._weights @ strip.reshape(CELL**2, -1)
            inside = total[top:bottom]
            for part, (y, x) in zip(products, self._places, strict=True):
                shifted = part.reshape(strip.shape[2:])
                inside += shifted[y : y + len(inside), x : x + width]
        return total

    def inside(self, cells: tuple[int, ...]) -> NDArray[np.bool_]:
        """Return which cells the kernel does not connect to the border; cells: their numbers."""
        margins = (-(-reach // CELL) for reach in self.reach)
        known = np.zeros(cells, bool)
        known[tuple(slice(margin, -margin or None) for margin in margins)] = True
        return known
