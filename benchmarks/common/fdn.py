"""Fourier Deconvolution Network: ten steps, each a quotient of spectra and a small network.

J. Kruse, C. Rother, U. Schmidt, "Learning to Push the Limits of Efficient FFT-based Image
Deconvolution", ICCV 2017. Its published weights (BSD 2-clause) are the files
`models/*/stages_01-10_*.hdf5` of github.com/uschmidt83/fourier-deconvolution-network; nothing is
downloaded here. Written anew for PyTorch; `fdn_examples.py` compares it with the authors' results.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import idctn
from scipy.signal import fftconvolve
from torch import Tensor, nn
from torch.nn import functional

from unsmear.checkpoints.arrays import Array, opened
from unsmear.errors import WeightsError

Plane = NDArray[np.floating]
"""Array (y, x), black at 0 and white at 1."""

STAGES = 10
FEATURES, CONVOLUTIONS = 32, 6
NEURONS, DENSE = 16, 4
FILTER = 5
"""Side of the linear filters in pixels."""
STRIP = 64
"""Rows that the network is given at once: what it makes of them fits the processor's cache."""
TAPERS = 3
"""How often the border is blurred towards the opposite one."""


class Stage(nn.Module):
    """One step of the restoration, with the paper's names of its parts in brackets."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 3)
            for before, after in pairwise((1, *(CONVOLUTIONS - 1) * (FEATURES,), 1))
        )
        self.dense = nn.ModuleList(
            nn.Linear(before, after)
            for before, after in pairwise((1, *(DENSE - 1) * (NEURONS,), 1))
        )
        self.filters = nn.Parameter(torch.eye(FILTER**2 - 1))

    def data_weight(self, sigma: float) -> Tensor:
        """Return the weight of the data (lambda). sigma: of the noise, where white is 255."""
        value = self.filters.new_full((1,), 1 / sigma**2)
        for layer in self.dense[:-1]:
            value = functional.elu(layer(value))
        weight: Tensor = functional.softplus(self.dense[-1](value))
        return weight

    def correction(self, plane: Tensor) -> Tensor:
        """Return the network's term of the numerator (phi) for the last step's result; (y, x)."""
        padded = functional.pad(plane[None, None], 4 * (CONVOLUTIONS,), mode="replicate")
        strips = [
            self._convolved(padded[..., top : top + STRIP + 2 * CONVOLUTIONS, :])
            for top in range(0, plane.shape[0], STRIP)
        ]
        return torch.cat(strips, dim=-2)[0, 0]

    def _convolved(self, value: Tensor) -> Tensor:
        for layer in self.convolutions[:-1]:
            value = functional.elu(layer(value), inplace=True)
        last: Tensor = self.convolutions[-1](value)
        return last

    def filter_power(self, shape: tuple[int, int]) -> Tensor:
        """Return the sum of the linear filters' power spectra (omega), on `rfft2`'s grid."""
        filters: Tensor = _cosines().to(self.filters) @ self.filters
        filters = filters.T.reshape(-1, FILTER, FILTER)
        return torch.fft.rfft2(filters, s=shape).abs().square().sum(dim=0)

    def forward(self, plane: Tensor, data: Tensor, transfer: Tensor, sigma: float) -> Tensor:
        """Return the next result, (y, x).

        plane: the last one. data: the blurred image as if its borders joined. transfer: the
        kernel's spectrum, on `rfft2`'s grid.
        """
        shape = (plane.shape[0], plane.shape[1])
        weight = self.data_weight(sigma)
        agreement = weight * torch.fft.rfft2(data) * transfer.conj()
        numerator = agreement + torch.fft.rfft2(self.correction(plane))
        denominator = weight * transfer.abs().square() + self.filter_power(shape)
        result: Tensor = torch.fft.irfft2(numerator / denominator, s=shape)
        return result


@cache
def _cosines() -> Tensor:
    """Return the cosine filters but the constant one, one a column, the row's wave first."""
    size = (FILTER, FILTER)
    waves = [idctn(np.eye(FILTER**2)[n].reshape(size), norm="ortho").T for n in range(FILTER**2)]
    return torch.from_numpy(np.stack(waves[1:], axis=-1).reshape(FILTER**2, -1))


@torch.inference_mode()
def restore(plane: Plane, kernel: Plane, sigma: float, stages: list[Stage]) -> Plane:
    """Return the restored plane, which may leave [0, 1] a little.

    kernel: of odd sides, sum 1. sigma: standard deviation of the noise, where white is 255; the
    weights' `config.json` says for which range they were trained.
    """
    margin = (kernel.shape[0] // 2, kernel.shape[1] // 2)
    border = [(side, side) for side in margin]
    observed = torch.from_numpy(tapered(np.pad(plane, border, "edge"), kernel)).to(torch.float32)
    shape = (observed.shape[0], observed.shape[1])
    transfer = _transfer(kernel, shape)
    inside = torch.from_numpy(np.pad(np.ones(plane.shape, bool), border))
    restored = data = observed
    for number, stage in enumerate(stages):
        if number:  # past the border the data are what the last result would look like
            blurred = torch.fft.irfft2(torch.fft.rfft2(restored) * transfer, s=shape)
            data = torch.where(inside, observed, blurred)
        restored = stage(restored, data, transfer, sigma)
    (top, left), (height, width) = margin, plane.shape
    return np.asarray(restored.numpy()[top : top + height, left : left + width])


def _transfer(kernel: Plane, shape: tuple[int, int]) -> Tensor:
    centred = np.zeros(shape)
    centred[: kernel.shape[0], : kernel.shape[1]] = kernel
    rolled = np.roll(centred, [-(side // 2) for side in kernel.shape], (0, 1))
    return torch.from_numpy(np.fft.rfft2(rolled)).to(torch.complex64)


def tapered(plane: Plane, kernel: Plane) -> Plane:
    """Return the plane blurred towards its border, so that its spectrum shows no edge there."""
    margin = [(side // 2, side // 2) for side in kernel.shape]
    rows, columns = (_inwards(kernel.sum(1 - axis), plane.shape[axis]) for axis in (0, 1))
    weight = np.outer(rows, columns)
    for _ in range(TAPERS):
        blurred = fftconvolve(np.pad(plane, margin, "wrap"), kernel, mode="valid")
        plane = weight * plane + (1 - weight) * blurred
    return plane


def _inwards(profile: Plane, side: int) -> Plane:
    """Return weights along an axis, 0 at both ends, by the kernel's autocorrelation."""
    power = np.abs(np.fft.rfft(profile, side - 1)) ** 2
    correlation = np.fft.irfft(power, side - 1)
    return np.asarray(1 - np.append(correlation, correlation[0]) / correlation.max())


def load(path: Path) -> list[Stage]:
    """Return the steps of a published file of all ten, `stages_01-10_*.hdf5`.

    Raises WeightsError for a file that is missing, damaged or of another network; MissingExtra
    without h5py.
    """
    wanted = f"{path}: FDN's weights must be its authors' stages_01-10_finetuned.hdf5"
    stages = [Stage() for _ in range(STAGES)]
    network = nn.ModuleList(stages)
    shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
    with opened(path, "h5", f"{wanted}; it is missing, damaged or of another kind.") as file:
        numbers = sorted({int(match[1]) for array in file if (match := _ARRAY.match(array.name))})
        arrays = {_our_name(array.name, numbers): array for array in file}
        claimed = {name: _our_axes(name, array.claim()).shape for name, array in arrays.items()}
        if claimed != shapes:
            raise WeightsError(f"{wanted}, got {len(arrays)} arrays of other names or sizes.")
        state = {name: _our_axes(name, array.read()) for name, array in arrays.items()}
    network.load_state_dict({name: torch.tensor(array) for name, array in state.items()})
    return stages


_ARRAY = re.compile(
    r"model_(\d+)/(conv|dense|lambda|x_out)(\d?)(?:_\d+)?/(kernel|bias|filter_weights):0"
)
"""An array in the file: number of the step, kind of layer, which of them, part of it."""


def _our_name(published: str, numbers: list[int]) -> str:
    """Return our name of an array: 0.convolutions.2.weight for model_1/conv3_9/kernel:0.

    numbers: those of the steps in the file, in order. Another network's names stay as they are.
    """
    match = _ARRAY.fullmatch(published)
    if match is None:
        return published
    step, layer, part = numbers.index(int(match[1])), match[2], match[4]
    if layer == "x_out":
        return f"{step}.filters"
    name = "convolutions" if layer == "conv" else "dense"
    index = DENSE if layer == "lambda" else int(match[3] or 0)
    return f"{step}.{name}.{index - 1}.{'weight' if part == 'kernel' else part}"


def _our_axes(name: str, array: Array) -> Array:
    """Return an array of Keras, (y, x, in, out) or (in, out), in PyTorch's order of axes."""
    if not name.endswith("weight"):
        return array
    return array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T
