"""What to do about an image of a batch, by what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unsmear import advice
from unsmear.batches.entry import ESTIMATED, RESTORED, UNSURE, Entry

FOR_ALL = {
    UNSURE: "Unsure: it is open whether the image moved, or how, and it is left as it is. Look at "
    f"it; where you know the movement, {advice.TERMINAL.give}."
}
"""What to do about all images of a batch of which the same became."""
MANY = 0.1
"""Fraction of replaced tiles above which the result is to be looked at."""


def of(entry: Entry, found: Mapping[str, Any]) -> str:
    """Return what to do about an exposure, one of the entry's `found`; "" for nothing."""
    action = entry.action_of(found)
    if action == RESTORED:
        return advice.REPLACED if (entry.tiles_replaced or 0) > MANY else ""
    if not entry.done or "kind" not in found:
        return ""
    why = advice.reason(
        found["kind"],
        found.get("processed", ""),
        found.get("doubt", ""),
        bool(found.get("unsure")),
    )
    if why == "still" or (why == "inconsistent" and action == ESTIMATED):
        return ""
    return advice.sentence(why, advice.TERMINAL)
