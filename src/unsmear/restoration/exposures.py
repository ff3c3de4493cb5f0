"""The exposures of an image, each restored by its own movement and put back in its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Blur
from unsmear.estimate import Estimate
from unsmear.estimate.exposures import Exposure
from unsmear.images import Image


@dataclass(frozen=True)
class Outcome:
    """What became of the planes of an exposure, or of a part of their field.

    name: which planes, in words: "channels 1 and 2", "DAPI, rows 0 to 127"; "" for all.
    estimate: what blurred them. movement: that in words, or why they were left alone. blur: the
    blur that was taken out; None where nothing was.
    """

    name: str
    estimate: Estimate
    movement: str
    blur: Blur | None


def blocks(exposure: Exposure) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return the exposure's planes as products of slices and channels, (batch, channel) indices."""
    slices: dict[tuple[int, ...], list[int]] = {}
    for channel in np.unique(exposure.planes[:, 1]):
        held = exposure.planes[exposure.planes[:, 1] == channel, 0]
        slices.setdefault(tuple(map(int, np.sort(held))), []).append(int(channel))
    for batch, channels in slices.items():
        yield np.array(batch, np.intp), np.array(channels, np.intp)


def part(
    image: Image, exposure: Exposure, batch: NDArray[np.intp], channels: NDArray[np.intp]
) -> Image:
    """Return planes of an exposure, cut to its part of the field, as an image of their own."""
    planes = cut(image.planes()[np.ix_(batch, channels)], exposure)
    return Image(planes, "ZCYX", pixel_size=image.pixel_size, name=image.name)


def cut(planes: NDArray[Any], exposure: Exposure) -> NDArray[Any]:
    """Return planes (batch, channel, y, x) cut to the exposure's part of the field."""
    return planes if exposure.box is None else planes[:, :, *exposure.box]


def put(
    whole: NDArray[Any],
    values: NDArray[Any],
    exposure: Exposure,
    batch: NDArray[np.intp],
    channels: NDArray[np.intp],
    scale: int = 1,
) -> None:
    """Write what came of some planes of an exposure to their place in the whole image.

    whole, values: (batch, channel, y, x), or of tiles whose side is `scale` pixels.
    """
    rows: slice | range = slice(None)
    columns: slice | range = slice(None)
    if exposure.box is not None:
        rows, columns = (
            slice(span.start // scale, span.start // scale + size)
            for span, size in zip(exposure.box, values.shape[2:], strict=True)
        )
    for i, slice_ in enumerate(batch):
        for j, channel in enumerate(channels):
            target = whole[slice_, channel][rows, columns]
            target[...] = values[i, j][: target.shape[0], : target.shape[1]]


def name(image: Image, exposure: Exposure) -> str:
    """Return which planes of an image an exposure is, in words; "" for all of them."""
    count, channels = image.planes().shape[:2]
    said = []
    for batch, chosen in blocks(exposure):
        words = []
        if len(chosen) < channels:
            words.append(_channels(image, chosen))
        if len(batch) < count:
            words.append(f"slice{'s' if len(batch) > 1 else ''} {_ranges(batch)}")
        if words:
            said.append(" of ".join(reversed(words)))
    phrase = " and ".join(said)
    if exposure.box is not None:
        sides = zip(("rows", "columns"), exposure.box, image.planes().shape[2:], strict=True)
        spans = [
            f"{axis} {span.start} to {span.stop - 1}"
            for axis, span, side in sides
            if (span.start, span.stop) != (0, side)
        ]
        phrase = ", ".join([phrase, *spans] if phrase else spans)
    return phrase


def _channels(image: Image, chosen: Sequence[int] | NDArray[np.intp]) -> str:
    if image.channels:
        return " and ".join(image.channels[index] for index in chosen)
    return f"channel{'s' if len(chosen) > 1 else ''} {_ranges(chosen)}"


def _ranges(numbers: Sequence[int] | NDArray[np.intp]) -> str:
    """Return sorted numbers as "0, 3 to 7"."""
    runs: list[list[int]] = []
    for number in map(int, numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(
        str(run[0]) if len(run) == 1 else f"{run[0]} {'and' if len(run) == 2 else 'to'} {run[-1]}"
        for run in runs
    )
