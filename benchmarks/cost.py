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
import platform
import re
import statistics
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import scanned
from unsmear import metrics, models, speed
from unsmear.checkpoints import checkpoint
from unsmear.images import Image
from unsmear.report.figure import new_figure, save
from unsmear.restoration import methods
from unsmear.restoration.application import apply_method
from unsmear.tables import narrow_markdown

HERE = Path(__file__).parent
KEPT = HERE.parent / "build" / "cost.json"
PICTURE = HERE / "pictures" / "cost.png"
TRAINED = {"ganscan": HERE.parent / "runs" / "ganscan" / "best"}
"""Weights that other pages train, by the names of their rows: left out before they are trained."""
RUNTIMES = {"onnx": "onnxruntime", "openvino": "openvino", "torch": "torch"}
SIDE, ROUNDS = 1024, 3
"""Side of the image that is restored, pixels, and how often."""
SMALL = 128
"""Side of the image by which everything is loaded first, pixels."""
LONGEST = 10.0
"""Seconds after which there are no more rounds."""
PASS_SIDE = 256
"""Side of the image of which a network's forward pass is measured, pixels."""
LENGTH, PHOTONS, FRAMES = 10.0, 300.0, 3
"""Motion, pixels, photoelectrons and number of the frames by which quality is measured, a stain."""
PIXEL_SIZE = 0.25
COUNTER = Path("/sys/class/powercap/intel-rapl:0/energy_uj")
"""What the processor has used, microjoules, where the machine tells."""


@dataclass(frozen=True)
class System:
    """A row. method: a restorer, or "" for the forward pass of a network. runtime: "" for none."""

    name: str
    method: str
    runtime: str = ""


@dataclass(frozen=True)
class Cost:
    """What a row costs. seconds: of one core, a megapixel of a plane. wall: the same by the clock.

    megabytes: above what libraries, weights and image take. joules: a megapixel, None where the
    machine does not tell. load: of the machine.
    """

    seconds: float
    wall: float
    megabytes: float
    joules: float | None
    load: float


@dataclass(frozen=True)
class Row:
    """A system, its cost, its size and its quality. parameters, multiply_adds: of its network.

    gain: PSNR over the recorded frames, dB. f1: of nuclei.
    """

    system: System
    cost: Cost
    parameters: int | None = None
    multiply_adds: float | None = None
    gain: float | None = None
    f1: float | None = None


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


def draw(rows: Sequence[Row]) -> None:
    """Draw quality against time, each restorer by its fastest runtime."""
    best: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: -row.cost.seconds):
        if row.gain is not None:
            best[row.system.name] = row
    figure = new_figure(6.5, 4.2, 110)
    axes = figure.subplots()
    for row in best.values():
        label = f"{row.system.name} {row.system.runtime}".rstrip()
        axes.plot(row.cost.seconds, row.gain, "o", markersize=6, label=label)
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    axes.set_xlabel("seconds of one core, a megapixel", fontsize=8)
    axes.set_ylabel("PSNR over the recorded frames, dB", fontsize=8)
    save(figure, PICTURE)


def page(rows: Sequence[Row], scanner: dict[str, Any], prices: dict[str, float]) -> str:
    """Return the whole page."""
    size = scanner["camera"]["pixel_size"]
    area = scanner["slide"]["area"]
    megapixels = area / size**2
    return TEXT.format(
        machine=platform.machine(),
        cores=os.cpu_count(),
        low=min(row.cost.load for row in rows),
        high=max(row.cost.load for row in rows),
        side=SIDE,
        rounds=ROUNDS,
        passed=PASS_SIDE,
        length=LENGTH,
        photons=PHOTONS,
        frames=FRAMES,
        fits=scanned.FITS,
        size=size,
        area=area,
        megapixels=megapixels,
        restorers=table_of([row for row in rows if row.system.method]),
        networks=table_of([row for row in rows if not row.system.method]),
        prices=price_table(rows, megapixels, 1 / size**2, prices),
    )


def table_of(rows: Sequence[Row]) -> str:
    """Return the table of costs."""
    head = ["", "runtime", "ms/MP", "MP/s", "peak MB", "parameters", "multiply-adds a pixel",
            "J/MP", "gain, dB", "F1"]  # fmt: skip
    body = [
        [
            row.system.name,
            row.system.runtime or "-",
            f"{1000 * row.cost.seconds:,.0f}",
            f"{1 / row.cost.seconds:.3g}",
            f"{row.cost.megabytes:.0f}",
            _number(row.parameters),
            _number(row.multiply_adds),
            "not told" if row.cost.joules is None else f"{row.cost.joules:.2g}",
            "-" if row.gain is None else f"{row.gain:+.2f}",
            "-" if row.f1 is None else f"{row.f1:.3f}",
        ]
        for row in rows
    ]
    return narrow_markdown([head, *body])


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def price_table(
    rows: Sequence[Row], megapixels: float, by_area: float, prices: dict[str, float]
) -> str:
    """Return the table of core hours and prices of a slide."""
    table = [["", "runtime", "core hours a slide", "cores for 1 mm²/s", *prices]]
    for row in rows:
        if row.system.method:
            hours = megapixels * row.cost.seconds / 3600
            costs = [f"{hours * price:.2g}" for price in prices.values()]
            cores = f"{by_area * row.cost.seconds:.3g}"
            runtime = row.system.runtime or "-"
            table.append([row.system.name, runtime, f"{hours:.2g}", cores, *costs])
    return narrow_markdown(table)


TEXT = """# What restoring costs

    python benchmarks/cost.py

Time is that of one core ({machine}, {cores} cores, shared: load {low:.1f} to {high:.1f} while it
was measured, which makes times longer: compare rows rather than believe them): the processor time
of a megapixel of one plane, the median of up to {rounds} rounds on {side} x {side} pixels with a
given motion, one thread, without reading and writing files. Peak memory is above what libraries,
weights and image take. Joules are the processor's own counter. The gain is that in PSNR over the
recorded frames of the simulated scanner ({length:g} px, {photons:g} photoelectrons, {frames} frames
of nuclei and {frames} of microtubules), F1 that of nuclei at an intersection over union of
{fits:g}.

{restorers}
The row ganscan is [a short training](ganscan.md), of half the filters.

![quality against time](pictures/cost.png)

## Networks

A forward pass of a network of one channel on {passed} x {passed} pixels in PyTorch, sizes as they
come by default, random weights: these have a cost, and no quality before they are trained.

{networks}
## The price of a slide

{area:g} mm² at {size:g} µm a pixel (`benchmarks/scanner.toml`): {megapixels:,.0f} megapixels.
Prices are those of `benchmarks/prices.toml` an hour and a core, examples that you replace by yours.

{prices}"""

if __name__ == "__main__":
    main()
