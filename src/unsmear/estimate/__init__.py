"""Blind blur estimation: the kind of blur in an image, its kernel and its confidence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.cores import one_blas_thread
from unsmear.estimate import conclusion, evidence, saturation, spectrum
from unsmear.estimate.result import Estimate
from unsmear.images import Image, outliers
from unsmear.images.camera_maps import CameraMaps
from unsmear.images.nodata import Gaps, NoData
from unsmear.images.scaling import moderated

__all__ = ["Estimate", "estimate_blur", "estimate_image", "estimate_planes"]


def estimate_blur(
    image: Image | NDArray[Any], *, axes: str | None = None, camera: CameraMaps | None = None
) -> Estimate:
    """Return what blurred an image: one kernel for all its planes and channels.

    Parameters
    ----------
    image
        An image, or an array of counts in any unit: (y, x), or with `axes` any other.
        Neither gain nor offset matters. NaN and margins without data are left out.
    axes
        Letters of "PSTCZYX", one for each dimension of an array, such as "CYX".
    camera
        Calibration maps of the camera, whose pattern is taken out beforehand.

    Returns
    -------
    Estimate
        An image without texture, or with a side under 16 pixels, gives no motion and confidence 0.

    Raises
    ------
    AxesError
        For axes that are missing or do not fit.
    ImageError
        For infinities, or no numbers, and for another size than that of the camera's maps.

    References
    ----------
    Whittle, "Estimation and information in stationary time series", 1953, for the likelihood of
    the spectrum; docs/design/estimator.md.

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> sharp = np.random.default_rng(0).random((192, 192)).cumsum(0).cumsum(1) % 40
    >>> blurred = unsmear.convolve(sharp, unsmear.Motion(12, 30).kernel())
    >>> estimate = unsmear.estimate_blur(blurred)
    >>> estimate.kind, round(estimate.length), round(estimate.angle)
    ('straight', 12, 30)
    """
    return estimate_image(Image.of(image, axes), camera=camera)


def estimate_image(
    image: Image, no_data: NoData | None = None, camera: CameraMaps | None = None
) -> Estimate:
    """Return the blur of an image, its pixels without data left out; no_data: see `Gaps.of`."""
    gaps = Gaps.of(image, no_data)
    if camera is not None:
        image, _ = camera.corrected(image)
    image, _ = moderated(image)
    if gaps is None:
        return estimate_planes(image.planes())
    return estimate_planes(gaps.filled(image).planes(), gaps.inside)


@one_blas_thread()
def estimate_planes(planes: NDArray[Any], gaps: NDArray[np.bool_] | None = None) -> Estimate:
    """Return the blur of an image with planes (batch, channel, y, x); see `estimate_blur`.

    gaps: in that shape, true where a pixel holds no data and was filled.
    """
    planes, _ = outliers.replaced(planes, gaps)
    measured = spectrum.measure(planes, saturation.masked(planes, gaps))
    if measured is None:
        return Estimate(0.0)
    return conclusion.conclude(evidence.gather(measured), planes)
