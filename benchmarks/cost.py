"""What restoring costs: time, memory, arithmetic, energy and money of every restorer and runtime.

    python benchmarks/cost.py [--scanner benchmarks/scanner.toml] [--prices benchmarks/prices.toml]

Each row is measured in a process of its own, with one thread; what was measured is kept in
build/cost.json (delete it to measure anew). Quality is that on frames of the simulated scanner.
Some minutes on one core. Writes cost.md and pictures/cost.png.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import scanned
from benchmarks.cost_page import (
    FRAMES,
    LENGTH,
    PASS_SIDE,
    PHOTONS,
    ROUNDS,
    SIDE,
    Cost,
    Row,
    System,
    draw,
    page,
)
from unsmear import metrics, models, speed
from unsmear.checkpoints import checkpoint
from unsmear.images import Image
from unsmear.restoration import methods
from unsmear.restoration.application import apply_method

HERE = Path(__file__).parent
KEPT = HERE.parent / "build" / "cost.json"
TRAINED = {"ganscan": HERE.parent / "runs" / "ganscan" / "best"}
"""Weights that other pages train, by the names of their rows: left out before they are trained."""
RUNTIMES = {"onnx": "onnxruntime", "openvino": "openvino", "torch": "torch"}
SMALL = 128
"""Side of the image by which everything is loaded first, pixels."""
LONGEST = 10.0
"""Seconds after which there are no more rounds."""
PIXEL_SIZE = 0.25
COUNTER = Path("/sys/class/powercap/intel-rapl:0/energy_uj")
"""What the processor has used, microjoules, where the machine tells."""


def main() -> None:
    """Measure what is missing, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scanner", type=Path, default=HERE / "scanner.toml")
    parser.add_argument("--prices", type=Path, default=HERE / "prices.toml")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        print(json.dumps(asdict(cost_here(System(**json.loads(asked.worker))))))
        return
    rows = measured()
    draw(rows)
    scanner, prices = (tomllib.loads(path.read_text()) for path in (asked.scanner, asked.prices))
    text = page(rows, scanner, prices["per_core_hour"])
    Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


def systems() -> Iterator[System]:
    """Yield all rows."""
    installed = [name for name, package in RUNTIMES.items() if find_spec(package)]
    restorers = {name: name for name in methods.METHODS}
    restorers |= {
        name: str(path) for name, path in TRAINED.items() if (path.parent / "summary.json").exists()
    }
    for name, method in restorers.items():
        learned = "runtime" in methods.options_of(methods.find(method))
        runtimes = installed if learned else [""]
        if method != name:  # a file of weights alone is computed by PyTorch
            runtimes = ["torch"]
        for runtime in runtimes:
            yield System(name, method, runtime)
    for name in models.names():
        yield System(name, "", "torch")


def measured() -> list[Row]:
    """Return all rows; those that were measured before are read."""
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    for system in systems():
        key = " ".join(filter(None, (system.name, system.method and "restorer", system.runtime)))
        if key not in kept:
            kept[key] = asdict(row_of(system))
            KEPT.parent.mkdir(exist_ok=True)
            KEPT.write_text(json.dumps(kept))
            print(key, kept[key], flush=True)
    return [
        Row(**{**row, "system": System(**row["system"]), "cost": Cost(**row["cost"])})
        for row in kept.values()
    ]


def row_of(system: System) -> Row:
    """Return a row."""
    cost = in_process(system)
    parameters, multiply_adds = size_of(system)
    if not system.method:
        return Row(system, cost, parameters, multiply_adds)
    return Row(system, cost, parameters, multiply_adds, *quality(system))


def in_process(system: System) -> Cost:
    """Return the cost of a row, measured in a process of its own."""
    words = [sys.executable, __file__, "--worker", json.dumps(asdict(system))]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        sys.exit(f"{system.name}: {done.stderr.strip().splitlines()[-1]}")
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def cost_here(system: System) -> Cost:
    """Return the cost of a row in this fresh process."""
    call, side = work_of(system)
    megapixels = side**2 / 1e6
    call(SMALL)  # loads libraries and weights
    before, joules = reset_peak(), energy()
    processor: list[float] = []
    wall: list[float] = []
    while len(processor) < ROUNDS and sum(processor) < LONGEST:
        began = time.process_time(), time.perf_counter()
        call(side)
        processor.append(time.process_time() - began[0])
        wall.append(time.perf_counter() - began[1])
    after = energy()
    rounds = len(processor)
    used = None if joules is None or after is None else (after - joules) / rounds / megapixels
    return Cost(
        statistics.median(processor) / megapixels,
        statistics.median(wall) / megapixels,
        (memory("VmHWM") - before) / 1e6,
        used,
        os.getloadavg()[0],
    )


def work_of(system: System) -> tuple[Callable[[int], object], int]:
    """Return what is timed, from the side of an image, and that side, pixels."""
    if not system.method:
        return forward_pass(system.name), PASS_SIDE
    images = {side: Image(speed.field(side, 1)[0], "YX") for side in (SMALL, SIDE)}
    return lambda side: restored(system, images[side]), SIDE


def forward_pass(name: str) -> Callable[[int], object]:
    """Return the forward pass of a network of one channel with random weights, from a side."""
    import torch

    torch.set_num_threads(1)
    network = models.build(name, **options_of(name)).eval()
    batches = {side: torch.rand(1, 1, side, side) for side in (SMALL, PASS_SIDE)}

    def call(side: int) -> object:
        with torch.inference_mode():
            return network(batches[side])

    return call


def options_of(name: str) -> dict[str, int]:
    """Return the options that make a network one of one channel."""
    return {"channels": 1} if "channels" in models.options_of(name) else {}


def restored(system: System, image: Image) -> Image:
    """Return an image restored, by the known motion where the method takes one."""
    method = methods.find(system.method)
    kernel = scanned.blur_of(LENGTH).kernel() if method.needs_kernel else None
    options = {"runtime": system.runtime} if system.runtime else {}
    return apply_method(image, method, kernel, options=options).image


def energy() -> float | None:
    """Return the joules that the processor has used; None where the machine does not tell."""
    try:
        return int(COUNTER.read_text()) / 1e6
    except OSError:
        return None


def reset_peak() -> float:
    """Reset the peak memory of the process; return its current memory in bytes (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


def memory(name: str) -> float:
    """Return a value of the process's status, bytes (Linux)."""
    match = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return float(match.group(1)) * 1024 if match else float("nan")


def size_of(system: System) -> tuple[int | None, float | None]:
    """Return the parameters of a row's network, and its multiply-adds a pixel; None without one."""
    if not system.method:
        return counted(system.name, options_of(system.name))
    if not system.runtime:
        return None, None
    loaded = checkpoint.load(system.method)
    if loaded.network in models.names():
        return counted(loaded.network, loaded.options)
    from benchmarks.lean import multiply_adds
    from unsmear.models.deep_wiener import DeepWiener

    network = DeepWiener(**loaded.options)
    return sum(weight.numel() for weight in network.parameters()), multiply_adds(network)


def counted(name: str, options: dict[str, Any]) -> tuple[int, float]:
    """Return the parameters of a network and its multiply-adds a pixel; nothing is computed."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        network = models.build(name, **options).eval()
        batch = torch.empty(1, network.channels, PASS_SIDE, PASS_SIDE)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(batch)
    parameters = sum(weight.numel() for weight in network.parameters())
    return parameters, counter.get_total_flops() / 2 / PASS_SIDE**2


def quality(system: System) -> tuple[float, float]:
    """Return the mean PSNR over recorded frames, dB, and the F1 of nuclei."""
    gains, pairs = [], []
    for stain in ("nuclei", "microtubules"):
        for index in range(FRAMES):
            sharp, frame = scanned.pair(LENGTH, PHOTONS, stain, index, PIXEL_SIZE)
            result = restored(system, frame)
            gains.append(psnr(sharp, result) - psnr(sharp, frame))
            if stain == "nuclei":
                pairs.append((sharp, result))
    return float(np.mean(gains)), scanned.nuclei(pairs).f1


def psnr(sharp: Image, other: Image) -> float:
    """Return the PSNR of what is looked at of a frame, dB."""
    planes = (scanned.middle(image) for image in (sharp, other))
    return metrics.psnr(*planes, data_range=scanned.WHITE)


if __name__ == "__main__":
    main()
