"""Networks from weights: built from their card, filled with the tensors, and checked."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import shorten
from typing import TYPE_CHECKING, Any, TypeVar

from unsmear import models
from unsmear.checkpoints.checkpoint import Checkpoint
from unsmear.errors import OptionError, WeightsError, shortened, shown

if TYPE_CHECKING:
    from torch import nn

    from unsmear.models.deep_wiener import DeepWiener

    Model = TypeVar("Model", bound=nn.Module)

LONGEST = 240
"""Largest number of characters that are quoted of an error of PyTorch."""
ATTRIBUTES = ("channels", "stride", "halo", "values")
"""Attributes that every listed network must have."""


def build_deep_wiener(loaded: Checkpoint) -> DeepWiener:
    """Return the network of a deep-wiener's weights; raises WeightsError for other weights."""
    from unsmear.models.deep_wiener import DeepWiener

    if loaded.network != DeepWiener.__name__:
        raise WeightsError(
            f"{loaded.name}: the network must be DeepWiener, got {shortened(loaded.network)}."
        )
    try:
        model = DeepWiener(**loaded.options)
    except (TypeError, ValueError) as error:
        raise misfit(loaded, error) from error
    return fill(model, loaded)


def build_network(loaded: Checkpoint) -> nn.Module:
    """Return the listed network of weights, in evaluation mode.

    Raises WeightsError for a network that is not listed, and for weights that do not fit it.
    """
    check_listed(loaded.name, loaded.network)
    try:
        model = models.build(loaded.network, **loaded.options)
    except (OptionError, TypeError, ValueError, RuntimeError) as error:
        raise misfit(loaded, error) from error
    _check_attributes(model, loaded)
    return fill(model, loaded)


def check_listed(name: str, network: str) -> None:
    """Raise WeightsError for weights, by their name, of a network that is not listed."""
    if network not in models.names():
        raise WeightsError(
            f"{name}: the network must be one of {', '.join(models.names())}, or of a file in the "
            f"folders of UNSMEAR_NETWORKS, got {shown(network)}."
        )


def build_classifier(loaded: Checkpoint) -> nn.Module:
    """Return the classifier of weights, in evaluation mode.

    Raises WeightsError for a network that is not listed, and for weights that do not fit it.
    """
    networks = models.classifiers()
    if loaded.network not in networks:
        raise WeightsError(
            f"{loaded.name}: a classifier's network must be one of {', '.join(networks)}, or of a "
            f"file in the folders of UNSMEAR_NETWORKS, got {shown(loaded.network)}."
        )
    try:
        model = models.build(loaded.network, **loaded.options)
    except (OptionError, TypeError, ValueError, RuntimeError) as error:
        raise misfit(loaded, error) from error
    return fill(model, loaded)


def build_kernel_net(loaded: Checkpoint) -> nn.Module:
    """Return the estimator's network, in evaluation mode; its calibrators are left out."""
    from unsmear.models.kernel_estimator import KernelNet

    model = KernelNet(**loaded.options)
    own = model.state_dict().keys()
    model.load_state_dict({name: loaded.tensors[name] for name in own})
    return model.eval()


def _check_attributes(model: Any, loaded: Checkpoint) -> None:
    """Raise WeightsError for a network that lacks an attribute."""
    for name in ATTRIBUTES:
        if not hasattr(model, name):
            raise WeightsError(
                f"{loaded.name}: the network {loaded.network} must have the attributes "
                f"{', '.join(ATTRIBUTES)}, got none named {name}."
            )


def fill(model: Model, loaded: Checkpoint) -> Model:
    """Return a network with a checkpoint's tensors, in evaluation mode; raises WeightsError."""
    try:
        model.load_state_dict(dict(loaded.tensors))
    except RuntimeError as error:
        raise misfit(loaded, error) from error
    return model.eval()


def misfit(loaded: Checkpoint, error: Exception) -> WeightsError:
    """Return the error for weights that do not fit the network on their card."""
    reason = shorten(str(error), LONGEST, placeholder=" ...")
    return WeightsError(f"{loaded.name}: the weights must fit their card; {reason}")


def error_quantile(name: str, card: Mapping[str, Any]) -> float:
    """Return the factor from the network's scale to the half-width of a 90 % prediction interval.

    Raises WeightsError for a card without it.
    """
    if "error_quantile" not in card:
        raise WeightsError(f"{name}.json: a restorer's card must have an error_quantile, got none.")
    return float(card["error_quantile"])
