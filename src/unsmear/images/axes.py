"""Axes strings such as "TCZYX", and conversion to and from the layout (batch, channel, y, x).

S is the sample axis of an interleaved colour image, C a stained channel; both become channels. P
(positions of the stage), T and Z become the batch: a two-dimensional kernel treats all planes
equally.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.errors import AxesError, shown

KNOWN = "PSTCZYX"
"""All axes."""
BATCH = "PTZ"
"""Axes that become the batch, in order."""
CHANNEL = "CS"
"""Axes that become channels, in order."""
MOST_CHANNELS = 4096
"""Largest number of channels: each is worked on by itself, for all its time points and slices."""
EXAMPLES = {2: "YX", 3: "ZYX", 4: "CZYX", 5: "TCZYX", 6: "PTCZYX", 7: "PTCZYXS"}
"""Examples of axes in error messages, by the number of dimensions."""
COLOURED = {2: "YX", 3: "YXS", 4: "ZYXS", 5: "CZYXS", 6: "TCZYXS", 7: "PTCZYXS"}
"""The same where the last dimension is of three or four values."""


def check(axes: str, shape: tuple[int, ...], name: str = "image") -> str:
    """Return `axes` if it can describe an array of this shape.

    Raises AxesError, with `name` in its message, for unknown or repeated letters, a missing Y or X,
    another number of letters than dimensions, or more than `MOST_CHANNELS` channels.
    """
    sizes = "x".join(map(str, shape))
    if set(axes) - set(KNOWN) or len(set(axes)) != len(axes) or not {"Y", "X"} <= set(axes):
        raise AxesError(
            f"{name}: axes must be different letters of {KNOWN} with Y and X among them, "
            f"got {shown(axes)}."
        )
    if len(axes) != len(shape):
        raise AxesError(
            f"{name}: axes must name each of the {len(shape)} dimensions ({sizes}), got {axes!r}."
        )
    count = channel_count(axes, shape)
    if count > MOST_CHANNELS:
        raise AxesError(
            f"{name}: an image must have at most {MOST_CHANNELS} channels, got {count}; "
            "give its axes where they are others."
        )
    return axes


def contradicted(given: str | None, own: str, shape: tuple[int, ...], name: str) -> str:
    """Return a file's own axes where given ones say something else; "" where they do not.

    own: as its format names them, perhaps in other letters than ours, which say nothing. Samples
    may be given as channels: no contradiction.

    Raises AxesError where Y or X are given for another dimension than that of the file's rows or
    columns, as in ZYX for an RGB image of axes YXS.
    """
    if given is None or len(given) != len(own) or not {"Y", "X"} <= set(own):
        return ""
    known = set(own) <= set(KNOWN)
    if [given.find(letter) for letter in "YX"] != [own.find(letter) for letter in "YX"]:
        sizes = "x".join(map(str, shape))
        right = own if known else example(shape)
        raise AxesError(
            f"{name}: axes must have Y and X where the file has its rows and columns ({sizes} is "
            f"{own}), got {given}; give them with --axes, for example --axes {right}."
        )
    same = given.replace("S", "C") == own.replace("S", "C")
    return own if known and not same else ""


def to_planes(pixels: NDArray[Any], axes: str) -> NDArray[Any]:
    """Return the array as (batch, channel, y, x); a view wherever numpy can make one."""
    check(axes, pixels.shape)
    order = _order(axes)
    moved = pixels.transpose([axes.index(letter) for letter in order])
    batch = sum(letter in BATCH for letter in order)
    channel = sum(letter in CHANNEL for letter in order)
    shape = moved.shape
    # Not -1: it is undefined where another dimension is empty.
    return moved.reshape(
        int(np.prod(shape[:batch])), int(np.prod(shape[batch : batch + channel])), *shape[-2:]
    )


def from_planes(planes: NDArray[Any], axes: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Undo `to_planes` for an array that had these axes and this shape.

    y and x may have changed: their sizes come from `planes`.
    """
    order = _order(axes)
    sizes = dict(zip(axes, shape, strict=True)) | {"Y": planes.shape[-2], "X": planes.shape[-1]}
    moved = planes.reshape([sizes[letter] for letter in order])
    return moved.transpose([order.index(letter) for letter in axes])


def channel_count(axes: str, shape: tuple[int, ...]) -> int:
    """Return how many channels an array of these axes and this shape has."""
    return math.prod(n for letter, n in zip(axes, shape, strict=True) if letter in CHANNEL)


def _order(axes: str) -> str:
    return "".join(letter for letter in BATCH + CHANNEL + "YX" if letter in axes)


def example(shape: tuple[int, ...]) -> str:
    """Return an example of axes for an error message; axes are never guessed."""
    letters = COLOURED if len(shape) > 2 and shape[-1] <= 4 else EXAMPLES
    return letters.get(len(shape), "one letter a dimension")
