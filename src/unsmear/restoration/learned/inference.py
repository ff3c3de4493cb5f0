"""Inference of a deep-wiener's network on arrays."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from unsmear.checkpoints import checkpoint, derived, loading
from unsmear.checkpoints.checkpoint import Place
from unsmear.checkpoints.onnx_file import JOINED
from unsmear.choices import Runtime
from unsmear.errors import WeightsError
from unsmear.restoration.learned import interval
from unsmear.restoration.learned.blocks import Array, Forward, in_blocks, reach

CACHED_NETWORKS = 4
"""Number of loaded networks that a process caches."""
NAME = "DeepWiener"
"""Name of the network on the cards."""


class Network:
    """A loaded network of a deep-wiener.

    name: of the weights. runtime, exact: see `load`. versions: number of input versions.
    precision: of its multiplications, "float32" or "bfloat16".
    halo, stride: of the network alone, pixels.
    """

    def __init__(self, name: str | Place, runtime: Runtime = "auto", exact: bool = False) -> None:
        place, self._card = checkpoint.card_of(name)
        self._loaded = place, runtime, exact
        self.name = str(place)
        if self._card["network"] != NAME:
            raise WeightsError(f"{place}: the network must be {NAME}, got {self._card['network']}.")
        self.engine = derived.engine(place, self._card, runtime)
        facts = derived.facts(place, self._card)
        if self.engine == "torch" or facts is None:
            model: Any = loading.build_deep_wiener(checkpoint.load(place))
            facts = {name: getattr(model, name) for name in ("versions", "stride", "halo")}
        if self.engine == "torch":
            self._forward = _torch(model)
        else:
            run = _run(place, self._card, self.engine, exact)
            self._forward = _derived(str(place), run, facts.get("input") == JOINED)
        self.precision = derived.precision(self.engine, exact)
        self.versions, self.stride = int(facts["versions"]), int(facts["stride"])
        self.halo = reach(int(facts["halo"]), self.stride)

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process loads it once.
        return load, self._loaded

    @property
    def quantile(self) -> float:
        """Factor from the scale to the half-width of a 90 % interval; see `error_quantile`."""
        return loading.error_quantile(self.name, self._card)

    @property
    def interval(self) -> interval.Interval | None:
        """Factors that fit the interval to an image; None where the card has none."""
        return interval.from_card(self.name, self._card)

    def __call__(
        self, versions: Array, constants: Array, out: Sequence[Array] | None = None
    ) -> Sequence[Array]:
        """Return the restored plane and the scale of its error, (y, x) both.

        versions: (version, y, x), of any size, the level subtracted. constants: (constant,).
        out: where to write both, or the restored plane alone.
        """
        results = list(np.empty((2, *versions.shape[1:]), np.float32)) if out is None else out

        def forward(block: Array) -> list[Array]:
            parts = self._forward(block, constants[None])
            return [part[0, 0] for part in parts[: len(results)]]

        in_blocks(forward, versions, results, self.halo, self.stride, "constant")
        return results


def load(weights: str | Place, runtime: Runtime = "auto", exact: bool = False) -> Network:
    """Return the network of weights, cached in this process until the weights change.

    weights: a name or a path as for `checkpoint.load`, or a place from `checkpoint.locate`.
    runtime: what computes it. exact: see `derived.start`.
    """
    return _load(checkpoint.locate(weights), runtime, exact)


@lru_cache(CACHED_NETWORKS)
def _load(place: Place, runtime: Runtime, exact: bool) -> Network:
    return Network(place, runtime, exact)


def _run(place: Place, card: Any, engine: derived.Engine, exact: bool) -> derived.Run:
    """Return the network of the file beside the weights, or of one made for this process."""
    if derived.facts(place, card) is not None:
        return derived.load(place, card, engine, exact).run
    from unsmear.checkpoints import onnx_export, onnx_interface

    model = loading.build_deep_wiener(checkpoint.load(place))
    return derived.start(onnx_export.to_bytes(onnx_interface.deep_wiener(model), {}), engine, exact)


def _derived(name: str, run: derived.Run, joined: bool) -> Forward:
    """Return the network of a file; joined: whether it has one input (`onnx_interface.joined`)."""

    def inputs(versions: Array, constants: Array) -> dict[str, Array]:
        if not joined:
            return {"versions": versions, "constants": constants}
        shape = (*constants.shape, *versions.shape[2:])
        planes = np.broadcast_to(constants[:, :, None, None], shape)
        return {JOINED: np.concatenate([versions, planes], axis=1)}

    def forward(versions: Array, constants: Array) -> tuple[Array, Array]:
        outputs = run(inputs(versions, constants))
        shape = (len(versions), 1, *versions.shape[2:])
        if [output.shape for output in outputs] != [shape, shape]:
            raise WeightsError(f"{name}: the network must give a plane and its scale of error.")
        restored, scale = outputs
        return restored, scale

    return forward


def _torch(model: Any) -> Forward:
    import torch

    model = model.to(memory_format=torch.channels_last)

    def forward(versions: Array, constants: Array) -> tuple[Array, Array]:
        with torch.inference_mode():
            inputs = torch.from_numpy(np.ascontiguousarray(versions))
            inputs = inputs.to(memory_format=torch.channels_last)
            restored, scale = model(inputs, torch.from_numpy(constants))
        return restored.numpy(), scale.numpy()

    return forward
