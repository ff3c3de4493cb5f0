"""Which channel of an image shows the nuclei."""

from __future__ import annotations

from collections.abc import Sequence

from unsmear.errors import OptionError
from unsmear.segmentation import NUCLEUS

OF_DNA = (NUCLEUS, "dapi", "hoechst", "draq5", "dna", "nuclei", "nucleus")
"""Beginnings of channel names that say it; "blue" is that of the Human Protein Atlas."""
NAMES = "blue, DAPI, Hoechst, DRAQ5, DNA or nuclei"
"""The same, as a sentence has them."""


def nuclear(channels: Sequence[str], wanted: str = "") -> str | None:
    """Return the name of the channel with the nuclei; None where no name says which it is.

    channels: names in small letters. wanted: what the user says, a name or a number from 0.

    Raises OptionError for a channel that is not there.
    """
    if wanted:
        if wanted.isdecimal() and int(wanted) < len(channels):
            return channels[int(wanted)]
        if wanted.lower() in channels:
            return wanted.lower()
        raise OptionError(
            f"--nuclei must be a channel, {', '.join(channels)}, or its number from 0, "
            f"got {wanted}."
        )
    named = (name for stain in OF_DNA for name in channels if name.startswith(stain))
    return next(named, None)
