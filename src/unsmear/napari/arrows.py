"""What was found in an image, and the arrows that show it: one for each exposure. No Qt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from unsmear.blur import Motion
from unsmear.estimate import Estimate
from unsmear.estimate.exposures import Exposure
from unsmear.napari.layers import Chosen
from unsmear.report.restoration.movements import REACH

SURE, UNSURE = "#e69f00", "#999999"
"""Colours of movements that are acted on, and of those that are not."""
ALONG = (0.1, 0.5, 0.9)
"""Places along a movement that changes across the field where it is drawn, 0 to 1."""

LayerData: TypeAlias = tuple[Any, dict[str, Any], str]
"""A layer's data, its keywords and its kind, as napari takes them."""


@dataclass(frozen=True, eq=False)
class Found:
    """An exposure of an image, and what blurred it.

    place: the exposure in words; "" for the whole image. frame: number of the time point (T) and
    of the position (P), where there are several. alone: whether it is its frame's only one.
    restored: whether it was restored; None before.
    """

    exposure: Exposure
    place: str
    frame: Mapping[str, int]
    alone: bool
    restored: bool | None = None

    @property
    def estimate(self) -> Estimate:
        """What blurred the exposure."""
        return self.exposure.estimate


def layer(chosen: Chosen, found: Sequence[Found]) -> LayerData | None:
    """Return a layer of vectors, two for each arrow; None where no movement was found.

    An arrow has two heads: an image says in which line something moved, and not whereto. They are
    drawn longer than the movements, by the factor in the layer's name.
    """
    moved = [one for one in found if one.estimate.found]
    if not moved:
        return None
    vectors, features, colours = [], defaultdict(list), []
    for one in moved:
        for where, motion in _arrows(chosen, one, _sharing(one, moved)):
            half = _direction(chosen.axes, motion) * motion.length / 2
            for sign in (-1, 1):
                vectors.append([where, sign * half])
                colours.append(SURE if one.estimate.sure else UNSURE)
                for name, value in _features(one, motion).items():
                    features[name].append(value)
    longest = max(float(length) for length in features["length"])
    factor = max(1, int(REACH * min(chosen.sides) / max(longest, 1e-9)))
    keywords = {
        **placement(chosen.layers[0]),
        "name": f"movement x{factor}: {chosen.name}",
        "features": dict(features),
        "edge_color": colours,
        "edge_width": max(1.0, min(chosen.sides) / 150),
        "length": float(factor),
        "vector_style": "arrow",
        "opacity": 1.0,
    }
    return np.array(vectors, float), keywords, "vectors"


def placement(layer: Any) -> dict[str, Any]:
    """Return the keywords by which another layer lies on a layer."""
    names = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
    return {name: getattr(layer, name) for name in names}


def _features(found: Found, motion: Motion) -> dict[str, Any]:
    return {
        "planes": found.place or "all",
        "length": round(motion.length, 2),
        "angle": round(motion.angle % 180, 1),
        "confidence": round(found.estimate.confidence, 2),
        "sure": bool(found.estimate.sure),
    }


def _direction(letters: str, motion: Motion) -> Any:
    """Return the direction of a motion in the axes of a layer; rows grow downwards."""
    turn = np.deg2rad(motion.angle)
    along = {"Y": -np.sin(turn), "X": np.cos(turn)}
    return np.array([along.get(letter, 0.0) for letter in letters if letter != "S"])


def _sharing(one: Found, moved: Sequence[Found]) -> tuple[int, int]:
    """Return the number of an exposure among those of its frame that fill the field, and theirs."""
    beside = [other for other in moved if other.frame == one.frame and other.exposure.box is None]
    return (beside.index(one), len(beside)) if one in beside else (0, 1)


def _arrows(
    chosen: Chosen, found: Found, share: tuple[int, int]
) -> Iterator[tuple[list[float], Motion]]:
    """Yield the place of each arrow of an exposure in the axes of a layer, and its motion.

    An exposure of several slices has an arrow in each.
    """
    drift = found.estimate.drift
    at = _place_in(chosen.sides, found.exposure, share)
    marks = [(at(0.5, 0.5), found.estimate.motion())]
    if drift is not None:
        marks = [(at(p, 0.5) if drift.down else at(0.5, p), drift.at(p)) for p in ALONG]
    planes = {
        tuple({**found.frame, "Z": int(z), "C": int(c)}.get(axis, 0) for axis in chosen.axes)
        for z, c in found.exposure.planes
    }
    for plane in sorted(planes):
        for (y, x), motion in marks:
            place = dict(zip(chosen.axes, map(float, plane), strict=True)) | {"Y": y, "X": x}
            yield [place[axis] for axis in chosen.axes if axis != "S"], motion


def _place_in(
    sides: tuple[int, int], exposure: Exposure, share: tuple[int, int]
) -> Callable[[float, float], tuple[float, float]]:
    """Return what gives a place (y, x), pixels, by shares of an exposure's part of the field.

    share: its number among exposures of the same field, and theirs; they lie side by side.
    """
    number, count = share
    rows, columns = exposure.box or (slice(0, sides[0]), slice(0, sides[1]))

    def at(down: float, across: float) -> tuple[float, float]:
        across = (number + across) / count
        return (
            rows.start + down * (rows.stop - rows.start),
            columns.start + across * (columns.stop - columns.start),
        )

    return at
