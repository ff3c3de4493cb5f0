"""Ways of scanning a slide, and what each reaches in area a second, for `throughput.py`."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

STILL, RECORDED, RESTORED, CODED = "still", "recorded", "restored", "coded"


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
