"""Restoration pipeline: decide, scale, restore in tiles, conserve flux, check and round.

The command line, the evaluation and `unsmear.restore` share it, so that the scored image is the
written one, and an image that is left unchanged here is left unchanged everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar, cast, get_args, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from unsmear.choices import BEST_METHOD, Per
from unsmear.errors import OptionError
from unsmear.images import Image, frames
from unsmear.images.camera_maps import CameraMaps
from unsmear.images.nodata import Gaps, NoData
from unsmear.images.scaling import moderated
from unsmear.restoration import by_place, methods, parts, single_kernel
from unsmear.restoration.application import apply_method
from unsmear.restoration.base import Method
from unsmear.restoration.by_place import ByPlace
from unsmear.restoration.correction import Correction
from unsmear.restoration.decision import BLIND, Known
from unsmear.restoration.methods import NO_OPTIONS
from unsmear.restoration.preparation import check_size
from unsmear.restoration.restored import Restored, at_exponent
from unsmear.restoration.settings import Job, Progress, Settings

__all__ = ["Restored", "apply_method", "check_size", "restore"]

Kernels: TypeAlias = Known | Image | Mapping[int | str, Known]
"""One kernel for the whole image, a stack of them, or kernels by the names of places."""
Pixel = TypeVar("Pixel", bound=np.generic)
"""Type of an array's pixels."""


@overload
def restore(
    image: Image,
    kernel: Kernels = None,
    *,
    axes: str | None = None,
    method: str | Method = BEST_METHOD,
    uncertainty: bool = False,
    force: bool = False,
    check: bool = False,
    tile: int | None = None,
    options: Mapping[str, Any] = NO_OPTIONS,
    progress: Progress | None = None,
    no_data: NoData | None = None,
    dtype: DTypeLike | None = None,
    per: Per = "auto",
    camera: CameraMaps | None = None,
) -> Restored[Image, Image]: ...


@overload
def restore(
    image: NDArray[Pixel],
    kernel: Kernels = None,
    *,
    axes: str | None = None,
    method: str | Method = BEST_METHOD,
    uncertainty: bool = False,
    force: bool = False,
    check: bool = False,
    tile: int | None = None,
    options: Mapping[str, Any] = NO_OPTIONS,
    progress: Progress | None = None,
    no_data: NoData | None = None,
    dtype: None = None,
    per: Per = "auto",
    camera: CameraMaps | None = None,
) -> Restored[NDArray[Pixel], NDArray[np.float32]]: ...


@overload
def restore(
    image: NDArray[Any],
    kernel: Kernels = None,
    *,
    axes: str | None = None,
    method: str | Method = BEST_METHOD,
    uncertainty: bool = False,
    force: bool = False,
    check: bool = False,
    tile: int | None = None,
    options: Mapping[str, Any] = NO_OPTIONS,
    progress: Progress | None = None,
    no_data: NoData | None = None,
    dtype: DTypeLike,
    per: Per = "auto",
    camera: CameraMaps | None = None,
) -> Restored[NDArray[Any], NDArray[np.float32]]: ...


def restore(
    image: Image | NDArray[Any],
    kernel: Kernels = None,
    *,
    axes: str | None = None,
    method: str | Method = BEST_METHOD,
    uncertainty: bool = False,
    force: bool = False,
    check: bool = False,
    tile: int | None = None,
    options: Mapping[str, Any] = NO_OPTIONS,
    progress: Progress | None = None,
    no_data: NoData | None = None,
    dtype: DTypeLike | None = None,
    per: Per = "auto",
    camera: CameraMaps | None = None,
) -> Restored[Image, Image] | Restored[NDArray[Any], NDArray[np.float32]]:
    """Restore an image, or leave it alone where no motion is surely found.

    The motion that blurred each exposure is estimated unless a kernel is given. The image
    is left alone where no motion is found, where none is sure (confidence below 0.7), where it was
    deconvolved before (see `force`), and where a guarded method (deep-wiener) restores nothing
    that is consistent with what was recorded.

    Parameters
    ----------
    image
        An image, or an array of counts: (y, x), or with `axes` any other; at least 3x3 pixels. It
        is not changed.
    kernel
        The point spread function where it is known: an array (rows, columns) with odd sides, or a
        blur such as `Motion(10, 40)`. Or an `Estimate`, which is acted on only where it is sure.
        Without one, each exposure has its own (see `per`). Parts of an image may have kernels of
        their own, by their names: `{"DAPI": Motion(8, 30), "GFP": None}`, where None did not move
        and is left as it was, and what is not named is estimated. A name is a channel's, or its
        number from 0; "t=2" a time point; "p=1" a position; "z=5" a slice; "t=2, DAPI" a channel
        of a time point. An `Image` with axes C, T or P is a stack of kernels, one for each
        channel, time point or position; its pixel size is heeded where the image has one too.
    axes
        Letters of "PSTCZYX", one for each dimension of an array, such as "CYX".
    method
        A method's name, as in `unsmear restore --help`, or the path of weights.
    uncertainty
        Whether to give the half-width of a 90 % prediction interval too (deep-wiener).
    force
        Whether to restore an image too that was deconvolved before, and to keep what the
        consistency check would put back; it rarely gets better.
    check
        Whether to check the consistency of a method that is not guarded too.
    tile
        Side of the tiles, pixels; None leaves it to the size of the image.
    options
        The method's own options, by name: `{"iterations": 50}` for richardson-lucy.
    progress
        Called as the work goes on with how much of it is done and how much there is: planes
        estimated and tiles restored. The first divided by the second never falls, from call to
        call either may. An exception that it raises ends the restoration.
    no_data
        A value that stands for no data, or a bool mask that is true there, (y, x) or in the image's
        shape; None finds margins and holes of one exact value with straight edges. NaN never is
        data. What holds no data comes back as it was, and nothing is measured on it.
    dtype
        "float32" gives floats, in the same counts, of which nothing is rounded or clipped; None
        keeps the image's dtype.
    per
        What shares a movement: "auto" estimates each plane of each time point and position, and
        pools those that agree; "plane", "channel", "frame" (a time point of a position) and "file"
        decide it beforehand.
    camera
        Calibration maps of the camera. Its pattern is taken out before anything is measured, and
        the result has it again: what holds of the input's counts holds of those of the result.

    Returns
    -------
    Restored
        The image in the form that came in, and what was found and done.

    Raises
    ------
    AxesError
        For axes that are missing or do not fit.
    ImageError
        For an image that is too small, or holds infinities, no numbers or nothing but NaN, or has
        not the size of the camera's maps.
    KernelError
        For a kernel that no camera could have made or that is longer than the image, for one of a
        part that the image does not have, and for two of the same part.
    OptionError
        For an unknown method or option, a kernel for a blind method, and a mask of no data that
        does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> sharp = np.zeros((96, 96), np.uint16)
    >>> sharp[30:50, 40:44] = 4000
    >>> motion = unsmear.Motion(9, 30)
    >>> blurred = unsmear.convolve(sharp.astype(np.float32), motion.kernel()).astype(np.uint16)
    >>> restored = unsmear.restore(blurred, motion)
    >>> restored.touched, restored.image.dtype, restored.movement
    (True, dtype('uint16'), 'linear motion of 9.00 px at 30.0 degrees (given)')
    >>> unsmear.psnr(sharp, restored.image, data_range=4000) > unsmear.psnr(
    ...     sharp, blurred, data_range=4000
    ... )
    True
    >>> unsmear.restore(np.full((96, 96), 7, np.uint8)).touched
    False
    """
    recorded = Image.of(image, axes)
    _check_dtype(dtype)
    gaps = Gaps.of(recorded, no_data)
    settings = Settings(
        methods.find(method), options, tile, uncertainty, check, force, progress, dtype
    )
    _check_kernel_and_per(settings.method, kernel, per)
    job = Job(settings, per)
    if camera is None:
        return _in_form(_restored(recorded, kernel, gaps, job), image, dtype)
    correction = Correction.of(recorded, camera)
    result = _restored(correction.corrected, kernel, gaps, job)
    return _in_form(correction.undone(result, dtype), image, dtype)


def _restored(image: Image, kernel: Kernels, gaps: Gaps | None, job: Job) -> Restored[Image, Image]:
    """Return an image restored by the kernels that are given, and estimated ones where none is."""
    moderate, exponent = moderated(image)
    if exponent:
        return at_exponent(_restored(moderate, kernel, gaps, job), image, exponent)
    if not job.settings.method.needs_kernel:
        return single_kernel.restore(image, gaps, BLIND, job)
    if isinstance(kernel, Image):
        kernel = by_place.stacked(kernel, image)
    if kernel is None:
        return parts.restore(image, None, gaps, job)
    if not isinstance(kernel, Mapping):
        return single_kernel.restore(image, gaps, job.decide(kernel), job)
    if job.per == "file" and frames.count(image) > 1:
        raise OptionError("per must not be 'file' where parts of the image have kernels.")
    return parts.restore(image, ByPlace.of(kernel, image), gaps, job)


def _check_kernel_and_per(method: Method, kernel: Kernels, per: Per) -> None:
    """Raise OptionError for a kernel for a blind method, and for what shares no movement."""
    if kernel is not None and not method.needs_kernel:
        raise OptionError(f"{method.name} must be given no kernel: it is a blind method.")
    if per not in get_args(Per):
        raise OptionError(f"per must be one of {', '.join(get_args(Per))}, got {per!r}.")


def _check_dtype(dtype: DTypeLike | None) -> None:
    """Raise OptionError for another dtype of results than float32."""
    try:
        known = dtype is None or np.dtype(dtype) == np.float32
    except TypeError:
        known = False
    if not known:
        raise OptionError(f"dtype must be float32, or left out for the image's own, got {dtype}.")


def _in_form(
    restored: Restored[Image, Image], given: Image | NDArray[Any], dtype: DTypeLike | None = None
) -> Restored[Image, Image] | Restored[NDArray[Any], NDArray[np.float32]]:
    """Return the result in the input's form: as an image, or as an array of its dtype."""
    if isinstance(given, Image):
        return restored
    band = restored.uncertainty
    return replace(
        cast("Restored[NDArray[Any], NDArray[np.float32]]", restored),
        image=restored.image.pixels.astype(
            np.asarray(given).dtype if dtype is None else dtype, copy=not restored.touched
        ),
        uncertainty=None if band is None else band.pixels,
    )
