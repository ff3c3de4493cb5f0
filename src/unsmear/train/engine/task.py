"""Protocol of a training task, which keeps the loop independent of what is trained."""

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
    """The result of a validation, averaged over the samples.

    scores: by name, including "loss". picture: of the first samples, if any.
    chosen: values chosen on the samples, such as thresholds, for the card.
    """

    scores: dict[str, float]
    picture: Picture | None = None
    chosen: Mapping[str, Any] = field(default_factory=dict)


class Task(Protocol):
    """The parts of a run that depend on the kind of network.

    main: name of the learner's network whose weights are exported.
    """

    main: str

    @property
    def data(self) -> Dataset[Any]:
        """The training samples."""
        ...

    @property
    def learner(self) -> Learner:
        """The networks and losses that the loop trains."""
        ...

    def validate(self, device: torch.device) -> Validation:
        """Return the network's current scores, always on the same samples."""
        ...

    def card(self) -> dict[str, Any]:
        """Return the entries of the card that are specific to this task."""
        ...
