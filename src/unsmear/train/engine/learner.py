"""Learners: the networks of a run, their losses, and the turns in which they are updated."""

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
"""Name of the restoring network in every learner."""
CRITIC = "critic"

Losses = dict[str, Tensor]
"""Scalar losses by name; one of them is minimised, the others are for the log."""
Content = Callable[[Tensor, Tensor], Losses]
"""Content loss: (restored, sharp), both (batch, channel, y, x), normalised -> losses."""


@dataclass(frozen=True)
class Turn:
    """The update of one network within a step.

    network: name of the network that is updated. losses: function from a batch to its losses,
    called for each batch of the step. minimised: name of the loss whose gradient is followed.
    """

    network: str
    losses: Callable[[Any], Losses]
    minimised: str = "loss"


class Learner(Protocol):
    """The networks that the loop trains, and how.

    networks: by name; they are moved to the device and wrapped in place. turns: the updates of a
    step, in their order; every batch of the step passes through all of them.
    """

    networks: dict[str, nn.Module]

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The updates of a step, in their order."""
        ...


def restore(network: nn.Module, blurred: Tensor) -> Tensor:
    """Return a restorer's result for a batch; both (batch, channel, y, x), normalised intensity."""
    return outputs(network, blurred)[-1]


def outputs(network: nn.Module, blurred: Tensor) -> list[Tensor]:
    """Return all outputs of a restorer for a batch, of any scale; the last one is the result."""
    low, high = unwrapped(network).values
    scaled = models.each(network(low + blurred * (high - low)))
    return [(output - low) / (high - low) for output in scaled]


def _result(restored: list[Tensor]) -> Tensor:
    """Return the last output, for a loss that uses no other.

    DDP waits for a gradient of every parameter: those of the other outputs get a gradient of 0.
    """
    if len(restored) == 1 or not (distributed.is_available() and distributed.is_initialized()):
        return restored[-1]
    return restored[-1] + sum(0 * output.sum() for output in restored[:-1])


def unwrapped(network: nn.Module) -> Any:
    """Return the network without the wrappers of Lightning Fabric and torch.compile."""
    inner = getattr(network, "module", network)
    return getattr(inner, "_orig_mod", inner)  # where it was compiled


@dataclass
class ContentLearner:
    """A restorer trained by the content loss between its result and the sharp image.

    every: whether the loss is summed over all outputs, not computed from the last one alone.
    """

    networks: dict[str, nn.Module]
    content: Content
    every: bool = False

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The update of the restorer."""
        return (Turn(RESTORER, self._losses),)

    def _losses(self, batch: Batch) -> Losses:
        restored = outputs(self.networks[RESTORER], batch.blurred)
        return _compare(self.content, restored if self.every else [_result(restored)], batch.sharp)


@dataclass
class Adversarial:
    """A restorer and a critic that distinguishes its results from sharp images.

    All of a step's updates are of the same batches and of the restorer's results before its update.
    Where the restorer comes first, the critic gets the results of that update's forward pass.

    networks: the restorer and the critic, which takes (blurred, candidate).
    content: the content loss. loss: the adversarial losses of critic and restorer.
    weight: of the adversarial loss in the restorer's loss. penalty: weight of the gradient penalty,
    for the Wasserstein loss (Gulrajani et al., NeurIPS 2017). critic_steps: updates of the critic
    per step. critic_first: whether they come before the restorer's, as in DeblurGAN (Kupyn et al.,
    CVPR 2018). every: whether the content loss is summed over all outputs; the critic always sees
    the last one alone, as in Nah et al., CVPR 2017.
    """

    networks: dict[str, nn.Module]
    content: Content
    loss: adversarial.Adversarial
    weight: float = 1.0
    penalty: float = 0.0
    critic_steps: int = 1
    critic_first: bool = False
    every: bool = False
    # The restored images of a batch are needed as long as the batch itself.
    _restored: WeakKeyDictionary[Batch, Tensor] = field(
        default_factory=WeakKeyDictionary, init=False, repr=False
    )

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The restorer's turn and the critic's, in their order."""
        restorer = (Turn(RESTORER, self._restorer),)
        critic = (Turn(CRITIC, self._critic, minimised=CRITIC),) * self.critic_steps
        return critic + restorer if self.critic_first else restorer + critic

    def _restorer(self, batch: Batch) -> Losses:
        low, high = unwrapped(self.networks[RESTORER]).values
        compared = outputs(self.networks[RESTORER], batch.blurred)
        compared = compared if self.every else [_result(compared)]
        restored = compared[-1]
        self._restored[batch] = restored.detach()
        critic = unwrapped(self.networks[CRITIC]).requires_grad_(False)
        scores = critic(*(low + image * (high - low) for image in (batch.blurred, restored)))
        critic.requires_grad_(True)
        losses = _compare(self.content, compared, batch.sharp)
        adversarial_loss = self.loss.generator(scores.float())
        return losses | {
            "adversarial": adversarial_loss.detach(),
            "loss": losses["loss"] + self.weight * adversarial_loss,
        }

    def _critic(self, batch: Batch) -> Losses:
        low, high = unwrapped(self.networks[RESTORER]).values
        critic = self.networks[CRITIC]
        blurred, sharp, restored = (
            low + image * (high - low)
            for image in (batch.blurred, batch.sharp, self._candidates(batch))
        )
        real, fake = critic(blurred, sharp), critic(blurred, restored)
        loss = self.loss.critic(real, fake)
        losses = {"critic_real": real.mean().detach(), "critic_fake": fake.mean().detach()}
        if self.penalty:
            # Unwrapped and in full precision: Fabric forbids other backward passes through its
            # wrappers, and these gradients are too small for half precision.
            bare = unwrapped(critic)
            with torch.autocast(blurred.device.type, enabled=False):
                penalty = adversarial.gradient_penalty(
                    lambda candidate: bare(blurred, candidate), sharp, restored
                )
            losses["penalty"] = penalty.detach()
            loss = loss + self.penalty * penalty
        return losses | {CRITIC: loss}

    def _candidates(self, batch: Batch) -> Tensor:
        """Return a batch's restored images, without a gradient; computed once for all turns."""
        if batch not in self._restored:
            with torch.no_grad():
                self._restored[batch] = _result(outputs(self.networks[RESTORER], batch.blurred))
        return self._restored[batch]


def _compare(content: Content, restored: list[Tensor], sharp: Tensor) -> Losses:
    """Return the content losses, summed over outputs of any scale.

    A smaller output is compared with the sharp image resized to its size (bilinear, antialiased: Tu
    et al., CVPR 2022, for MAXIM).
    """
    losses = [content(output, _resized(sharp, output)) for output in restored]
    return {name: torch.stack([terms[name] for terms in losses]).sum() for name in losses[0]}


def _resized(sharp: Tensor, restored: Tensor) -> Tensor:
    size = restored.shape[-2:]
    if sharp.shape[-2:] == size:
        return sharp
    return functional.interpolate(sharp, size, mode="bilinear", antialias=True)


def scalar(losses: Losses) -> dict[str, float]:
    """Return the losses as numbers, fetched from the device at once."""
    names = list(losses)
    values = torch.stack([losses[name].detach().float().reshape(()) for name in names]).tolist()
    return dict(zip(names, values, strict=True))
