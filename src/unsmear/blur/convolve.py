"""Convolution of images with kernels, with a stated boundary condition."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from unsmear.blur.kernel import Blur
from unsmear.blur.paper import Paper
from unsmear.choices import Boundary
from unsmear.errors import KernelError, OptionError

if TYPE_CHECKING:
    from torch import Tensor

BOUNDARIES: dict[str, Any] = {"reflect": "reflect", "wrap": "wrap", "zero": "constant"}
"""NumPy's padding modes of the boundary conditions."""

MOST = 100
"""Largest number of a kernel's pixels that are summed up directly."""
ROWS = 32
"""Number of rows that are summed up at a time."""
LEAST = 320
"""Least side of the tiles of a larger image that are Fourier transformed, pixels; of large kernels
four times their own side."""


def convolve(
    image: NDArray[Any], kernel: NDArray[np.float64], boundary: Boundary = "reflect"
) -> NDArray[np.float32]:
    """Return the image convolved with the kernel over its last two axes.

    Up to 100 pixels of the kernel that are not 0 are summed up directly, more by FFTs of tiles,
    whichever is faster.

    Parameters
    ----------
    image
        (..., y, x), in any counts or units; it is not changed.
    kernel
        (size, size), odd.
    boundary
        What lies beyond the border: "reflect" mirrors without repeating the border pixel (OpenCV's
        REFLECT_101), "wrap" repeats, "zero" is dark, "valid" keeps only the inner part, smaller by
        size - 1.

    Returns
    -------
    NDArray[np.float32]
        The convolved image, not rounded.

    Raises
    ------
    KernelError
        For a kernel that is not square and odd.
    OptionError
        For an unknown boundary, and an image that "valid" leaves nothing of.

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> point = np.zeros((1, 5), np.float32)
    >>> point[0, 2] = 4
    >>> unsmear.convolve(np.repeat(point, 5, 0), unsmear.Motion(2).kernel())[2]
    array([0., 1., 2., 1., 0.], dtype=float32)
    """
    pad = _radius(kernel, boundary)
    if boundary == "valid" and min(image.shape[-2:]) <= 2 * pad:
        raise OptionError(
            f"an image must be larger than its kernel for the boundary 'valid', "
            f"got {image.shape[-2]}x{image.shape[-1]} and {kernel.shape[0]}x{kernel.shape[0]}."
        )
    planes = image.reshape(-1, *image.shape[-2:])
    convolve_plane = _summed if np.count_nonzero(kernel) <= MOST else _transformed
    smaller = 2 * pad if boundary == "valid" else 0
    convolved = np.empty([len(planes), *(side - smaller for side in planes.shape[1:])], np.float32)
    for plane, result in zip(planes, convolved, strict=True):
        wide = np.asarray(plane, np.float32)
        if boundary != "valid":
            wide = np.pad(wide, pad, mode=BOUNDARIES[boundary])
        convolve_plane(np.ascontiguousarray(wide), kernel, result)
    return convolved.reshape(*image.shape[:-2], *convolved.shape[1:])


def apply(blur: Blur, counts: NDArray[Any], boundary: Boundary = "reflect") -> NDArray[Any]:
    """Return blurred counts, (..., y, x): float32, or the same dtype for the paper's recipe."""
    if isinstance(blur, Paper):
        return blur.apply(counts)
    return convolve(counts, blur.kernel(), boundary)


def convolve_batch(batch: Tensor, kernels: Tensor, boundary: Boundary = "reflect") -> Tensor:
    """Return a torch batch convolved, each image with its own kernel; differentiable.

    batch: (batch, channel, y, x). kernels: (batch, size, size), odd.
    boundary: as in `convolve`; "reflect" and "wrap" need images larger than the kernel's radius.
    """
    import torch
    from torch.nn import functional

    if not batch.is_floating_point():
        raise OptionError(f"a batch must be of floats, got {batch.dtype}.")
    if kernels.ndim != 3 or kernels.shape[0] != batch.shape[0]:
        raise KernelError(
            f"kernels must be one for each of {batch.shape[0]} images, (batch, size, size), "
            f"got {tuple(kernels.shape)}."
        )
    pad = _radius(kernels[0], boundary)
    smallest = {"reflect": pad + 1, "wrap": pad, "valid": 2 * pad + 1}.get(boundary, 1)
    if min(batch.shape[-2:]) < smallest:
        raise OptionError(
            f"an image must have sides of at least {smallest} pixels for this kernel and the "
            f"boundary {boundary!r}, got {tuple(batch.shape[-2:])}."
        )
    modes = {"reflect": "reflect", "wrap": "circular", "zero": "constant"}
    if boundary != "valid":
        batch = functional.pad(batch, (pad,) * 4, mode=modes[boundary])
    if pad <= 7:
        images, channels = batch.shape[:2]
        weights = kernels.flip(-2, -1).repeat_interleave(channels, 0)[:, None].to(batch)
        grouped = batch.reshape(1, images * channels, *batch.shape[-2:])
        convolved: Tensor = functional.conv2d(grouped, weights, groups=images * channels)
        return convolved.reshape(images, channels, *convolved.shape[-2:])
    size = batch.shape[-2:]
    kind = batch.dtype if batch.dtype == torch.float64 else torch.float32
    responses = torch.fft.rfft2(kernels.to(batch.device, kind), s=size)[:, None]
    convolved = torch.fft.irfft2(torch.fft.rfft2(batch.to(kind)) * responses, s=size).to(batch)
    return convolved[..., 2 * pad :, 2 * pad :]


def _radius(kernel: Any, boundary: str) -> int:
    """Return the kernel's radius, pixels, after checking both arguments."""
    if boundary != "valid" and boundary not in BOUNDARIES:
        known = ", ".join((*BOUNDARIES, "valid"))
        raise OptionError(f"boundary must be one of {known}, got {boundary!r}.")
    sizes = tuple(kernel.shape)
    if len(sizes) != 2 or sizes[0] != sizes[1] or sizes[0] % 2 == 0:
        raise KernelError(f"a kernel must be square with an odd side, got {sizes}.")
    return int(sizes[0]) // 2


def _summed(
    plane: NDArray[np.float32], kernel: NDArray[np.float64], result: NDArray[np.float32]
) -> None:
    """Write the part of the convolved plane that depends on no pixel beyond its border."""
    from scipy.linalg.blas import saxpy  # NumPy has no product and sum in one pass

    reach, width = len(kernel) - 1, plane.shape[1]
    places = np.argwhere(kernel)
    weights = kernel[tuple(places.T)]
    # Rows lie one behind the other, so that a shift of the plane is one of a vector.
    shifts = (reach - places) @ (width, 1)
    for top in range(0, len(result), ROWS):
        block = result[top : top + ROWS]
        pixels = plane[top : top + len(block) + reach].reshape(-1)
        total = np.zeros(len(block) * width - reach, np.float32)
        for shift, weight in zip(shifts.tolist(), weights.tolist(), strict=True):
            total = saxpy(pixels, total, len(total), weight, shift)
        block[:] = as_strided(total, block.shape, (width * total.itemsize, total.itemsize))


def _transformed(
    plane: NDArray[np.float32], kernel: NDArray[np.float64], result: NDArray[np.float32]
) -> None:
    """Write the same by FFTs of overlapping tiles, which stay in the processor's cache."""
    from scipy.fft import irfft2, next_fast_len, rfft2

    reach = len(kernel) - 1
    side = next_fast_len(min(max(LEAST, 4 * len(kernel)), max(plane.shape)), real=True)
    shape = side, side
    transfer = rfft2(kernel.astype(np.float32), shape)
    step = side - reach
    for top, left in product(*(range(0, length, step) for length in result.shape)):
        tile = plane[top : top + side, left : left + side]
        # Without its mean: the rounding errors of an FFT grow with the largest values.
        mean = tile.mean()
        spectrum = rfft2(tile - mean, shape)
        spectrum *= transfer
        tile = irfft2(spectrum, shape, overwrite_x=True)[reach:, reach:]
        block = result[top : top + step, left : left + step]
        np.add(tile[: block.shape[0], : block.shape[1]], mean * kernel.sum(), out=block)
