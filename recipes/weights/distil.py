"""Train a lean restorer on what the standard one makes of the samples (knowledge distillation).

    python -m recipes.weights.distil --data FOLDER --run runs/lean [--steps N] [--samples N]

After Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network" (2015): the teacher's
results hold less noise than the sharp planes. The student begins as the teacher, pruned. The same
command continues an interrupted run, with more steps or samples too. `log.csv` has the scores on
held-out clusters, beside the teacher's.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from recipes.weights import datasets, deep_wiener, taught_samples
from recipes.weights.deep_wiener import FLOOR, UNCERTAINTY, State
from recipes.weights.pruning import prune
from recipes.weights.restorer_samples import SIDE, Array, Samples
from recipes.weights.taught_samples import Taught, order, read
from unsmear.checkpoints import checkpoint, loading
from unsmear.models.deep_wiener import DeepWiener
from unsmear.restoration.learned import inference
from unsmear.tables import append_csv

TEACHER, FAST = "deep-wiener", "deep-wiener-fast"
"""Weights that teach, and others whose scores stand beside the student's."""
STUDENTS: dict[str, dict[str, Any]] = {
    "deep-wiener-lean": {
        "versions": 4,
        "constants": 2,
        "widths": (32, 24, 32),
        "depth": 1,
        "hidden": (24, 24, 16),
    }
}
"""Options of the networks that are trained."""
FITTED = 32
"""Samples to which the pruned layers are fitted."""
BATCH = 2
RATE, WARM = 6e-4, 200
"""Largest learning rate, after these steps; from there it falls to 0 at the end, in a line."""
TAUGHT = 0.7
"""Share of the loss that asks for the teacher's results; the rest asks for the sharp planes."""
EVERY = 250
"""Steps between two validations, each of which saves the state."""

Tensors = tuple[Tensor, Tensor, Tensor, Tensor]
"""Versions, constants, sharp plane, and the teacher's plane and scale."""


class Lessons(Dataset[Tensors]):
    """Samples of a run in their order, as tensors that are padded to the largest size."""

    def __init__(self, folder: Path, places: Sequence[tuple[int, int]]) -> None:
        self.folder, self.places = folder, places

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Tensors:
        number, turn = self.places[index]
        taught = read(self.folder, number).turned(turn)

        def padded(planes: Array) -> Tensor:
            sides = [(0, SIDE - side) for side in planes.shape[1:]]
            return torch.from_numpy(np.pad(planes, [(0, 0), *sides]))

        sample = taught.sample
        constants = torch.from_numpy(sample.constants)
        return padded(sample.versions), constants, padded(sample.sharp), padded(taught.taught)


def train(state: State, folder: Path, steps: int, count: int, seed: int) -> Iterator[float]:
    """Train up to step `steps` on the first `count` samples of a folder; yield the losses' sum.

    Nothing is done where the state is already past it.
    """
    if state.step >= steps:
        return
    places = order(seed, count, state.step * BATCH, steps * BATCH)
    for batch in DataLoader(Lessons(folder, places), BATCH):
        total = 0.0
        for name, network in state.networks.items():
            optimiser = state.optimisers[name]
            for group in optimiser.param_groups:
                group["lr"] = rate_at(state.step, steps)
            loss = loss_of(network, *(part.to(state.device) for part in batch))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            deep_wiener.follow(state.averages[name], network, state.step)
            total += float(loss.detach())
        state.step += 1
        yield total


def rate_at(step: int, steps: int) -> float:
    """Return the learning rate of a step."""
    return RATE * min((step + 1) / WARM, (steps - step) / max(1, steps - WARM))


def loss_of(
    network: DeepWiener, versions: Tensor, constants: Tensor, sharp: Tensor, taught: Tensor
) -> Tensor:
    """Return the mean over planes of the mixed losses; taught: (planes, 2, y, x).

    The squared distance d to the teacher's plane is a share of the teacher's squared error: half
    the logarithm of 1 + d is what the PSNR loses where the two are independent.
    """
    restored, scale = network(deep_wiener.chosen(versions, network), constants)
    inside = (versions != 0).any(1, keepdim=True)
    plane, width = taught.chunk(2, 1)
    own = deep_wiener.mean_square(plane - sharp, inside) + FLOOR
    lost = 0.5 * torch.log1p(deep_wiener.mean_square(restored - plane, inside) / own)
    apart = ((scale - width).abs() * inside).sum((1, 2, 3)) / (width * inside).sum((1, 2, 3))
    truth = deep_wiener.losses_of(restored, scale, sharp, inside)
    loss: Tensor = (1 - TAUGHT) * truth + TAUGHT * (lost + UNCERTAINTY * apart)
    return loss.mean()


def begin(seed: int) -> State:
    """Return the state of a new run; its networks know nothing yet."""
    return deep_wiener.begin(seed, options=STUDENTS)


def start(state: State, samples: Sequence[Taught]) -> None:
    """Give the networks what a pruning of the teacher gives, fitted to samples."""
    teacher = loading.build_deep_wiener(checkpoint.load(TEACHER))
    planes = []
    for taught in samples:
        own = taught.sample
        error = float(np.square(taught.taught[:1] - own.sharp).mean()) + FLOOR
        versions, constants = (torch.from_numpy(part) for part in (own.versions, own.constants))
        planes.append((versions[None], constants[None], 1 / error))
    for name, network in state.networks.items():
        for layer in prune(teacher, network, planes):
            print(f"{name}: {layer} fitted", flush=True)
        state.averages[name] = {key: value.clone() for key, value in network.state_dict().items()}


def references() -> State:
    """Return the shipped networks as a state, so that they can be validated like it."""
    networks = {name: loading.build_deep_wiener(checkpoint.load(name)) for name in (TEACHER, FAST)}
    averages = {name: dict(network.state_dict()) for name, network in networks.items()}
    return State(networks, averages, {})


def main() -> None:
    """Draw the samples, train, log and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--run", type=Path, default=Path("runs/lean"))
    parser.add_argument("--steps", type=int, default=14000)
    parser.add_argument("--samples", type=int, default=1536)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)  # threads that wait for each other slow a small network down
    folder = options.run / "samples"
    if not taught_samples.complete(folder, options.samples):
        samples = Samples(datasets.load(options.data, "training"), options.seed)
        for drawn in taught_samples.draw(samples, inference.load(TEACHER), folder, options.samples):
            print(f"{drawn} samples", flush=True)
    state = begin(options.seed)
    if not (options.run / "state.pt").exists():
        start(
            state, [read(folder, n) for n in range(0, options.samples, options.samples // FITTED)]
        )
    deep_wiener.resume(state, options.run)
    cases = deep_wiener.validation(options.data)
    beside = deep_wiener.validate(references(), cases)
    begun, first, recent = time.perf_counter(), state.step, []
    for loss in train(state, folder, options.steps, options.samples, options.seed):
        recent.append(loss)
        if state.step % 100 == 0:
            seconds = (time.perf_counter() - begun) / (state.step - first)
            mean = float(np.mean(recent[-100:]))
            print(
                f"step {state.step}/{options.steps}: {mean:.4f}; {seconds:.2f} s/step", flush=True
            )
        if state.step % EVERY == 0 or state.step == options.steps:
            deep_wiener.save(state, options.run)
            _log(options.run, beside, deep_wiener.validate(state, cases))


def _log(run: Path, beside: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
    """Append the scores to the log, and print what is lost to the teacher, dB."""
    lost: dict[str, list[str]] = {}
    for reference, own in zip(beside, rows, strict=True):
        row = {**reference, **own}
        append_csv(run / "log.csv", {name: str(value) for name, value in row.items()})
        for name in own.keys() - reference.keys():
            lost.setdefault(f"{name} {row['set']}", []).append(f"{row[name] - row[TEACHER]:+.3f}")
    for name, values in sorted(lost.items()):
        print(f"  {name}: {' '.join(values)}", flush=True)


if __name__ == "__main__":
    main()
