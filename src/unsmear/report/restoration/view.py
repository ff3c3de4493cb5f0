"""The view of a restoration: both images under one slider and one zoom, and what was found.

`view.js` shows it, in a report and on the local page of `unsmear open`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Kernel
from unsmear.images import png
from unsmear.images.area_mean import as_floats, reduce
from unsmear.report.restoration import movements, picture, verdicts
from unsmear.report.restoration.content import Report
from unsmear.report.restoration.display import Stretch, encoded
from unsmear.report.restoration.movements import Field
from unsmear.restoration.consistency import MISFIT, RESTORED, TILE

SCRIPTS = ("panels.js", "lines.js", "view.js")
"""The modules of the script, what is imported first."""
BINS = 96
"""Number of bins of a histogram."""
SAMPLED = 2**20
"""Largest number of pixels of a channel that its histogram counts."""
RECORDED, RESTORED_PICTURE, VERDICTS, MISFITS, KERNEL = (
    "recorded",
    "restored",
    "verdicts",
    "misfit",
    "kernel",
)
"""Names of the pictures of a view."""
OPACITY = 140
"""Of the maps of tiles, 0 to 255."""
APART = 0.09
"""Distance between movements of the same place, as a fraction of the height."""


@dataclass(frozen=True, eq=False)
class View:
    """What is shown: values for `view.js`, PNG files by their names, and how counts are drawn."""

    values: Mapping[str, Any]
    pictures: Mapping[str, bytes]
    stretch: Stretch

    def at(self, address: Callable[[str], str]) -> dict[str, Any]:
        """Return the values with the address of each picture."""
        return {**self.values, "pictures": {name: address(name) for name in self.pictures}}


def asset(name: str) -> str:
    """Return the text of one of the SCRIPTS, or of `view.css`."""
    return (files("unsmear.report.restoration") / name).read_text(encoding="utf-8")


def of(report: Report, stretch: Stretch | None = None) -> View:
    """Return the view of the plane that changed most.

    stretch: how it is drawn, where another picture of the image has decided it.
    """
    blurred, restored = (
        smaller(planes[report.shown]) for planes in (report.blurred, report.restored)
    )
    stretch = stretch or Stretch.of(blurred, restored)
    pictures = {RECORDED: encoded(stretch.paint(blurred))}
    if report.touched:
        pictures[RESTORED_PICTURE] = encoded(stretch.paint(restored))
    values = {
        **_place(report),
        "channels": _channels(report),
        "movements": marks(report.movements, report.shown, report.sides),
        "trust": _trust(report, pictures),
        "shown": report.shown,
    }
    if report.kernel is not None:
        pictures[KERNEL] = _kernel(report.kernel)
        values["kernel"] = {"side": len(report.kernel), "of": report.moved}
    return View(values, pictures, stretch)


def smaller(planes: NDArray[Any], largest: int = picture.LARGEST) -> NDArray[Any]:
    """Return planes (channel, y, x) of at most so many pixels a side, by the means of areas."""
    scale = largest / max(planes.shape[1:])
    if scale >= 1:
        return planes
    rows, columns = (max(1, round(side * scale)) for side in planes.shape[1:])
    return np.stack([reduce(as_floats(plane), (rows, columns)) for plane in planes])


def of_detail(report: Report) -> View | None:
    """Return the view of the part that changed most, None where the whole is shown as large."""
    height, width = report.sides
    if not report.touched or max(height, width) <= picture.LARGEST:
        return None
    detail = report.detail or picture.detail_of(report)
    stretch = Stretch.of(detail.blurred, detail.restored)
    pictures = {
        RECORDED: encoded(stretch.paint(detail.blurred)),
        RESTORED_PICTURE: encoded(stretch.paint(detail.restored)),
    }
    rows, columns = (report.scale * span.start for span in detail.part)
    title = f"{report.title}, from row {rows} and column {columns}"
    values = {"title": title, "sides": list(detail.blurred.shape[-2:]), "plane": ""}
    return View(values, pictures, stretch)


def _place(report: Report) -> dict[str, Any]:
    count = len(report.blurred)
    which = [f"plane {report.shown + 1} of {count}"] if count > 1 else []
    which += [f"means of {report.scale}x{report.scale} pixels"] if report.scale > 1 else []
    return {"title": report.title, "sides": list(report.sides), "plane": ", ".join(which)}


def marks(fields: Sequence[Field], batch: int, sides: tuple[int, int]) -> dict[str, Any]:
    """Return the movements of a plane as lines: their ends (x, y), pixels, and their words.

    times: how many times as long as the movements the lines are. parts: x, y, width and height of
    the parts that moved differently. sides: (y, x) of the image.
    """
    own = movements.shown(fields, batch)
    factor = movements.scale(own, sides)
    lines: list[dict[str, Any]] = []
    for number, field in enumerate(own):
        below = APART * sides[0] * (number - (len(own) - 1) / 2)
        for mark in field.marks:
            ends = movements.ends(mark, factor)
            first, last = ([round(x, 1), round(y + below, 1)] for y, x in ends)
            words = ": ".join(filter(None, (field.name, str(mark))))
            moved = mark.motion is not None
            lines.append(
                {"from": first, "to": last, "moved": moved, "words": words, "named": mark.labelled}
            )
    parts = [
        [columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start]
        for field in own
        for rows, columns in field.parts
    ]
    moved = any(line["moved"] for line in lines)
    return {"times": factor, "lines": lines if moved else [], "parts": parts}


def _channels(report: Report) -> list[dict[str, Any]]:
    """Return each channel's mean counts and histogram, before and after; None for no data."""
    channels = []
    for number, (name, before, after, change) in enumerate(report.intensities()):
        counts = [planes[:, number] for planes in (report.blurred, report.restored)]
        low, high, bars = _histogram(counts if report.touched else counts[:1])
        channels.append(
            {
                "name": name,
                "before": _known(before),
                "after": _known(after),
                "change": _known(change),
                "histogram": {"from": low, "to": high, "counts": bars},
            }
        )
    return channels


def _known(value: float) -> float | None:
    """Return a number, None in place of one that JSON does not have."""
    return value if np.isfinite(value) else None


def _histogram(images: Sequence[NDArray[Any]]) -> tuple[float, float, list[list[int]]]:
    """Return the range of counts, and how many pixels of each image are in each of BINS bins."""
    step = max(1, -(-images[0].size // SAMPLED))
    samples = [np.asarray(counts.ravel()[::step], np.float64) for counts in images]
    samples = [sample[np.isfinite(sample)] for sample in samples]
    low = float(min(sample.min(initial=np.inf) for sample in samples))
    high = float(max(sample.max(initial=-np.inf) for sample in samples))
    if not low < high:
        low, high = (low, low + 1) if np.isfinite(low) else (0.0, 1.0)
    return low, high, [np.histogram(s, BINS, (low, high))[0].tolist() for s in samples]


def _trust(report: Report, pictures: dict[str, bytes]) -> dict[str, Any] | None:
    """Return the legend of the maps of tiles, and add these to the pictures; None unchecked."""
    if report.verdicts is None or not report.touched:
        return None
    worst = picture.worst_verdicts(report, report.verdicts)
    over = np.zeros((*worst.shape, 4), np.uint8)
    legend = [{"words": "restored, kept", "tiles": int((worst == RESTORED).sum()), "colour": ""}]
    for verdict, colour in verdicts.COLOUR.items():
        count = int((worst == verdict).sum())
        if count:
            over[worst == verdict] = (*bytes.fromhex(colour[1:]), OPACITY)
            legend.append({"words": verdicts.MEANING[verdict], "tiles": count, "colour": colour})
    pictures[VERDICTS] = png.encode(over)
    if report.misfit is not None:
        pictures[MISFITS] = png.encode(_heat(picture.worst_misfit(report, report.misfit)))
    covered = [TILE * count for count in worst.shape]
    return {"covers": covered, "legend": legend, "limit": MISFIT}


def _heat(misfit: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the misfit of each tile as a colour: yellow where it is seen, red above the limit."""
    level = (np.log10(np.maximum(misfit, 0.1)) + 1) / (np.log10(MISFIT) + 1)
    heat = np.empty((*misfit.shape, 4), np.uint8)
    heat[..., 0], heat[..., 2] = 255, 0
    heat[..., 1] = np.rint(255 * (1 - 0.5 * level.clip(0, 1)))
    heat[..., 3] = np.rint(OPACITY * level.clip(0, 1))
    heat[misfit > MISFIT] = (200, 0, 60, 200)
    return heat


def _kernel(kernel: Kernel) -> bytes:
    return png.encode(np.rint(255 * kernel / kernel.max()).astype(np.uint8))
