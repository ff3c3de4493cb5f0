"""What is learned in a step: networks, and the turns in which their optimisers move them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional

from unsmear import models
from unsmear.losses import adversarial
from unsmear.train.data.dataset import Batch

RESTORER = "restorer"
"""The name of the network that restores, in every learner."""
CRITIC = "critic"

Losses = dict[str, Tensor]
"""Scalars by name; "loss" is the one that is made smaller, the others are for the log."""
Content = Callable[[Tensor, Tensor], Losses]
"""(restored, sharp), both (batch, channel, y, x) in units -> losses."""


@dataclass(frozen=True)
class Turn:
    """One optimiser's part of a step.

    network: whose parameters move. losses: of a batch; they may be asked for several batches.
    """

    network: str
    losses: Callable[[Any], Losses]


class Learner(Protocol):
    """What the loop trains.

    networks: by name; the loop puts them on the device and wraps them in place. turns: of a step,
    in their order; each of a step's batches goes through all of them.
    """

    networks: dict[str, nn.Module]

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns."""
        ...


def restore(network: nn.Module, blurred: Tensor) -> Tensor:
    """Return what a listed network makes of a batch; both (batch, channel, y, x) in units."""
    return outputs(network, blurred)[-1]


def outputs(network: nn.Module, blurred: Tensor) -> list[Tensor]:
    """Return all that a listed network makes of a batch, of any scale; the last is the result."""
    low, high = plain(network).values
    made = models.each(network(low + blurred * (high - low)))
    return [(one - low) / (high - low) for one in made]


def _result(made: list[Tensor]) -> Tensor:
    """Return the last output, for a loss that sees no other.

    Several processes wait for a gradient of every parameter: the others then get one of 0.
    """
    if len(made) == 1 or not (distributed.is_available() and distributed.is_initialized()):
        return made[-1]
    return made[-1] + sum(0 * one.sum() for one in made[:-1])


def plain(network: nn.Module) -> Any:
    """Return the network without what the engine has wrapped it in."""
    inner = getattr(network, "module", network)
    return getattr(inner, "_orig_mod", inner)  # where it was compiled


@dataclass
class Plain:
    """A network that a loss between its result and the sharp image teaches.

    every: whether the loss is the sum over all outputs, not of the last one alone; a smaller one
    is held against the sharp image in its size (bilinear, antialiased: Tu et al., CVPR 2022, for
    MAXIM).
    """

    networks: dict[str, nn.Module]
    content: Content
    every: bool = False

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The one turn."""
        return (Turn(RESTORER, self._losses),)

    def _losses(self, batch: Batch) -> Losses:
        made = outputs(self.networks[RESTORER], batch.blurred)
        seen = made if self.every else [_result(made)]
        found = [self.content(one, _in_size(batch.sharp, one)) for one in seen]
        return {name: torch.stack([one[name] for one in found]).sum() for name in found[0]}


@dataclass
class Adversarial:
    """A restorer and the critic that tells its results from sharp images, each with a turn.

    The restorer moves first; the critic then sees the results of that turn, so that they are made
    once (as in the GAN's ancestors: Isola et al., CVPR 2017; Kupyn et al., CVPR 2018).

    networks: the restorer and the critic, which is given (blurred, candidate).
    content: the loss beside the critic's. loss: what critic and restorer make of its scores.
    weight: of the critic's opinion in the restorer's loss. penalty: of the critic's slope, for the
    Wasserstein loss (Gulrajani et al., NeurIPS 2017). critic_steps: turns of the critic a step.
    """

    networks: dict[str, nn.Module]
    content: Content
    loss: adversarial.Adversarial
    weight: float = 1.0
    penalty: float = 0.0
    critic_steps: int = 1
    # What the restorer made of a batch is needed for as long as the batch is.
    _made: WeakKeyDictionary[Batch, Tensor] = field(
        default_factory=WeakKeyDictionary, init=False, repr=False
    )

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The restorer's turn, then the critic's."""
        return (Turn(RESTORER, self._restorer), *(Turn(CRITIC, self._critic),) * self.critic_steps)

    def _restorer(self, batch: Batch) -> Losses:
        low, high = plain(self.networks[RESTORER]).values
        restored = _result(outputs(self.networks[RESTORER], batch.blurred))
        self._made[batch] = restored.detach()
        critic = plain(self.networks[CRITIC]).requires_grad_(False)
        scores = critic(*(low + one * (high - low) for one in (batch.blurred, restored)))
        critic.requires_grad_(True)
        losses = self.content(restored, batch.sharp)
        opinion = self.loss.generator(scores.float())
        return losses | {
            "adversarial": opinion.detach(),
            "loss": losses["loss"] + self.weight * opinion,
        }

    def _critic(self, batch: Batch) -> Losses:
        low, high = plain(self.networks[RESTORER]).values
        critic = self.networks[CRITIC]
        blurred, sharp, made = (
            low + one * (high - low) for one in (batch.blurred, batch.sharp, self._made[batch])
        )
        real, fake = critic(blurred, sharp), critic(blurred, made)
        loss = self.loss.critic(real, fake)
        losses = {"critic_real": real.mean().detach(), "critic_fake": fake.mean().detach()}
        if self.penalty:
            # Bare and in full precision: Fabric lets nobody else go backward through what it has
            # wrapped, and slopes are too small for half a float.
            bare = plain(critic)
            with torch.autocast(blurred.device.type, enabled=False):
                slope = adversarial.gradient_penalty(
                    lambda candidate: bare(blurred, candidate), sharp, made
                )
            losses["penalty"] = slope.detach()
            loss = loss + self.penalty * slope
        return losses | {"critic": loss.detach(), "loss": loss}


def _in_size(sharp: Tensor, restored: Tensor) -> Tensor:
    size = restored.shape[-2:]
    if sharp.shape[-2:] == size:
        return sharp
    return functional.interpolate(sharp, size, mode="bilinear", antialias=True)


def scalar(losses: Losses) -> dict[str, float]:
    """Return the losses as numbers, fetched from the device at once."""
    names = list(losses)
    values = torch.stack([losses[name].detach().float().reshape(()) for name in names]).tolist()
    return dict(zip(names, values, strict=True))
