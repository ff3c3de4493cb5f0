"""The 19 locations of the Human Protein Atlas single-cell classification competition."""

from __future__ import annotations

import re

from unsmear.errors import DataError

LABELS = (
    "Nucleoplasm",
    "Nuclear membrane",
    "Nucleoli",
    "Nucleoli fibrillar center",
    "Nuclear speckles",
    "Nuclear bodies",
    "Endoplasmic reticulum",
    "Golgi apparatus",
    "Intermediate filaments",
    "Actin filaments",
    "Microtubules",
    "Mitotic spindle",
    "Centrosome",
    "Plasma membrane",
    "Mitochondria",
    "Aggresome",
    "Cytosol",
    "Vesicles and punctate cytosolic patterns",
    "Negative",
)
"""Names of the labels by number, 0 to 18."""

CHANNELS = ("red", "green", "blue", "yellow")
"""Colours of the channels: microtubules, protein of interest, nuclei, endoplasmic reticulum."""


def label_number(text: str) -> int:
    """Return a label's number from its number or its name, in any case.

    Raises DataError for a label that is not among the 19.
    """
    text = text.strip()
    # int() raises for thousands of digits, and for some that isdigit() takes for one.
    if re.fullmatch("[0-9]{1,9}", text) and int(text) < len(LABELS):
        return int(text)
    for number, name in enumerate(LABELS):
        if name.lower() == text.lower():
            return number
    raise DataError(
        f"a label must be a number from 0 to 18 or one of their names, got {text[:40]!r}."
    )
