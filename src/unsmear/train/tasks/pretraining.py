"""Pretraining task: train an autoencoder to predict sharp patches from a few patches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unsmear.models.mae import to_images, to_patches
from unsmear.train.config.pretraining import Pretext, PretrainingRun
from unsmear.train.data.dataset import Batch, Dataset
from unsmear.train.data.loader import stack
from unsmear.train.data.restoration import Sample, open_training, open_validation
from unsmear.train.data.rng import Stream, generator
from unsmear.train.engine import build
from unsmear.train.engine.learner import Losses, Turn, scalar, unwrapped
from unsmear.train.engine.task import Validation
from unsmear.train.tasks.validation import draw

AUTOENCODER = "autoencoder"
EPSILON = 1e-6
"""Added to the variance of a patch, as published."""


@dataclass(frozen=True, eq=False)
class Attempt:
    """An autoencoder's attempt at a batch, (batch, patch, value) in the network's values.

    given: patches of the input. wanted: sharp patches. predicted: patches; normalised where the
    pretext task is. hidden: (batch, patch), 1 where the encoder did not see the patch, else 0.
    """

    given: Tensor
    wanted: Tensor
    predicted: Tensor
    hidden: Tensor


def attempt(
    network: nn.Module,
    blurred: Tensor,
    sharp: Tensor,
    pretext: Pretext,
    random: np.random.Generator,
) -> Attempt:
    """Return an autoencoder's attempt at images (batch, channel, y, x) in normalised intensity."""
    inner = unwrapped(network)
    low, high = inner.values
    given, wanted = (
        low + image * (high - low)
        for image in (blurred if pretext.input == "blurred" else sharp, sharp)
    )
    given_patches, wanted_patches = (to_patches(image, inner.stride) for image in (given, wanted))
    samples, patches = wanted_patches.shape[:2]
    shown = draw_shown(random, samples, patches, pretext.masked).to(given.device)
    hidden = torch.ones(samples, patches, device=given.device).scatter(1, shown, 0)
    return Attempt(given_patches, wanted_patches, network(given, shown), hidden)


def draw_shown(random: np.random.Generator, samples: int, patches: int, masked: float) -> Tensor:
    """Return the places of the patches that the encoder sees, (sample, number), without repeats.

    patches: two or more. masked: share of the patches that it does not see; of both kinds there is
    at least one.
    """
    number = min(max(1, int(patches * (1 - masked))), patches - 1)
    order = np.argsort(random.random((samples, patches)), axis=1, kind="stable")
    return torch.from_numpy(order[:, :number])


def losses(tried: Attempt, pretext: Pretext) -> Losses:
    """Return the mean squared errors of the compared ("loss"), masked and visible patches."""
    wanted = _normalised(tried.wanted) if pretext.normalise else tried.wanted
    errors = (tried.predicted - wanted).square().mean(-1)
    masked, visible = (
        (errors * part).sum() / part.sum() for part in (tried.hidden, 1 - tried.hidden)
    )
    return {
        "loss": masked if pretext.compared == "masked" else errors.mean(),
        "masked": masked.detach(),
        "visible": visible.detach(),
    }


def _normalised(patches: Tensor) -> Tensor:
    mean, deviation = _statistics(patches)
    return (patches - mean) / deviation


def _statistics(patches: Tensor) -> tuple[Tensor, Tensor]:
    mean, variance = patches.mean(-1, keepdim=True), patches.var(-1, keepdim=True)
    return mean, (variance + EPSILON).sqrt()


@dataclass
class PretrainingLearner:
    """An autoencoder trained by its pretext task; see `learner.Learner`.

    seed: of the masks, which it determines together with the number of the batch.
    """

    networks: dict[str, nn.Module]
    pretext: Pretext
    seed: int

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The update of the autoencoder."""
        return (Turn(AUTOENCODER, self._losses),)

    def _losses(self, batch: Batch) -> Losses:
        random = generator(self.seed, Stream.MASKS, batch.number)
        network = self.networks[AUTOENCODER]
        return losses(
            attempt(network, batch.blurred, batch.sharp, self.pretext, random), self.pretext
        )


@dataclass
class PretrainingTask:
    """An autoencoder; see `engine.task.Task`."""

    run: PretrainingRun
    data: Dataset[Sample]
    validation: list[Sample]
    learner: PretrainingLearner
    main: str = AUTOENCODER

    @classmethod
    def open(cls, run: PretrainingRun, device: torch.device, new: bool) -> PretrainingTask:
        """Return the task of a run; raises as `train.run.open_task` does."""
        network = build.autoencoder(run, new=new)
        data = open_training(run.data, run.seed, network.channels)
        held_out = open_validation(run.data, run.seed, network.channels)
        validation = [held_out.draw(0, index) for index in range(len(held_out))]
        learner = PretrainingLearner({AUTOENCODER: network}, run.pretext, run.seed)
        return cls(run, data, validation, learner)

    @torch.no_grad()
    def validate(self, device: torch.device) -> Validation:
        """Return the losses, always with the same masks, and a picture of the first samples."""
        network = unwrapped(self.learner.networks[AUTOENCODER])
        training = network.training
        network.eval()
        sums: dict[str, float] = {}
        shown: list[tuple[Tensor, ...]] = []
        for tried in self._attempts(network, device):
            share = len(tried.hidden) / len(self.validation)
            for name, value in scalar(losses(tried, self.run.pretext)).items():
                sums[name] = sums.get(name, 0.0) + value * share
            if len(shown) < self.run.log.pictures:
                shown += zip(*self._images(network, tried), strict=True)
        network.train(training)
        return Validation(sums, draw(shown[: self.run.log.pictures]))

    def _attempts(self, network: nn.Module, device: torch.device) -> Iterator[Attempt]:
        random = generator(self.run.seed, Stream.VALIDATION_MASKS)
        size = self.run.data.batch
        for first in range(0, len(self.validation), size):
            parts = stack(self.validation[first : first + size])
            blurred, sharp = (part.to(device) for part in parts)
            yield attempt(network, blurred, sharp, self.run.pretext, random)

    def _images(self, network: Any, tried: Attempt) -> Sequence[Tensor]:
        """Return input without the hidden patches, prediction and target, normalised intensity."""
        low, high = network.values
        predicted = tried.predicted
        if self.run.pretext.normalise:
            mean, deviation = _statistics(tried.wanted)
            predicted = predicted * deviation + mean
        given = tried.given.where(tried.hidden[..., None] == 0, (low + high) / 2)
        rows = self.run.data.size // network.stride
        return [
            (to_images(patches.float(), network.stride, rows).cpu() - low) / (high - low)
            for patches in (given, predicted, tried.wanted)
        ]

    def card(self) -> dict[str, Any]:
        """Return the entries of an autoencoder's card."""
        return {"task": "pretrain"}
