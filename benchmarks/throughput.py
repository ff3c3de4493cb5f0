"""Throughput against quality: what is the best that a slide scanner can do at which speed.

    OMP_NUM_THREADS=1 python benchmarks/throughput.py [--scanner benchmarks/scanner.toml]

A simulated scanner records frames of nuclei and of microtubules at motions of 0 to 60 px during the
exposure and at several photon budgets: with an open shutter, with a coded one, as recorded and
restored. What each way of scanning reaches in square millimetres per second follows from the table
of the scanner. Some minutes on one core; what was measured is kept in build/throughput.json.
Writes throughput.md and pictures/throughput.png.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import scanned
from unsmear.images import Image
from unsmear.report.figure import new_figure, save
from unsmear.restoration.application import apply_method
from unsmear.tables import narrow_markdown

HERE = Path(__file__).parent
KEPT = HERE.parent / "build" / "throughput.json"
PICTURE = HERE / "pictures" / "throughput.png"
METHOD = "deep-wiener-lean"
LENGTHS = (1, 2, 4, 6, 10, 16, 24, 40, 60)
"""Motions during an exposure, pixels."""
PHOTONS = (30, 100, 300, 1000)
"""Photoelectrons at full scale in an exposure with an open shutter."""
FRAMES, FINE_FRAMES = 5, 2
"""Number of frames of nuclei, and of microtubules, by which resolution is measured."""
STILL, RECORDED, RESTORED, CODED = "still", "recorded", "restored", "coded"
LEAST_F1 = (0.9, 0.95)
"""F1 of nuclei that a scan must reach."""
FINEST = (2.0, 1.0)
"""Detail along the motion that a scan must show, micrometres."""


@dataclass(frozen=True)
class Quality:
    """What frames are worth. kind: how they were recorded. length: of the motion, pixels.

    photons: at full scale in an open exposure. f1, area_error: of nuclei. finest: detail along the
    motion, micrometres; infinite where there is none.
    """

    kind: str
    length: float
    photons: float
    f1: float
    area_error: float
    finest: float


@dataclass(frozen=True)
class Scanner:
    """A scanner, as scanner.toml has it; its lengths in millimetres. lights: photoelectrons per
    millisecond, by name.
    """

    pixel: float
    step: float
    frame_rate: float
    settle: float
    fastest: float
    flash: float
    lights: dict[str, float]

    @classmethod
    def read(cls, path: Path) -> Scanner:
        """Return the scanner in a file."""
        table = tomllib.loads(path.read_text())
        camera, stage = table["camera"], table["stage"]
        pixel = camera["pixel_size"] / 1000
        step = camera["side"] * (1 - camera["overlap"]) * pixel
        return cls(
            pixel,
            step,
            camera["frame_rate"],
            stage["settle"],
            stage["fastest"],
            table["strobe"]["brightness"],
            table["light"],
        )

    def stopping(self, photons: float, light: float) -> float:
        """Return the area a second of stop and go, square millimetres."""
        return self.step**2 / max(self.settle + photons / light / 1000, 1 / self.frame_rate)

    def moving(self, length: float, photons: float, light: float) -> float:
        """Return the area a second of a stage that moves by `length` during the exposure."""
        speed = length * self.pixel / (photons / light / 1000)
        return self.step * min(speed, self.fastest, self.step * self.frame_rate)


def main() -> None:
    """Measure what is missing, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scanner", type=Path, default=HERE / "scanner.toml")
    path = parser.parse_args().scanner
    scanner = Scanner.read(path)
    qualities = measured(1000 * scanner.pixel)
    draw(scanner, qualities)
    text = page(scanner, qualities, path.read_text())
    Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


def measured(pixel_size: float) -> list[Quality]:
    """Return the quality of all conditions; those that were measured before are read."""
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else []
    found = {name_of(row): row for row in kept if row.pop("pixel_size") == pixel_size}
    for kind, length, photons in conditions():
        name = f"{kind} {length:g} {photons:g}"
        if name not in found:
            found[name] = asdict(quality(kind, length, photons, pixel_size))
            KEPT.parent.mkdir(exist_ok=True)
            KEPT.write_text(
                json.dumps([{**row, "pixel_size": pixel_size} for row in found.values()])
            )
            print(*found[name].values(), flush=True)
    return [Quality(**row) for row in found.values()]


def name_of(row: dict[str, Any]) -> str:
    """Return the name of a condition."""
    return f"{row['kind']} {row['length']:g} {row['photons']:g}"


def conditions() -> Iterator[tuple[str, float, float]]:
    """Yield the kind, the motion and the photons of all frames."""
    for photons in PHOTONS:
        yield STILL, 0.0, photons
    for length in LENGTHS:
        for photons in PHOTONS:
            for kind in (RECORDED, RESTORED, CODED):
                yield kind, float(length), photons


def quality(kind: str, length: float, photons: float, pixel_size: float) -> Quality:
    """Return what frames are worth; equal frames, and equal noise, for all kinds."""
    pairs = []
    for index in range(FRAMES):
        sharp, frame = exposed(kind, length, photons, "nuclei", index, pixel_size)
        pairs.append((scanned.noiseless(sharp, pixel_size), restored(kind, length, frame)))
    nuclei = scanned.nuclei(pairs)
    finest = []
    for index in range(FINE_FRAMES):
        _, frame = exposed(kind, length, photons, "microtubules", index, pixel_size)
        blur = scanned.blur_of(length, kind == CODED) if kind in (RESTORED, CODED) else None
        recorded = blur or (scanned.blur_of(length) if kind == RECORDED else None)
        values = scanned.resolved(frame, recorded, METHOD)
        finest.append(1 / values[0 if blur is None else 1])
    told = [value for value in finest if value > 0]
    along = 1 / float(np.mean(told)) if told else float("inf")
    return Quality(kind, length, photons, nuclei.f1, nuclei.area_error, along)


def exposed(
    kind: str, length: float, photons: float, stain: scanned.Stain, index: int, pixel_size: float
) -> tuple[scanned.Light, Image]:
    """Return the sharp light of a frame, and the frame."""
    sharp, moved = scanned.light(length, kind == CODED, stain, index, pixel_size)
    share = scanned.RASKAR.count("1") / len(scanned.RASKAR) if kind == CODED else 1.0
    frame = scanned.recorded(moved, photons * share, (index, int(photons)), pixel_size)
    return sharp, frame


def restored(kind: str, length: float, frame: Image) -> Image:
    """Return a frame restored by its known motion, or smoothed where its kind is not restored."""
    if kind not in (RESTORED, CODED):
        return scanned.smoothed(frame)
    kernel = scanned.blur_of(length, kind == CODED).kernel()
    return apply_method(frame, METHOD, kernel).image


@dataclass(frozen=True)
class Point:
    """A way of scanning in one condition. rate: square millimetres per second."""

    rate: float
    quality: Quality


STOP, STROBE, BARE, OPEN, FLUTTER = WAYS = (
    "stop and go",
    "strobe",
    "continuous",
    "continuous, restored",
    "coded, restored",
)
COLOURS = dict(zip(WAYS, ("#555555", "#c77d00", "#9d4edd", "#0072b2", "#009e73"), strict=True))


def points(scanner: Scanner, qualities: Sequence[Quality], way: str, light: float) -> list[Point]:
    """Return all conditions of a way of scanning."""
    kind = {STOP: STILL, OPEN: RESTORED, FLUTTER: CODED}.get(way, RECORDED)
    own = [one for one in qualities if one.kind == kind]
    if way == STOP:
        return [Point(scanner.stopping(one.photons, light), one) for one in own]
    if way == STROBE:  # a flash of a pixel: all that it blurs
        own, light = [one for one in own if one.length == 1], light * scanner.flash
    return [Point(scanner.moving(one.length, one.photons, light), one) for one in own]


def fastest(
    scanner: Scanner, qualities: Sequence[Quality], way: str, light: float, measure: str, bar: float
) -> Point | None:
    """Return the fastest condition of a way that is as good as the bar; None for none."""
    good = [
        point
        for point in points(scanner, qualities, way, light)
        if goodness(point.quality, measure) >= goodness_of(bar, measure)
    ]
    return max(good, key=lambda point: point.rate, default=None)


def goodness(one: Quality, measure: str) -> float:
    """Return what is better the higher it is."""
    return goodness_of(getattr(one, measure), measure)


def goodness_of(value: float, measure: str) -> float:
    """Return what is better the higher it is: F1, or lines in a micrometre."""
    return 1 / value if measure == "finest" else value


def front(found: Sequence[Point], measure: str) -> list[Point]:
    """Return those than which none is both faster and better, the fastest first."""
    best: list[Point] = []
    for point in sorted(found, key=lambda p: (-p.rate, -goodness(p.quality, measure))):
        if not best or goodness(point.quality, measure) > goodness(best[-1].quality, measure):
            best.append(point)
    return best


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

if __name__ == "__main__":
    main()
