"""Options of `unsmear synth`: what a field of cells is like."""

from __future__ import annotations

from dataclasses import dataclass

from cyclopts import Parameter


@Parameter(name="*")
@dataclass(frozen=True)
class FieldOptions:
    """Size and contents of a field."""

    size: int = 512
    "Side of a field or frame, pixels."

    pixel_size: float = 0.16
    "Pixel size, micrometres; 0.08 is the full resolution of the HPA."

    bits: int = 8
    "Bit depth, 8 or 16; with --scan, 8 to 16."

    labels: str = ""
    """Labels to draw from, by number or name, separated by commas: "0,16,Golgi apparatus"
    [default: all 19]."""
