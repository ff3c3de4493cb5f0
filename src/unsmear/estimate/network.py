"""The network's guess of a blur from a spectrum: the starting point of the likelihood fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.blur.kernel import Kernel
from unsmear.checkpoints import checkpoint, derived, loading
from unsmear.estimate import features
from unsmear.estimate.spectrum import Array, Spectrum

WEIGHTS = "estimator"
"""Name of the shipped weights."""
PREFIX = "judge."
"""Prefix of the names of the calibrator's tensors, stored beside the network's weights."""


@dataclass(frozen=True)
class Guess:
    """The network's output for one image.

    kinds: (4,) probabilities in the order of `result.KINDS`, not calibrated. length, angle: of a
    linear motion, pixels and degrees. radius: of a disc, pixels. kernel: (31, 31), the kernel or
    its half-turn.
    """

    kinds: Array
    length: float
    angle: float
    radius: float
    kernel: Kernel


def guess(spectrum: Spectrum, weights: str | Path | None = None) -> Guess:
    """Return the network's guess; weights: a name or a path, the shipped weights if None."""
    maps, run = features.draw(spectrum), _net(weights or WEIGHTS)
    kinds, length, radius, turn, kernel = run(
        {"shifts": maps.shifts[None], "profile": maps.profile[None]}
    )
    cosine, sine = map(float, turn[0])
    angle = np.rad2deg(np.arctan2(sine, cosine)) / 2 % 180
    return Guess(
        _softmax(kinds[0]), float(length[0]), float(angle), float(radius[0]), _softmax(kernel[0])
    )


def _softmax(logits: NDArray[np.float32]) -> Array:
    raised = np.exp(logits.astype(np.float64) - float(logits.max()))
    return np.asarray(raised / raised.sum())


@cache
def _net(weights: str | Path) -> derived.Run:
    place, card = checkpoint.card_of(weights)
    if derived.engine(place, card, "auto") != "torch":
        return derived.load(place, card, "onnx").run
    return _torch(loading.build_kernel_net(checkpoint.load(place)))


def _torch(net: Any) -> derived.Run:
    import torch

    def run(inputs: Mapping[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        with torch.inference_mode():
            guess = net(*(torch.from_numpy(inputs[name]) for name in ("shifts", "profile")))
        parts = (guess.kinds, guess.length, guess.radius, guess.turn, guess.kernel)
        return [part.numpy() for part in parts]

    return run
