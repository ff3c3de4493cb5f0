"""What to do about an image of a batch, by what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unsmear.batches.entry import LEFT, RESTORED, UNSURE, Entry

FOR_ALL = {
    UNSURE: "Unsure: it is open whether the image moved, or how, and it is left as it is. Look at "
    "it; where you know the motion, give it to unsmear restore: --length and --angle, or --speed, "
    "--exposure and --angle."
}
"""What to do about all images of a batch of which the same became."""
MANY = 0.1
"""Fraction of replaced tiles above which the result is to be looked at."""


def of(entry: Entry, found: Mapping[str, Any]) -> str:
    """Return what to do about an exposure, one of the entry's `found`; "" for nothing."""
    action, kind = entry.action_of(found), found.get("kind")
    if found.get("processed") == "deconvolved" and action != RESTORED:
        return "restore the file as the camera recorded it"
    if found.get("processed") == "compressed":
        return "restore the file before its compression"
    if action == UNSURE:
        if kind == "shake":
            return "look at it; --shake restores it by a path that may be wrong"
        return "look at it; give its motion if you know it"
    if action == LEFT and kind == "defocus":
        return "focus: defocus is not taken out"
    if action == RESTORED and (entry.tiles_replaced or 0) > MANY:
        return "compare it with the recorded image: many tiles were replaced"
    return ""
