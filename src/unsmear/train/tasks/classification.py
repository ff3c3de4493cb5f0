"""Teaching a network which labels an image has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unsmear.data.labels import LABELS
from unsmear.metrics.classification import best_thresholds, score
from unsmear.train.config.classifier import LabelLoss, LabelRun
from unsmear.train.data.dataset import Labelled
from unsmear.train.data.labelled import Labels, open_examples
from unsmear.train.data.loader import stack
from unsmear.train.engine import build
from unsmear.train.engine.learner import Losses, Turn, plain
from unsmear.train.engine.task import Validation

CLASSIFIER = "classifier"
DIGITS = 6
"""Of a threshold on the card."""

Loss = Callable[[Tensor, Tensor], Tensor]
"""(logits, labels), both (image, label) -> a scalar."""


@dataclass
class Naming:
    """A network that a loss between its logits and the labels teaches; see `learner.Learner`."""

    networks: dict[str, nn.Module]
    loss: Loss

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The one turn."""
        return (Turn(CLASSIFIER, self._losses),)

    def _losses(self, batch: Labelled) -> Losses:
        return {"loss": self.loss(logits(self.networks[CLASSIFIER], batch.image), batch.labels)}


@dataclass
class Classifying:
    """A classifier; see `engine.task.Task`."""

    run: LabelRun
    data: Labels
    checked: Labels
    learner: Naming
    main: str = CLASSIFIER
    found: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, run: LabelRun, device: torch.device, begins: bool) -> Classifying:
        """Return the task of a run; raises what `train.run.open_task` does."""
        network = build.classifier(run, begins=begins)
        data, checked = open_examples(run.data, run.seed)
        loss = label_loss(run.loss, weights(run.loss, data).to(device))
        return cls(run, data, checked, Naming({CLASSIFIER: network}, loss))

    @torch.no_grad()
    def validate(self, device: torch.device) -> Validation:
        """Return the loss, the scores at the best thresholds, and these, label by label."""
        network = plain(self.learner.networks[CLASSIFIER])
        training = network.training
        network.eval()
        parts: list[tuple[Tensor, Tensor]] = []
        for first in range(0, len(self.checked), self.run.data.batch):
            some = range(first, min(first + self.run.data.batch, len(self.checked)))
            image, labels = stack([self.checked.draw(0, index) for index in some])
            parts.append((logits(network, image.to(device)).float(), labels.to(device)))
        network.train(training)
        made, wanted = (torch.cat(each) for each in zip(*parts, strict=True))
        loss = float(self.learner.loss(made, wanted))
        truth = wanted.cpu().numpy() > 0
        probabilities = torch.sigmoid(made).cpu().numpy().astype(np.float64)
        thresholds = best_thresholds(truth, probabilities)
        scored = score(truth, probabilities, thresholds)
        self.found = {"thresholds": [round(float(one), DIGITS) for one in thresholds]}
        return Validation(
            {
                "loss": loss,
                "average_precision": scored.mean_average_precision,
                "micro_f1": scored.micro_f1,
                "macro_f1": scored.macro_f1,
                "harmonic_f1": scored.harmonic_f1,
            },
            found=self.found,
        )

    def card(self) -> dict[str, Any]:
        """Return what a classifier's card has, with the thresholds of the latest validation."""
        settings = self.run.data
        return {
            "task": "classify",
            "options": build.classifier_options(self.run),
            "labels": [LABELS[number] for number in settings.labels],
            "channels": list(self.data.colours),
            "size": settings.size,
            "range": "dtype" if settings.data_range is None else settings.data_range,
            "groups": sorted({entry.group for entry in (*self.data.entries, *self.checked.entries)})
            if settings.images
            else [],
            **self.found,
        }


def logits(network: nn.Module, units: Tensor) -> Tensor:
    """Return what a classifier makes of images in units: (image, label)."""
    low, high = plain(network).values
    made: Tensor = network(low + units * (high - low))
    return made


def weights(settings: LabelLoss, data: Labels) -> Tensor:
    """Return the weight of an image that has a label beside one that has not, for each label."""
    there = data.counts().clip(1)
    found = ((len(data) - there).clip(1) / there) ** settings.balance
    return torch.as_tensor(
        found.clip(1 / settings.heaviest, settings.heaviest), dtype=torch.float32
    )


def label_loss(settings: LabelLoss, positive: Tensor) -> Loss:
    """Return the loss that is asked for; positive: (label,), see `weights`."""

    def loss(made: Tensor, wanted: Tensor) -> Tensor:
        each = functional.binary_cross_entropy_with_logits(
            made, wanted, pos_weight=positive, reduction="none"
        )
        if settings.name == "focal":  # by logarithms: a power of 0 below 1 has no gradient
            missed = functional.logsigmoid(torch.where(wanted > 0, -made, made))
            each = each * torch.exp(settings.gamma * missed)
        return each.mean()

    return loss
