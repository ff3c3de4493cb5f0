"""Training steps per second of the engine, and of a minimal PyTorch loop.

    .venv/bin/python benchmarks/training.py        # writes benchmarks/training.md

The engine makes all of a run: samples drawn and blurred by another process, augmentation, checks,
logs, validations, checkpoints. The bare loop moves the same networks with the same losses and
optimisers on one batch that is in memory. They take turns of several steps, longer than what the
engine's loader makes ahead, so that a busy machine slows both alike.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unsmear import images, losses, models
from unsmear.images import Image
from unsmear.losses import adversarial
from unsmear.models.patchgan import Discriminator
from unsmear.synthetic import draw_field
from unsmear.train.config import options
from unsmear.train.config.restorer import Run
from unsmear.train.engine.loop import Step
from unsmear.train.run import Callback, Summary, train

HERE = Path(__file__).parent
SIDE = 128
TURN = 12
"""Number of steps per turn."""
BATCH = {"dcae": 8, "gan": 2}
SHARED = ["--schedule.name", "constant"]


class Bare:
    """A training step in its simplest form."""

    def __init__(self, run: Run) -> None:
        torch.manual_seed(0)
        layout = torch.channels_last
        self.run = run
        self.content = losses.build(run.loss.model_dump())
        self.network: Any = models.build(run.model, **run.options).to(memory_format=layout)
        self.low, high = self.network.values
        self.range = high - self.low
        self.blurred, self.sharp = torch.rand(2, run.data.batch, 3, SIDE, SIDE)
        self.optimiser = torch.optim.Adam(self.network.parameters(), 1e-4)
        self.step: Callable[[], None] = self.plain
        if run.adversarial.loss != "none":
            critic = Discriminator(norm=run.adversarial.norm)
            self.critic: Any = critic.to(memory_format=layout)
            self.critics = torch.optim.Adam(self.critic.parameters(), 1e-4)
            self.step = self.adversarial

    def plain(self) -> None:
        """Move the network."""
        self.optimiser.zero_grad()
        self.content(self.restored(), self.sharp)["loss"].backward()
        self.clip(self.network)
        self.optimiser.step()

    def adversarial(self) -> None:
        """Move the restorer, then the critic, on the same results."""
        settings = self.run.adversarial
        loss = adversarial.LOSSES[settings.loss]
        self.optimiser.zero_grad()
        restored = self.restored()
        self.critic.requires_grad_(False)
        opinion = loss.generator(self.critic(*map(self.valued, (self.blurred, restored))))
        (self.content(restored, self.sharp)["loss"] + settings.weight * opinion).backward()
        self.clip(self.network)
        self.optimiser.step()
        self.critic.requires_grad_(True)
        self.critics.zero_grad()
        blurred, sharp, fake = map(self.valued, (self.blurred, self.sharp, restored.detach()))
        critic_loss = loss.critic(self.critic(blurred, sharp), self.critic(blurred, fake))
        slope = adversarial.gradient_penalty(lambda image: self.critic(blurred, image), sharp, fake)
        (critic_loss + settings.penalty * slope).backward()
        self.clip(self.critic)
        self.critics.step()

    def restored(self) -> Tensor:
        """Return what the network makes of the batch, in units."""
        restored: Tensor = (self.network(self.valued(self.blurred)) - self.low) / self.range
        return restored

    def valued(self, units: Tensor) -> Tensor:
        """Return units as the network's values."""
        return self.low + units * self.range

    def clip(self, network: nn.Module) -> None:
        """Clip the gradient, as configured for the engine."""
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)


class Turns(Callback):
    """Times the engine's steps in turns, and lets the bare loop have every other turn."""

    def __init__(self, bare: Bare) -> None:
        self.bare, self.times = bare, {"engine": [], "bare": []}
        self.began = 0.0

    def begin(self, step: int, last: int) -> None:
        """Start the clock."""
        self.began = time.perf_counter()

    def step(self, step: Step) -> None:
        """Stop the clock after a turn of the engine's."""
        if step.number % TURN == 0:
            ended = time.perf_counter()
            self.times["engine"].append((ended - self.began) / TURN)
            for _ in range(TURN):
                self.bare.step()
            self.began = time.perf_counter()
            self.times["bare"].append((self.began - ended) / TURN)


def measure(name: str, sharp: Path, turns: int, folder: Path) -> tuple[dict[str, float], Summary]:
    """Return the median seconds of a step of each way, the first turn left out, and the summary."""
    words = ["--data.sharp", str(sharp), "--data.size", str(SIDE)]
    words += [
        "--data.batch",
        str(BATCH[name]),
        *SHARED,
        "--stop.steps",
        str((turns + 1) * TURN),
        "--data.validation",
        "4",
    ]
    words += ["--log.validate-every", str(4 * TURN), "--optimiser.rate", "1e-4"]
    run = options.resolve(name, None, words)
    watched = Turns(Bare(run))
    summary = train(run, folder / name, watched)
    return {way: statistics.median(each[1:]) for way, each in watched.times.items()}, summary


def draw(folder: Path, count: int = 12) -> Path:
    """Write fields of cells to cut samples from."""
    for index in range(count):
        field = draw_field(np.random.default_rng(index), (512, 512), (index % 18,))
        images.write(folder / f"{index}.png", Image(np.stack(field.planes)[:3], "CYX"))
    return folder


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--output", type=Path, default=HERE / "training.md")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # the other core makes the samples
    lines = [
        "# Training: the engine beside a bare loop",
        "",
        "`.venv/bin/python benchmarks/training.py`: steps of the engine (samples drawn afresh, "
        "augmented, logged, validated, saved) and of a bare PyTorch loop on one batch in memory, "
        f"in turns of {TURN} steps, medians of {arguments.turns} turns; "
        f"{SIDE}x{SIDE} pixels, float32, "
        "one thread for the network and one process for the samples. Absolute times are those of "
        "this machine; the ratio is what counts.",
        "",
        "| network | batch | engine, steps/s | bare loop, steps/s | ratio | samples/s "
        "| without waiting for data |",
        "|---|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as scratch:
        sharp = draw(Path(scratch) / "sharp")
        for name in BATCH:
            times, summary = measure(name, sharp, arguments.turns, Path(scratch))
            engine, bare = 1 / times["engine"], 1 / times["bare"]
            speeds = (engine, bare, engine / bare)
            speeds += (summary.samples_per_second, summary.samples_per_second_alone)
            cells = [name, BATCH[name], *(f"{speed:.3g}" for speed in speeds)]
            lines.append(f"| {' | '.join(map(str, cells))} |")
            print(lines[-1], flush=True)
    lines += ["", f"Torch {torch.__version__}, {platform.machine()}."]
    arguments.output.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
