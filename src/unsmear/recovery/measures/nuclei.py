"""Nuclei segmented in the image, compared with those of the sharp image."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.recovery.measures.base import MaskedImage, Numbers
from unsmear.segmentation import Masks, segment_nuclei

MATCH = 0.5
"""Intersection over union from which two masks are the same nucleus; matches are then unique."""


def measure(image: MaskedImage) -> dict[str, Numbers]:
    """Return the nuclei of this image and their errors against the sharp image.

    nuclei count: number of nuclei. nuclei area: mean area, square pixels; NaN without nuclei.
    nuclei count error: |count - count of the sharp image|.
    nuclei area error: mean |area - sharp area| / sharp area of matched nuclei, those with an
    intersection over union of at least `MATCH` (Caicedo et al. 2019).
    nuclei overlap: mean intersection over union of the sharp nuclei with their best match, 0
    without a match. nuclei lost: false negatives, sharp nuclei without a match. nuclei invented:
    false positives, nuclei of this image without a match.
    nucleus area: area of the match of each sharp nucleus, square pixels, NaN without a match.

    For the sharp image itself all errors, lost and invented are 0 and the overlap is 1. Without
    sharp nuclei the overlap is NaN.
    """
    segmented = segment_nuclei(image.plane(image.nucleus), image.pixel_size)
    overlaps = overlap(image.nuclei, segmented)
    sharp, here = _areas(image.nuclei), _areas(segmented)
    best = overlaps.max(axis=1, initial=0)
    matches = np.where(best >= MATCH, overlaps.argmax(axis=1) if len(here) else 0, -1)
    matched = matches >= 0
    areas = np.full(len(sharp), np.nan)
    areas[matched] = here[matches[matched]]
    return {
        "nuclei count": float(len(here)),
        "nuclei area": _mean(here),
        "nuclei count error": float(abs(len(here) - len(sharp))),
        "nuclei area error": _mean(np.abs(areas[matched] / sharp[matched] - 1)),
        "nuclei overlap": _mean(best),
        "nuclei lost": float((~matched).sum()),
        "nuclei invented": float(len(here) - matched.sum()),
        "nucleus area": areas.tolist(),
    }


def overlap(first: Masks, second: Masks) -> NDArray[np.float64]:
    """Return the intersection over union of every mask with every mask, (first, second)."""
    rows, columns = int(first.max(initial=0)) + 1, int(second.max(initial=0)) + 1
    pairs = first.ravel().astype(np.int64) * columns + second.ravel()
    intersection = np.bincount(pairs, minlength=rows * columns).reshape(rows, columns)
    union = (
        intersection.sum(axis=1, keepdims=True)
        + intersection.sum(axis=0, keepdims=True)
        - intersection
    )
    return np.asarray((intersection / np.maximum(union, 1))[1:, 1:])


def _areas(masks: Masks) -> NDArray[np.float64]:
    return np.bincount(masks.ravel())[1:].astype(np.float64)


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else math.nan
