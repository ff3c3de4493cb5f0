"""Recognition of images that were deconvolved before: the motion's dark bands without its decay.

A linear motion leaves dark bands and lowers what lies between them with the frequency. A
deconvolution lifts that again, but what a band took is gone, so the bands stay. Such an image would
be deconvolved a second time, where nothing is left to lift but errors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from unsmear.estimate import fitting
from unsmear.estimate.likelihood import DARKEST
from unsmear.estimate.motion_fit import QUICK, Search

REGULARISATIONS = (1e-2, 3e-3, 3e-2, 1e-3)
"""Noise-to-signal ratios of the deconvolutions that are tried; the first is the middle one."""
FAR = 10
"""Loss of the first above that of the motion, as a multiple of the required drop, beyond which the
others are not tried."""


@dataclass(frozen=True)
class Processed:
    """What was done to an image after it was recorded, or by how it was recorded, line by line.

    kind: by name. sentence: what shows it, to be read after the estimate.
    """

    kind: Literal["deconvolved", "compressed", "jittered"]
    sentence: str


DECONVOLVED = Processed(
    "deconvolved",
    "this file was deconvolved before: its spectrum has the dark bands of the motion, but is flat "
    "between them",
)

COMPRESSED = Processed(
    "compressed",
    "blocks of 8 pixels show, as compression leaves them, and signs of a motion are lost",
)

JITTERED = Processed(
    "jittered",
    "its lines are displaced against each other (line jitter), which is no motion blur and has no "
    "kernel",
)

SENTENCES = tuple(one.sentence for one in (DECONVOLVED, COMPRESSED, JITTERED))


def told_once(phrases: Sequence[str]) -> list[str]:
    """Return phrases on several exposures; what more than one says of the file stands once, last.

    phrases: each with a description of an estimate, as `Estimate.describe` gives it.
    """
    told = list(phrases)
    for sentence in SENTENCES:
        if sum(sentence in phrase for phrase in phrases) > 1:
            joined = re.compile(f"(:|;|, but) {re.escape(sentence)}")
            told = [*(joined.sub("", phrase) for phrase in told), sentence]
    return told


def recognise(search: Search, rival: float, required: float) -> Processed | None:
    """Return what was done to an image before, None where it is as a camera recorded it.

    A motion with the gain of a Wiener filter, |K|^2 / (|K|^2 + c), is fitted to the spectrum as the
    motion itself was, and must explain it clearly better.

    search: the fits of linear motion. rival: the lowest loss of any motion that was fitted.
    required: the drop in loss below it that is evidence.

    In six fields moved by 4 to 40 px the drop was at most 13 times (1 + averages) where the motion
    was found right, for deconvolved ones 30 to 1000 times. A motion of uneven speed reached 79.
    """
    limit = rival - required
    problem, best = search.problem, search.best
    for regularisation in REGULARISATIONS:
        lifted = best.transfer / (best.transfer + regularisation)
        transfer = np.maximum(lifted**2, DARKEST)
        fit = fitting.fit_held(problem, transfer, steps=QUICK)
        if fit.loss < limit:
            settled = fitting.fit_held(problem, best.transfer, best.texture)
            if fit.loss < min(rival, settled.loss) - required:
                return DECONVOLVED
        if fit.loss > rival + FAR * required:
            return None
    return None
