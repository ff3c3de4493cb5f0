"""Questions beyond labels that sharp, blurred and restored images are asked alike.

A measure is a function of what is `Seen`, an image in units and the masks of its sharp image, that
returns numbers by name: one of the image, or a list of one for each of the sharp image's cells,
in the order of the cells' numbers. What is not defined, the correlation with an erased channel, is
NaN: whoever sums up counts it as missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from unsmear.errors import OptionError
from unsmear.recovery.measures import colocalisation, intensity, nuclei, texture
from unsmear.recovery.measures.base import Measure, Numbers, Seen, see
from unsmear.recovery.measures.plugin import plugin
from unsmear.segmentation import NUCLEUS

__all__ = [
    "MEASURES",
    "NEEDS",
    "Measure",
    "Numbers",
    "Seen",
    "check",
    "find",
    "plugin",
    "see",
    "take",
]

MEASURES: dict[str, Measure] = {
    "nuclei": nuclei.measure,
    "intensity": intensity.measure,
    "colocalisation": colocalisation.measure,
    "texture": texture.measure,
}
NEEDS = {"nuclei": NUCLEUS, "colocalisation": colocalisation.PROTEIN}
"""The channel without which a measure has nothing to say; the others take any."""


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


def take(seen: Seen, chosen: Sequence[Measure]) -> dict[str, Numbers]:
    """Return all that the chosen measures find in one image.

    Raises OptionError where two give a number of the same name, and what a plugin raises.
    """
    found: dict[str, Numbers] = {}
    for measure in chosen:
        numbers = measure(seen)
        twice = sorted(found.keys() & numbers.keys())
        if twice:
            raise OptionError(f"measures must have names of their own, got {twice[0]!r} twice.")
        found.update(numbers)
    return found
