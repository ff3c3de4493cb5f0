"""Kernels that are given for parts of an image: channels, time points, positions, slices.

A part is named as the printed line names it: "DAPI" or a number for a channel, "t=2" for a time
point, "p=1" for a position, "z=5" for a slice, and "t=2, DAPI" for one channel of a time point.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsmear.blur.kernel import Kernel, check_kernel, resampled
from unsmear.errors import KernelError
from unsmear.images import Image
from unsmear.restoration.decision import Known

AXES = {"P": "positions", "T": "time points", "C": "channels"}
"""Axes of a stack of kernels, and what lies along them, in the order of an image's planes."""
SAME = 0.02
"""Relative difference of two pixel sizes below which they are the same."""
LARGEST_SCALE = 8.0
"""Largest ratio of a measured kernel's pixels to the image's that is resampled."""


@dataclass(frozen=True, eq=False)
class ByPlace:
    """A kernel for some planes of an image.

    kernels: those that were given; None for what did not move. numbers: (batch, channel), which of
    them each plane has; UNKNOWN where none was given.
    """

    kernels: tuple[Known, ...]
    numbers: NDArray[np.intp]

    UNKNOWN = -1

    @classmethod
    def of(cls, given: Mapping[int | str, Known], image: Image) -> ByPlace:
        """Return the kernels by the names of places; a whole number is a channel's, from 0.

        Raises KernelError for a place that the image does not have, and for two kernels of a plane.
        """
        numbers = np.full(image.planes().shape[:2], cls.UNKNOWN, np.intp)
        places = list(given)
        for number, place in enumerate(places):
            named = _planes(place, image)
            if not named.any():
                raise KernelError(
                    f"{image.name}: a place must name each axis once, got {_shown(place)}."
                )
            before = numbers[named].max()
            if before != cls.UNKNOWN:
                raise KernelError(
                    f"{image.name}: each plane must have one kernel, got one for "
                    f"{_shown(places[before])} and one for {_shown(place)}."
                )
            numbers[named] = number
        return cls(tuple(given.values()), numbers)

    @property
    def unknown(self) -> NDArray[np.bool_]:
        """Planes without a kernel, (batch, channel)."""
        return np.asarray(self.numbers == self.UNKNOWN)

    def split(self, count: int) -> list[ByPlace]:
        """Return the kernels of each of so many time points and positions."""
        return [ByPlace(self.kernels, numbers) for numbers in np.split(self.numbers, count)]


def _planes(place: int | str, image: Image) -> NDArray[np.bool_]:
    """Return which planes of an image, (batch, channel), a place is."""
    named = np.ones(image.planes().shape[:2], bool)
    whole = str(place).strip()
    # A channel's own name may hold commas, and may be a number: a wavelength.
    parts = [whole] if whole in image.channels else [part.strip() for part in whole.split(",")]
    for part in parts:
        letter, index = ("C", place) if isinstance(place, int) else _parsed(part, image)
        along = _indices(letter, image)
        if index not in along:
            raise KernelError(
                f"{image.name}: a kernel must be for a part of the image ({_parts(image)}), got "
                f"one for {_shown(place)}."
            )
        named &= along == index
    return named


def _parsed(part: str, image: Image) -> tuple[str, int]:
    """Return the axis and the number along it that a part of a place names; -1 for none."""
    if image.channels.count(part) > 1:
        raise KernelError(
            f"{image.name}: a kernel must be for one channel, got {part!r}, the name of "
            f"{image.channels.count(part)}; say c=0 for the first."
        )
    if part in image.channels:
        return "C", image.channels.index(part)
    numbered = re.fullmatch(r"(?:([ptzc])\s*=\s*)?(\d+)", part, re.IGNORECASE)
    return ((numbered[1] or "c").upper(), int(numbered[2])) if numbered else ("C", -1)


def _indices(letter: str, image: Image) -> NDArray[np.intp]:
    """Return the number of each plane, (batch, channel), along an axis; -1 where there is none."""
    batch, channels = image.planes().shape[:2]
    if letter == "C":
        return np.broadcast_to(np.arange(channels), (batch, channels))
    if letter not in image.axes:
        return np.full((batch, channels), -1)
    shape = [
        1 if axis in "YX" else side
        for axis, side in zip(image.axes, image.pixels.shape, strict=True)
    ]
    along = np.indices(shape)[image.axes.index(letter)]
    return Image(along, image.axes, alpha=image.alpha).planes()[:, :, 0, 0]


def _parts(image: Image) -> str:
    """Return the places of an image in words: "t=0 to t=4, DAPI, GFP, c=0 to c=1"."""
    names = []
    for letter in "PTZ":
        last = int(_indices(letter, image).max())
        if last > 0:
            names.append(f"{letter.lower()}=0 to {letter.lower()}={last}")
    channels = image.planes().shape[1]
    names += [*map(repr, image.channels), f"c=0 to c={channels - 1}" if channels > 1 else "c=0"]
    return ", ".join(names)


def _shown(place: int | str) -> str:
    return f"channel {place}" if isinstance(place, int) else repr(place)


def places(kernels: Image, image: Image) -> list[str]:
    """Return the place of each plane of a stack of kernels, in the order of its planes.

    kernels: of axes P, T and C, each as long as the image's own. One plane is for all: "".

    Raises KernelError for a stack of other axes or sizes.
    """
    stack = [
        (letter, side)
        for letter, side in zip(kernels.axes, kernels.pixels.shape, strict=True)
        if letter not in "YX" and side > 1
    ]
    wrong = [letter for letter, _ in stack if letter not in AXES]
    if wrong:
        raise KernelError(
            f"{kernels.name}: kernels must be one grey plane, or a stack of axes of PTCYX, got "
            f"{kernels.axes}."
        )
    for letter, side in stack:
        own = int(_indices(letter, image).max()) + 1
        if side != own:
            raise KernelError(
                f"{kernels.name}: kernels must be as many as the {max(own, 1)} {AXES[letter]} of "
                f"{image.name}, got {side}."
            )
    named = [
        np.char.add(f"{letter.lower()}=", _indices(letter, kernels).ravel().astype(str))
        for letter in AXES
        if letter in dict(stack)
    ]
    count = int(np.prod(kernels.planes().shape[:2]))
    return [",".join(names) for names in zip(*named, strict=True)] if named else [""] * count


def on_pixels_of(
    image: Image, kernel: Kernel, own: tuple[float, float] | None, name: str
) -> Kernel | None:
    """Return a measured kernel on the image's pixels; None where it is already.

    own: size (y, x) of the kernel's pixels, micrometres; None where it is unknown. name: of its
    file.

    Raises KernelError for pixels too different in size.
    """
    if own is None or image.pixel_size is None:
        return None
    scale = own[0] / image.pixel_size[0], own[1] / image.pixel_size[1]
    if max(abs(by - 1) for by in scale) < SAME:
        return None
    if not all(1 / LARGEST_SCALE <= by <= LARGEST_SCALE for by in scale):
        raise KernelError(
            f"{image.name}: the kernel's pixels must be about as large as the image's "
            f"({image.pixel_size[1]:g} um), got {own[1]:g} um in {name}."
        )
    return resampled(kernel, scale)


def stacked(kernels: Image, image: Image) -> dict[int | str, Known] | Known:
    """Return the kernels of a stack by their places, on the image's pixels; or the only one."""
    by_place: dict[int | str, Known] = {}
    planes = kernels.planes().reshape(-1, *kernels.planes().shape[2:])
    for place, plane in zip(places(kernels, image), planes, strict=True):
        kernel = check_kernel(plane, kernels.name)
        fitted = on_pixels_of(image, kernel, kernels.pixel_size, kernels.name)
        by_place[place] = kernel if fitted is None else fitted
    return next(iter(by_place.values())) if list(by_place) == [""] else by_place
