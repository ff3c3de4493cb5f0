"""How large the experiment is; everything else is the same at every scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from unsmear.errors import OptionError

Overrides = Mapping[str, Any]
"""Nested options of a training run, as in its TOML file."""


@dataclass(frozen=True)
class Scale:
    """What a scale changes.

    images: with labels taken from a folder, or drawn, test set aside. test: of the test set.
    real, real_test: real cells beside drawn ones, of the training and of the test groups, at most.
    shares: of training and validation; the paper has 70/15/15 for its GAN, and the same test set
    for all.
    drawn, side: pixels of a drawn field, and of what it is made smaller to.
    minutes: of each network's training; None is without limit.
    overrides: of every network, then of the networks whose model or name it is.
    steps_a_minute: of networks whose rate falls to 0 at the last step: what a minute allows even
        where something else is busy; the rate must get there before the time is over.
    shown: test images in the pictures.
    labelled, labelled_test: images with labels that the classifier of Table VI learns from, and
    those that it is asked about. few: of these the first, for what is slow: the paper's blur, which
    all networks restore, and the lengths beside the middle one; None takes all.
    among: the labels of drawn ones; all 19 where it is empty.
    classifier, learning: its network, and options of its training.
    leaves_out: whether labels that none of its training images has are left out, or an error.
    """

    images: int
    test: int
    real: int = 0
    real_test: int = 0
    shares: str = "80/20"
    drawn: int = 512
    side: int = 256
    minutes: float | None = None
    overrides: Mapping[str, Overrides] = field(default_factory=dict)
    steps_a_minute: Mapping[str, float] = field(default_factory=dict)
    shown: int = 4
    labelled: int = 5000
    labelled_test: int = 1000
    few: int | None = None
    among: tuple[int, ...] = ()
    classifier: str = "xception"
    learning: Overrides = field(default_factory=dict)
    leaves_out: bool = False


SCALES = {
    "full": Scale(5000, 1000, real=500, real_test=500),
    # Two processor cores, about 75 minutes for five networks.
    "small": Scale(
        images=300,
        test=30,
        real=100,
        real_test=30,
        minutes=13.0,
        overrides={
            "": {
                "data": {"size": 128, "validation": 16},
                "stop": {"epochs": 1000.0},
                "log": {"every": 10},
            },
            "dcae": {"data": {"batch": 8}, "log": {"validate_every": 100}},
            "gan": {"log": {"validate_every": 250}},
            "maxim": {"stop": {"epochs": 18.0}},
            "maxim-scratch": {
                "data": {"batch": 2},
                "stop": {"epochs": 1000.0},
                "log": {"validate_every": 100},
            },
        },
        steps_a_minute={"dcae-corrected": 15.0, "gan-corrected": 44.0, "maxim-scratch": 26.0},
        labelled_test=300,
        few=150,
        classifier="light",
        learning={
            "data": {"crop": 192, "workers": 0},
            "stop": {"epochs": 5.0},
            "log": {"validate_every": 125},
        },
    ),
    # For the tests: seconds, and nothing is learned.
    "tiny": Scale(
        images=8,
        test=2,
        real=4,
        real_test=2,
        drawn=128,
        side=64,
        minutes=1.0,
        overrides={
            "": {
                "data": {"size": 32, "validation": 2, "batch": 1, "workers": 0},
                "log": {"every": 1, "validate_every": 2, "tensorboard": False},
                "stop": {"steps": 3},
            },
            "dcae": {"options": {"filters": [4, 4, 4]}},
            "gan": {"options": {"filters": 4, "blocks": 1}, "adversarial": {"filters": 4}},
            "ganscan": {
                "options": {"filters": 4, "levels": 3},
                "adversarial": {"filters": 4},
            },
            "maxim": {
                "data": {"size": 64},
                "options": {"features": 4, "groups": 1, "bottlenecks": 1},
            },
        },
        shown=1,
        labelled=24,
        labelled_test=2,
        few=1,
        among=(0, 2, 16),
        classifier="light",
        learning={
            "options": {"features": 4, "stages": 2},
            "data": {"batch": 4, "workers": 0},
            "stop": {"steps": 3},
            "log": {"every": 1, "validate_every": 2, "tensorboard": False},
        },
    ),
}


def trial(share: float) -> Scale:
    """Return the full scale on a share of its images, with a few steps of each network.

    It measures what the full one needs (`budget.py`); batches fit a computer without a GPU.

    Raises OptionError for a share that is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise OptionError(f"--trial must be above 0 and at most 1, got {share:g}.")
    full = SCALES["full"]
    counts = ("images", "test", "labelled", "labelled_test")
    return replace(
        full,
        **{name: max(2, round(share * getattr(full, name))) for name in counts},
        overrides={
            "": {"data": {"validation": 2, "workers": 0}, "log": {"every": 1}},
            "dcae": {"data": {"batch": 4}, "stop": {"steps": 2}},
            "gan": {"stop": {"steps": 3}},
            "maxim": {"data": {"batch": 1}, "stop": {"steps": 2}},
        },
        learning={
            "data": {"batch": 4, "workers": 0},
            "log": {"every": 1},
            "stop": {"steps": 2},
        },
        leaves_out=True,
    )
