"""Detection of nuclei: which of those that should be found are found, and how well they fit.

Precision, recall and F1 at any intersection over union of `MATCH` and more follow from what is
measured here: from the overlap of each nucleus with its match, and from the number of all that were
detected. They are computed over all images by `recovery.analysis.detection`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from unsmear.recovery.measures.base import MaskedImage, Numbers
from unsmear.recovery.measures.nuclei import MATCH, overlap
from unsmear.segmentation import Masks, renumber, segment_nuclei

DETECTED, OVERLAP = "nuclei detected", "nucleus IoU"
"""Names of the values: one of the image, and one of each nucleus that should be detected."""


def measure(image: MaskedImage) -> dict[str, Numbers]:
    """Return what the segmentation of nuclei detects in this image.

    nuclei detected: their number. nucleus IoU: for each nucleus of the reference, its intersection
    over union with the nucleus of this image that it is matched to, one to one; 0 where none
    overlaps it by `MATCH` or more.

    The reference is the true nuclei where the data have them, and else those detected in the sharp
    image, which then detects all of them by definition.
    """
    return compare(image.reference, segment_nuclei(image.plane(image.nucleus), image.pixel_size))


def compare(reference: Masks, detected: Masks) -> dict[str, Numbers]:
    """Return the values of `measure` for the masks (y, x) of any detector.

    reference, detected: 0 outside, a number for each nucleus.
    """
    detected = renumber(detected)
    return {
        DETECTED: float(detected.max(initial=0)),
        OVERLAP: match(overlap(renumber(reference), detected)).tolist(),
    }


def match(overlaps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the overlap (reference,) of each reference with its match; 0 without one.

    overlaps: (reference, detected), in [0, 1]. Only overlaps of `MATCH` and more can match, so that
    nearly always there is one way to match them; of two halves of one nucleus one matches it.
    """
    possible = np.where(overlaps >= MATCH, overlaps, 0)
    rows, columns = linear_sum_assignment(possible, maximize=True)
    best = np.zeros(len(overlaps))
    best[rows] = possible[rows, columns]
    return best
