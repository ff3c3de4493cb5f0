"""Units of length in files, and which pixel sizes a microscope can have."""

from __future__ import annotations

import math
import re
import unicodedata

LENGTHS = {
    "ym": 1e-18, "zm": 1e-15, "am": 1e-12, "fm": 1e-9, "pm": 1e-6, "nm": 1e-3, "um": 1.0,
    "mm": 1e3, "cm": 1e4, "dm": 1e5, "m": 1e6, "dam": 1e7, "hm": 1e8, "km": 1e9,
    "angstrom": 1e-4, "a": 1e-4, "ang": 1e-4, "thou": 25.4, "mil": 25.4, "mils": 25.4,
    "li": 25400 / 12, "inch": 25400.0, "in": 25400.0, "inches": 25400.0, '"': 25400.0,
    "ft": 304800.0, "foot": 304800.0, "feet": 304800.0, "yd": 914400.0,
    "micron": 1.0, "microns": 1.0, "mu": 1.0, "u": 1.0,
}  # fmt: skip
"""Lengths of units, micrometres; those of OME, and what ImageJ's users and plugins write."""
PREFIXES = {"": 1e6, "nano": 1e-3, "pico": 1e-6, "micro": 1.0, "milli": 1e3, "centi": 1e4,
            "deci": 1e5, "kilo": 1e9, "femto": 1e-9}  # fmt: skip
WORD = re.compile(r"(nano|pico|micro|milli|centi|deci|kilo|femto|)(?:metre|meter)s?")
ESCAPE = re.compile(r"\\u([0-9a-f]{4})")

SMALLEST, LARGEST = 1e-4, 40.0
"""Range of the pixel sizes that are believed, micrometres."""
LARGEST_OF_TAGS = 15.0
"""Largest pixel size that is believed of a resolution alone: 1693 dots per inch. What screens and
printers want, 72 to 1200, stands in the same place."""
DOTS = frozenset({2400, 3200, 3600, 4800})
"""Resolutions of scanners that would pass for a pixel size, dots per inch."""


def micrometres(unit: str | None) -> float | None:
    """Return the length of a unit in micrometres, or None for one that is none ("pixel")."""
    if unit is None:
        return None
    lower = unit.strip().strip("\0").lower()
    plain = ESCAPE.sub(lambda code: chr(int(code[1], 16)), lower).lower()
    plain = plain.replace("µ", "u").replace("μ", "u")
    # Angstroms are written with their ring and without.
    parts = unicodedata.normalize("NFKD", plain)
    plain = "".join(sign for sign in parts if not unicodedata.combining(sign))
    plain = plain.strip().rstrip(".")
    word = WORD.fullmatch(plain)
    if word:
        return PREFIXES[word[1]]
    return LENGTHS.get(plain.removesuffix("s") if plain in ("angstroms", "ums", "nms") else plain)


def doubt(size: tuple[float, float], source: str, *, of_tags: bool = False) -> str:
    """Return why (y, x) in micrometres cannot be the pixel size of a microscope, or "".

    source: where it stands, in words. of_tags: whether a screen or printer has its own there.
    """
    if tuple(size) == (1.0, 1.0):
        return f"1 um in the {source} is what programs write for a size that they do not know"
    largest = LARGEST_OF_TAGS if of_tags else LARGEST
    for side in reversed(size):
        believed = math.isfinite(side) and SMALLEST <= side <= largest
        if not believed or (of_tags and _is_of_scanner(side)):
            return f"{side:.4g} um in the {source} is no pixel size of a microscope"
    return ""


def _is_of_scanner(side: float) -> bool:
    """Return whether a pixel size in micrometres comes from the resolution of a scanner."""
    dots = 25400 / side
    return any(abs(dots - usual) < 0.01 for usual in DOTS)
