"""Convolution of images with kernels, with a stated boundary condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from unsmear.blur.kernel import Blur
from unsmear.blur.paper import Paper
from unsmear.errors import KernelError, OptionError

if TYPE_CHECKING:
    from torch import Tensor

Boundary = Literal["reflect", "valid", "wrap", "zero"]
"""Boundary conditions, see `convolve`."""
BOUNDARIES: dict[str, Any] = {"reflect": "reflect", "wrap": "wrap", "zero": "constant"}
"""NumPy's padding modes of the boundary conditions."""


def convolve(
    image: NDArray[Any], kernel: NDArray[np.float64], boundary: Boundary = "reflect"
) -> NDArray[np.float32]:
    """Return the image convolved with the kernel over its last two axes.

    OpenCV takes the direct sum up to 11x11 and a tiled FFT above, whichever is faster.

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
    convolved = np.stack([_convolve_plane(plane, kernel, boundary, pad) for plane in planes])
    return convolved.reshape(*image.shape[:-2], *convolved.shape[-2:])


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


def _convolve_plane(
    plane: NDArray[Any], kernel: NDArray[np.float64], boundary: Boundary, pad: int
) -> NDArray[np.float32]:
    plane = np.asarray(plane, np.float32)
    if boundary == "wrap" or min(plane.shape) <= pad:
        # OpenCV cannot wrap, and mirrors only once.
        plane = np.pad(plane, 0 if boundary == "valid" else pad, mode=BOUNDARIES[boundary])
        boundary = "valid"
    border = cv2.BORDER_CONSTANT if boundary == "zero" else cv2.BORDER_REFLECT_101
    convolved = cv2.filter2D(plane, -1, kernel[::-1, ::-1], borderType=border)
    if boundary == "valid":
        inside = slice(pad, -pad or None)
        convolved = convolved[inside, inside]
    return np.asarray(convolved, np.float32)
