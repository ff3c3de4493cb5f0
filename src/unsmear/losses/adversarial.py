"""Adversarial losses of a generator and its critic, from the critic's scores.

Scores have any shape, such as PatchGAN's (batch, 1, y, x); a loss averages over all of them. Each
network minimises its own loss. All are computed in float32 at least.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import softplus


class Adversarial(Protocol):
    """A pair of losses: one that the critic minimises, one that the generator minimises."""

    def critic(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        """Return the critic's loss, from its scores of sharp and of restored images."""
        ...

    def generator(self, fake_scores: Tensor) -> Tensor:
        """Return the generator's loss, from the critic's scores of restored images."""
        ...


class Paper:
    """The adversarial loss as Goncalves and Ferreira print it.

    Critic mean(D(real) * 1) + mean(D(fake) * 0), generator -mean(D(fake)). The critic minimises
    its scores of sharp images and ignores the restored ones. It only serves to reproduce the
    paper.
    """

    def critic(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        """Return mean(D(real) * 1) + mean(D(fake) * 0)."""
        return _mean(real_scores * 1) + _mean(fake_scores * 0)

    def generator(self, fake_scores: Tensor) -> Tensor:
        """Return -mean(D(fake))."""
        return -_mean(fake_scores)


class Wasserstein:
    """Wasserstein loss, to be used with `gradient_penalty` (Arjovsky et al., ICML 2017)."""

    def critic(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        """Return mean(D(fake)) - mean(D(real))."""
        return _mean(fake_scores) - _mean(real_scores)

    def generator(self, fake_scores: Tensor) -> Tensor:
        """Return -mean(D(fake))."""
        return -_mean(fake_scores)


class LeastSquares:
    """Least-squares loss (Mao et al., "Least squares GANs", ICCV 2017, equation 9)."""

    def critic(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        """Return half of mean((D(real) - 1)^2) + mean(D(fake)^2)."""
        return (_mean((real_scores - 1) ** 2) + _mean(fake_scores**2)) / 2

    def generator(self, fake_scores: Tensor) -> Tensor:
        """Return half of mean((D(fake) - 1)^2)."""
        return _mean((fake_scores - 1) ** 2) / 2


class CrossEntropy:
    """Cross-entropy loss of a critic whose scores are logits (Goodfellow et al., NeurIPS 2014).

    As in pix2pix (Isola et al., CVPR 2017, section 3.3): the generator maximises log D(fake)
    instead of minimising log(1 - D(fake)), and the critic's loss is halved.
    """

    def critic(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        """Return half of -mean log D(real) - mean log(1 - D(fake)), D being of 0 to 1."""
        return (_mean(softplus(-real_scores)) + _mean(softplus(fake_scores))) / 2

    def generator(self, fake_scores: Tensor) -> Tensor:
        """Return -mean log D(fake)."""
        return _mean(softplus(-fake_scores))


LOSSES: dict[str, Adversarial] = {
    "paper": Paper(),
    "wasserstein": Wasserstein(),
    "least-squares": LeastSquares(),
    "cross-entropy": CrossEntropy(),
}


def gradient_penalty(
    critic: Callable[[Tensor], Tensor],
    real: Tensor,
    fake: Tensor,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return the gradient penalty: the batch mean of (norm of the critic's gradient - 1)^2.

    real, fake: (batch, ...), of the same shape; no gradient flows into either.
    generator: random source of the points between them, one for each sample, on any device.

    Gulrajani et al., "Improved training of Wasserstein GANs", NeurIPS 2017, equation 3, where its
    weight is 10. The score of a sample is the mean of its map, as in the losses. The critic must
    not mix samples, as batch normalisation in training does: the gradient would be that of the
    whole batch.
    """
    device = real.device if generator is None else generator.device
    share = torch.rand(len(real), generator=generator, device=device, dtype=torch.float32)
    share = share.to(real).view(-1, *[1] * (real.ndim - 1))
    between = torch.lerp(real.detach(), fake.detach(), share).requires_grad_()
    scores = critic(between).float().reshape(len(real), -1).mean(1)
    (gradient,) = torch.autograd.grad(scores.sum(), between, create_graph=True)
    norms: Tensor = torch.linalg.vector_norm(gradient.float().flatten(1), dim=1)
    return (norms - 1).square().mean()


def _mean(scores: Tensor) -> Tensor:
    return scores.mean(dtype=None if scores.dtype == torch.float64 else torch.float32)
