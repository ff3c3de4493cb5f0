"""What is tried on the paper's DCAE, one at a time: the paper's countermeasures and its causes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from unsmear.errors import OptionError

Kind = Literal["baseline", "countermeasure", "more images", "cause"]


@dataclass(frozen=True)
class Remedy:
    """One training.

    name: of its folder. words: what differs from the paper's DCAE. changed: the options that do.
    kind: "countermeasure" for what the paper tried, "cause" for what `paper-table-5.md` names.
    all_images: whether it trains on all images in place of a few.
    """

    name: str
    words: str
    kind: Kind
    changed: Mapping[str, Any] = field(default_factory=dict)
    all_images: bool = False


NEAREST = {"upsample": "nearest"}
RESIDUAL = {"residual": True}
PIXELS = {"charbonnier": 1.0, "frequency": 0.01, "perceptual": 0.002}
"""The loss of `dcae-corrected.toml`."""

REMEDIES = (
    Remedy("baseline", "the paper's DCAE", "baseline"),
    Remedy("baseline-again", "the same with another seed", "baseline", {"seed": 1}),
    Remedy(
        "early-stopping",
        "early stopping at the first validation without a lower loss",
        "countermeasure",
        {"stop": {"patience": 1}},
    ),
    Remedy(
        "plateau",
        "a rate that falls to 0.2 of it at each such validation",
        "countermeasure",
        {"schedule": {"name": "plateau", "factor": 0.2, "patience": 1}},
    ),
    Remedy(
        "dropout",
        "dropout of 0.3 after each level",
        "countermeasure",
        {"options": {"dropout": 0.3}},
    ),
    Remedy("l2", "an L2 penalty of 0.01", "countermeasure", {"optimiser": {"weight_decay": 0.01}}),
    Remedy(
        "fewer-filters",
        "half of the filters: 48, 64, 128",
        "countermeasure",
        {"options": {"filters": [48, 64, 128]}},
    ),
    Remedy("more-images", "eight times the images", "more images", all_images=True),
    Remedy("nearest", "no transposed convolutions", "cause", {"options": NEAREST}),
    Remedy("pixels", "a loss that sees brightness", "cause", {"loss": PIXELS}),
    Remedy("residual", "a correction to the blurred image", "cause", {"options": RESIDUAL}),
    Remedy(
        "all-causes",
        "all three",
        "cause",
        {"options": NEAREST | RESIDUAL, "loss": PIXELS},
    ),
)
"""All trainings in their order; each differs from the first in its own options alone."""


def chosen(text: str) -> tuple[Remedy, ...]:
    """Return the trainings of a list "dropout,l2", or all; OptionError for an unknown one."""
    by_name = {remedy.name: remedy for remedy in REMEDIES}
    names = tuple(part.strip() for part in text.split(",") if part.strip()) or tuple(by_name)
    for name in names:
        if name not in by_name:
            raise OptionError(f"--only must name some of {', '.join(by_name)}, got {name!r}.")
    return tuple(by_name[name] for name in names)
