"""What a configuration asks for, built: the loss, the learner, its optimisers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim import Optimizer

from unsmear import losses, models
from unsmear.checkpoints import checkpoint
from unsmear.data.labels import LABELS
from unsmear.errors import OptionError, TrainingError, WeightsError
from unsmear.losses import adversarial
from unsmear.losses.perceptual import Perceptual
from unsmear.models.patchgan import Discriminator
from unsmear.train.config import options, restorer
from unsmear.train.config.classifier import LabelRun
from unsmear.train.config.restorer import Run, Settings
from unsmear.train.engine.learner import CRITIC, RESTORER, Adversarial, Content, Learner, Plain

SMALLEST = 24
"""Pixels that a critic needs."""


def fabric(machine: restorer.Machine) -> Fabric:
    """Return what puts networks and batches on devices; raises OptionError for none such."""
    try:
        return Fabric(
            accelerator=machine.accelerator,
            devices=machine.devices,
            num_nodes=machine.nodes,
            precision=machine.precision,
        )
    except (RuntimeError, ValueError) as error:  # Fabric's own words name the cause
        said = " ".join(str(error).split())
        raise OptionError(f"machine must be one that is there; {said}") from error


def network(run: Run, *, begins: bool = True) -> Any:
    """Return the network, with the weights that it begins with, and frozen as asked.

    begins: whether it needs these weights; a run that goes on has its own.

    Raises OptionError where it cannot do what it says of itself, has no such part, or is not the
    one of these weights; WeightsError for weights that are missing or damaged.
    """
    made: Any = models.build(run.model, **run.options)
    if run.start is not None and begins:
        _begin(made, run)
    freeze(made, run.freeze)
    if run.data.size % made.stride:
        raise OptionError(
            f"data.size must be a multiple of {made.stride} for {run.model}, got {run.data.size}."
        )
    # An odd number of strides: a multiple of two of them might do by chance.
    side = made.stride * (2 * -(-16 // made.stride) + 1)
    blank = torch.zeros(1, made.channels, side, side)
    try:
        with torch.no_grad():
            given = tuple(models.final(made.eval()(blank)).shape)
    except (RuntimeError, ValueError, TypeError) as error:
        said = " ".join(str(error).split())
        raise OptionError(f"{run.model} must take {tuple(blank.shape)}; {said}") from error
    if given != blank.shape:
        raise OptionError(
            f"{run.model} must give the shape that it takes, {tuple(blank.shape)}, got {given}."
        )
    return made.train()


def classifier(run: LabelRun, *, begins: bool = True) -> Any:
    """Return the classifier, with the weights that it begins with, and frozen as asked.

    begins: as for `network`.

    Raises OptionError for other labels than the data's, for images too small or with sides that it
    cannot take, and as `network` does.
    """
    made: Any = models.build(run.model, **classifier_options(run))
    if run.start is not None and begins:
        loaded = checkpoint.load(options.begun(run.start))
        if loaded.network != run.model:
            raise OptionError(
                f"start must be weights of {run.model}, got {run.start}, of {loaded.network}."
            )
        names = [LABELS[number] for number in run.data.labels]
        same = loaded.card.get("labels", names) == names
        made.load_state_dict(models.fit_weights(made, loaded.tensors, head=same))
    freeze(made, run.freeze)
    for name, side in (("data.size", run.data.size), ("data.crop", run.data.crop)):
        if side is not None and (side < made.smallest or side % made.stride):
            raise OptionError(
                f"{name} must be at least {made.smallest} and a multiple of {made.stride} for "
                f"{run.model}, got {side}."
            )
    return made.train()


def classifier_options(run: LabelRun) -> dict[str, Any]:
    """Return the network's options, those that follow from the data among them.

    Raises OptionError where they were given and do not follow.
    """
    follow = {name: len(getattr(run.data, name)) for name in options.FOLLOW}
    for name, value in follow.items():
        if run.options.get(name, value) != value:
            raise OptionError(
                f"options.{name} must be as many as data.{name}, {value}, got {run.options[name]}."
            )
    return {**models.options_of(run.model), **run.options, **follow}


def _begin(network: nn.Module, run: Run) -> None:
    """Put the weights of a checkpoint into the network; raises OptionError for another's."""
    assert run.start is not None  # for mypy
    loaded = checkpoint.load(options.begun(run.start))
    settings, its = (_plain(given) for given in (run.options, loaded.options))
    differing = sorted(
        name for name in settings.keys() | its.keys() if settings.get(name) != its.get(name)
    )
    if loaded.network != run.model or differing:
        said = f", which differs in {', '.join(differing)}" if differing else ""
        raise OptionError(
            f"start must be weights of {run.model} with the run's own options, got "
            f"{run.start}, of {loaded.network}{said}."
        )
    try:
        network.load_state_dict(dict(loaded.tensors))
    except RuntimeError as error:
        raise WeightsError(f"{loaded.name}: the weights must fit their card; {error}") from error


def begun_with(run: Settings) -> dict[str, Any] | None:
    """Return what the card of the weights says that a run begins with; None for random ones."""
    if run.start is None:
        return None
    place, card = checkpoint.read_card(options.begun(run.start))
    said = {name: card[name] for name in ("name", "licence", "source", "data") if name in card}
    return {"sha256": place.sha256} | said


def freeze(network: nn.Module, name: str) -> None:
    """Let all parameters keep their weights but those of a part, which the network names.

    name: "nothing", or a key of the network's `parts()`, whose values are beginnings of the names
    of the parameters that learn. Raises OptionError for any other name.
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


def _plain(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in given.items()
    }


def content(run: Run, device: torch.device) -> Content:
    """Return the loss between restored and sharp images.

    Raises OptionError for a loss without terms, and WeightsError where VGG16's weights are missing.
    """
    weights = run.loss.model_dump(exclude={"outputs"})
    features = None
    if weights["perceptual"]:
        features = Perceptual(run.perceptual.weights, run.perceptual.layer).to(device)
    return losses.build(weights, features)


def learner(run: Run, network: Any, content: Content) -> Learner:
    """Return what is trained: the network, and a critic where there is one."""
    settings = run.adversarial
    if settings.loss == "none":
        return Plain({RESTORER: network}, content, run.loss.outputs == "all")
    if run.loss.outputs == "all":
        raise OptionError("loss.outputs must be last beside a critic, got all.")
    if run.data.size < SMALLEST:
        raise OptionError(
            f"data.size must be {SMALLEST} or more for a critic, got {run.data.size}."
        )
    critic = Discriminator(channels=network.channels, filters=settings.filters, norm=settings.norm)
    return Adversarial(
        {RESTORER: network, CRITIC: critic},
        content,
        adversarial.LOSSES[settings.loss],
        settings.weight,
        settings.penalty if settings.loss == "wasserstein" else 0.0,
        settings.critic_steps,
    )


def set_up(fabric: Fabric, run: Settings, networks: dict[str, nn.Module]) -> dict[str, Optimizer]:
    """Put the networks on their device and wrap them, in place; return their optimisers."""
    optimisers = {}
    for name, network in networks.items():
        if run.machine.channels_last:
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        made = optimiser(run.optimiser, network)
        if run.machine.compile:
            network = torch.compile(network)  # type: ignore[assignment]
        # Two nets whose turns differ are not one model: each has its own wrapper.
        networks[name], optimisers[name] = fabric.setup(network, made)
    return optimisers


def optimiser(settings: restorer.Optimiser, network: nn.Module) -> Optimizer:
    """Return the optimiser of a network's parameters that are not frozen."""
    moving = [one for one in network.parameters() if one.requires_grad]
    shared: Mapping[str, Any] = {"lr": settings.rate, "weight_decay": settings.weight_decay}
    made: Optimizer
    if settings.name == "sgd":
        made = torch.optim.SGD(moving, momentum=0.9, **shared)
    else:
        kind = torch.optim.Adam if settings.name == "adam" else torch.optim.AdamW
        made = kind(moving, betas=settings.betas, eps=settings.epsilon, **shared)
    for group in made.param_groups:
        group["initial_lr"] = group["lr"]
    return made


@contextmanager
def memory_said(run: Run | LabelRun) -> Iterator[None]:
    """Turn "out of memory" into a TrainingError that says what to lower."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        said = str(error).lower()
        if not (
            isinstance(error, MemoryError | torch.OutOfMemoryError)
            or "out of memory" in said
            or "can't allocate memory" in said
            or "_alloc_failed" in said
        ):
            raise
        raise TrainingError(
            f"memory ran out: lower data.batch (now {run.data.batch}; a higher "
            f"optimiser.accumulate makes up for it), data.size (now {run.data.size}) or the "
            "network's own options. The last checkpoint is kept."
        ) from error
