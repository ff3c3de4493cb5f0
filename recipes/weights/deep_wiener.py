"""Train the shipped restorers from scratch: `make weights`.

    python -m recipes.weights.deep_wiener --data FOLDER --run runs/deep-wiener [--steps N]

Both networks, the standard and the fast one, are trained on the same samples in one run. The same
command continues an interrupted run. `log.csv` has the scores on held-out clusters.
"""

from __future__ import annotations

import argparse
import copy
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from recipes.weights import datasets as planes_
from recipes.weights.datasets import Plane, reduce
from recipes.weights.restorer_samples import Sample, Samples, prepare
from unsmear import metrics
from unsmear.blur import Camera, Motion, convolve
from unsmear.models.deep_wiener import DeepWiener
from unsmear.tables import append_csv

NETWORKS: dict[str, dict[str, Any]] = {
    "deep-wiener": {"versions": 4, "constants": 2, "widths": (32, 64, 96), "depth": 1},
    "deep-wiener-fast": {"versions": 2, "constants": 2, "widths": (16, 32, 48), "depth": 1},
}
"""Options of the networks; the fast one only has the fitted result and the blurred plane."""

BATCH = 4
RATE = 1.5e-3
"""Learning rate at the plateau."""
WARM, FALL = 200, 0.3
"""Warm-up steps of the learning rate; fraction of the steps in which it falls at the end."""
AVERAGE = 0.998
"""Decay of the exponential average of the weights; the average is saved."""
UNCERTAINTY, COVERED = 0.1, 0.9
"""Weight of the loss of the error scale, and the fraction of errors that the scale should cover."""
FLOOR = 1e-7
"""Mean squared error that is added to every other, so that no logarithm is that of 0."""
EVERY = 500
"""Steps between two validations, each of which saves the state."""


class SampleTensors(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Samples by number, as tensors that are padded to the largest size of a sample."""

    def __init__(self, samples: Samples, first: int, count: int) -> None:
        self.samples, self.first, self.count = samples, first, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        torch.set_num_threads(1)
        sample = self.samples[self.first + index]
        pad = [(0, 0), *((0, self.samples.side - side) for side in sample.sharp.shape[1:])]
        versions, sharp = np.pad(sample.versions, pad), np.pad(sample.sharp, pad)
        return tuple(map(torch.from_numpy, (versions, sample.constants, sharp)))  # type: ignore[return-value]


@dataclass
class State:
    """State of a run, all that is needed to continue it."""

    networks: dict[str, DeepWiener]
    averages: dict[str, dict[str, Tensor]]
    optimisers: dict[str, torch.optim.Optimizer]
    step: int = 0

    @property
    def device(self) -> torch.device:
        """Device of the networks."""
        return next(next(iter(self.networks.values())).parameters()).device


def begin(
    seed: int, device: str = "cpu", options: Mapping[str, dict[str, Any]] = NETWORKS
) -> State:
    """Return the state of a new run; options: of each network, by name."""
    torch.manual_seed(seed)
    networks: dict[str, DeepWiener] = {
        name: DeepWiener(**own).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for name, own in options.items()
    }
    averages = {name: _copy(network) for name, network in networks.items()}
    optimisers: dict[str, torch.optim.Optimizer] = {
        name: torch.optim.AdamW(network.parameters(), RATE, (0.9, 0.99), weight_decay=1e-4)
        for name, network in networks.items()
    }
    return State(networks, averages, optimisers)


def rate_at(step: int, steps: int) -> float:
    """Return the factor on the learning rate: a warm-up, a plateau, a linear fall to 0."""
    left = (steps - step) / max(1, FALL * steps)
    return min(1.0, (step + 1) / WARM, max(left, 0.0))


def train(state: State, samples: Samples, steps: int, workers: int) -> Iterator[dict[str, float]]:
    """Train up to step `steps`, and yield the losses of each step; none if it is already past."""
    if state.step >= steps:
        return
    device = state.device
    dataset = SampleTensors(samples, state.step * BATCH, (steps - state.step) * BATCH)
    for versions, constants, sharp in DataLoader(dataset, BATCH, num_workers=workers):
        inputs = versions.to(device, memory_format=torch.channels_last), constants.to(device)
        losses = {}
        for name, network in state.networks.items():
            optimiser = state.optimisers[name]
            for group in optimiser.param_groups:
                group["lr"] = RATE * rate_at(state.step, steps)
            loss = loss_of(network, *inputs, sharp.to(device))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            follow(state.averages[name], network, state.step)
            losses[name] = float(loss.detach())
        state.step += 1
        yield losses


def loss_of(network: DeepWiener, versions: Tensor, constants: Tensor, sharp: Tensor) -> Tensor:
    """Return the mean over planes of the loss of restoration and of its uncertainty.

    The loss of restoration is half the logarithm of the squared error, as in a PSNR, so that bright
    and dim planes have equal weight. The scale is fitted as the COVERED quantile of the errors
    (Koenker and Bassett, Econometrica 46, 33 (1978)), relative to the plane's mean error: its
    gradient is bounded, so that it cannot dominate that of the restoration.
    """
    restored, scale = network(chosen(versions, network), constants)
    inside = (versions != 0).any(1, keepdim=True)
    return losses_of(restored, scale, sharp, inside).mean()


def losses_of(restored: Tensor, scale: Tensor, sharp: Tensor, inside: Tensor) -> Tensor:
    """Return the losses of planes, (planes,). inside: what is no padding; all (planes, 1, y, x)."""
    error = restored - sharp
    count = inside.sum((1, 2, 3)).clamp(min=1)
    fit = 0.5 * torch.log(mean_square(error, inside) + FLOOR)
    size = error.detach().abs() * inside
    beyond = size - scale * inside
    missed = torch.maximum(COVERED * beyond, (COVERED - 1) * beyond).sum((1, 2, 3))
    return fit + UNCERTAINTY * missed / (size.sum((1, 2, 3)) + 1e-4 * count)


def mean_square(error: Tensor, inside: Tensor) -> Tensor:
    """Return the mean square of each plane's errors, (planes,); both (planes, 1, y, x)."""
    return (error.square() * inside).sum((1, 2, 3)) / inside.sum((1, 2, 3)).clamp(min=1)


def chosen(versions: Tensor, network: DeepWiener) -> Tensor:
    """Return the versions that are a network's input: the first ones and the blurred plane."""
    return torch.cat([versions[:, : network.versions - 1], versions[:, -1:]], 1)


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def follow(average: dict[str, Tensor], network: nn.Module, step: int) -> None:
    """Move the exponential average of the weights towards those of the network, in place."""
    keep = min(AVERAGE, (1 + step) / (10 + step))
    for name, value in network.state_dict().items():
        average[name].lerp_(value, 1 - keep)


def validation(data: Path) -> list[tuple[str, int, Sample]]:
    """Return planes of held-out clusters: (data set, length, sample), a few of each data set."""
    by_folder: dict[str, list[Plane]] = {}
    for plane in planes_.load(data, "calibration"):
        by_folder.setdefault(plane.folder, []).append(plane)
    cases = []
    for folder, planes in sorted(by_folder.items()):
        for index, plane in enumerate(planes[:: max(1, len(planes) // 3)][:3]):
            for length, photons in ((6, None), (10, None), (10, 500.0), (16, None)):
                case = _case(plane, length, photons, index)
                cases.append((folder + (" noisy" if photons else ""), length, case))
    return cases


def _case(plane: Plane, length: int, photons: float | None, index: int) -> Sample:
    units = reduce(plane, max(plane.coarsest, 1.5))[:256, :256]
    units = np.asarray(units[: len(units) // 8 * 8, : units.shape[1] // 8 * 8], np.float32)
    kernel = Motion(length, 37.0 + 50 * index).kernel()
    camera = Camera(photons=photons)
    counts = camera.expose(convolve(units, kernel), np.random.default_rng(index))
    return prepare(counts.astype(np.float32) / np.float32(255), units, kernel)


@torch.inference_mode()
def validate(state: State, cases: list[tuple[str, int, Sample]]) -> list[dict[str, Any]]:
    """Return a row for each data set and length: PSNR of blurred, Wiener and the networks."""
    scores: dict[tuple[str, int], list[dict[str, float]]] = {}
    networks = copy.deepcopy(state.networks)
    for name, network in networks.items():
        network.load_state_dict(state.averages[name])
    for folder, length, sample in cases:
        versions, constants, sharp = (
            torch.from_numpy(part)[None].to(state.device)
            for part in (sample.versions, sample.constants, sample.sharp)
        )
        row = {"blurred": _psnr(versions[:, -1:], sharp), "wiener": _psnr(versions[:, :1], sharp)}
        for name, network in networks.items():
            row[name] = _psnr(network(chosen(versions, network), constants)[0], sharp)
        scores.setdefault((folder, length), []).append(row)
    return [
        {"step": state.step, "set": folder, "length": length}
        | {name: round(float(np.mean([row[name] for row in rows])), 3) for name in rows[0]}
        for (folder, length), rows in scores.items()
    ]


def _psnr(restored: Tensor, sharp: Tensor) -> float:
    return metrics.psnr(sharp.cpu().numpy(), restored.cpu().numpy(), data_range=1)


def save(state: State, run: Path) -> None:
    """Write the run's state atomically."""
    parts = {
        "networks": {name: network.state_dict() for name, network in state.networks.items()},
        "averages": state.averages,
        "optimisers": {name: part.state_dict() for name, part in state.optimisers.items()},
        "step": state.step,
        "machine": machine(state.device),
    }
    aside = run / "state.part"
    torch.save(parts, aside)
    aside.rename(run / "state.pt")


def machine(device: torch.device) -> str:
    """Return the hardware that trains, as a phrase for the card."""
    if device.type == "cuda":
        return f"a {torch.cuda.get_device_name(device)}"
    return f"{os.cpu_count()} processor cores, without a GPU"


def resume(state: State, run: Path) -> None:
    """Load a run's saved state, if there is one."""
    if not (run / "state.pt").exists():
        return
    parts = torch.load(run / "state.pt", map_location=state.device, weights_only=True)
    for name, network in state.networks.items():
        network.load_state_dict(parts["networks"][name])
        state.optimisers[name].load_state_dict(parts["optimisers"][name])
    state.averages, state.step = parts["averages"], parts["step"]


def main() -> None:
    """Train, log and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--run", type=Path, default=Path("runs/deep-wiener"))
    parser.add_argument("--steps", type=int, default=7500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    options.run.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    state = begin(options.seed, device)
    resume(state, options.run)
    cases = validation(options.data)
    samples = Samples(planes_.load(options.data, "training"), options.seed)
    begun, first, recent = time.perf_counter(), state.step, []
    for losses in train(state, samples, options.steps, options.workers):
        recent.append(losses)
        if state.step % 50 == 0:
            seconds = (time.perf_counter() - begun) / (state.step - first)
            means = {name: np.mean([step[name] for step in recent[-50:]]) for name in losses}
            text = ", ".join(f"{name} {mean:.4f}" for name, mean in means.items())
            print(f"step {state.step}/{options.steps}: {text}; {seconds:.2f} s/step", flush=True)
        if state.step % EVERY == 0 or state.step == options.steps:
            save(state, options.run)
            _log(options.run, validate(state, cases))
    print(f"step {state.step}: done; the weights are in {options.run / 'state.pt'}")


def _log(run: Path, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        append_csv(run / "log.csv", {name: str(value) for name, value in row.items()})
        print("  " + ", ".join(f"{name} {value}" for name, value in row.items()), flush=True)


if __name__ == "__main__":
    main()
