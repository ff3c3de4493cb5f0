"""What to do about an image that is left as it is, in one wording for all who say it.

The command line, the local page and napari say the same, but for how a movement is given there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reason = Literal[
    "still",
    "unknown",
    "perhaps",
    "doubtful",
    "inconsistent",
    "contradicted",
    "shake",
    "defocus",
    "deconvolved",
    "compressed",
    "jittered",
]
"""Why an exposure is left as it is: nothing moved; that is open; a movement may have been found, or
is doubted; the result, or the movement that was given, does not fit the image; its kind of blur; or
what was done to the file before."""


@dataclass(frozen=True)
class Door:
    """Where advice is read. give: how a movement is given there."""

    give: str


TERMINAL = Door(
    "give it to unsmear restore (--length and --angle, or --speed, --exposure and --angle)"
)
PAGE = Door("draw it as a line, or type it, and restore with that movement")
NAPARI = Door(
    "give it to unsmear restore (--length and --angle), or draw it on the page of unsmear open"
)

STREAKS = "If you see streaks, one of them is the movement: {give}."
SENTENCES: dict[Reason, str] = {
    "still": "Nothing: an image that did not move is left as it is.",
    "unknown": "The image does not tell whether it moved, perhaps for little light or detail. "
    f"{STREAKS}",
    "perhaps": "A wrong movement would make the image worse, so nothing is done. Look at it. "
    f"{STREAKS}",
    "doubtful": "If you know the movement, {give}.",
    "inconsistent": "A restored image would not be consistent with the recorded one. If you know "
    "the movement, {give}.",
    "contradicted": "The movement that was given does not explain the image: give it once more, "
    "along another streak and from end to end of it, or let it be found.",
    "shake": "No straight line describes the movement, and its path is too uncertain to restore "
    "by. The trace of a small bright object, such as a bead, is that path: give it as the kernel "
    "(unsmear restore --kernel), or record again with a shorter exposure.",
    "defocus": "Being out of focus is no movement, and is not taken out: focus and record again.",
    "deconvolved": "Restore the file that the camera wrote: what was taken out once cannot be "
    "taken out again.",
    "jittered": "Lines that lie beside their places are no motion blur. unsmear.straighten_lines "
    "in Python puts them back where that is sure.",
    "compressed": f"Restore the file that the camera wrote, before its compression. {STREAKS}",
}
"""What to do, by the reason."""
PROCESSED: dict[str, Reason] = {"deconvolved": "deconvolved", "jittered": "jittered"}
"""The reason by the kind of what was done to a file, or by which it was recorded; for the others
"compressed"."""
REPLACED = "Many tiles were replaced: compare the result with the recorded image."
"""What to do about a result whose tiles often failed the consistency check."""


def reason(kind: str, processed: str, doubt: str, unsure: bool) -> Reason:
    """Return why an exposure whose blur was estimated is left as it is.

    kind, doubt, unsure: as in `Estimate`. processed: kind of what was done to the file, or "".
    """
    if processed:
        return PROCESSED.get(processed, "compressed")
    if kind == "defocus":
        return "defocus"
    if kind == "none":
        return "unknown" if unsure else "still"
    if kind == "shake" and unsure:
        return "shake"
    if doubt:
        return "doubtful"
    return "perhaps" if unsure else "inconsistent"


def sentence(why: Reason, door: Door) -> str:
    """Return what to do about an exposure that is left as it is."""
    return SENTENCES[why].format(give=door.give)
