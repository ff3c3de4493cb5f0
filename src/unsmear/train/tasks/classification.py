"""Classification task: train a network to predict the labels of an image."""

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
from unsmear.train.engine.learner import Losses, Turn, unwrapped
from unsmear.train.engine.task import Validation

CLASSIFIER = "classifier"
DIGITS = 6
"""Decimal places of a threshold on the card."""

Loss = Callable[[Tensor, Tensor], Tensor]
"""Loss of a classifier: (logits, labels), both (image, label) -> a scalar."""


@dataclass
class ClassifierLearner:
    """A classifier trained by a loss between its logits and the labels; see `learner.Learner`."""

    networks: dict[str, nn.Module]
    loss: Loss

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The update of the classifier."""
        return (Turn(CLASSIFIER, self._losses),)

    def _losses(self, batch: Labelled) -> Losses:
        return {"loss": self.loss(logits(self.networks[CLASSIFIER], batch.image), batch.labels)}


@dataclass
class ClassificationTask:
    """A classifier; see `engine.task.Task`.

    chosen: the thresholds of the latest validation, for the card.
    """

    run: LabelRun
    data: Labels
    validation: Labels
    learner: ClassifierLearner
    main: str = CLASSIFIER
    chosen: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, run: LabelRun, device: torch.device, new: bool) -> ClassificationTask:
        """Return the task of a run; raises as `train.run.open_task` does."""
        network = build.classifier(run, new=new)
        data, validation = open_examples(run.data, run.seed)
        loss = label_loss(run.loss, weights(run.loss, data).to(device))
        return cls(run, data, validation, ClassifierLearner({CLASSIFIER: network}, loss))

    @torch.no_grad()
    def validate(self, device: torch.device) -> Validation:
        """Return the loss, the scores at the best thresholds, and each label's threshold."""
        network = unwrapped(self.learner.networks[CLASSIFIER])
        training = network.training
        network.eval()
        parts: list[tuple[Tensor, Tensor]] = []
        for first in range(0, len(self.validation), self.run.data.batch):
            indices = range(first, min(first + self.run.data.batch, len(self.validation)))
            image, labels = stack([self.validation.draw(0, index) for index in indices])
            parts.append((logits(network, image.to(device)).float(), labels.to(device)))
        network.train(training)
        predicted, target = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
        loss = float(self.learner.loss(predicted, target))
        truth = target.cpu().numpy() > 0
        probabilities = torch.sigmoid(predicted).cpu().numpy().astype(np.float64)
        thresholds = best_thresholds(truth, probabilities)
        scored = score(truth, probabilities, thresholds)
        self.chosen = {"thresholds": [round(float(value), DIGITS) for value in thresholds]}
        return Validation(
            {
                "loss": loss,
                "average_precision": scored.mean_average_precision,
                "micro_f1": scored.micro_f1,
                "macro_f1": scored.macro_f1,
                "harmonic_f1": scored.harmonic_f1,
            },
            chosen=self.chosen,
        )

    def card(self) -> dict[str, Any]:
        """Return the entries of a classifier's card, with the latest validation's thresholds."""
        settings = self.run.data
        return {
            "task": "classify",
            "options": build.classifier_options(self.run),
            "labels": [LABELS[number] for number in settings.labels],
            "channels": list(self.data.colours),
            "size": settings.size,
            "range": "dtype" if settings.data_range is None else settings.data_range,
            "groups": sorted(
                {entry.group for entry in (*self.data.entries, *self.validation.entries)}
            )
            if settings.images
            else [],
            **self.chosen,
        }


def logits(network: nn.Module, units: Tensor) -> Tensor:
    """Return a classifier's logits (image, label) of images in normalised intensity."""
    low, high = unwrapped(network).values
    predicted: Tensor = network(low + units * (high - low))
    return predicted


def weights(settings: LabelLoss, data: Labels) -> Tensor:
    """Return each label's weight of an image with it relative to an image without it."""
    positives = data.counts().clip(1)
    ratios = ((len(data) - positives).clip(1) / positives) ** settings.balance
    clipped = ratios.clip(1 / settings.heaviest, settings.heaviest)
    return torch.as_tensor(clipped, dtype=torch.float32)


def label_loss(settings: LabelLoss, positive: Tensor) -> Loss:
    """Return the configured loss; positive: (label,), see `weights`."""

    def loss(predicted: Tensor, target: Tensor) -> Tensor:
        terms = functional.binary_cross_entropy_with_logits(
            predicted, target, pos_weight=positive, reduction="none"
        )
        if settings.name == "focal":  # by logarithms: a power of 0 below 1 has no gradient
            missed = functional.logsigmoid(torch.where(target > 0, -predicted, predicted))
            terms = terms * torch.exp(settings.gamma * missed)
        return terms.mean()

    return loss
