"""Images: pixels with axes, channel names, pixel size and the metadata of their file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear import free_memory
from unsmear.errors import AxesError, ImageError
from unsmear.images import axes as axes_
from unsmear.images.timing import UNKNOWN, Timing

LARGEST = 16 * 2**30
"""Largest image in memory, bytes; a damaged header can declare far more."""
FURTHEST = 2.0**1001
"""Largest count, whatever its sign: a sum or a square root of squares of more is no number."""
ALWAYS = 2**26
"""Size of an image that is read however little memory is free, bytes."""
A_PIXEL, AT_WORK = 20, 60
"""Memory beside an image's own while it is worked on, bytes: for each pixel of all planes, and for
each of the one at work. `unsmear restore` takes 11 to 17 and 25 to 70 (deep-wiener with its
uncertainty, richardson-lucy)."""


class SeveralImagesError(ImageError):
    """A file of several images, of which one must be chosen."""


def choose(names: Sequence[str], scene: int | None, name: str, title: str) -> int:
    """Return the number of the image that is read, from 0.

    names: of the images in the file. title: of its format, "the TIFF file".

    Raises SeveralImagesError where one must be chosen, and ImageError where there is no such one.
    """
    if not names:
        raise ImageError(f"{name}: {title} must hold an image, got none; it may be damaged.")
    if scene is None and len(names) > 1:
        raise SeveralImagesError(
            f"{name}: {title} holds {len(names)} images ({', '.join(names)}); choose one."
        )
    if not 0 <= (scene or 0) < len(names):
        raise ImageError(f"{name}: the image's number must be 0 to {len(names) - 1}, got {scene}.")
    return scene or 0


@dataclass(frozen=True, eq=False)
class Image:
    """Pixels as stored, and what is needed to store them again.

    Attributes
    ----------
    pixels
        An array in the file's own dtype and order; uint8, uint16 or float32 as a rule.
    axes
        Its axes, a string of letters of "PSTCZYX": positions of the stage, samples of a colour
        image, time points, stained channels, slices, rows and columns.
    channels
        The channels' names, in order and without that of opacity, or empty where the file has none.
    pixel_size
        (y, x) in micrometres, or None where the file does not say, or says what cannot be one.
    name
        What error sentences call it, the file's name as a rule.
    metadata
        What one format carries and its writer gives back, under that format's name.
    pixel_size_from
        Where the pixel size stands, in words: "OME-XML", "--pixel-size"; "" without one.
    alpha
        Whether the last channel is opacity: it is no light, and comes out as it went in.
    unkept
        What the file holds and no result of ours can, in words: "the thumbnail".
    timing
        What the file says of the exposures of its channels.
    own_axes
        What the file says its axes are, where others were given instead; "" where it agrees.

    Raises
    ------
    AxesError
        For axes that do not fit the pixels.
    ImageError
        For another number of channel names than channels.

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> image = unsmear.Image(np.zeros((3, 64, 48), np.uint16), "CYX", pixel_size=(0.1, 0.1))
    >>> image.planes().shape
    (1, 3, 64, 48)
    """

    pixels: NDArray[Any]
    axes: str
    channels: tuple[str, ...] = ()
    pixel_size: tuple[float, float] | None = None
    name: str = "image"
    metadata: Mapping[str, Any] = field(default_factory=dict)
    pixel_size_from: str = ""
    alpha: bool = False
    unkept: tuple[str, ...] = ()
    timing: Timing = UNKNOWN
    own_axes: str = ""

    def __post_init__(self) -> None:
        axes_.check(self.axes, self.pixels.shape, self.name)
        count = axes_.channel_count(self.axes, self.pixels.shape) - self.alpha
        if self.channels and len(self.channels) != count:
            raise ImageError(
                f"{self.name}: channel names must be as many as its {count} channels, "
                f"got {len(self.channels)}."
            )

    @classmethod
    def of(cls, pixels: Image | NDArray[Any], axes: str | None = None) -> Image:
        """Return an array as an image; an image is returned unchanged.

        pixels: two dimensions are y and x; for any other number `axes` must be given.

        Raises AxesError for axes that are missing, do not fit, or are given with an image, and
        ImageError for anything but an array of numbers without infinities.
        """
        if isinstance(pixels, Image):
            if axes is not None:
                raise AxesError(f"{pixels.name}: axes must be left out for an Image, got {axes!r}.")
            check_pixels(as_array(pixels.pixels, pixels.name), pixels.name)
            return pixels
        array = as_array(pixels)
        if axes is None and array.ndim != 2:
            sizes = "x".join(map(str, array.shape))
            example = axes_.EXAMPLES.get(array.ndim)
            raise AxesError(
                f"axes must be given for an array of {array.ndim} dimensions ({sizes})"
                f"{f', for example axes={example!r}' if example else ''}; they are not guessed."
            )
        axes = "YX" if axes is None else axes
        if not isinstance(axes, str):
            raise AxesError(f"axes must be letters as text, such as 'CYX', got {axes!r}.")
        axes_.check(axes, array.shape, "array")
        return cls(check_pixels(array, "array"), axes, name="array")

    def planes(self) -> NDArray[Any]:
        """Return the light as (batch, channel, y, x), in counts; opacity is left out."""
        planes = axes_.to_planes(self.pixels, self.axes)
        return planes[:, :-1] if self.alpha else planes

    def light(self) -> Image:
        """Return this image without its opacity; itself where it has none."""
        if not self.alpha:
            return self
        letter = "S" if "S" in self.axes else "C"
        where = [slice(None)] * self.pixels.ndim
        where[self.axes.index(letter)] = slice(-1)
        return replace(self, pixels=self.pixels[tuple(where)], alpha=False)

    def with_planes(self, planes: NDArray[Any]) -> Image:
        """Return this image with other counts, given as (batch, channel, y, x).

        They may be smaller, the middle of the image.
        """
        if self.alpha:
            opacity = axes_.to_planes(self.pixels, self.axes)[:, -1:]
            rows, columns = (
                slice((whole - size) // 2, (whole - size) // 2 + size)
                for whole, size in zip(opacity.shape[-2:], planes.shape[-2:], strict=True)
            )
            opacity = opacity[..., rows, columns].astype(planes.dtype)
            planes = np.concatenate([planes, opacity], axis=1)
        pixels = axes_.from_planes(planes, self.axes, self.pixels.shape)
        return replace(self, pixels=np.ascontiguousarray(pixels))


def as_array(pixels: Any, name: str = "array") -> NDArray[Any]:
    """Return pixels as a NumPy array; raises ImageError for masked arrays and for other objects.

    A mask would be lost, and its pixels restored as if they had been recorded.
    """
    if isinstance(pixels, np.ma.MaskedArray):
        raise ImageError(f"{name}: an image must have no mask, got a masked array; fill it first.")
    array = np.asarray(pixels)
    if array.dtype.kind not in "buif":
        raise ImageError(
            f"{name}: an image must be an array of numbers, got {type(pixels).__name__} of "
            f"{array.dtype}."
        )
    return array


def check_pixels(pixels: NDArray[Any], name: str) -> NDArray[Any]:
    """Return `pixels` in the machine's byte order if they are valid; NaN stands for no data.

    Raises ImageError for no pixels, for dtypes other than integers and floats, for infinities and
    counts beyond 1e301, and for nothing but NaN.
    """
    if pixels.size == 0:
        sizes = "x".join(map(str, pixels.shape))
        raise ImageError(f"{name}: an image must have at least one pixel, got a size of {sizes}.")
    if pixels.dtype == bool or pixels.dtype.kind not in "uif":
        raise ImageError(f"{name}: pixels must be integers or floats, got {pixels.dtype}.")
    if pixels.dtype.kind == "f":
        bad = int(np.isinf(pixels).sum())
        if bad:
            raise ImageError(f"{name}: pixels must not be infinite, got {bad} that are.")
        if np.isnan(pixels).all():
            raise ImageError(f"{name}: some pixels must hold data, got nothing but NaN.")
        furthest = max(float(np.nanmax(pixels)), -float(np.nanmin(pixels)))
        if furthest > FURTHEST:
            raise ImageError(
                f"{name}: pixels must be at most {FURTHEST:.0e} from 0, got {furthest:.2g}."
            )
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


def check_no_gaps(image: Image, what: str) -> Image:
    """Return the image; raises ImageError for NaN, where `what` has no use for missing data.

    what: the command, for the sentence: "blur".
    """
    count = int(np.isnan(image.pixels).sum()) if image.pixels.dtype.kind == "f" else 0
    if count:
        raise ImageError(
            f"{image.name}: pixels must be finite for {what}, got {count} NaN; "
            "only restore and estimate leave out pixels without data."
        )
    return image


def check_declared(
    size: tuple[int, ...], itemsize: int, name: str, limit: int | None = LARGEST
) -> None:
    """Raise ImageError for a declared size without pixels, or of more bytes than the limit."""
    sizes = "x".join(map(str, size))
    total = itemsize
    for length in size:
        total *= length
    if total <= 0:
        raise ImageError(f"{name}: an image must have at least one pixel, got a size of {sizes}.")
    if limit is not None:
        what = f"a header that declares {sizes} pixels "
        check_room(total, name, what, limit, work_on(size, itemsize))


def work_on(size: tuple[int, ...], itemsize: int) -> int:
    """Return about how much memory work on an image takes, bytes: a few planes are worked on in
    many times their own size, and of the others what was recorded, and what becomes of it.
    """
    plane = math.prod(sorted(size)[-2:])
    return math.prod(size) * (itemsize + A_PIXEL) + plane * AT_WORK


def _gibibytes(size: int) -> str:
    gibibytes = size / 2**30
    return f"{gibibytes:,.0f} GiB" if gibibytes >= 10 else f"{gibibytes:.2g} GiB"


def check_room(
    size: int,
    name: str,
    what: str = "",
    limit: int = LARGEST,
    at_work: int | None = None,
    work: str = "this image",
) -> None:
    """Raise ImageError for more bytes than a limit, and for more at work than the budget.

    what: has this size, in words. at_work: what it needs while it is worked on, bytes; None for
    its own size. work: what it needs that for, in words.
    """
    if size > limit:
        raise ImageError(_too_large(name, _gibibytes(limit), what, size))
    needed = size if at_work is None else at_work
    given = free_memory.given()
    if given is None and needed <= ALWAYS:
        return
    most = free_memory.budget()
    if most is None or needed <= max(most, 0 if given is not None else ALWAYS):
        return
    if given is not None:
        least = math.ceil((needed + free_memory.LIBRARIES) / 1e6)
        raise ImageError(
            f"{name}: --memory must be {least}MB or more for {work}, got {given / 1e6:.0f}MB."
        )
    room = f"{_gibibytes(max(most, ALWAYS))} of memory (half of what is free)"
    raise ImageError(_too_large(name, room, what, needed))


def _too_large(name: str, room: str, what: str, size: int) -> str:
    needed = _gibibytes(size)
    return f"{name}: an image must fit in {room}, got {f'{what}({needed})' if what else needed}."
