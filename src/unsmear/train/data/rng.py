"""Which random numbers are whose: no two uses of a run's seed share any."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What random numbers are drawn for."""

    TRAINING = 0
    VALIDATION = 1
    TRAINING_FIELDS = 2
    VALIDATION_FIELDS = 3
    ORDER = 4
    AUGMENTATION = 5


def generator(seed: int, stream: Stream, *place: int) -> np.random.Generator:
    """Return the generator of one place in a stream; always give a stream as many numbers.

    NumPy takes missing numbers for zeros, so the stream comes before them.
    """
    return np.random.default_rng([seed, int(stream), *place])
