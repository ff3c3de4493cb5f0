"""Answers of a classifier that sees less in blurred images, without a classifier."""

import numpy as np
import pytest

from unsmear.recovery.analysis.aligned import Aligned
from unsmear.recovery.collect.answers import Prediction, Predictions


@pytest.fixture(scope="session")
def side_by_side():
    """Return a function that sets truth and probabilities of restorers side by side."""

    def make(truth, probabilities, groups=None, blurs=None, lengths=None):
        truth = np.asarray(truth, bool)
        count = len(truth)
        blurs = ["motion 10 px"] * count if blurs is None else blurs
        lengths = [10.0] * count if lengths is None else lengths
        return Aligned(
            labels=tuple("ABCDEFGHIJ"[: truth.shape[1]]),
            truth=truth,
            thresholds=np.full(truth.shape, 0.5),
            probabilities={name: np.asarray(p, float) for name, p in probabilities.items()},
            cases=tuple(f"image {place}" for place in range(count)),
            groups=tuple(map(str, range(count) if groups is None else groups)),
            blurs=tuple(blurs),
            lengths=np.array(lengths, float),
        )

    return make


@pytest.fixture(scope="session")
def draw_labels():
    """Return the function that draws `drawn_labels`, for what a module makes of it once."""
    return draw


@pytest.fixture
def drawn_labels():
    """Return what `draw` draws; a test may change it."""
    return draw()


def draw():
    """Return truth and probabilities of 150 images and 5 labels: sharp, blurred and half way."""
    generator = np.random.default_rng(7)
    truth = generator.random((150, 5)) < [0.5, 0.3, 0.3, 0.2, 0.2]
    noise, more = generator.normal(size=(2, 150, 5))

    def probability(of_noise):
        return 1 / (1 + np.exp(-(6 * (truth - 0.5) + of_noise)))

    return truth, {
        "sharp": probability(2.5 * noise),
        "blurred": probability(2.5 * noise + 4 * more),
        "half": probability(2.5 * noise + 1.5 * more),
    }


@pytest.fixture(scope="session")
def as_answers():
    """Return a function that makes the rows of a run of what stands side by side."""

    def make(aligned, measures=None):
        rows = []
        for place, case in enumerate(aligned.cases):
            for name, probabilities in aligned.probabilities.items():
                rows.append(
                    Prediction(
                        case=case,
                        group=aligned.groups[place],
                        restorer=name,
                        blur=aligned.blurs[place],
                        length=float(aligned.lengths[place]),
                        labels=tuple(np.flatnonzero(aligned.truth[place]).tolist()),
                        probabilities=tuple(probabilities[place].tolist()),
                        measures=measures(place, name) if measures else {},
                    )
                )
        return Predictions(aligned.labels, (0.5,) * len(aligned.labels), tuple(rows))

    return make
