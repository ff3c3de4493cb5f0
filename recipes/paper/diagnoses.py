"""Diagnoses of restored images that explain their scores, without training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from unsmear import metrics
from unsmear.blur import Kernel
from unsmear.checkpoints import checkpoint, loading
from unsmear.evaluate import BLURRED, SHARP, Case, MethodWithKernel, restore_case
from unsmear.restoration import methods
from unsmear.restoration.base import Batch, Method, Restorer

Units = NDArray[np.float32]
"""Array (channel, y, x) in normalised intensity, black 0 and white 1."""

DARK = "sharp, darkened"
"""Name of the sharp image without blur, as dark as the paper's recipe makes it."""
BLACK = "black"
"""Name of an empty (black) image."""
SIGMA = 4.0
"""Sigma in pixels of the Gaussian that separates the low frequencies."""
PERIODS = (2, 4, 8)
"""Periods in pixels of the checkerboard artefacts of layers with stride 2."""
NEAR, FAR = 3, 4
"""Frequency bins from a grid's, between which its neighbours lie; a window blurs over two."""


@dataclass(frozen=True)
class Diagnosis:
    """Diagnosis of one result on one image.

    psnr: dB. brightness: total intensity relative to the sharp image. low: fraction of the squared
    error that is left after a Gaussian of `SIGMA`; None without an error. grids: for each of
    `PERIODS`, the power at its frequencies over that of their neighbours, dB. features: the
    perceptual loss; None without VGG16's weights.
    """

    psnr: float
    brightness: float
    low: float | None
    grids: tuple[float, ...]
    features: float | None


def examine(
    case: Case, contenders: Mapping[str, MethodWithKernel], vgg: Path | None
) -> dict[str, Diagnosis]:
    """Return the diagnoses of a pair by method, and of the images without restoration."""
    diagnosed: dict[str, Units] = {}
    for name, contender in contenders.items():
        sharp, blurred, restored = (_units(image) for image in restore_case(case, contender))
        dark = sharp * (blurred.sum() / sharp.sum())
        black = np.zeros_like(sharp)
        diagnosed |= {SHARP: sharp, DARK: dark, BLACK: black, BLURRED: blurred, name: restored}
    return {name: diagnose(sharp, units, vgg) for name, units in diagnosed.items()}


def diagnose(sharp: Units, units: Units, vgg: Path | None) -> Diagnosis:
    """Return the diagnosis of one result; vgg: VGG16's weights."""
    error = units - sharp
    total = float(np.square(error).sum())
    smooth = gaussian_filter(error, (0, SIGMA, SIGMA))
    return Diagnosis(
        metrics.psnr(sharp, units, data_range=1.0),
        float(units.sum() / sharp.sum()),
        float(np.square(smooth).sum()) / total if total else None,
        tuple(grid_power(units, period) for period in PERIODS),
        _features(sharp, units, vgg) if vgg else None,
    )


def mean(diagnoses: list[Diagnosis]) -> Diagnosis:
    """Return the mean over images, of each number for itself."""

    def over(values: list[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return float(np.mean(known)) if known else None

    return Diagnosis(
        float(np.mean([diagnosis.psnr for diagnosis in diagnoses])),
        float(np.mean([diagnosis.brightness for diagnosis in diagnoses])),
        over([diagnosis.low for diagnosis in diagnoses]),
        tuple(np.mean([diagnosis.grids for diagnosis in diagnoses], axis=0).tolist()),
        over([diagnosis.features for diagnosis in diagnoses]),
    )


def batch_statistics(weights: Path, name: str) -> Method:
    """Return a network that normalises by the image at hand, as it did in training."""
    fit = partial(_fit_by_batch, weights)
    known = methods.find(str(weights)).cited  # restored images are kept by their weights
    return Method(name, "By its batch's statistics.", False, fit, conserves_flux=False, cited=known)


def grid_power(units: Units, period: int) -> float:
    """Return the power at a grid's frequencies over that of their neighbours, dB.

    Only frequencies that no coarser member of the grid has: those of period 2 are no part of 4.
    Near 0 for an image without a grid, whatever its content; a checkerboard is a peak.
    """
    side = min(units.shape[-2:]) // max(PERIODS) * max(PERIODS)
    planes = units[:, :side, :side]
    window = np.hanning(side + 1)[:side]
    shaded = (planes - planes.mean(axis=(1, 2), keepdims=True)) * window[:, None] * window
    power = np.square(np.abs(np.fft.fft2(shaded))).mean(axis=0)
    step = side // period
    wanted = [(row, column) for row in range(period) for column in range(period)]
    own = [(r, c) for r, c in wanted if (r, c) != (0, 0) and (r % 2 or c % 2)]
    peaks = [power[r * step, c * step] for r, c in own]
    around = [_neighbours(power, r * step, c * step) for r, c in own]
    return float(10 * np.log10((np.sum(peaks) + 1e-12) / (np.sum(around) + 1e-12)))


def _neighbours(power: NDArray[np.float64], row: int, column: int) -> float:
    reach = np.arange(-FAR, FAR + 1)
    block = power[np.ix_((row + reach) % len(power), (column + reach) % len(power))]
    distance = np.maximum(np.abs(reach)[:, None], np.abs(reach))
    return float(block[distance >= NEAR].mean())


def _units(image) -> Units:
    return image.planes()[0].astype(np.float32) / np.iinfo(image.pixels.dtype).max


def _features(sharp: Units, units: Units, vgg: Path) -> float | None:
    import torch

    if len(sharp) not in (1, 3):
        return None
    pair = (torch.from_numpy(image.astype(np.float32))[None] for image in (units, sharp))
    with torch.inference_mode():
        return float(_perceptual(vgg)(*pair))


@cache
def _perceptual(vgg: Path):
    from unsmear.losses.perceptual import Perceptual

    return Perceptual(vgg)


def _fit_by_batch(weights: Path, blurred: Batch, kernel: Kernel | None = None) -> _ByBatch:
    del kernel
    return _ByBatch(_by_batch(weights), blurred.shape[1])


@cache
def _by_batch(weights: Path):
    from torch import nn

    network = loading.build_network(checkpoint.load(weights)).eval()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.track_running_stats = False
            layer.running_mean = layer.running_var = None
    return network


class _ByBatch(Restorer):
    """A restorer of whole images, whose sides are multiples of the network's stride."""

    halo = None

    def __init__(self, network, channels: int) -> None:
        self.network, self.channels = network, channels

    def restore(self, batch: Batch) -> Batch:
        """Return the restored batch."""
        import torch

        low, high = self.network.values
        apart = self.channels != self.network.channels
        planes = batch.reshape(-1, 1, *batch.shape[2:]) if apart else batch
        inputs = torch.from_numpy(np.ascontiguousarray(planes))
        inputs = inputs.expand(-1, self.network.channels, -1, -1)
        with torch.inference_mode():
            restored = (self.network(low + (high - low) * inputs) - low) / (high - low)
        restored = restored.mean(dim=1, keepdim=True) if apart else restored
        return np.asarray(restored.numpy().reshape(batch.shape), np.float32)
