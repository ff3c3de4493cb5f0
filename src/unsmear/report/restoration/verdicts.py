"""Words and colours of the tiles that are not the restored ones, wherever they are shown."""

from __future__ import annotations

from unsmear.restoration.consistency import DECONVOLVED, INPUT, LEFT

COLOUR = {DECONVOLVED: "#e69f00", INPUT: "#d55e00", LEFT: "#56b4e9"}
"""Colours of the verdicts; colour-blind readers can tell them apart, on a dark image too."""
MEANING = {
    DECONVOLVED: "replaced by the plain deconvolution",
    INPUT: "replaced by the recorded image",
    LEFT: "left as it was: not known to have moved",
}
"""The verdicts in words."""
