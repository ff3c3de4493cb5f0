"""The blur recipe of Goncalves and Ferreira's paper, reproduced bit for bit.

Its kernel is that of OpenCV's `warpAffine`, computed here; blurred counts are OpenCV's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.blur.kernel import Kernel, check_kernel
from unsmear.errors import ImageError, KernelError, MissingExtra


@dataclass(frozen=True)
class Paper:
    """The paper's recipe: a diagonal of ones, rotated, divided by its degree.

    Its sum is not 1 (0.56 to 1.00), so it darkens, and its centroid is off by up to half a pixel.
    Degree 6 at -45 degrees without normalisation, the paper's own, moves by six pixels vertically.

    Attributes
    ----------
    degree
        Side of the kernel, pixels.
    angle
        Of the rotation, degrees, added to the diagonal's.
    normalise
        Stretch the result to the whole range of the dtype, as some copies of the recipe do.

    Raises
    ------
    KernelError
        For a parameter out of range.

    References
    ----------
    Goncalves and Ferreira, "Generative Image Deblurring for Human Protein Cell Classification".

    Examples
    --------
    >>> import unsmear
    >>> round(float(unsmear.Paper().recipe().sum()), 2)
    0.72
    >>> round(float(unsmear.Paper().kernel().sum()), 6)
    1.0
    """

    degree: int = 6
    angle: float = -45.0
    normalise: bool = False

    def __post_init__(self) -> None:
        if not (1 <= self.degree <= 512 and self.degree == int(self.degree)):
            raise KernelError(f"degree must be a whole number from 1 to 512, got {self.degree}.")
        if not np.isfinite(self.angle):
            raise KernelError(f"angle must be finite degrees, got {self.angle}.")

    def recipe(self) -> NDArray[np.float64]:
        """Return the recipe's own matrix, (degree, degree), for OpenCV's correlation."""
        degree = int(self.degree)
        return _turned_diagonal(degree, float(self.angle)) / degree

    def kernel(self) -> Kernel:
        """Return the same motion as a kernel that sums to 1, for deconvolution."""
        recipe = self.recipe()
        even = 1 - recipe.shape[0] % 2  # OpenCV's anchor is at degree // 2
        return check_kernel(np.pad(recipe, ((0, even), (0, even)))[::-1, ::-1])

    def apply(self, counts: NDArray[Any]) -> NDArray[Any]:
        """Return blurred counts, (..., y, x) in the same dtype, as OpenCV computes them.

        With `normalise` all planes of the array are stretched together, to 0..255 for 8 bit, to the
        dtype's maximum for other integers and to 0..1 for floats.

        Raises ImageError for another dtype, and MissingExtra without OpenCV.
        """
        if counts.dtype not in (np.uint8, np.uint16, np.int16, np.float32, np.float64):
            raise ImageError(
                f"an image must be of 8 or 16 bit or floats for the paper's recipe, "
                f"got {counts.dtype}."
            )
        try:
            import cv2
        except ImportError as error:
            raise MissingExtra(
                "The paper's recipe needs OpenCV: pip install 'unsmear[synth]'."
            ) from error
        planes = counts.reshape(-1, *counts.shape[-2:])
        # As one interleaved image: OpenCV rounds the last columns of a row by their position.
        blurred = cv2.filter2D(np.ascontiguousarray(np.moveaxis(planes, 0, -1)), -1, self.recipe())
        blurred = np.moveaxis(blurred.reshape(*planes.shape[1:], -1), -1, 0)
        if self.normalise:
            white = np.iinfo(counts.dtype).max if counts.dtype.kind in "iu" else 1
            flat = np.ascontiguousarray(blurred).reshape(-1, blurred.shape[-1])
            blurred = np.asarray(cv2.normalize(flat, None, 0, white, cv2.NORM_MINMAX))
        return np.asarray(blurred.reshape(counts.shape))


def _turned_diagonal(side: int, angle: float) -> NDArray[np.float64]:
    """Return a diagonal of ones turned about (side / 2, side / 2), to the last bit as by OpenCV.

    OpenCV's `warpAffine` rounds the place that each pixel comes from to 1/32 of a pixel, after
    two roundings to 1/1024, and interpolates linearly between the four pixels there.
    """
    cos, sin, middle = np.cos(angle * np.pi / 180), np.sin(angle * np.pi / 180), side / 2
    shift_x, shift_y = (1 - cos) * middle - sin * middle, sin * middle + (1 - cos) * middle
    scale = 1 / (cos * cos + sin * sin)
    # The inverse rotation: from a pixel to where it comes from.
    xx, xy, yx, yy = cos * scale, sin * -scale, -sin * -scale, cos * scale
    from_x, from_y = -xx * shift_x - xy * shift_y, -yx * shift_x - yy * shift_y
    at = np.arange(side)

    def thirtyseconds(of_x: float, of_y: float, start: float) -> NDArray[np.intp]:
        across = np.rint(of_x * at * 1024).astype(np.intp)
        down = np.rint((of_y * at + start) * 1024).astype(np.intp) + 16
        return np.asarray((down[:, None] + across) >> 5)

    x, y = thirtyseconds(xx, xy, from_x), thirtyseconds(yx, yy, from_y)
    column, row = x >> 5, y >> 5
    right, below = (x & 31) / 32, (y & 31) / 32

    def ones(row: NDArray[np.intp], column: NDArray[np.intp]) -> NDArray[np.bool_]:
        return np.asarray((row == column) & (row >= 0) & (row < side))

    turned = ones(row, column) * ((1 - below) * (1 - right))
    turned += ones(row, column + 1) * ((1 - below) * right)
    turned += ones(row + 1, column) * (below * (1 - right))
    turned += ones(row + 1, column + 1) * (below * right)
    return np.asarray(turned, np.float64)
