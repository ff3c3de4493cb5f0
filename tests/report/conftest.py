"""Answers of a recovery that are drawn, not measured, and what a browser makes of a page."""

from html.parser import HTMLParser

import numpy as np
import pytest

from unsmear.data.labels import LABELS
from unsmear.recovery.collect.answers import Prediction, Predictions

NAMES = LABELS[:7]
BLURS = {"motion 6 px": 6.0, "motion 10 px": 10.0, "motion 16 px": 16.0}
ERRORS = {
    "sharp": 0.0,
    "blurred": 0.9,
    "deep-wiener, true kernel": 0.05,
    "deep-wiener, estimated kernel": 0.1,
    "wiener, true kernel": 0.4,
    "plain <network>": 0.7,
}
"""What part of the sharp image's answer is lost at 10 px; as much noise comes in its place."""
VOID = {"meta", "img", "br"}
ERASER, PAINTER = "eraser", "painter"


class Outline(HTMLParser):
    """What a browser would make of a page; raises where a tag is not closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def values(self, name):
        return [value for _, key, value in self.attributes if key == name]


@pytest.fixture(scope="session")
def answers():
    """Return the function that draws answers."""
    return draw_answers


@pytest.fixture
def outline():
    """Return the class that reads a page."""
    return Outline


def draw_answers(groups=40, seed=0, classifier=True):
    """Return the answers of `groups` images, each blurred in three ways, by eight restorers.

    The eraser leaves nothing to be found, the painter paints nucleoli into everything. The last
    of the labels is in no image.
    """
    generator = np.random.default_rng(seed)
    rows = []
    for group in range(groups):
        truth = generator.random(len(NAMES)) < np.linspace(0.5, 0.1, len(NAMES))
        truth[-1] = False
        logits_sharp = 4 * truth - 2 + 1.5 * generator.normal(size=len(NAMES))
        cells = generator.uniform(100, 1000, 5)
        for blur, length in BLURS.items():
            case = {"case": f"field-{group:02d}-{length:.0f}", "group": f"field-{group:02d}"}
            case |= {"blur": blur, "length": length}
            case["labels"] = tuple(np.flatnonzero(truth).tolist())
            for restorer in [*ERRORS, ERASER, PAINTER]:
                worse = min(1.0, ERRORS.get(restorer, ERRORS["blurred"]) * length / 10)
                noise = generator.normal(size=len(NAMES))
                logits = (1 - worse) * logits_sharp + worse * (noise - 1) + 0.1 * worse * noise
                if restorer == ERASER:
                    logits = logits - 6
                if restorer == PAINTER:
                    logits[2] += 6
                rows.append(
                    Prediction(
                        **case,
                        restorer=restorer,
                        probabilities=tuple((1 / (1 + np.exp(-logits))).tolist())
                        if classifier
                        else (),
                        measures=_measures(restorer, cells, worse, generator),
                    )
                )
    thresholds = (0.5,) * len(NAMES)
    return Predictions(NAMES if classifier else (), thresholds if classifier else (), tuple(rows))


def _measures(restorer, cells, worse, generator):
    off = 0.0 if restorer == "sharp" else 0.1 * worse
    return {
        "nuclei: count": float(round(len(cells) * (1 + off * generator.normal()))),
        "intensity: green": (cells * (0 if restorer == ERASER else 1 + off)).tolist(),
        "texture: contrast": float(cells.mean() * (1 + off * generator.normal())),
    }
