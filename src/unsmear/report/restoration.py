"""What was done to one image, as a page for whoever took it: `unsmear restore --report`."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.atomic import write_aside
from unsmear.blur import Kernel
from unsmear.errors import OptionError
from unsmear.reblur import DECONVOLVED, INPUT, TILE, Verdicts
from unsmear.report import restoration_picture
from unsmear.report.figure import new_figure, save


@dataclass(frozen=True, eq=False)
class Report:
    """What is shown of one restoration.

    title: the image's name. movement: the kernel in words and how sure it is, "straight motion of
    10.2 px at 35 degrees (confidence 0.97)". blurred, restored: (batch, channel, y, x), counts.
    kernel: what was taken out; None where nothing was, or the restorer is not told.
    verdicts, misfit: of `reblur`; None where nothing was checked. empty: (batch, channel), planes
    that hold nothing but noise. channels: their names, or nothing. method: the restorer's name;
    nothing for an image that was passed on as it was.
    """

    title: str
    movement: str
    blurred: NDArray[Any]
    restored: NDArray[Any]
    kernel: Kernel | None = None
    verdicts: Verdicts | None = None
    misfit: NDArray[np.float32] | None = None
    empty: NDArray[np.bool_] | None = None
    channels: Sequence[str] = ()
    method: str = ""

    @property
    def names(self) -> list[str]:
        """The channels' names, or their numbers from 1."""
        count = self.blurred.shape[1]
        given = list(self.channels) if len(self.channels) == count else []
        return given or [f"channel {number + 1}" for number in range(count)]

    def light(self) -> list[tuple[str, float, float, float]]:
        """Return each channel's name, mean count before and after, and the change as a part."""
        before, after = (
            planes.mean(axis=(0, 2, 3), dtype=np.float64)
            for planes in (self.blurred, self.restored)
        )
        return [
            (name, float(one), float(other), float((other - one) / one) if one else 0.0)
            for name, one, other in zip(self.names, before, after, strict=True)
        ]


FILES = (".html", ".png")
"""Endings of a report that is one file."""


def check_wanted(wanted: Path, count: int) -> None:
    """Raise before anything is restored what would go wrong when the reports are written.

    wanted: a file that ends in .html or .png, for one image; or a folder, for any number.
    count: of the images.

    Raises OptionError for a path that is neither, or a file for several images, and MissingExtra
    without matplotlib.
    """
    kind = wanted.suffix.lower()
    if not wanted.is_dir() and (wanted.exists() or kind) and kind not in FILES:
        raise OptionError(
            f"--report must be a folder, or a file that ends in .html or .png, got {wanted}."
        )
    if _is_file(wanted) and count > 1:
        raise OptionError(f"--report must be a folder for {count} images, got {wanted}.")
    new_figure(1, 1)


def path_for(wanted: Path, name: str) -> Path:
    """Return where a report is written: the file itself, or NAME.html in a folder."""
    return wanted if _is_file(wanted) else wanted / f"{name}.html"


def _is_file(wanted: Path) -> bool:
    return wanted.suffix.lower() in FILES and not wanted.is_dir()


def write(path: Path, report: Report) -> None:
    """Write the report as one file that needs no other: .html, or the picture alone as .png.

    Raises OptionError for another ending, MissingExtra without matplotlib, and ImageError where the
    file cannot be written.
    """
    kind = path.suffix.lower()
    if kind not in FILES:
        raise OptionError(f"--report must end in .html or .png, or be a folder, got {path.name!r}.")
    figure = restoration_picture.draw(report)
    if kind == ".png":
        save(figure, path)
        return
    stream = io.BytesIO()
    figure.savefig(stream, format="png", bbox_inches="tight")
    write_aside(path, _page(report, stream.getvalue()).encode())


def sentences(report: Report) -> list[str]:
    """Return what was found and done, in words for a microscopist."""
    said = [f"{report.movement[:1].upper()}{report.movement[1:]}."]
    if report.kernel is None and report.method:
        return [*said, f"The image was restored by {report.method}; nothing was checked."]
    if report.kernel is None:
        return [*said, "The image was passed on as it was."]
    if report.method:
        said.append(f"It was taken out by {report.method}.")
    if report.verdicts is None or report.empty is None:
        return said
    empty_channels = np.atleast_1d(report.empty.all(axis=0)).tolist()
    said += [
        f"The channel {name.removeprefix('channel ')} holds nothing but noise: left as it was."
        for name, empty in zip(report.names, empty_channels, strict=True)
        if empty
    ]
    return [*said, *_said_of_tiles(report.verdicts[~report.empty])]


def _said_of_tiles(verdicts: Verdicts) -> list[str]:
    """Return what became of the tiles (n, rows, columns) of planes that show something."""
    if not verdicts.size:
        return []
    replaced = {verdict: int((verdicts == verdict).sum()) for verdict in (DECONVOLVED, INPUT)}
    count = sum(replaced.values())
    every = f"{verdicts.size:,} tiles of {TILE}x{TILE} pixels"
    if not count:
        return [f"Blurred again, the restored image explains the recorded one in all {every}."]
    return [
        f"Blurred again, the restored image does not explain the recorded one in {count:,} of "
        f"{every} ({count / verdicts.size:.2%}).",
        f"There it was replaced: by plain deconvolution in {replaced[DECONVOLVED]:,}, by the "
        f"recorded image in {replaced[INPUT]:,}.",
        "Look at those places in the recorded image before you rely on a detail.",
    ]


STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:1200px;margin:2em auto;padding:0 1em;color:#222}"
    "img{width:100%}td,th{padding:.2em 1em;text-align:right}td:first-child{text-align:left}"
    "table{border-collapse:collapse}th{border-bottom:1px solid #999}"
)
EXPLANATION = (
    "Both pictures are stretched alike. The map of tiles shows where the restored image, blurred "
    "again by the movement found, did not give back what the camera recorded, more than its noise "
    "explains; such tiles are not trusted and were replaced. The check cannot see detail that the "
    "movement wiped out altogether, nor the strip along the border that is as wide as the "
    "movement reaches."
)


def _page(report: Report, picture: bytes) -> str:
    said = "\n".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences(report))
    light = "\n".join(
        f"<tr><td>{html.escape(name)}</td><td>{before:.5g}</td><td>{after:.5g}</td>"
        f"<td>{change:+.2%}</td></tr>"
        for name, before, after, change in report.light()
    )
    title = html.escape(report.title)
    encoded = base64.b64encode(picture).decode()
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style></head>
<body>
<h1>{title}</h1>
{said}
<img alt="recorded and restored image, tiles, misfit, movement"
 src="data:image/png;base64,{encoded}">
<h2>Light</h2>
<table><tr><th></th><th>recorded, mean count</th><th>restored</th><th>change</th></tr>
{light}
</table>
<h2>How to read this</h2>
<p>{html.escape(EXPLANATION)}</p>
</body></html>
"""
