"""Builders for a run's configuration: network, loss, learner and optimisers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim import Optimizer

from unsmear import losses, models
from unsmear.errors import OptionError, TrainingError
from unsmear.losses import adversarial
from unsmear.losses.perceptual import Perceptual
from unsmear.models import deblurgan, patchgan
from unsmear.train.config import options, restorer
from unsmear.train.config.classifier import LabelRun
from unsmear.train.config.options import AnyRun
from unsmear.train.config.pretraining import PretrainingRun
from unsmear.train.config.restorer import Run, Settings
from unsmear.train.engine import pretrained
from unsmear.train.engine.learner import (
    CRITIC,
    RESTORER,
    Adversarial,
    Content,
    ContentLearner,
    Learner,
)

CRITICS = {"patchgan": patchgan.Discriminator, "deblurgan": deblurgan.Critic}
"""Critics by name."""
SMALLEST = 24
"""Smallest side of a critic's images, pixels."""


def fabric(machine: restorer.Machine) -> Fabric:
    """Return Lightning Fabric for the configured devices; raises OptionError where they fail."""
    try:
        return Fabric(
            accelerator=machine.accelerator,
            devices=machine.devices,
            num_nodes=machine.nodes,
            precision=machine.precision,
        )
    except (RuntimeError, ValueError) as error:  # Fabric's own words name the cause
        reason = " ".join(str(error).split())
        raise OptionError(f"the configured machine is not available; {reason}") from error


def network(run: Run, *, new: bool = True) -> Any:
    """Return the network, with its pretrained weights, if any, and frozen as configured.

    new: whether to load the pretrained weights; a continued run has its own.

    Raises OptionError where the network contradicts its own description, has no such part to train,
    or does not match the pretrained weights; WeightsError for weights that are missing or damaged.
    """
    built: Any = models.build(run.model, **run.options)
    if run.start is not None and new:
        pretrained.load(built, run)
    freeze(built, run.freeze)
    _check_size(built, run)
    # An odd number of strides: an even one might pass by chance.
    side = built.stride * (2 * -(-16 // built.stride) + 1)
    blank = torch.zeros(1, built.channels, side, side)
    try:
        with torch.no_grad():
            output_shape = tuple(models.final(built.eval()(blank)).shape)
    except (RuntimeError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise OptionError(
            f"{run.model} must accept images of the shape {tuple(blank.shape)}; {reason}"
        ) from error
    if output_shape != blank.shape:
        raise OptionError(
            f"{run.model} must return images of the shape of its input, {tuple(blank.shape)}, got "
            f"{output_shape}."
        )
    return built.train()


def autoencoder(run: PretrainingRun, *, new: bool = True) -> Any:
    """Return the autoencoder, with its pretrained weights, if any, and frozen as configured.

    new: as for `network`.

    Raises OptionError for images of a single patch, of which none could be hidden, and as `network`
    does.
    """
    built: Any = models.build(run.model, **run.options)
    if run.start is not None and new:
        pretrained.load(built, run)
    freeze(built, run.freeze)
    _check_size(built, run)
    if run.data.size == built.stride:
        raise OptionError(
            f"data.size must be more than a patch of {run.model}, {built.stride}, got "
            f"{run.data.size}."
        )
    return built.train()


def _check_size(network: Any, run: Run | PretrainingRun) -> None:
    if run.data.size % network.stride:
        raise OptionError(
            f"data.size must be a multiple of {network.stride} for {run.model}, got "
            f"{run.data.size}."
        )


def classifier(run: LabelRun, *, new: bool = True) -> Any:
    """Return the classifier, with its pretrained weights, if any, and frozen as configured.

    new: as for `network`.

    Raises OptionError for options that contradict the data, for image sides that the classifier
    cannot take, and as `network` does.
    """
    built: Any = models.build(run.model, **classifier_options(run))
    if run.start is not None and new:
        pretrained.fit(built, run)
    freeze(built, run.freeze)
    for name, side in (("data.size", run.data.size), ("data.crop", run.data.crop)):
        if side is not None and (side < built.smallest or side % built.stride):
            raise OptionError(
                f"{name} must be at least {built.smallest} and a multiple of {built.stride} for "
                f"{run.model}, got {side}."
            )
    return built.train()


def classifier_options(run: LabelRun) -> dict[str, Any]:
    """Return the network's options, including those that follow from the data.

    Raises OptionError where such an option was given with a value that contradicts the data.
    """
    follow = {name: len(getattr(run.data, name)) for name in options.FOLLOW}
    for name, value in follow.items():
        if run.options.get(name, value) != value:
            raise OptionError(
                f"options.{name} must be the number of data.{name}, {value}, got "
                f"{run.options[name]}."
            )
    return {**models.options_of(run.model), **run.options, **follow}


def freeze(network: nn.Module, name: str) -> None:
    """Freeze all parameters except those of one part of the network.

    name: "nothing" to freeze none, or a key of the network's `parts()`, whose values are prefixes
    of the names of the trainable parameters. Raises OptionError for any other name.
    """
    if name == "nothing":
        return
    parts: Mapping[str, tuple[str, ...]] = getattr(network, "parts", dict)()
    if name not in parts:
        known = ", ".join(["nothing", *sorted(parts)])
        raise OptionError(
            f"freeze must be {'one of ' if parts else ''}{known} for this network"
            f"{'' if parts else ', which names no parts'}, got {name!r}."
        )
    for parameter, weight in network.named_parameters():
        weight.requires_grad_(parameter.startswith(parts[name]))


def content(run: Run, device: torch.device) -> Content:
    """Return the loss between restored and sharp images.

    Raises OptionError for a loss without terms, and WeightsError where VGG's weights are missing.
    """
    weights = run.loss.model_dump(exclude={"outputs"})
    features = None
    if weights["perceptual"]:
        vgg = run.perceptual
        features = Perceptual(vgg.weights, vgg.layer, vgg.network, activated=vgg.activated)
        features.to(device)
    return losses.build(weights, features)


def learner(run: Run, network: Any, content: Content) -> Learner:
    """Return what is trained: the network, and a critic where there is one."""
    settings, every = run.adversarial, run.loss.outputs == "all"
    if settings.loss == "none":
        return ContentLearner({RESTORER: network}, content, every)
    if run.data.size < SMALLEST:
        raise OptionError(
            f"data.size must be {SMALLEST} or more for a critic, got {run.data.size}."
        )
    critic = CRITICS[settings.critic](
        channels=network.channels, filters=settings.filters, norm=settings.norm
    )
    return Adversarial(
        {RESTORER: network, CRITIC: critic},
        content,
        adversarial.LOSSES[settings.loss],
        settings.weight,
        settings.penalty if settings.loss == "wasserstein" else 0.0,
        settings.critic_steps,
        settings.first == "critic",
        every,
    )


def set_up(fabric: Fabric, run: Settings, networks: dict[str, nn.Module]) -> dict[str, Optimizer]:
    """Put the networks on their device and wrap them, in place; return their optimisers."""
    optimisers = {}
    for name, network in networks.items():
        if run.machine.channels_last:
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        built = optimiser(run.optimiser, network)
        if run.machine.compile:
            network = torch.compile(network)  # type: ignore[assignment]
        # Networks that are updated in different turns each need a wrapper of their own.
        networks[name], optimisers[name] = fabric.setup(network, built)
    return optimisers


def optimiser(settings: restorer.Optimiser, network: nn.Module) -> Optimizer:
    """Return the optimiser of a network's parameters that are not frozen."""
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    shared: Mapping[str, Any] = {"lr": settings.rate, "weight_decay": settings.weight_decay}
    built: Optimizer
    if settings.name == "sgd":
        built = torch.optim.SGD(trainable, momentum=0.9, **shared)
    else:
        kind = torch.optim.Adam if settings.name == "adam" else torch.optim.AdamW
        built = kind(trainable, betas=settings.betas, eps=settings.epsilon, **shared)
    for group in built.param_groups:
        group["initial_lr"] = group["lr"]
    return built


@contextmanager
def memory_errors_explained(run: AnyRun) -> Iterator[None]:
    """Turn "out of memory" into a TrainingError that names the options to lower."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        message = str(error).lower()
        if not (
            isinstance(error, MemoryError | torch.OutOfMemoryError)
            or "out of memory" in message
            or "can't allocate memory" in message
            or "_alloc_failed" in message
        ):
            raise
        raise TrainingError(
            f"memory ran out: lower data.batch (now {run.data.batch}; a higher "
            f"optimiser.accumulate compensates for it), data.size (now {run.data.size}) or the "
            "network's own options. The last checkpoint is kept."
        ) from error
