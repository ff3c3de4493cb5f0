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
from unsmear.recovery.measures import colocalisation, detection, intensity, nuclei, texture
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


def check(names: Sequence[str], channels: Sequence[str]) -> None:
    """Raise OptionError for a measure that needs a channel which is not among the colours."""
    for name in names:
        if name in NEEDS and NEEDS[name] not in channels:
            raise OptionError(
                f"{name}: the images must have a channel named {NEEDS[name]}, "
                f"got {', '.join(channels)}."
            )


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
