"""What a run teaches: restoring, or naming what is seen. The loop and its folder know neither."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from unsmear.train.data.dataset import Dataset
from unsmear.train.engine.learner import Learner
from unsmear.train.engine.log import Picture


@dataclass(frozen=True)
class Validation:
    """What a network reaches: means over the samples.

    scores: by name, "loss" among them. picture: of the first samples, where there is one.
    found: what was chosen on the samples, for the card.
    """

    scores: dict[str, float]
    picture: Picture | None = None
    found: Mapping[str, Any] = field(default_factory=dict)


class Task(Protocol):
    """What is particular to one kind of network.

    main: the name, among the learner's networks, of the one whose weights are saved for users.
    """

    main: str

    @property
    def data(self) -> Dataset[Any]:
        """The samples to train on."""
        ...

    @property
    def learner(self) -> Learner:
        """What the loop moves."""
        ...

    def validate(self, device: torch.device) -> Validation:
        """Return how good the network is by now, on samples that are the same every time."""
        ...

    def card(self) -> dict[str, Any]:
        """Return what its card says beside what every card says."""
        ...
