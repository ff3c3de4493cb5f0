"""Kernels: their common form (odd, square, non-negative, sum 1), from files and from arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from unsmear import images, plain_files
from unsmear.errors import AxesError, ImageError, KernelError, error_text, shown
from unsmear.images import Image

Kernel = NDArray[np.float64]
"""A sampled point spread function, (size, size), odd; rows grow downwards; its centre is at row and
column size // 2."""


class Blur(Protocol):
    """One family of kernels: a frozen dataclass of its physical parameters.

    `Motion`, `Trajectory`, `Defocus`, `Gaussian`, `Paper`, `Given` and `Sampled` are blurs; any
    object with this method is one too.

    Examples
    --------
    >>> import unsmear
    >>> def largest(blur: unsmear.Blur) -> float:
    ...     return float(blur.kernel().max())
    >>> largest(unsmear.Motion(0))
    1.0
    """

    def kernel(self) -> Kernel:
        """Return the sampled point spread function."""
        ...


SUBPIXELS = 8
"""Points along a side of a kernel's pixel when it is resampled."""
OUTERMOST = 0.5 - 0.5 / SUBPIXELS
"""Distance of the outermost of these points from the middle of the pixel, pixels."""
LARGEST_SIDE = 1025
"""Largest side of a kernel, pixels; motions and other blurs reach over 512."""
LARGEST_TEXT = 16 * 2**20
"""Largest text file of a kernel that is read, bytes."""
PEDESTAL = 0.01
"""Smallest value of a kernel above 3x3, as a fraction of its largest, that counts as background."""


def check_kernel(kernel: NDArray[Any], name: str = "kernel") -> Kernel:
    """Return `kernel` as float64, made odd, square and summing to 1.

    A kernel that is not square is padded with zeros on both sides of its shorter axis. An even side
    has no centre, so it is refused.

    Raises KernelError for another number of dimensions, an even side, one of over 1025 pixels that
    are not all 0 at its ends, negative or non-finite values, a sum of 0, or a background that was
    not subtracted.
    """
    kernel = np.asarray(kernel)
    sizes = "x".join(map(str, kernel.shape))
    if kernel.ndim != 2 or not all(side % 2 for side in kernel.shape):
        raise KernelError(f"{name}: a kernel must have two odd sides, got {sizes}.")
    if max(kernel.shape) > LARGEST_SIDE:  # empty sides say nothing
        kernel = _without_margins(kernel)
        _check_side(max(kernel.shape), name)
    kernel = np.asarray(kernel, np.float64)
    if not np.isfinite(kernel).all() or kernel.min() < 0 or kernel.max() == 0:
        raise KernelError(
            f"{name}: a kernel must be finite, 0 or more everywhere and not all 0, "
            f"got values from {kernel.min()} to {kernel.max()}."
        )
    side = max(kernel.shape)
    if kernel.size > 9 and kernel.min() > PEDESTAL * kernel.max():
        raise KernelError(
            f"{name}: a kernel must fall to 0 at its sides, got no value below "
            f"{kernel.min() / kernel.max():.1%} of its largest; subtract the background."
        )
    kernel = kernel / kernel.max()  # sums of huge values overflow
    pad = [((side - length) // 2,) * 2 for length in kernel.shape]
    padded: Kernel = np.pad(kernel, pad) / kernel.sum()
    return padded


def _check_side(side: int, name: str) -> None:
    """Raise KernelError for a kernel that is larger than any blur of a camera."""
    if side > LARGEST_SIDE:
        raise KernelError(
            f"{name}: a kernel's sides must have at most {LARGEST_SIDE} pixels, got {side}."
        )


def _without_margins(kernel: NDArray[Any]) -> NDArray[Any]:
    """Return the part of a kernel in which it is not 0, around the same centre."""
    spans = []
    for axis, side in enumerate(kernel.shape):
        held = np.flatnonzero(kernel.any(axis=1 - axis))
        reach = int(np.abs(held - side // 2).max(initial=0))
        spans.append(slice(side // 2 - reach, side // 2 + reach + 1))
    return kernel[tuple(spans)]


def extent(kernel: Kernel) -> tuple[int, int]:
    """Return the height and the width, pixels, in which a kernel has 99 % of its light."""
    height, width = (
        int(np.diff(np.searchsorted(np.cumsum(kernel.sum(axis=axis)), (0.005, 0.995)))[0]) + 1
        for axis in (1, 0)
    )
    return height, width


def read_kernel(path: str | Path, plane: int | None = None) -> Kernel:
    """Return the kernel in a text file (rows of numbers), an .npy file or a grey image.

    plane: number of the kernel in a file of several, see `read_kernels`; None for a file of one.

    Raises KernelError for a file that holds none, or several of which none was chosen.
    """
    planes = read_kernels(path).planes()
    planes = planes.reshape(-1, *planes.shape[2:])
    name = Path(path).name
    if plane is None and len(planes) > 1:
        raise KernelError(f"{name}: a kernel must be one grey plane, got {len(planes)}.")
    if not 0 <= (plane or 0) < len(planes):
        raise KernelError(f"{name}: a kernel's plane must be 0 to {len(planes) - 1}, got {plane}.")
    return check_kernel(planes[plane or 0], name)


def read_kernels(path: str | Path) -> Image:
    """Return what a kernel's file holds, as it is stored: one grey plane, or a stack of them.

    Raises KernelError for a file that cannot be read.
    """
    path = Path(path)
    try:
        if path.suffix.lower() in (".txt", ".csv"):
            text = plain_files.read(path, LARGEST_TEXT).replace(",", " ")
            rows = [line.split() for line in text.splitlines() if line.strip()]
            return Image(np.array(rows, float), "YX", name=path.name)
        return images.read(path)
    except (ImageError, AxesError, OSError, ValueError) as error:
        raise KernelError(
            f"{path.name}: the kernel cannot be read ({error_text(error)})."
        ) from error


def resampled(kernel: Kernel, scale: tuple[float, float]) -> Kernel:
    """Return a kernel on pixels of another size, with the same sum.

    scale: (y, x), the size of the kernel's pixels over that of the new ones. Each pixel is a square
    of even light, whose points are shared bilinearly by four new pixels.
    """
    held = _without_margins(kernel)
    reaches = [side // 2 for side in held.shape]
    furthest = max((reach + OUTERMOST) * by for reach, by in zip(reaches, scale, strict=True))
    radius = max(1, math.ceil(furthest - 1e-9))
    _check_side(2 * radius + 1, "kernel")
    rows, columns = (_shares(*along, radius) for along in zip(reaches, scale, strict=True))
    shared = rows @ held @ columns.T
    return np.asarray(shared / shared.sum(), np.float64)


def _shares(reach: int, by: float, radius: int) -> NDArray[np.float64]:
    """Return how much of each pixel along an axis falls on each new one, (new, old).

    reach: pixels on either side of the centre, and radius: the same of new ones. by: size of a
    pixel over that of a new one.
    """
    offsets = (np.arange(SUBPIXELS) + 0.5) / SUBPIXELS - 0.5
    points = (np.arange(-reach, reach + 1)[:, None] + offsets) * by
    low = np.floor(points)
    upper = points - low
    places = (low + radius).astype(np.intp)
    shares = np.zeros((2 * radius + 3, 2 * reach + 1))  # a margin of one for the neighbours
    old = np.broadcast_to(np.arange(2 * reach + 1)[:, None], points.shape)
    np.add.at(shares, (places, old), 1 - upper)
    np.add.at(shares, (places + 1, old), upper)
    return shares[:-2]


def points_kernel(
    x: NDArray[np.floating[Any]], y: NDArray[np.floating[Any]], weights: NDArray[np.floating[Any]]
) -> Kernel:
    """Return the kernel of weighted points, pixels from its centre, y downwards, each shared
    bilinearly by four pixels.
    """
    radius = max(1, int(np.ceil(max(np.abs(x).max(), np.abs(y).max()) - 1e-9)))
    side = 2 * radius + 3  # a margin of one for the neighbours on the right
    column, row = np.floor(x), np.floor(y)
    right, down = x - column, y - row
    first = ((row + radius) * side + column + radius).astype(np.intp)
    upper, lower = weights * (1 - down), weights * down
    shares = np.stack([upper * (1 - right), upper * right, lower * (1 - right), lower * right])
    places = first + np.array([0, 1, side, side + 1])[:, None]
    summed = np.bincount(places.ravel(), shares.ravel(), side * side)
    kernel = summed.reshape(side, side)[:-2, :-2]
    return np.asarray(kernel / kernel.sum(), np.float64)


@dataclass(frozen=True)
class Given:
    """The kernel in a file: rows of numbers (.txt, .csv), a NumPy array or a grey image.

    Attributes
    ----------
    path
        The file; read when the kernel is asked for, which raises KernelError for one without.
    plane
        Number of the kernel in a file of several, from 0, in the order of its positions, time
        points and channels; None for a file of one.

    Examples
    --------
    >>> import unsmear
    >>> unsmear.Given("beads.tif")
    Given(path='beads.tif', plane=None)
    """

    path: str
    plane: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.path, (str, Path)):
            raise KernelError(f"path must be a file's, got {shown(self.path)}.")
        if not isinstance(self.plane, (Integral, type(None))):
            raise KernelError(f"plane must be a whole number, got {shown(self.plane)}.")

    def kernel(self) -> Kernel:
        """Return the file's kernel, summing to 1; raises KernelError for a file without one."""
        return read_kernel(self.path, self.plane)


@dataclass(frozen=True)
class Sampled:
    """A kernel as values that can be compared and written down.

    Attributes
    ----------
    rows
        Its values, top row first; odd, square.

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> unsmear.Sampled.of(np.ones((1, 3))).kernel()
    array([[0.        , 0.        , 0.        ],
           [0.33333333, 0.33333333, 0.33333333],
           [0.        , 0.        , 0.        ]])
    """

    rows: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, kernel: Kernel) -> Sampled:
        """Return the kernel in an array, normalised; raises KernelError for no kernel."""
        return cls(tuple(tuple(map(float, row)) for row in check_kernel(kernel)))

    def kernel(self) -> Kernel:
        """Return the kernel, summing to 1; raises KernelError for rows that are none."""
        try:
            rows = np.array(self.rows, np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            raise KernelError(
                f"rows must be equally many numbers each ({error_text(error)})."
            ) from error
        return check_kernel(rows)
