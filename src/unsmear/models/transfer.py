"""Transfer learning: pretrained weights adapted to other labels, channels and networks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from unsmear.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor, nn

HEAD = "head."
"""Prefix of the names of a classifier's last layer."""
ENCODER = "encoder."
"""Prefix of the names of the part that a classifier shares with an autoencoder."""
_COUNTED = ".num_batches_tracked"


def fit_weights(
    network: nn.Module, tensors: Mapping[str, Tensor], *, head: bool = True
) -> dict[str, Tensor]:
    """Return a classifier's whole `state_dict` from pretrained weights, adapted where necessary.

    tensors: of a network of the same kind, by our names. The last layer, `head`, may be missing;
    where it has another shape, for other labels, the network keeps its own new one. The first
    convolution may have other channels: see `widen`. BatchNorm's count of batches may be missing.
    head: whether to use a matching head; False where the labels are others, equal in number.

    Raises WeightsError that names all tensors that are missing, unknown or of another shape.
    """
    own = network.state_dict()
    given = dict(tensors)
    first = next((name for name, tensor in own.items() if tensor.ndim == 4), "")
    if first in given and given[first].ndim == 4:
        given[first] = widen(given[first], own[first].shape[1])
    new = {name for name in own if name.endswith(_COUNTED) and name not in given}
    if not head or any(_differs(own, given, name) for name in own if name.startswith(HEAD)):
        new |= {name for name in (*own, *given) if name.startswith(HEAD)}
    _check(own, {name: tensor for name, tensor in given.items() if name not in new}, new)
    return {name: own[name] if name in new else given[name] for name in own}


def fit_encoder(network: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a classifier's whole `state_dict` with the encoder of a pretrained autoencoder.

    tensors: of the autoencoder; only its encoder is used, adapted as by `fit_weights`. Everything
    else stays as it is in the network.

    Raises WeightsError as `fit_weights` does.
    """
    own = {name: part for name, part in network.state_dict().items() if not _shared(name)}
    return fit_weights(network, own | {name: tensors[name] for name in tensors if _shared(name)})


def _shared(name: str) -> bool:
    return name.startswith(ENCODER)


def widen(kernel: Tensor, channels: int) -> Tensor:
    """Return a first convolution's kernel (out, channel, y, x) for another number of channels.

    Existing channels keep their kernels, and each additional one gets their mean; with fewer
    channels, each gets the mean. All are scaled by the old over the new number of channels, so that
    an image whose channels are alike gives the same output as before.
    """
    before = kernel.shape[1]
    if channels == before:
        return kernel
    mean = kernel.mean(1, keepdim=True).repeat(1, channels, 1, 1)
    if channels > before:
        mean[:, :before] = kernel
    return mean * (before / channels)


def _differs(own: Mapping[str, Tensor], given: Mapping[str, Tensor], name: str) -> bool:
    return name not in given or given[name].shape != own[name].shape


def _check(own: Mapping[str, Tensor], given: Mapping[str, Tensor], new: set[str]) -> None:
    missing = [name for name in own if name not in given and name not in new]
    unknown = [name for name in given if name not in own]
    misshapen = [
        f"{name} must be {_size(own[name].shape)}, is {_size(tensor.shape)}"
        for name, tensor in given.items()
        if name in own and tensor.shape != own[name].shape
    ]
    faults = {"missing": missing, "unknown": unknown, "of another shape": misshapen}
    clauses = [f"{what}: {', '.join(names)}" for what, names in faults.items() if names]
    if clauses:
        raise WeightsError(f"the weights must match the network; {'; '.join(clauses)}.")


def _size(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape)) or "a number"
