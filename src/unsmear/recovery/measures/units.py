"""Units of the measures, by the beginning of their names."""

from __future__ import annotations

UNITS = {
    "nuclei area error": "fraction",
    "nuclei area": "px²",
    "nuclei overlap": "0 to 1",
    "nuclei": "nuclei",
    "nucleus area": "px²",
    "nucleus IoU": "0 to 1",
    "image mean": "intensity, 0 to 1",
    "image total": "intensity x px",
    "image spots": "spots",
    "mean": "intensity, 0 to 1",
    "total": "intensity x px",
    "nuclear": "fraction",
    "Pearson": "-1 to 1",
    "M1": "fraction",
    "M2": "fraction",
    "contrast": "squared steps",
    "homogeneity": "0 to 1",
    "correlation": "-1 to 1",
    "entropy": "bits",
    "spots": "spots",
}
"""The longest beginning of a name counts: they are in this order."""


def unit_of(measure: str) -> str:
    """Return the unit of a measure; "-" for one of a user's own."""
    units = (unit for name, unit in UNITS.items() if f"{measure} ".startswith(f"{name} "))
    return next(units, "-")
