"""How good the restorer is by now, on samples that are the same every time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unsmear.metrics import tensor
from unsmear.train.data.restoration import Sample
from unsmear.train.engine.learner import Content, plain, restore, scalar
from unsmear.train.engine.log import Picture
from unsmear.train.engine.task import Validation

MOST = 100.0
"""dB, of a sample in the mean: one black crop would make it infinite."""
METRICS = {
    "psnr": tensor.psnr,
    "gain_psnr": tensor.scale_invariant_psnr,
    "ssim": tensor.ssim,
}
"""By the columns of validation.csv."""
GAP = 2
"""White pixels between the parts of a picture."""


@torch.no_grad()
def validate(
    network: nn.Module,
    samples: Sequence[Sample],
    content: Content,
    device: torch.device,
    batch: int,
    pictures: int,
) -> Validation:
    """Return what the network reaches; it is left in the mode in which it was.

    The scores are the content loss's terms and "loss"; psnr, gain_psnr (dB), ssim of the restored
    and, with `blurred_` in front, of the blurred images, whose black is 0 and whose white is 1.
    """
    inner = plain(network)
    training = inner.training
    inner.eval()
    sums: dict[str, float] = {}
    shown: list[tuple[Tensor, ...]] = []
    for first in range(0, len(samples), batch):
        some = samples[first : first + batch]
        blurred, sharp = (
            torch.from_numpy(np.stack([getattr(one, side) for one in some])).to(device)
            for side in ("blurred", "sharp")
        )
        restored = restore(inner, blurred)
        values = scalar(content(restored, sharp) | _scores(sharp, restored, blurred))
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + value * len(some) / len(samples)
        if len(shown) < pictures:
            shown += zip(blurred.cpu(), restored.cpu(), sharp.cpu(), strict=True)
    inner.train(training)
    return Validation(sums, draw(shown[:pictures]))


def _scores(sharp: Tensor, restored: Tensor, blurred: Tensor) -> dict[str, Tensor]:
    found = {}
    for before, image in (("", restored), ("blurred_", blurred)):
        for name, metric in METRICS.items():
            each = metric(sharp, image, data_range=1.0)
            found[before + name] = each.clamp(max=MOST).mean()
    return found


def draw(rows: Sequence[tuple[Tensor, ...]]) -> Picture:
    """Return rows of blurred, restored and sharp as one picture; (channel, y, x) each, units."""
    lines = [np.concatenate([_tile(part) for part in row], axis=1) for row in rows]
    picture: NDArray[np.uint8] = np.concatenate(lines, axis=0)
    return picture


def _tile(units: Tensor) -> Picture:
    planes = np.nan_to_num(units.numpy()[:3])  # what is no number is for the loss to say
    if len(planes) < 3:
        planes = np.repeat(planes[:1], 3, axis=0)
    pixels = np.moveaxis(np.rint(planes.clip(0, 1) * 255).astype(np.uint8), 0, -1)
    return np.pad(pixels, [(GAP, 0), (GAP, 0), (0, 0)], constant_values=255)
