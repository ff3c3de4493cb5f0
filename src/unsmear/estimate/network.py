"""The network's guess of a blur from a spectrum: the starting point of the likelihood fits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unsmear.blur.kernel import Kernel
from unsmear.checkpoints import checkpoint
from unsmear.estimate import features
from unsmear.estimate.spectrum import Array, Spectrum

if TYPE_CHECKING:
    from unsmear.models.kernel_estimator import KernelNet

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
    import torch

    maps, net = features.draw(spectrum), _net(weights or WEIGHTS)
    with torch.inference_mode():
        shifts, profile = torch.from_numpy(maps.shifts), torch.from_numpy(maps.profile)
        output = net(shifts[None], profile[None])
        kinds = output.kinds[0].double().softmax(0).numpy()
        logits = output.kernel[0].double()
        kernel = logits.flatten().softmax(0).view(logits.shape).numpy()
    cosine, sine = map(float, output.turn[0])
    angle = np.rad2deg(np.arctan2(sine, cosine)) / 2 % 180
    return Guess(kinds, float(output.length[0]), float(angle), float(output.radius[0]), kernel)


@cache
def _net(weights: str | Path) -> KernelNet:
    from unsmear.models.kernel_estimator import KernelNet

    stored = checkpoint.load(weights)
    net = KernelNet(**stored.options)
    own = {name: value for name, value in stored.tensors.items() if not name.startswith(PREFIX)}
    net.load_state_dict(own)
    return net.eval()
