"""Random streams of a training run: no two uses of its seed share random numbers."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """The uses of random numbers in a run."""

    TRAINING = 0
    VALIDATION = 1
    TRAINING_FIELDS = 2
    VALIDATION_FIELDS = 3
    ORDER = 4
    AUGMENTATION = 5
    MASKS = 6
    VALIDATION_MASKS = 7


def generator(seed: int, stream: Stream, *place: int) -> np.random.Generator:
    """Return the random generator of a place in a stream.

    A stream must always get the same number of place numbers: NumPy treats missing ones as zeros,
    which is why the stream comes first.
    """
    return np.random.default_rng([seed, int(stream), *place])
