"""The page of `throughput.py`: the front of each way of scanning, and rates at equal quality."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.common import scanned
from benchmarks.throughput_ways import (
    CODED,
    COLOURS,
    FLUTTER,
    OPEN,
    RECORDED,
    RESTORED,
    STILL,
    WAYS,
    Point,
    Quality,
    Scanner,
    fastest,
    front,
    goodness,
    points,
)
from unsmear.report.figure import new_figure, save
from unsmear.tables import narrow_markdown

PICTURE = Path(__file__).parent / "pictures" / "throughput.png"
METHOD = "deep-wiener-lean"
LENGTHS = (1, 2, 4, 6, 10, 16, 24, 40, 60)
"""Motions during an exposure, pixels."""
PHOTONS = (30, 100, 300, 1000)
"""Photoelectrons at full scale in an exposure with an open shutter."""
FRAMES, FINE_FRAMES = 5, 2
"""Number of frames of nuclei, and of microtubules, by which resolution is measured."""
LEAST_F1 = (0.9, 0.95)
"""F1 of nuclei that a scan must reach."""
FINEST = (2.0, 1.0)
"""Detail along the motion that a scan must show, micrometres."""


def draw(scanner: Scanner, qualities: Sequence[Quality]) -> None:
    """Draw the front of each way of scanning, a row a light."""
    figure = new_figure(9, 3.1 * len(scanner.lights), 110)
    panels = figure.subplots(len(scanner.lights), 2, squeeze=False)
    for row, (name, light) in zip(panels, scanner.lights.items(), strict=True):
        for axes, measure in zip(row, ("f1", "finest"), strict=True):
            for way in WAYS:
                best = front(points(scanner, qualities, way, light), measure)
                best = [point for point in best if goodness(point.quality, measure) > 0]
                axes.plot(
                    [point.rate for point in best],
                    [getattr(point.quality, measure) for point in best],
                    "o-" if way in (OPEN, FLUTTER) else "s--",
                    color=COLOURS[way],
                    label=way,
                    markersize=3.5,
                    linewidth=1.2,
                )
            axes.set_xscale("log")
            axes.set_title(f"{name}: {light:g} photoelectrons per ms", fontsize=9)
            axes.grid(alpha=0.3)
            axes.set_xlabel("mm² per second", fontsize=8)
            axes.tick_params(labelsize=8)
        row[0].set_ylabel("F1 of nuclei", fontsize=8)
        row[1].set_ylabel("finest detail along the motion, µm", fontsize=8)
        row[1].set_yscale("log")
        row[1].invert_yaxis()
    panels[0][0].legend(fontsize=7)
    PICTURE.parent.mkdir(exist_ok=True)
    save(figure, PICTURE)


def page(scanner: Scanner, qualities: Sequence[Quality], table: str) -> str:
    """Return the whole page."""
    size = 1000 * scanner.pixel
    sharp = [scanned.light(0, False, "nuclei", index, size)[0] for index in range(FRAMES)]
    frames = [scanned.noiseless(units, size) for units in sharp]
    count = scanned.nuclei([(frame, frame) for frame in frames]).sharp
    return TEXT.format(
        lengths=", ".join(map(str, LENGTHS)),
        photons=", ".join(map(str, PHOTONS)),
        method=METHOD,
        frames=FRAMES,
        fine=FINE_FRAMES,
        size=size,
        megapixels=1 / size**2,
        noise=scanned.READ_NOISE,
        count=count,
        one=1 / count,
        bits=scanned.BITS,
        fits=scanned.FITS,
        smoothing=scanned.SMOOTHING,
        scanner=table.strip(),
        rates=rates(scanner, qualities),
        f1=by_condition(qualities, "f1", "{:.2f}"),
        finest=by_condition(qualities, "finest", "{:.2f}"),
        bought=bought(scanner, qualities),
    )


def bars() -> list[tuple[str, str, float]]:
    """Return what is asked of a scan: in words, the measure and its value."""
    return [
        *((f"F1 {bar:g}", "f1", bar) for bar in LEAST_F1),
        *((f"{bar:g} µm", "finest", bar) for bar in FINEST),
    ]


def rates(scanner: Scanner, qualities: Sequence[Quality]) -> str:
    """Return the table of what each way reaches at equal quality."""
    rows = [["light", "way", *(title for title, _, _ in bars())]]
    for name, light in scanner.lights.items():
        columns = []
        for _, measure, bar in bars():
            found = [fastest(scanner, qualities, way, light, measure, bar) for way in WAYS]
            most = max((point.rate for point in found if point), default=0.0)
            columns.append([_rate(point, most) for point in found])
        for number, way in enumerate(WAYS):
            rows.append([name, way, *(column[number] for column in columns)])
    return narrow_markdown(rows)


def _rate(point: Point | None, most: float) -> str:
    if point is None:
        return "-"
    rate = f"**{point.rate:.3g}**" if point.rate >= 0.99 * most else f"{point.rate:.3g}"
    return f"{rate} ({point.quality.length:g} px, {point.quality.photons:g})"


def by_condition(qualities: Sequence[Quality], measure: str, form: str) -> str:
    """Return a table of a measure: a row for each motion, a column for each budget and kind."""
    known = {(one.kind, one.length, one.photons): getattr(one, measure) for one in qualities}
    head = [f"{photons} {kind}" for kind in (RECORDED, RESTORED, CODED) for photons in PHOTONS]
    rows = [["motion, px", *head]]
    still = [_value(known[STILL, 0.0, photons], form) for photons in PHOTONS]
    rows.append(["0", *still, *["-"] * (len(head) - len(still))])
    for length in LENGTHS:
        cells = [
            _value(known[kind, float(length), photons], form)
            for kind in (RECORDED, RESTORED, CODED)
            for photons in PHOTONS
        ]
        rows.append([str(length), *cells])
    return narrow_markdown(rows)


def _value(value: float, form: str) -> str:
    return form.format(value) if np.isfinite(value) else "none"


def bought(scanner: Scanner, qualities: Sequence[Quality]) -> str:
    """Return sentences on what the coded exposure buys at equal quality."""
    lines = []
    for title, measure, bar in bars():
        ratios = []
        for name, light in scanner.lights.items():
            pair = [
                fastest(scanner, qualities, way, light, measure, bar) for way in (OPEN, FLUTTER)
            ]
            if pair[0] is not None and pair[1] is not None:
                ratios.append(f"{pair[1].rate / pair[0].rate:.2g} times as fast ({name})")
            else:
                alone = [way for way, point in zip((OPEN, FLUTTER), pair, strict=True) if point]
                ratios.append(f"{f'only {alone[0]}' if alone else 'neither'} ({name})")
        lines.append(f"- {title}: {', '.join(ratios)}.")
    return "\n".join(lines)


TEXT = """# Throughput against quality of a moving stage

    OMP_NUM_THREADS=1 python benchmarks/throughput.py

What is the best that a slide scanner can do: stop at every field, flash, or move on and restore? A
simulated scanner (`unsmear synth --scan`, without files) recorded frames at motions of 0 and
{lengths} px during the exposure and at {photons} photoelectrons at full scale
in an open exposure; {size:g} µm a pixel, read noise of {noise:g} electrons, {bits} bits. {frames}
frames of nuclei say how many nuclei are found as they are: F1 at an intersection over union of
{fits:g} with those of the sharp frames; frames that are not restored are smoothed by a Gaussian of
{smoothing:g} px before, since the detector takes what is no brighter than the noise of a pixel for
noise. {fine} frames of microtubules say how fine the detail along the motion is: the directional
Fourier ring correlation, as `unsmear restore --report` gives it (means of frequencies). Restored is
by {method} and the known kernel; coded is the code of 52 steps by Raskar et al., half of the light.

## The scanner

`benchmarks/scanner.toml`; another table gives another page without another simulation:

```toml
{scanner}
```

The light decides how long an exposure takes for its photons. **Stop and go** waits for the stage to
settle and exposes as long as it likes. A **strobe** flashes while the stage moves by one pixel.
**Continuous** exposes all the way, and the stage moves by as many pixels as the motion has.

## The front

![area per second against F1 and resolution](pictures/throughput.png)

Each line has the conditions of a way of scanning than which none of it is both faster and better.

## At equal quality

mm² per second, of the fastest condition that is good enough; in brackets the motion during the
exposure, and the photoelectrons. The fastest way is in bold. "-": no condition is good enough.

{rates}
What the flutter pattern buys over an open shutter, both restored:

{bought}

In short: in dim light stop and go is hard to beat, for a stage that moves gives up photons or
detail. With more light a moving stage wins, first for nuclei, where restoring lets it go
faster still, then for coarse detail as well; the finest detail is still that of a stage
that stands. A code costs half of the light, and pays where the motion is long.

A square millimetre has {megapixels:.0f} megapixels here. What computing takes and costs is
[another page](cost.md); frames can be restored after the scan.

## F1 of nuclei

Of {count} nuclei in the sharp frames: one of them is {one:.3f}.

{f1}
## Finest detail along the motion, µm

{finest}
"none": nothing but noise, or it could not be told. The resolution of a restored frame is measured
on half of its photons, and ends at the first frequency of which the recorded halves show nothing:
around 1 / motion for an open shutter in dim light, even where a restoration fills it rightly. A
code has no such frequency.
"""
