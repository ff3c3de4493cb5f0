"""Image measures: numbers computed in the same way in sharp, blurred and restored images.

A measure is a function of a `MaskedImage`: an image in normalised intensity with the cell masks of
its sharp image. It returns values by name: one for the image, or a list with one for each cell of
the sharp image (or each nucleus that should be detected), in the order of their numbers. Undefined
values, such as the correlation with an erased channel, are NaN and count as missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from unsmear.errors import OptionError
from unsmear.recovery.measures import (
    colocalisation,
    detection,
    intensity,
    nuclei,
    stains,
    texture,
)
from unsmear.recovery.measures.base import MaskedImage, Measure, Numbers, segment_image
from unsmear.recovery.measures.plugin import plugin
from unsmear.segmentation import NUCLEUS

__all__ = [
    "MEASURES",
    "NEEDS",
    "MaskedImage",
    "Measure",
    "Numbers",
    "check",
    "find",
    "lacking",
    "plugin",
    "segment_image",
    "take",
]

MEASURES: dict[str, Measure] = {
    "nuclei": nuclei.measure,
    "detection": detection.measure,
    "intensity": intensity.measure,
    "colocalisation": colocalisation.measure,
    "texture": texture.measure,
}
NEEDS = {"nuclei": NUCLEUS, "detection": NUCLEUS, "colocalisation": colocalisation.PROTEIN}
"""Channel that a measure needs; measures not listed work on any channels."""


def find(name: str | Path) -> Measure:
    """Return a measure by its name in MEASURES, or of a Python file by its path.

    Raises OptionError for what is neither, and for a file without a measure.
    """
    if str(name) in MEASURES:
        return MEASURES[str(name)]
    if Path(name).suffix == ".py" or Path(name).exists():
        return plugin(Path(name))
    close = get_close_matches(str(name), MEASURES, 1)
    raise OptionError(
        f"a measure must be one of {', '.join(MEASURES)} or a Python file, got {str(name)!r}"
        f"{f'; did you mean {close[0]}?' if close else '.'}"
    )


def lacking(names: Sequence[str], channels: Sequence[str], nuclei: str = "") -> dict[str, str]:
    """Return why measures cannot be taken, by name: each needs a channel that is not there.

    nuclei: the channel that shows them, as the user says it.
    """
    known = {NUCLEUS} if stains.nuclear(channels, nuclei) else set()
    missing = [n for n in names if n in NEEDS and NEEDS[n] not in {*channels, *known}]
    return {name: _lack(NEEDS[name], channels) for name in missing}


def _lack(needed: str, channels: Sequence[str]) -> str:
    got = f"got {', '.join(channels)}"
    if needed != NUCLEUS:
        return f"the images must have a channel named {needed}, {got}"
    return (
        f"the images must have a channel named {stains.NAMES}, {got}; --nuclei CHANNEL names the "
        "one with the nuclei (or its number, from 0)"
    )


def check(names: Sequence[str], channels: Sequence[str], nuclei: str = "") -> None:
    """Raise OptionError for a measure that needs a channel which is not among the colours."""
    for name, why in lacking(names, channels, nuclei).items():
        raise OptionError(f"{name}: {why}.")


def take(image: MaskedImage, chosen: Sequence[Measure]) -> dict[str, Numbers]:
    """Return the values of the chosen measures for one image.

    Raises OptionError where two measures give a value of the same name, and what a plugin raises.
    """
    values: dict[str, Numbers] = {}
    for measure in chosen:
        numbers = measure(image)
        twice = sorted(values.keys() & numbers.keys())
        if twice:
            raise OptionError(f"measures must return unique names, got {twice[0]!r} twice.")
        values.update(numbers)
    return values
