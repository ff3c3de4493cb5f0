"""The page of `cost.py`: what restoring costs in time, memory, arithmetic, energy and money."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import scanned
from unsmear.report.figure import new_figure, save
from unsmear.tables import narrow_markdown

PICTURE = Path(__file__).parent / "pictures" / "cost.png"
SIDE, ROUNDS = 1024, 3
"""Side of the image that is restored, pixels, and how often."""
PASS_SIDE = 256
"""Side of the image of which a network's forward pass is measured, pixels."""
LENGTH, PHOTONS, FRAMES = 10.0, 300.0, 3
"""Motion, pixels, photoelectrons and number of the frames by which quality is measured, a stain."""


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
