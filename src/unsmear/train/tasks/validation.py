"""Validation scores of a restorer, always on the same samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unsmear.metrics import tensor
from unsmear.train.data.restoration import Sample
from unsmear.train.engine.learner import Content, restore, scalar, unwrapped
from unsmear.train.engine.log import Picture
from unsmear.train.engine.task import Validation

MOST = 100.0
"""Largest value of a score that a sample adds to the mean, dB: one black crop would make the PSNR
infinite."""
METRICS = {
    "psnr": tensor.psnr,
    "gain_psnr": tensor.scale_invariant_psnr,
    "ssim": tensor.ssim,
}
"""Metrics by their column names in validation.csv."""
GAP = 2
"""White margin between the images of a picture, pixels."""


@torch.no_grad()
def validate(
    network: nn.Module,
    samples: Sequence[Sample],
    content: Content,
    device: torch.device,
    batch: int,
    pictures: int,
) -> Validation:
    """Return the network's scores; the network stays in its training or evaluation mode.

    The scores are the content loss's terms and "loss"; psnr, gain_psnr (the scale-invariant PSNR,
    dB) and ssim of the restored and, prefixed by `blurred_`, of the blurred images; black is 0 and
    full scale 1.
    """
    inner = unwrapped(network)
    training = inner.training
    inner.eval()
    sums: dict[str, float] = {}
    shown: list[tuple[Tensor, ...]] = []
    for first in range(0, len(samples), batch):
        chunk = samples[first : first + batch]
        blurred, sharp = (
            torch.from_numpy(np.stack([getattr(sample, side) for sample in chunk])).to(device)
            for side in ("blurred", "sharp")
        )
        restored = restore(inner, blurred)
        values = scalar(content(restored, sharp) | _scores(sharp, restored, blurred))
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + value * len(chunk) / len(samples)
        if len(shown) < pictures:
            shown += zip(blurred.cpu(), restored.cpu(), sharp.cpu(), strict=True)
    inner.train(training)
    return Validation(sums, draw(shown[:pictures]))


def _scores(sharp: Tensor, restored: Tensor, blurred: Tensor) -> dict[str, Tensor]:
    scores = {}
    for prefix, image in (("", restored), ("blurred_", blurred)):
        for name, metric in METRICS.items():
            values = metric(sharp, image, data_range=1.0)
            scores[prefix + name] = values.clamp(max=MOST).mean()
    return scores


def draw(rows: Sequence[tuple[Tensor, ...]]) -> Picture:
    """Return rows of blurred, restored and sharp images (channel, y, x) as one picture."""
    lines = [np.concatenate([_tile(part) for part in row], axis=1) for row in rows]
    picture: NDArray[np.uint8] = np.concatenate(lines, axis=0)
    return picture


def _tile(units: Tensor) -> Picture:
    planes = np.nan_to_num(units.numpy()[:3])  # NaN is reported by the loss, not here
    if len(planes) < 3:
        planes = np.repeat(planes[:1], 3, axis=0)
    pixels = np.moveaxis(np.rint(planes.clip(0, 1) * 255).astype(np.uint8), 0, -1)
    return np.pad(pixels, [(GAP, 0), (GAP, 0), (0, 0)], constant_values=255)
