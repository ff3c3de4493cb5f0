"""Page of `restorers.py`: requirements and whether they hold, then all figures."""

from __future__ import annotations

import platform
from collections.abc import Iterable

import numpy as np

from common import bars
from common.cost import LENGTH, SIDE, Cost
from common.images import CELLS, EDGE, PAPER, RECIPE, SETS, SHARP, STRETCHED, Cell, cells_of
from common.methods import BLIND, BLURRED, ORACLE, Way
from common.rows import Place, Row, Rows
from unsmear.tables import narrow_markdown

DRAWS = 2000


def page(rows: list[Row], costs: dict[str, Cost], count: int, ways: list[Way]) -> str:
    """Return the whole page."""
    table = Rows(rows)
    folders = [folder for folder in SETS if any(row.folder == folder for row in rows)]
    parts = [
        INTRODUCTION.format(count=count, machine=f"{platform.machine()}, {platform.system()}"),
        "## What was asked, what holds\n\n" + bars.table(table),
        "## All of them on the same images\n\n" + overview(table, costs, ways) + "\n\n" + PICTURE,
        *(f"## {folder}\n\n{one_set(table, folder, ways)}" for folder in folders),
        _paper(table, ways),
        "## Sharp images\n\n" + sharp(table, ways),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def overview(table: Rows, costs: dict[str, Cost], chosen: list[Way]) -> str:
    """Return the table of restorers, the oracle among them, with their inputs and any costs."""
    places = table.common([way.name for way in chosen])
    body = [
        (*_quality(table, way, places), *(_cost(costs, way.name) if costs else ()))
        for way in chosen
    ]
    note = OVERVIEW.format(places=len(places), images=len({p[:2] for p in places}), edge=EDGE)
    head = [
        "restorer",
        "is told",
        "gain over blurred, dB",
        "inner part, dB",
        "over the oracle, dB",
        "SSIM",
        "made worse",
    ]
    if costs:
        note += COST.format(side=SIDE, length=LENGTH)
        head += [f"s/MP (ratio to {BLIND})", "peak MB (ratio)"]
    return f"{note}\n\n{markdown(head, body)}"


def _quality(table: Rows, way: Way, places: list[Place]) -> tuple[str, ...]:
    gains = [table.gain(way.name, place) for place in places]
    inner = np.mean([table.inner_gain(way.name, place) for place in places])
    over = [table.at(way.name, p).psnr - table.at(ORACLE, p).psnr for p in places]
    ssim = float(np.mean([table.at(way.name, place).ssim for place in places]))
    low, high = interval(gains, [place[:2] for place in places])
    worse, among = table.worse(way.name)
    return (
        f"**{way.name}**" if way.ours and way.name != BLURRED else way.name,
        way.needs,
        f"{np.mean(gains):+.2f} [{low:+.2f}, {high:+.2f}]",
        f"{inner:+.2f}",
        f"{np.mean(over):+.2f}",
        f"{ssim:.4f}",
        "-" if way.name == BLURRED else f"{worse} of {among}",
    )


def by_condition(table: Rows, chosen: list[Way]) -> str:
    """Return the gains of the overview's cases, and of their inner parts, by condition."""
    places = table.common([way.name for way in chosen])
    cells = [cell for cell in CELLS if any(place[2] == cell for place in places)]
    body = []
    for way in chosen:
        gains = []
        for cell in cells:
            there = [place for place in places if place[2] == cell]
            whole = np.mean([table.gain(way.name, place) for place in there])
            inner = np.mean([table.inner_gain(way.name, place) for place in there])
            gains.append(f"{whole:+.2f}, {inner:+.2f}")
        body.append((way.name, *gains))
    head = ("restorer", *(cell.title for cell in cells))
    return f"Gain over blurred, and that of the inner part, dB:\n\n{markdown(head, body)}"


def _cost(costs: dict[str, Cost], method: str) -> tuple[str, str]:
    cost, base = costs.get(method), costs.get(BLIND)
    if cost is None or base is None:
        return "-", "-"
    return (
        f"{cost.seconds:.2f} ({cost.seconds / base.seconds:.2f})",
        f"{cost.megabytes:.0f} ({cost.megabytes / base.megabytes:.2f})",
    )


def one_set(table: Rows, folder: str, ways: list[Way]) -> str:
    """Return the PSNR gain and SSIM of every restorer on a set, a column per condition."""
    cells = [cell for cell in cells_of(folder) if cell.noise != SHARP and cell not in PAPER]
    body = []
    for way in ways:
        values = [_both(table, way.name, folder, cell) for cell in cells]
        worse, among = table.worse(way.name, folder)
        star = " *" if way.slow else ""
        body.append((way.name + star, *values, "-" if way.name == BLURRED else f"{worse}/{among}"))
    images = {row.image for row in table.rows if row.folder == folder}
    head = ("restorer", *(cell.title for cell in cells), "worse")
    return f"{len(images)} images.\n\n{markdown(head, body)}"


def _both(table: Rows, method: str, folder: str, cell: Cell) -> str:
    places = [p for p in table.places(method) if p[0] == folder and p[2] == cell]
    if not places:
        return "-"
    ssim = f"{np.mean([table.at(method, p).ssim for p in places]):.3f}"
    if method == BLURRED:
        return f"{np.mean([table.at(method, p).psnr for p in places]):.2f} dB, {ssim}"
    return f"{np.mean([table.gain(method, p) for p in places]):+.2f}, {ssim}"


def _paper(table: Rows, ways: list[Way]) -> str:
    body = []
    for way in ways:
        values = [_gain_matched(table, way.name, noise) for noise in (RECIPE, STRETCHED)]
        if any(value != "-" for value in values):
            body.append((way.name, *values))
    if not body:
        return ""
    head = ("restorer", "its recipe", "with its min-max stretch")
    return f"## The paper's recipe\n\n{PAPER_NOTE}\n\n{markdown(head, body)}"


def _gain_matched(table: Rows, method: str, noise: str) -> str:
    places = [place for place in table.places(method) if place[2].noise == noise]
    if not places:
        return "-"
    before = np.mean([table.at(BLURRED, place).gain_psnr for place in places])
    after = np.mean([table.at(method, place).gain_psnr for place in places])
    return f"{before:.2f} dB" if method == BLURRED else f"{after - before:+.2f}"


def sharp(table: Rows, ways: list[Way]) -> str:
    """Return the results of blind restorers on images without motion."""
    body = []
    for way in ways:
        rows = [row for row in table.of(way.name) if row.noise == SHARP]
        if way.needs != "nothing" or not rows:
            continue
        untouched = sum(row.psnr >= 99 for row in rows)
        lowest = min(row.psnr for row in rows)
        result = "bit for bit" if lowest >= 99 else f"{lowest:.1f} dB"
        body.append((way.name, f"{untouched} of {len(rows)}", result))
    return markdown(("restorer", "untouched, bit for bit", "lowest PSNR against itself"), body)


def interval(values: list[float], images: list[tuple[str, str]]) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the mean over whole images.

    Not of `unsmear.metrics.bootstrap`: the published page has this one's draws.
    """
    by_image: dict[tuple[str, str], list[float]] = {}
    for value, image in zip(values, images, strict=True):
        by_image.setdefault(image, []).append(value)
    sums = np.array([(sum(part), len(part)) for part in by_image.values()])
    drawn = np.random.default_rng(0).integers(len(sums), size=(DRAWS, len(sums)))
    totals = sums[drawn].sum(axis=1)
    low, high = np.percentile(totals[:, 0] / totals[:, 1], (2.5, 97.5))
    return float(low), float(high)


def markdown(head: Iterable[str], body: Iterable[Iterable[str]]) -> str:
    """Return a table; all but its first column is aligned to the right."""
    return narrow_markdown([list(head), *map(list, body)]).rstrip()


INTRODUCTION = """# Every restorer on real images that no weights saw

Made by `.venv/bin/python benchmarks/restorers.py` ({machine}). At most {count} images of each data
set, all of the groups that `recipes/weights/datasets.py` keeps aside (`hpa single cells` train
nothing at all). 8 bit; straight motion at another random angle for every image and length, by a
kernel that is not the package's own, mirrored at the border; photon noise with so many photons at
each channel's brightest pixel; JPEG of quality 90. Ours go through `unsmear.restoration.pipeline`,
rounded to 8 bit, as the user gets them; "nothing" in the second column is blind: the movement is
found in the image, or the image is left alone.

The oracle is a Wiener filter with the true kernel and the best of six regularisations, **chosen by
looking at the sharp image**: nobody has it. A star marks what is slow and was measured on the first
image of each set alone. "OpenCV deconvolution.py" is OpenCV's own sample at its 25 dB; its C++
sample stretches what it makes from black to white, and is left out for that. Blind methods of
others: blind Richardson-Lucy after Fish et al. (1995), as one writes it with scikit-image. Two more
that a package index has were looked at and cannot be run on these images: pyBlindRL 0.1.0 starts
from a kernel of 64 planes, which no single image has, and GenDeblur 0.0.1 pins NumPy 1.21.1, which
is not for Python 3.11.

MAXIM here is one stage of half the width, trained from the beginning by `recipes/maxim/run.py` on
two processor cores; the published S-3 has eight times its parameters and could not be had where
this was measured. It is given every image, with no estimate of the movement and no check of its
result.
"""

PICTURE = """
The middle of a real field (HPA) after a movement of 10 px, with the PSNR of the whole field:

![one field, every restorer](pictures/restorers.jpg)
"""

OVERVIEW = """
Means over the {places} cases, of {images} images, that every restorer was given (6, 10 and 16 px,
and 10 px with 500 photons), with 95 % intervals over images. Ours are in bold. "Inner part" is the
gain without {edge} px at each side. "Made worse" counts all cases of the page with motion."""

COST = """
Seconds and memory are of one image of {side}x{side}x3 with {length} px of motion, in a process of
its own with the threads it takes by itself; memory is what the process needs above its libraries
and the image. They depend on the machine: take the ratios."""

PAPER_NOTE = """
Its matrix of degree 6 at -45 degrees, on HPA fields of 256x256; gain-matched PSNR, dB over the
blurred image. The matrix is uneven and its middle lies off the pixel's, which no image tells.
"""
