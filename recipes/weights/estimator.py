"""Train the estimator's network: `python -m recipes.weights.estimator --data DIR --run DIR`.

A second process draws samples; this one trains on a growing pool of them, mirrored and transposed
at random. The same command continues an interrupted run. The samples are seeded, but how many have
been drawn by a given step depends on the machine.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import queue
import time
from dataclasses import dataclass, field, fields
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from recipes.weights import datasets
from recipes.weights.estimator_samples import SUPPORT, Spectra
from unsmear.checkpoints import checkpoint
from unsmear.errors import DataError
from unsmear.estimate.features import MAPS, PROFILE
from unsmear.estimate.features import SIDE as MAP_SIDE
from unsmear.estimate.result import KINDS
from unsmear.models.kernel_estimator import Guess, KernelNet

BATCH = 64
CHUNK = 32
"""Number of samples that the drawing process sends at once."""
POOL = 40_000
"""Largest number of samples in the pool."""
FIRST = 960
"""Number of samples in the pool before the first step."""
RATE = 2e-3
"""Highest learning rate."""
DECAY = 0.998
"""Decay of the exponential average of the weights; the average is saved."""
KERNEL_WEIGHT = torch.tensor([0.02, 0.3, 1.0, 0.1])
"""Weight of the kernel's loss for each kind."""
SAVED_EVERY = 120.0
"""Time between two saved states, seconds."""
PATIENCE = 5.0
"""Time without a new chunk after which the drawing process is checked, seconds."""
STRAIGHT, SHAKE, DEFOCUS = (KINDS.index(kind) for kind in ("straight", "shake", "defocus"))

Batch = tuple[Tensor, Tensor, Tensor, Tensor]
"""Shifts, profile, target, kernel; see `estimator_samples.Sample`."""


@dataclass
class Pool:
    """Samples drawn so far, the oldest replaced first."""

    size: int = POOL
    count: int = 0
    _parts: list[NDArray[Any]] = field(init=False)

    def __post_init__(self) -> None:
        shapes = ((MAPS, MAP_SIDE, MAP_SIDE), (PROFILE,), (5,), (SUPPORT, SUPPORT))
        self._parts = [np.zeros((self.size, *shape), np.float16) for shape in shapes]

    def add(self, chunk: list[NDArray[Any]]) -> None:
        """Add a chunk of samples."""
        places = (self.count + np.arange(len(chunk[0]))) % self.size
        for part, new in zip(self._parts, chunk, strict=True):
            part[places] = new
        self.count += len(places)

    def draw(self, generator: np.random.Generator, count: int = BATCH) -> Batch:
        """Return a batch, mirrored or not and transposed or not, all samples in the same way."""
        chosen = generator.integers(min(self.count, self.size), size=count)
        shifts, profile, target, kernel = (
            torch.from_numpy(part[chosen].astype(np.float32)) for part in self._parts
        )
        batch = (shifts, profile, target, kernel)
        batch = mirrored(batch) if generator.random() < 0.5 else batch
        return transposed(batch) if generator.random() < 0.5 else batch


def mirrored(batch: Batch) -> Batch:
    """Return the batch with left and right exchanged; column 0 of the maps has no counterpart."""
    shifts, profile, target, kernel = batch
    signs = torch.tensor([1.0, 1, 1, -1, 1])
    return shifts.flip(-1).roll(1, -1), profile, target * signs, kernel.flip(-1)


def transposed(batch: Batch) -> Batch:
    """Return the batch with rows and columns exchanged; the angle a becomes -90 - a degrees."""
    shifts, profile, target, kernel = batch
    signs = torch.tensor([1.0, 1, -1, 1, 1])
    return shifts.transpose(-1, -2), profile, target * signs, kernel.transpose(-1, -2)


def loss(guess: Guess, target: Tensor, kernel: Tensor) -> dict[str, Tensor]:
    """Return the parts of the loss, means over the batch."""
    kind = target[:, 0].long()
    shown = KERNEL_WEIGHT[kind] * (target[:, 1] < SUPPORT - 2)
    moved = (kind == STRAIGHT) + 0.3 * (kind == SHAKE)
    off = (guess.length - target[:, 1]).abs() / (0.5 + 0.1 * target[:, 1])
    turn = 1 - (functional.normalize(guess.turn, dim=1) * target[:, 2:4]).sum(1)
    blurred = (kind == DEFOCUS).float()
    return {
        "kind": functional.cross_entropy(guess.kinds, kind),
        "length": (moved * off).mean(),
        "turn": 4 * (moved * turn).mean() + 0.01 * (guess.turn.norm(dim=1) - 1).square().mean(),
        "radius": (blurred * (guess.radius - target[:, 4]).abs()).mean(),
        "kernel": (shown * kernel_loss(guess.kernel, kernel)).mean(),
    }


def kernel_loss(logits: Tensor, kernel: Tensor) -> Tensor:
    """Return (batch,): the divergence from the nearer of the kernel and its half-turn, plus the
    distance of the power spectra, which are the same for both.
    """
    logs = functional.log_softmax(logits.flatten(1), 1)
    flat = kernel.flatten(1)
    entropy = (flat * flat.clamp_min(1e-9).log()).sum(1)
    cross = torch.minimum(-(flat * logs).sum(1), -(flat.flip(1) * logs).sum(1))
    powers = [
        torch.fft.rfft2(values, (2 * SUPPORT + 1,) * 2).abs().square()
        for values in (logs.exp().view_as(kernel), kernel)
    ]
    apart = (powers[0] - powers[1]).square().sum((1, 2)) / powers[1].square().sum((1, 2))
    divergence: Tensor = cross + entropy + 4 * apart
    return divergence


def _draw_samples(data: Path, seed: int, start: int, chunks: Any) -> None:
    """Fill the queue without end; the process is terminated from outside."""
    samples, number = Spectra(datasets.load(data, "training"), seed), start
    while True:
        drawn = [samples[number + at] for at in range(CHUNK)]
        number += CHUNK
        parts = [
            np.stack([s.maps.shifts for s in drawn]).astype(np.float16),
            np.stack([s.maps.profile for s in drawn]).astype(np.float16),
            np.stack([s.target for s in drawn]).astype(np.float16),
            np.stack([s.kernel for s in drawn]).astype(np.float16),
        ]
        chunks.put(parts)


@dataclass
class Run:
    """A run's state.

    averaged: exponential average of the weights. elapsed: training time, seconds.
    drawn: number of samples that were drawn.
    """

    folder: Path
    net: KernelNet
    averaged: dict[str, Tensor]
    optimiser: torch.optim.Optimizer
    elapsed: float = 0.0
    drawn: int = 0
    steps: int = 0

    @classmethod
    def open(cls, folder: Path, seed: int) -> Run:
        """Return the run in a folder, or a new one."""
        torch.manual_seed(seed)
        net = KernelNet(maps=MAPS, profile=PROFILE, side=MAP_SIDE)
        # Half the time of a step, with bfloat16.
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=1e-3)
        averaged = {name: value.clone() for name, value in net.state_dict().items()}
        run, file = cls(folder, net, averaged, optimiser), folder / "state.pt"
        if file.exists():
            state = torch.load(file, weights_only=True)
            net.load_state_dict(state["net"])
            optimiser.load_state_dict(state["optimiser"])
            run.averaged, run.elapsed = state["kept"], state["elapsed"]
            run.drawn, run.steps = state["drawn"], state["steps"]
        return run

    def save(self) -> None:
        """Write the state atomically."""
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {
            "net": self.net.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "kept": self.averaged,
            "elapsed": self.elapsed,
            "drawn": self.drawn,
            "steps": self.steps,
        }
        torch.save(state, self.folder / "state.tmp")
        (self.folder / "state.tmp").rename(self.folder / "state.pt")

    def step(self, batch: Batch, rate: float) -> dict[str, float]:
        """Train on a batch and return the parts of the loss."""
        shifts, profile, target, kernel = batch
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", torch.bfloat16):
            guess = self.net(shifts.to(memory_format=torch.channels_last), profile)
        guess = Guess(*(getattr(guess, part.name).float() for part in fields(Guess)))
        parts = loss(guess, target, kernel)
        self.optimiser.zero_grad()
        torch.stack(list(parts.values())).sum().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 2.0)
        self.optimiser.step()
        self.steps += 1
        decay = min(DECAY, self.steps / (self.steps + 10))
        for name, value in self.net.state_dict().items():
            old = self.averaged[name]
            new = torch.lerp(value, old, decay) if value.is_floating_point() else value
            self.averaged[name] = new
        return {name: float(value.detach()) for name, value in parts.items()}


def rate_at(share: float) -> float:
    """Return the learning rate after a fraction of the run: a warm-up, then half a cosine."""
    falling = 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
    return RATE * min(1.0, share / 0.02 + 0.05) * falling


def train(data: Path, folder: Path, minutes: float, seed: int = 0) -> None:
    """Train for a number of minutes, including those of an interrupted run, and write the weights.

    However it ends, the state is saved and the drawing process is terminated. Raises DataError for
    data without a manifest, or if that process dies.
    """
    datasets.manifest(data)  # raises errors in the data here, not in the drawing process
    run = Run.open(folder, seed)
    context = multiprocessing.get_context("spawn")
    chunks = context.Queue(maxsize=8)
    worker = context.Process(
        target=_draw_samples, args=(data, seed, run.drawn, chunks), daemon=True
    )
    worker.start()
    try:
        _learn(run, minutes, seed, chunks, worker)
    finally:
        worker.terminate()
        run.save()
    write(run)


def _receive(chunks: Any, worker: BaseProcess) -> list[NDArray[Any]]:
    """Return the next chunk; raises DataError if the drawing process has ended."""
    while True:
        try:
            parts: list[NDArray[Any]] = chunks.get(timeout=PATIENCE)
        except queue.Empty:
            if not worker.is_alive():
                raise DataError(
                    f"the process that draws samples must go on, got exit code {worker.exitcode}."
                ) from None
        else:
            return parts


def _learn(run: Run, minutes: float, seed: int, chunks: Any, worker: BaseProcess) -> None:
    pool, generator = Pool(), np.random.default_rng([seed, run.steps])
    saved = shown = run.elapsed
    sums: dict[str, float] = {}
    while run.elapsed < 60 * minutes:
        while pool.count < FIRST or not chunks.empty() or not worker.is_alive():
            pool.add(_receive(chunks, worker))
            run.drawn += CHUNK
        begun = time.monotonic()
        parts = run.step(pool.draw(generator), rate_at(run.elapsed / (60 * minutes)))
        run.elapsed += time.monotonic() - begun
        sums = {name: 0.98 * sums.get(name, value) + 0.02 * value for name, value in parts.items()}
        if run.elapsed - shown > 20:
            shown = run.elapsed
            losses = ", ".join(f"{name} {value:.3f}" for name, value in sums.items())
            print(
                f"{run.elapsed / 60:.1f} min, step {run.steps}, {run.drawn} samples: {losses}",
                flush=True,
            )
        if run.elapsed - saved > SAVED_EVERY:
            saved = run.elapsed
            run.save()


def write(run: Run) -> None:
    """Write the run's averaged weights as `estimator` into its folder."""
    card: dict[str, Any] = {
        "network": "KernelNet",
        "options": {"maps": MAPS, "profile": PROFILE, "side": MAP_SIDE},
    }
    card |= {"steps": run.steps, "samples": run.drawn, "minutes": round(run.elapsed / 60, 1)}
    checkpoint.save(run.folder / "estimator", run.averaged, card)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with MANIFEST.csv")
    parser.add_argument("--run", type=Path, default=Path("runs/estimator"))
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    train(options.data, options.run, options.minutes, options.seed)


if __name__ == "__main__":
    main()
