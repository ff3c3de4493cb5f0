"""Requirements of the restorers, and whether the measurements meet them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from common.images import CLEAN, RECIPE, SHARP, STRETCHED, Cell
from common.methods import BLIND, BLURRED, FAST, ORACLE, TRUE, ways
from common.rows import Place, Row, Rows, moved

REAL = ("hpa 256", "hpa 864", "bbbc013", "dsb2018 256", "dsb2018 520")
CLASSICAL = [way.name for way in ways() if way.classical]
Line = tuple[str, str, str]
Where = tuple[str, Cell]


@dataclass(frozen=True)
class Bar:
    """A requirement, its measurement, and whether it holds; None where not measured."""

    requirement: str
    measured: str
    holds: bool | None


def table(rows: Rows) -> str:
    """Return the table of requirements."""
    bars = [bar for bars in ALL for bar in bars(rows)]
    verdicts = {True: "yes", False: "**no**", None: "not measured"}
    lines = [f"| {bar.requirement} | {bar.measured} | {verdicts[bar.holds]} |" for bar in bars]
    return "\n".join(["| asked | measured | holds |", "|:---|:---|:---|", *lines])


def least(requirement: str, bar: float, values: dict[Where, float], unit: str = "dB") -> Bar:
    """Return a requirement for every row; rows that miss it are named."""
    if not values:
        return Bar(requirement, "-", None)
    missed = sorted((value, where) for where, value in values.items() if value < bar)
    worst = min(values.values())
    digits = 4 if unit == "SSIM" else 2
    result = f"least {worst:+.{digits}f} {unit}, mean {np.mean(list(values.values())):+.{digits}f}"
    if missed:
        named = "; ".join(f"{folder} {c.title} {v:+.{digits}f}" for v, (folder, c) in missed[:8])
        more = f" and {len(missed) - 8} more" if len(missed) > 8 else ""
        result += f"; {len(missed)} of {len(values)} rows below: {named}{more}"
    return Bar(requirement, result, not missed)


def margin(
    rows: Rows, first: str, second: str, chosen: Callable[[str, Cell], bool], value: str = "psnr"
) -> dict[Where, float]:
    """Return the mean difference of two restorers for each set and cell, on the same images."""
    both = set(rows.places(first)) & set(rows.places(second))
    scores: dict[Where, list[float]] = {}
    for place in sorted(both, key=str):
        folder, _, cell = place
        if chosen(folder, cell):
            difference = getattr(rows.at(first, place), value) - getattr(
                rows.at(second, place), value
            )
            scores.setdefault((folder, cell), []).append(difference)
    return {where: float(np.mean(values)) for where, values in scores.items()}


def over_classical(
    rows: Rows, chosen: Callable[[str, Cell], bool], value: str = "psnr"
) -> dict[Where, float]:
    """Return the difference to the best of the classical restorers, the oracle among them."""
    margins: dict[Where, float] = {}
    for other in CLASSICAL:
        for where, difference in margin(rows, BLIND, other, chosen, value).items():
            margins[where] = min(difference, margins.get(where, math.inf))
    return margins


def proticelli(rows: Rows) -> list[Bar]:
    """+9.5 dB over blurred and 3 dB over the oracle at 10 px."""

    def chosen(folder: str, cell: Cell) -> bool:
        return folder == "proticelli" and cell == Cell(10)

    over = margin(rows, BLIND, BLURRED, chosen)
    return [
        least("proticelli, 10 px, blind: at least +9.5 dB over blurred", 9.5, over),
        least("the same: at least 3 dB over the oracle", 3, margin(rows, BLIND, ORACLE, chosen)),
    ]


def real(rows: Rows) -> list[Bar]:
    """1.5 dB over the oracle at 10 and 16 px, 0.5 dB at 6 px, in every row."""

    def chosen(*lengths: int) -> Callable[[str, Cell], bool]:
        return lambda folder, cell: (
            folder in REAL and cell.noise == CLEAN and cell.length in lengths
        )

    long, short = (margin(rows, BLIND, ORACLE, chosen(*given)) for given in ((10, 16), (6,)))
    requirement = "HPA, bbbc013, dsb2018, blind: at least {} dB over the oracle at {} px, every row"
    return [
        least(requirement.format(1.5, "10 and 16"), 1.5, long),
        least(requirement.format(0.5, "6"), 0.5, short),
    ]


def blindness(rows: Rows) -> list[Bar]:
    """Blind within 0.3 dB of the true kernel; the fast one within 1 dB."""

    def clean(folder: str, cell: Cell) -> bool:
        return moved(cell) and cell.noise == CLEAN

    lost, slower = margin(rows, BLIND, TRUE, clean), margin(rows, FAST, BLIND, clean)
    return [
        least("blind within 0.3 dB of the true kernel, every clean row", -0.3, lost),
        least("deep-wiener-fast within 1 dB, every clean row", -1, slower),
    ]


def noise(rows: Rows) -> list[Bar]:
    """With 500 photons 1.5 dB over the best classical."""
    values = over_classical(rows, lambda _, cell: cell.noise == "500 photons")
    return [least("500 photons: at least 1.5 dB over the best classical, every row", 1.5, values)]


def similarity(rows: Rows) -> list[Bar]:
    """SSIM never below the best classical."""
    values = over_classical(rows, lambda _, cell: moved(cell), "ssim")
    requirement = "SSIM never below the best classical, the oracle included, every row"
    return [least(requirement, 0, values, "SSIM")]


def harm(rows: Rows) -> list[Bar]:
    """Under 0.5 % made worse; no sharp image below 45 dB."""
    worse, among = rows.worse(BLIND)
    bars = []
    if among:
        result = f"{worse} of {among} ({worse / among:.1%}; 95 % interval {wilson(worse, among)})"
        alone = sum(not row.touched and moved(row.cell) for row in rows.of(BLIND))
        result += f"; {alone} left alone, no sure movement found"
        named = [place for place in rows.places(BLIND) if _worse(rows, place)]
        result += "".join(f"; {f} {i} {c.title}" for f, i, c in named[:6])
        bars.append(Bar("made worse than blurred: under 0.5 %", result, worse / among < 0.005))
    sharp = [row.psnr for row in rows.of(BLIND) if row.noise == SHARP]
    if sharp:
        untouched = sum(value >= 99 for value in sharp)
        result = f"lowest {min(sharp):.1f} dB, {untouched} of {len(sharp)} untouched bit for bit"
        bars.append(Bar("sharp images: none below 45 dB against itself", result, min(sharp) >= 45))
    return bars


def _worse(rows: Rows, place: Place) -> bool:
    return moved(place[2]) and rows.gain(BLIND, place) < 0


def wilson(hits: int, among: int) -> str:
    """Return Wilson's 95 % interval of a share."""
    z, share = 1.96, hits / among
    middle = (share + z * z / (2 * among)) / (1 + z * z / among)
    half = z / (1 + z * z / among) * math.sqrt(share * (1 - share) / among + z * z / (4 * among**2))
    return f"{max(0.0, middle - half):.1%} to {middle + half:.1%}"


def paper(rows: Rows) -> list[Bar]:
    """+7 dB of gain-matched PSNR on the paper's recipe."""
    bars = []
    for noise_, name in ((RECIPE, "the paper's recipe"), (STRETCHED, "the same, stretched")):
        blind, true = (
            margin(rows, method, BLURRED, lambda _, cell: cell.noise == noise_, "gain_psnr")  # noqa: B023
            for method in (BLIND, TRUE)
        )
        if blind and true:
            gain, given = (next(iter(values.values())) for values in (blind, true))
            result = f"{gain:+.2f} dB; given its kernel {given:+.2f} dB"
            bars.append(Bar(f"{name}, blind: at least +7 dB, gain-matched", result, gain >= 7))
    return bars


def band(rows: Rows) -> list[Bar]:
    """A 90 % band holds 88 to 92 % of the pixels."""
    by_folder: dict[str, list[Row]] = {}
    for row in rows.of(BLIND):
        if row.touched and moved(row.cell) and not math.isnan(row.covered):
            by_folder.setdefault(row.folder, []).append(row)
    if not by_folder:
        return [Bar("a 90 % band holds 88 to 92 % of pixels", "-", None)]
    shares = {
        folder: float(np.mean([r.covered for r in covered]))
        for folder, covered in by_folder.items()
    }
    mean = float(np.mean(list(shares.values())))
    result = f"mean of the sets {mean:.1%}; " + ", ".join(f"{f} {s:.1%}" for f, s in shares.items())
    return [Bar("a 90 % band holds 88 to 92 % of pixels", result, 0.88 <= mean <= 0.92)]


ALL = (proticelli, real, blindness, noise, similarity, harm, paper, band)
