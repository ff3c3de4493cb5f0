"""Networks from weights: built from their card, filled with the tensors, and checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, Any, TypeVar

from unsmear import models
from unsmear.checkpoints.checkpoint import Checkpoint, card_name
from unsmear.errors import WeightsError, error_text, shortened, shown

if TYPE_CHECKING:
    from torch import nn

    from unsmear.models.deep_wiener import DeepWiener

    Model = TypeVar("Model", bound=nn.Module)

LONGEST = 240
"""Largest number of characters that are quoted of an error of PyTorch."""
LARGEST = 2**14
"""Largest number among the options of a network."""
ROOM, ROOM_AT_LEAST = 2, 10**6
"""Parameters that a network may have while it is built, for each byte of its file and beyond: some
are made twice."""
ATTRIBUTES = ("channels", "stride", "halo", "values")
"""Attributes that every listed network must have."""


def build_deep_wiener(loaded: Checkpoint) -> DeepWiener:
    """Return the network of a deep-wiener's weights; raises WeightsError for other weights."""
    from unsmear.models.deep_wiener import DeepWiener

    if loaded.network != DeepWiener.__name__:
        raise WeightsError(
            f"{loaded.name}: the network must be DeepWiener, got {shortened(loaded.network)}."
        )
    return fill(_built(loaded, DeepWiener), loaded)


def build_network(loaded: Checkpoint) -> nn.Module:
    """Return the listed network of weights, in evaluation mode.

    Raises WeightsError for a network that is not listed, and for weights that do not fit it.
    """
    check_listed(loaded.name, loaded.network)
    model = _built(loaded, partial(models.build, loaded.network))
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
    return fill(_built(loaded, partial(models.build, loaded.network)), loaded)


def build_kernel_net(loaded: Checkpoint) -> nn.Module:
    """Return the estimator's network, in evaluation mode; its calibrators are left out."""
    from unsmear.models.kernel_estimator import KernelNet

    model = KernelNet(**loaded.options)
    own = model.state_dict().keys()
    model.load_state_dict({name: loaded.tensors[name] for name in own})
    return model.eval()


def _built(loaded: Checkpoint, make: Callable[..., Model]) -> Model:
    """Return a network of the options on a card; raises WeightsError for those that make none.

    They may describe no more than the file holds: nothing larger is built before it is refused.
    """
    if not isinstance(loaded.options, Mapping):
        raise misfit(loaded, TypeError("its options must be a JSON object"))
    for name, value in loaded.options.items():
        if not _is_moderate(value):
            raise misfit(loaded, ValueError(f"{shortened(name)} must be at most {LARGEST}"))
    try:
        with _no_larger_than(ROOM * len(loaded.data) + ROOM_AT_LEAST):
            return make(**loaded.options)
    # Whatever the options of a stranger do in a constructor, they do not fit it.
    except Exception as error:
        raise misfit(loaded, error) from error


def _is_moderate(value: Any) -> bool:
    """Return whether no number in an option is larger than any of a network is."""
    if isinstance(value, list | tuple):
        return len(value) <= LARGEST and all(map(_is_moderate, value))
    return not isinstance(value, int | float) or abs(value) <= LARGEST


@contextmanager
def _no_larger_than(most: int) -> Iterator[None]:
    """Raise ValueError inside for a network of more parameters, as soon as it has them."""
    from torch.nn.modules.module import register_module_parameter_registration_hook

    counts, thread = [0], get_ident()

    def count(module: nn.Module, name: str, parameter: Any) -> None:
        counts[0] += 0 if parameter is None or get_ident() != thread else parameter.numel()
        if counts[0] > most:
            raise ValueError("its options describe a larger network than the file holds")

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()


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
    return WeightsError(f"{loaded.name}: the weights must fit their card; {error_text(error)}")


def error_quantile(name: str, card: Mapping[str, Any]) -> float:
    """Return the factor from the network's scale to the half-width of a 90 % prediction interval.

    Raises WeightsError for a card without it.
    """
    if "error_quantile" not in card:
        raise WeightsError(
            f"{card_name(name)}: a restorer's card must have an error_quantile, got none."
        )
    value = card["error_quantile"]
    if not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise WeightsError(
            f"{card_name(name)}: error_quantile must be a number from 0, got {shown(value)}."
        )
    return float(value)
