"""The network's guess at what blurred a spectrum: where the likelihood starts from."""

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
JUDGE = "judge."
"""Beginning of the names under which the judge's numbers lie beside the network's weights."""


@dataclass(frozen=True)
class Guess:
    """What the network says of one image.

    kinds: (4,) probabilities in the order of `result.KINDS`, not calibrated. length, angle: of a
    straight movement, pixels and degrees. radius: of a disc, pixels. kernel: (31, 31), it or its
    half-turn.
    """

    kinds: Array
    length: float
    angle: float
    radius: float
    kernel: Kernel


def guess(spectrum: Spectrum, weights: str | Path | None = None) -> Guess:
    """Return the network's guess; `weights`: a path, or the shipped ones."""
    import torch

    seen, net = features.draw(spectrum), _net(weights or WEIGHTS)
    with torch.inference_mode():
        shifts, profile = torch.from_numpy(seen.shifts), torch.from_numpy(seen.profile)
        said = net(shifts[None], profile[None])
        kinds = said.kinds[0].double().softmax(0).numpy()
        kernel = said.kernel[0].double().flatten().softmax(0).view(said.kernel.shape[1:]).numpy()
    cosine, sine = map(float, said.turn[0])
    angle = np.rad2deg(np.arctan2(sine, cosine)) / 2 % 180
    return Guess(kinds, float(said.length[0]), float(angle), float(said.radius[0]), kernel)


@cache
def _net(weights: str | Path) -> KernelNet:
    from unsmear.models.kernel_estimator import KernelNet

    stored = checkpoint.load(weights)
    net = KernelNet(**stored.options)
    own = {name: value for name, value in stored.tensors.items() if not name.startswith(JUDGE)}
    net.load_state_dict(own)
    return net.eval()
