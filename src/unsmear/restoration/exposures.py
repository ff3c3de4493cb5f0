"""The exposures of an image, each restored by its own movement and put back in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Blur, Motion
from unsmear.estimate import Estimate
from unsmear.estimate.exposures import Exposure
from unsmear.estimate.processed import told_once
from unsmear.images import Image

Block: TypeAlias = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Planes that are a product of slices and channels, (batch, channel) indices."""
MANY = 8
"""Number of exposures, such as the planes of a deep stack, that are no longer described singly."""
NAMED = 3
"""Number of exposures, of so many, that are named where their images speak against their blurs."""
NOTHING = Estimate(0.0)
"""Estimate of planes whose kernel is given."""
Taken: TypeAlias = tuple[Blur | None, Estimate | None]
"""What was taken out of planes, None for nothing, and the estimate, None where it was given."""


@dataclass(frozen=True)
class Outcome:
    """What became of the planes of an exposure, or of a part of their field.

    name: which planes, in words: "channels 1 and 2", "DAPI, rows 0 to 127"; "" for all.
    estimate: what blurred them; None where that was given. movement: that in words, or why they
    were left alone. blur: the blur that was taken out; None where nothing was. exposure: the planes
    and the part themselves. doubted: whether the image speaks against the blur.
    """

    name: str
    estimate: Estimate | None
    movement: str
    blur: Blur | None
    exposure: Exposure
    doubted: bool = False

    @property
    def phrase(self) -> str:
        """What moved, after its name."""
        return f"{self.name}: {self.movement}{'' if self.blur else ', left as it was'}"


def movement(outcomes: Sequence[Outcome]) -> str:
    """Return what moved, "channel 0: ...; channels 1 and 2: ..., left as it was"."""
    phrases = {outcome.movement for outcome in outcomes}
    if len(outcomes) == 1 or (len(phrases) == 1 and outcomes[0].blur is None):
        return outcomes[0].movement
    if len(outcomes) >= MANY:
        taken = [(outcome.blur, outcome.estimate) for outcome in outcomes if outcome.blur]
        alterations = {
            o.estimate.processed for o in outcomes if o.estimate and o.estimate.processed
        }
        known = sorted(alteration.sentence for alteration in alterations)
        doubted = [outcome.phrase for outcome in outcomes if outcome.doubted]
        sentences = [
            summary(len(outcomes), "exposures", len(taken), taken),
            *known,
            *doubted[:NAMED],
        ]
        if (more := len(doubted) - NAMED) > 0:
            sentences.append(
                "the image of 1 more speaks against its blur too"
                if more == 1
                else f"the images of {more} more speak against their blurs too"
            )
        return "; ".join(sentences)
    return "; ".join(told_once([outcome.phrase for outcome in outcomes]))


def summary(count: int, things: str, touched: int, taken: Sequence[Taken]) -> str:
    """Return in how many of so many frames or exposures which motions were taken out."""
    if not touched:
        return f"nothing to act on in any of {count} {things}"
    lengths = [length for length in map(_length, taken) if length is not None]
    where = f"in {touched} of {count} {things}"
    if not lengths:
        return f"the given kernels {where}"
    blurs = sum(blur is not None for blur, _ in taken)
    others = "" if len(lengths) == blurs else " and other blurs"
    return f"motions of {min(lengths):.1f} to {max(lengths):.1f} px{others} {where}, each by itself"


def _length(taken: Taken) -> float | None:
    """Return the length of a motion that was taken out, pixels; None for another blur, or none."""
    blur, estimate = taken
    if blur is not None and estimate is not None:
        return estimate.length
    return blur.length if isinstance(blur, Motion) else None


def of_given(planes: NDArray[np.intp]) -> Exposure:
    """Return the exposure of planes, (n, 2), whose kernel is given."""
    return Exposure(planes, NOTHING)


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
