"""Networks from weights: built from their card, filled with the tensors, and checked."""

from __future__ import annotations

from textwrap import shorten
from typing import TYPE_CHECKING, Any, TypeVar

from unsmear import models
from unsmear.checkpoints.checkpoint import Checkpoint
from unsmear.errors import OptionError, WeightsError
from unsmear.restoration.learned.blocks import grid
from unsmear.restoration.learned.interval import Interval

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
        raise WeightsError(f"{loaded.name}: the network must be DeepWiener, got {loaded.network}.")
    try:
        model = DeepWiener(**loaded.options)
    except (TypeError, ValueError) as error:
        raise misfit(loaded, error) from error
    return fill(model, loaded)


def build_network(loaded: Checkpoint) -> nn.Module:
    """Return the listed network of weights, in evaluation mode.

    Raises WeightsError for a network that is not listed, and for weights that do not fit it.
    """
    if loaded.network not in models.names():
        raise WeightsError(
            f"{loaded.name}: the network must be one of {', '.join(models.names())}, or of a file "
            f"in the folders of UNSMEAR_NETWORKS, got {loaded.network!r}."
        )
    try:
        model = models.build(loaded.network, **loaded.options)
    except (OptionError, TypeError, ValueError, RuntimeError) as error:
        raise misfit(loaded, error) from error
    describe(model, loaded)
    return fill(model, loaded)


def describe(model: Any, loaded: Checkpoint) -> tuple[int, int, int | None, tuple[float, float]]:
    """Return a network's channels, stride, halo and values.

    Raises WeightsError for a network that lacks one of these attributes.
    """
    for name in ATTRIBUTES:
        if not hasattr(model, name):
            raise WeightsError(
                f"{loaded.name}: the network {loaded.network} must have the attributes "
                f"{', '.join(ATTRIBUTES)}, got none named {name}."
            )
    low, high = model.values
    tiles(model, loaded)
    return model.channels, model.stride, model.halo, (float(low), float(high))


def tiles(model: Any, loaded: Checkpoint) -> tuple[int, int] | None:
    """Return side and overlap of the tiles that replace a whole image; None for no such tiles."""
    tile: int | None = getattr(model, "tile", None)
    if model.halo is not None or tile is None:
        return None
    overlap: int = getattr(model, "overlap", 0)
    if tile < 1 or tile % grid(model.stride) or not 0 <= overlap <= tile // 2:
        raise WeightsError(
            f"{loaded.name}: the network {loaded.network} must have a tile that is a multiple of "
            f"{grid(model.stride)} pixels, and an overlap of at most half of it, "
            f"got {tile} and {overlap}."
        )
    return tile, overlap


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


def error_quantile(loaded: Checkpoint) -> float:
    """Return the factor from the network's scale to the half-width of a 90 % prediction interval.

    Raises WeightsError for a card without it.
    """
    if "error_quantile" not in loaded.card:
        raise WeightsError(
            f"{loaded.name}.json: a restorer's card must have an error_quantile, got none."
        )
    return float(loaded.card["error_quantile"])


def interval(loaded: Checkpoint) -> Interval | None:
    """Return the factors that fit the interval to an image; None for a card without them.

    Raises WeightsError for others than those of `Interval`.
    """
    factors = loaded.card.get("interval")
    if factors is None:
        return None
    try:
        return Interval(**{name: float(value) for name, value in factors.items()})
    except (AttributeError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{loaded.name}.json: interval must have scale and longer, got {factors!r}."
        ) from error
