"""What became of an image, and what is said about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Blur
from unsmear.estimate import Estimate
from unsmear.images import Image
from unsmear.images.scaling import cast
from unsmear.restoration import exposures
from unsmear.restoration.consistency import Check, Verdicts

Form = TypeVar("Form", bound=Image | NDArray[Any])
"""Type of the input, and of the restored image."""
Band = TypeVar("Band", bound=Image | NDArray[np.float32])
"""Type of the uncertainty: that of the input, with float32 pixels."""


@dataclass(frozen=True, eq=False)
class Restored(Generic[Form, Band]):
    """What became of an image.

    Attributes
    ----------
    image
        The result in the form that came in, with its dtype, axes, pixel size and metadata; the
        input's own pixels where it was left alone.
    touched
        Whether anything was restored.
    movement
        What was found or given, in words: "linear motion of 10.2 px at 41 degrees (confidence
        0.97)"; where the image was left alone, why.
    estimate
        What was estimated; None where the kernel was given or the method is blind.
    blur
        The blur that was given or found, and tried; None where none was, or the method is blind.
    uncertainty
        Half-width of a 90 % prediction interval around each pixel, counts, float32, in the form
        that came in; None where it was not asked for, or the image was left alone.
    consistency
        How well the result, blurred again, explains the input; None without a kernel.
    verdicts
        Of a guarded method, (batch, channel, rows, columns) of tiles of 32x32 pixels: 0 restored,
        1 replaced by the plain deconvolution, 2 replaced by the recorded image, 3 left alone: its
        exposure is not known to have moved so.
    channel_rule
        How channels met those of a network, see `learned.network_restorer`; "" for other methods.
    blended
        Side and least overlap, pixels, of tiles whose result is not that of the whole image.
    no_data
        Fraction of the pixels that hold no data and came back as they were; their uncertainty is
        NaN.
    outliers
        Number of hot and dead pixels, replaced by what is around them before the restoration.
    saturated
        Number of pixels at the camera's white, which say only that there was as much light or more;
        what was probably there was put in their place before the restoration.
    clipped
        Number of pixels that were restored beyond the range of the dtype and are at its limit,
        where the input was not; 0 for float32 results.
    clipped_black
        How many of them are at the lower limit.
    frames
        What became of each time point of each position, where there are several and no kernel was
        given: each has a motion of its own, and `estimate` and `blur` are None.
    exposures
        What was found for the planes of each exposure, and for each part of a field that moved
        differently, where there are several: then `estimate` and `blur` are None.

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> restored = unsmear.restore(np.full((64, 64), 9, np.uint8))
    >>> restored.touched, restored.movement
    (False, 'unsure whether anything moved (confidence 0.00 that nothing did)')
    """

    image: Form
    touched: bool = True
    movement: str = ""
    estimate: Estimate | None = None
    blur: Blur | None = None
    uncertainty: Band | None = None
    consistency: Check | None = None
    verdicts: Verdicts | None = None
    channel_rule: str = ""
    blended: tuple[int, int] | None = None
    no_data: float = 0.0
    outliers: int = 0
    saturated: int = 0
    clipped: int = 0
    clipped_black: int = 0
    frames: tuple[Restored[Image, Image], ...] = ()
    exposures: tuple[exposures.Outcome, ...] = ()


def at_exponent(
    restored: Restored[Image, Image], image: Image, exponent: int
) -> Restored[Image, Image]:
    """Return the result of an image that was divided by a power of two, in the image's counts.

    Its uncertainty becomes float64, which has room for it.
    """
    band, dtype = restored.uncertainty, restored.image.pixels.dtype
    wide = np.ldexp(restored.image.pixels.astype(np.float64), exponent)
    beyond = int((np.abs(wide) > np.finfo(dtype).max).sum()) if restored.touched else 0
    if band is not None:
        band = replace(band, pixels=np.ldexp(band.pixels.astype(np.float64), exponent))
    pixels = wide if restored.touched else image.pixels
    return replace(
        restored,
        image=replace(image, pixels=cast(pixels, dtype)),
        uncertainty=band,
        clipped=restored.clipped + beyond,
    )


def left_phrase(movement: str) -> str:
    """Return the movement of an image that is left unchanged as a whole, and that it is.

    movement: of one exposure, or of several, "channel 0: ..., left as it was; channel 1: ...".
    """
    phrase = movement.replace(", left as it was", "")
    return f"{phrase}{'; all' if '; ' in phrase else ','} left unchanged"


def no_data_phrase(restored: Restored[Any, Any]) -> str:
    """Return a phrase on what was left without data: "12 % without data left as it was", or ""."""
    share = restored.no_data
    return f"{share:.0%} without data left as it was".replace("%", " %", 1) if share else ""


def outliers_phrase(restored: Restored[Any, Any]) -> str:
    """Return a phrase on defective pixels: "37 hot or dead pixels replaced", or ""."""
    count = restored.outliers
    return f"{count:,} hot or dead pixel{'s' if count > 1 else ''} replaced" if count else ""


def saturated_phrase(restored: Restored[Any, Any]) -> str:
    """Return a phrase on saturated pixels: "37 saturated pixels continued from beside", or ""."""
    count = restored.saturated
    return (
        f"{count:,} saturated pixel{'s' if count > 1 else ''} continued from beside"
        if count
        else ""
    )


def clipped_phrase(restored: Restored[Any, Any]) -> str:
    """Return a phrase on clipped pixels: "37 pixels clipped at white (65535): ...", or ""."""
    if not restored.clipped:
        return ""
    pixels = restored.image.pixels if isinstance(restored.image, Image) else restored.image
    kind = pixels.dtype
    limits = np.iinfo(kind) if kind.kind in "iu" else np.finfo(kind)
    white = restored.clipped - restored.clipped_black
    highest = pixels.max() if kind.kind in "iu" else limits.max  # a camera may end below the dtype
    parts = [
        f"{count:,} pixel{'s' if count > 1 else ''} clipped at {name} ({limit:g})"
        if kind.kind == "f"
        else f"{count:,} pixel{'s' if count > 1 else ''} clipped at {name} ({limit})"
        for count, name, limit in (
            (white, "white", highest),
            (restored.clipped_black, "the lowest value", limits.min),
        )
        if count
    ]
    return f"{' and '.join(parts)}: use --dtype float32"
