"""MAXIM of its authors (Flax) and of Unsmear: time, memory and difference of the images.

    .venv/bin/python benchmarks/maxim.py --original maxim.py    # writes benchmarks/maxim.md
    .venv/bin/python benchmarks/maxim.py --original maxim.py --ways flax eager --variants S-3

Each way is a process of its own, with its own memory. They take turns, so that a busy machine slows
all alike; the best round of each counts, and beside it the median of their ratios.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.checkpoints import convert_maxim

HERE = Path(__file__).parent
THREADS, SIDE, ROUNDS = 2, 256, 7
TRAINED, STEPS = 128, 4
FREEZES = ("nothing", "last-stage", "paper")
VARIANTS = ("S-3", "S-1")
ORIGINAL = (
    "--original must be the authors' file, maxim/models/maxim.py of "
    "github.com/google-research/maxim at commit 3c8265171ffccc80c3c9124844aef0d381609956; "
    "it needs pip install 'unsmear[flax]'."
)

Array = NDArray[np.float32]
Forward = Callable[[Array], Array]
"""Function from (1, y, x, 3) to the final image in the same order."""


def flax(folder: Path, original: Path) -> Forward:
    """Return the authors' forward pass, jitted; all outputs are computed, as ours are."""
    import jax

    spec = importlib.util.spec_from_file_location("original", original)
    assert spec is not None  # for mypy: it is a file
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    variant = (folder / "variant").read_text()
    network = module.Model(variant=variant, num_supervision_scales=3)
    parameters = jax.device_put(nested(folder / "checkpoint.npz"))
    run = jax.jit(lambda given, x: network.apply({"params": given}, x, train=False))
    return lambda image: np.asarray(jax.block_until_ready(run(parameters, image))[-1][-1])


def nested(path: Path) -> dict[str, Any]:
    """Return a checkpoint's arrays as Flax nests them."""
    tree: dict[str, Any] = {}
    with np.load(path) as arrays:
        for key in arrays.files:
            *parents, leaf = key.removeprefix("opt/target/").split("/")
            place = tree
            for parent in parents:
                place = place.setdefault(parent, {})
            place[leaf] = arrays[key]
    return tree


def eager(folder: Path, _: Path) -> Forward:
    """Return the forward pass of Unsmear in eager mode."""
    return _torch(_network(folder))


def compiled(folder: Path, _: Path) -> Forward:
    """Return the forward pass of Unsmear with torch.compile, which needs a C++ compiler."""
    import torch

    return _torch(torch.compile(_network(folder)))


def onnx(folder: Path, _: Path) -> Forward:
    """Return the forward pass in ONNX Runtime, from the file that `unsmear export` writes."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    running = onnxruntime.InferenceSession(
        folder / "maxim.onnx", options, providers=["CPUExecutionProvider"]
    )

    def forward(image: Array) -> Array:
        (restored,) = running.run(None, {"blurred": image.transpose(0, 3, 1, 2)})
        result: Array = restored.transpose(0, 2, 3, 1)
        return result

    return forward


def _network(folder: Path) -> Any:
    import torch

    torch.set_num_threads(THREADS)
    return convert_maxim.from_flax(folder / "checkpoint.npz").eval()


def _torch(network: Any) -> Forward:
    import torch

    def forward(image: Array) -> Array:
        with torch.inference_mode():
            restored = network(torch.from_numpy(image).permute(0, 3, 1, 2))[-1][-1]
        result: Array = restored.permute(0, 2, 3, 1).numpy()
        return result

    return forward


WAYS = {"flax": flax, "eager": eager, "compiled": compiled, "onnx": onnx}
NAMES = {
    "flax": "the original, Flax, jitted",
    "eager": "ours, PyTorch",
    "compiled": "ours, torch.compile",
    "onnx": "ours, ONNX Runtime",
}


def work(way: str, folder: Path, original: Path) -> None:
    """Run one way once for every line that comes in, and say what each took."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])  # the same cores for all
    image = np.load(folder / "image.npy")
    begun = time.perf_counter()
    forward = WAYS[way](folder, original)
    np.save(folder / f"{way}.npy", forward(image))
    say(first=time.perf_counter() - begun)
    for _ in sys.stdin:
        begun, used = time.perf_counter(), time.process_time()
        forward(image)
        say(seconds=time.perf_counter() - begun, cpu=time.process_time() - used)
    say(peak=peak())


def peak() -> float:
    """Return the peak memory of this process in MiB, without that of its parent."""
    status = Path("/proc/self/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def say(**values: float) -> None:
    """Send values to the parent process."""
    print("\n" + json.dumps(values), flush=True)


class Worker:
    """A way in its own process."""

    def __init__(self, way: str, folder: Path, original: Path) -> None:
        command = [sys.executable, __file__, "--original", str(original)]
        self.process = subprocess.Popen(
            [*command, "--worker", way, "--folder", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.way, self.seconds, self.cpu = way, list[float](), list[float]()
        self.first = self._heard()["first"]

    def turn(self) -> None:
        """Run once."""
        assert self.process.stdin is not None  # for mypy: it is a pipe
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        heard = self._heard()
        self.seconds.append(heard["seconds"])
        self.cpu.append(heard["cpu"])

    def end(self) -> float:
        """Return the most memory it had, MiB."""
        assert self.process.stdin is not None  # for mypy: it is a pipe
        self.process.stdin.close()
        peak = self._heard()["peak"]
        self.process.wait()
        return peak

    def _heard(self) -> dict[str, float]:
        assert self.process.stdout is not None  # for mypy: it is a pipe
        for line in self.process.stdout:
            if line.startswith("{"):
                heard: dict[str, float] = json.loads(line)
                return heard
        sys.exit(f"{self.way} ended with {self.process.wait()}; see above.")


def prepare(folder: Path, variant: str, ways: list[str]) -> None:
    """Write what all ways read: the parameters, the image, and the ONNX file where asked."""
    from unsmear.checkpoints import onnx_export as files
    from unsmear.models import maxim

    convert_maxim.to_flax(maxim.variant(variant), folder / "checkpoint.npz")
    with np.load(folder / "checkpoint.npz") as arrays:
        drawn = {key: draw(key, arrays[key].shape) for key in arrays.files}
    np.savez(folder / "checkpoint.npz", **drawn)
    network = convert_maxim.from_flax(folder / "checkpoint.npz")
    (folder / "variant").write_text(variant)
    image = np.random.default_rng(1).random((1, SIDE, SIDE, 3), np.float32)
    np.save(folder / "image.npy", image)
    if "onnx" in ways:
        (folder / "maxim.onnx").write_bytes(files.to_bytes(files.from_image_to_image(network), {}))


def draw(key: str, shape: tuple[int, ...]) -> Array:
    """Return a parameter drawn by its name, of a size that keeps values near 1 in all layers."""
    values = np.random.default_rng(list(key.encode())).standard_normal(shape)
    leaf = key.rsplit("/", 1)[-1]
    if leaf == "kernel":
        values *= 0.7 / np.sqrt(np.prod(shape[:-1]))
    else:
        values = 0.1 * values + (leaf == "scale")
    return np.asarray(values, np.float32)


def frozen() -> str:
    """Return the table of a training step with less and less of the network learning."""
    import torch

    from unsmear import models
    from unsmear.train.engine.build import freeze

    torch.set_num_threads(THREADS)
    blurred, sharp = torch.rand(2, 1, 3, TRAINED, TRAINED)
    networks = {}
    for name in FREEZES:
        network = models.build("maxim").to(memory_format=torch.channels_last)
        freeze(network, name)
        moving = [parameter for parameter in network.parameters() if parameter.requires_grad]
        networks[name] = network, moving, torch.optim.Adam(moving, 1e-4)
    seconds: dict[str, list[float]] = {name: [] for name in FREEZES}
    for _ in range(STEPS):
        for name, (network, _, optimiser) in networks.items():
            begun = time.perf_counter()
            loss = (models.final(network(blurred)) - sharp).abs().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            seconds[name].append(time.perf_counter() - begun)
    rows = []
    for name, (_, moving, optimiser) in networks.items():
        retained = sum(
            value.nbytes for state in optimiser.state.values() for value in state.values()
        ) + sum(parameter.grad.nbytes for parameter in moving if parameter.grad is not None)
        trainable = sum(parameter.numel() for parameter in moving)
        rows.append(
            f"| {name} | {trainable:,} | {1 / min(seconds[name]):.2f} "
            f"| {min(seconds['nothing']) / min(seconds[name]):.2f} | {retained / 1e6:.1f} |"
        )
    return (
        f"## A training step, S-3, {TRAINED}x{TRAINED}, batch 1, by what `--freeze` says\n\n"
        "Adam, L1 of the final image; best of "
        f"{STEPS} steps in which all take turns.\n\n"
        "| freeze | parameters that learn | steps/s | times as fast "
        "| gradients and Adam's memory, MB |\n|:---|---:|---:|---:|---:|\n" + "\n".join(rows)
    )


def measure(variant: str, ways: list[str], original: Path, rounds: int) -> str:
    """Return a variant's table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, variant, ways)
        workers = [Worker(way, folder, original) for way in ways]
        for _ in range(rounds):
            for worker in workers:
                worker.turn()
        rows = [row(worker, workers[0], folder) for worker in workers]
    head = (
        "| | seconds | times as fast | median ratio | CPU seconds | first call, s "
        "| peak memory, MiB | largest difference |\n|:---|---:|---:|---:|---:|---:|---:|---:|"
    )
    return f"## {variant}, {SIDE}x{SIDE}, batch 1\n\n{head}\n" + "\n".join(rows)


def row(worker: Worker, first: Worker, folder: Path) -> str:
    """Return a way's line, against the first way's."""
    ratios = [a / b for a, b in zip(first.seconds, worker.seconds, strict=True)]
    apart = np.abs(np.load(folder / f"{worker.way}.npy") - np.load(folder / f"{first.way}.npy"))
    return (
        f"| {NAMES[worker.way]} | {min(worker.seconds):.2f} "
        f"| {min(first.seconds) / min(worker.seconds):.2f} | {median(ratios):.2f} "
        f"| {min(worker.cpu):.2f} | {worker.first:.0f} | {worker.end():.0f} | {apart.max():.1e} |"
    )


def main() -> None:
    """Time, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--original", type=Path, help="the authors' maxim.py")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--worker", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.original is None or not options.original.is_file():
        sys.exit(ORIGINAL)
    if options.worker:
        work(options.worker, options.folder, options.original)
        return
    load = os.getloadavg()[0]
    tables = [
        measure(name, options.ways, options.original, options.rounds) for name in options.variants
    ]
    chosen = " ".join(sys.argv[1:]).replace(str(options.original), options.original.name)
    waiting = os.environ.get("OMP_WAIT_POLICY")
    asked = INTRODUCTION.format(
        options=chosen, waiting=f", OMP_WAIT_POLICY={waiting}" if waiting else "",
        threads=THREADS, cores=len(os.sched_getaffinity(0)), machine=platform.machine(),
        rounds=options.rounds, load=load,
    )  # fmt: skip
    page = HERE / "maxim.md"
    page.write_text("\n\n".join(part.strip() for part in (asked, *tables, frozen())) + "\n")
    print(page.read_text())


INTRODUCTION = """# MAXIM beside the original

Made by `.venv/bin/python benchmarks/maxim.py {options}`: {cores} cores
({machine}), {threads} threads on as many{waiting}, float32, random weights, the same in all. The
original is maxim/models/maxim.py of github.com/google-research/maxim at commit
3c8265171ffccc80c3c9124844aef0d381609956, unchanged, under `jax.jit`. Best of {rounds} rounds in
which all take turns, each in its own process; "CPU seconds" are those of all threads; the first
call includes reading the weights and compiling. The bar for eager PyTorch is 2.5 times the
original's speed. The machine's load before it began was {load:.1f}: where that is far from 0, other
programs had the cores too, threads waited for each other, and wall times say little.
"""

if __name__ == "__main__":
    main()
