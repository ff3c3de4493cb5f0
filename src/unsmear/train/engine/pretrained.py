"""Pretrained weights that a run begins with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor, nn

from unsmear import models
from unsmear.checkpoints import checkpoint
from unsmear.checkpoints.checkpoint import Checkpoint
from unsmear.data.labels import LABELS
from unsmear.errors import OptionError, WeightsError
from unsmear.train.config import options
from unsmear.train.config.classifier import LabelRun
from unsmear.train.config.pretraining import PretrainingRun
from unsmear.train.config.restorer import Run, Settings


def load(network: nn.Module, run: Run | PretrainingRun) -> None:
    """Load the weights of the same network with the same options.

    Raises OptionError for weights of a different network, WeightsError for others that do not fit.
    """
    assert run.start is not None  # for mypy
    loaded = checkpoint.load(options.weights_path(run.start))
    _check_alike(run, loaded, run.options.keys() | loaded.options.keys(), same=True)
    try:
        network.load_state_dict(dict(loaded.tensors))
    except RuntimeError as error:
        raise WeightsError(f"{loaded.name}: the weights must fit their card; {error}") from error


def fit(network: nn.Module, run: LabelRun) -> None:
    """Load a classifier's weights from those of a classifier, or of an autoencoder's encoder.

    Raises OptionError for weights of a different network, WeightsError for others that do not fit.
    """
    assert run.start is not None  # for mypy
    loaded = checkpoint.load(options.weights_path(run.start))
    network.load_state_dict(_fitted(network, run, loaded))


def _fitted(network: nn.Module, run: LabelRun, loaded: Checkpoint) -> dict[str, Tensor]:
    if not models.can_start(run.model, loaded.network):
        raise OptionError(
            f"start must be weights of {run.model}, got {run.start}, of {loaded.network}."
        )
    if loaded.network != run.model:
        shared = (run.options.keys() & loaded.options.keys()) - set(options.FOLLOW)
        _check_alike(run, loaded, shared)
        return models.fit_encoder(network, loaded.tensors)
    names = [LABELS[number] for number in run.data.labels]
    same = loaded.card.get("labels", names) == names
    return models.fit_weights(network, loaded.tensors, head=same)


def _check_alike(
    run: Settings, loaded: Checkpoint, names: Iterable[str], *, same: bool = False
) -> None:
    """Raise OptionError where options of these names differ between a run and pretrained weights.

    same: whether the network must be the same too.
    """
    settings, its = (_plain(given) for given in (run.options, loaded.options))
    differing = sorted(name for name in names if settings.get(name) != its.get(name))
    if (same and loaded.network != run.model) or differing:
        difference = f", which differs in {', '.join(differing)}" if differing else ""
        raise OptionError(
            f"start must be weights of {run.model} with the run's own options, got "
            f"{run.start}, of {loaded.network}{difference}."
        )


def card(run: Settings) -> dict[str, Any] | None:
    """Return the origin of a run's pretrained weights, from their card; None without weights."""
    if run.start is None:
        return None
    place, card = checkpoint.read_card(options.weights_path(run.start))
    known = ("name", "network", "licence", "source", "data")
    origin = {name: card[name] for name in known if name in card}
    return {"sha256": place.sha256} | origin


def _plain(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in given.items()
    }
