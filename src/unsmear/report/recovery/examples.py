"""Rows of example images, sharp, blurred and restored, with the labels found under each.

A case in all its forms, restored again, with the labels that were found in each.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from unsmear.data.labels import CHANNELS
from unsmear.errors import DataError, ImageError, OptionError
from unsmear.evaluate import Case, MethodWithKernel, restore_all
from unsmear.recovery.analysis.results import Results
from unsmear.report import html_page
from unsmear.report.figure import new_figure
from unsmear.report.grid import COLOURS, WINDOW
from unsmear.report.recovery.plots import DPI, named, png

SIDE = 320
"""Pixels of a picture's longer side; larger images are shown smaller."""
PANEL, LINE = 1.9, 0.17
"""Inches of a picture's width and of a label's line."""
LETTERS = 26
"""Of a label's line."""
PROTEIN = CHANNELS[1]
"""The channel that carries the labels; it is shown alone too, in grey, which every eye can read."""

JPEG = (
    cv2.IMWRITE_JPEG_QUALITY,
    92,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
)

Fate = Literal["kept", "lost", "gained"]
SIGNS: dict[Fate, str] = {"kept": "✓", "lost": "✗", "gained": "+"}
INKS: dict[Fate, str] = {"kept": "#00694a", "lost": "#a84300", "gained": "#0062a3"}
STYLE = """
.rows h3{margin-bottom:.2em}.row{display:grid;gap:.8em;
grid-template-columns:repeat(auto-fit,minmax(9em,1fr))}
.row figure{margin:0}.row img{width:100%;max-width:320px;border-radius:4px;display:block}
.row figcaption{color:inherit}.row ul{list-style:none;padding:0;margin:.2em 0}
.kept{color:var(--good)}.lost{color:var(--bad)}.lost b{font-weight:400;text-decoration:line-through}
.gained{color:var(--link)}.row b{font-weight:600}
"""


@dataclass(frozen=True, eq=False)
class Shown:
    """What one restorer made of an image, and what the classifier finds on it.

    restorer: "sharp", "blurred" or a name. planes: (channel, y, x), on the scale of the sharp
    image. found: names of labels.
    """

    restorer: str
    planes: NDArray[Any]
    found: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Example:
    """One image in all its forms.

    title: beside the row, the image's name or its blur. true: the labels that it has. shown: the
    sharp image first, all of one shape. channels: names of colours, "red", "green", "blue",
    "yellow"; other names, or none, take these in their order.
    """

    title: str
    true: tuple[str, ...]
    shown: tuple[Shown, ...]
    channels: tuple[str, ...] = ()


def fates(sharp: Sequence[str], found: Sequence[str]) -> list[tuple[str, Fate]]:
    """Return every label that is found on either image, and what became of it."""
    kept: list[tuple[str, Fate]] = [(name, "kept" if name in found else "lost") for name in sharp]
    return [*kept, *((name, "gained") for name in found if name not in sharp)]


def write_rows(examples: Sequence[Example]) -> str:
    """Return the rows as HTML, to stand on a page that has STYLE.

    Raises OptionError for an example without images, or with images of different shapes.
    """
    if not examples:
        return ""
    return (
        "<p>Under each image stands what the classifier finds on it, against the sharp image: "
        f"{', '.join(starmap(_legend, SIGNS.items()))}. Above are the "
        f"colours together, below the {PROTEIN} channel alone; all images of a row are stretched "
        'like its sharp one.</p>\n<div class="rows">' + "\n".join(map(_row, examples)) + "</div>"
    )


def draw_rows(examples: Sequence[Example]) -> bytes:
    """Return the rows as one PNG file, for reports that are no HTML.

    Raises OptionError where `write_rows` does and for no examples, MissingExtra without matplotlib.
    """
    if not examples:
        raise OptionError("examples must be at least one, got none.")
    heights = [_heights(example) for example in examples]
    columns = max(len(example.shown) for example in examples)
    whole = [sum(inches) + 0.7 for inches in heights]
    figure = new_figure(PANEL * columns, sum(whole), dpi=DPI)
    parts = figure.subfigures(len(examples), 1, squeeze=False, height_ratios=whole)[:, 0]
    for part, example, inches in zip(parts, examples, heights, strict=True):
        part.suptitle(_title(example), fontsize=9, weight="bold", x=0.01, ha="left")
        _draw_row(part.subplots(2, columns, squeeze=False, height_ratios=inches), example)
    return png(figure)


def _legend(fate: Fate, sign: str) -> str:
    return f'<span class="{fate}">{sign} {fate}</span>'


def _row(example: Example) -> str:
    figures = "\n".join(
        f'<figure><img alt="{html.escape(example.title)}, {html.escape(one.restorer)}" '
        f'src="{html_page.address(_encoded(picture), "image/jpeg")}">'
        f"<figcaption><b>{html.escape(one.restorer)}</b>{_labels(example, one)}</figcaption>"
        "</figure>"
        for one, picture in zip(example.shown, _pictures(example), strict=True)
    )
    return (
        f'<div class="kept-whole"><h3>{html.escape(_title(example))}</h3>\n'
        f'<div class="row">{figures}</div></div>'
    )


def _title(example: Example) -> str:
    return f"{example.title}: {', '.join(example.true) or 'no label'}"


def _labels(example: Example, one: Shown) -> str:
    items = "".join(
        f'<li class="{fate}" title="{fate}"><span aria-label="{fate}">{SIGNS[fate]}</span> '
        f"<b>{html.escape(name)}</b></li>"
        for name, fate in fates(example.shown[0].found, one.found)
    )
    return f"<ul>{items or '<li>no label found</li>'}</ul>"


def _heights(example: Example) -> tuple[float, float]:
    """Return the inches of an example's pictures and of the labels below them."""
    picture = _pictures(example)[0]
    return PANEL * picture.shape[0] / picture.shape[1], LINE * _lines(example)


def _lines(example: Example) -> int:
    return max(1, *(len(fates(example.shown[0].found, one.found)) for one in example.shown))


def _draw_row(panels: NDArray[Any], example: Example) -> None:
    """Draw each picture, and its labels in the empty axes below it."""
    for axes in panels.ravel():
        axes.axis("off")
    for (above, below), one, picture in zip(
        panels.T, example.shown, _pictures(example), strict=False
    ):
        above.imshow(picture)
        above.set_title(named(one.restorer), fontsize=8)
        below.set_ylim(_lines(example), 0)
        for line, (name, fate) in enumerate(fates(example.shown[0].found, one.found)):
            text = f"{SIGNS[fate]} {name if len(name) <= LETTERS else name[: LETTERS - 1] + '…'}"
            below.text(0, line, text, color=INKS[fate], fontsize=7, va="top", in_layout=False)


def _pictures(example: Example) -> list[NDArray[np.uint8]]:
    """Return each image's picture: all colours above, the protein below where there are others."""
    if len({one.planes.shape for one in example.shown}) != 1:
        shapes = ", ".join("x".join(map(str, one.planes.shape)) for one in example.shown)
        raise OptionError(f"{example.title}: images must be of one shape, got {shapes or 'none'}.")
    count = len(example.shown[0].planes)
    names = _colour_names(example.channels, count)
    black, white = _window(_smaller(example.shown[0].planes))
    pictures = []
    for one in example.shown:
        units = ((_smaller(one.planes) - black) / (white - black)).clip(0, 1)
        parts = [_coloured(units, names)]
        if count > 1 and PROTEIN in names:
            parts.append(np.repeat(units[names.index(PROTEIN)][..., None], 3, axis=-1))
        pictures.append((255 * np.concatenate(parts)).round().astype(np.uint8))
    return pictures


def _colour_names(channels: Sequence[str], count: int) -> list[str]:
    if len(channels) == count and set(channels) <= set(CHANNELS):
        return list(channels)
    return list(CHANNELS[:count]) if 1 < count <= len(CHANNELS) else []


def _coloured(units: NDArray[np.float32], names: Sequence[str]) -> NDArray[np.float32]:
    """Return (y, x, 3): each channel in its colour; grey for one alone and for unknown ones."""
    if len(units) == 1 or not names:
        return np.repeat(units.mean(axis=0)[..., None], 3, axis=-1)
    colours = COLOURS[[CHANNELS.index(name) for name in names]]
    return np.asarray(np.tensordot(units, colours, (0, 0)).clip(0, 1), np.float32)


def _window(sharp: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return each channel's black and white, (channel, 1, 1)."""
    black, white = np.percentile(sharp, WINDOW, axis=(1, 2), keepdims=True).astype(np.float32)
    return black, np.where(white > black, white, black + 1)


def _smaller(planes: NDArray[Any]) -> NDArray[np.float32]:
    scale = min(1.0, SIDE / max(planes.shape[1:]))
    size = [max(1, round(scale * side)) for side in reversed(planes.shape[1:])]
    return np.stack(
        [
            np.asarray(cv2.resize(one.astype(np.float32), size, interpolation=cv2.INTER_AREA))
            for one in planes
        ]
    )


def _encoded(picture: NDArray[np.uint8]) -> bytes:
    """Return a picture (y, x, 3) as a JPEG file: a page of PNG files is slow to send.

    Colours are kept as fine as the brightness: what is labelled is small and coloured.
    """
    done, data = cv2.imencode(".jpg", picture[..., ::-1], JPEG)
    if not done:
        raise ImageError("a picture of an example must be one that can be written, got another.")
    return bytes(data)


def show_case(
    case: Case, title: str, results: Results, contenders: Sequence[MethodWithKernel]
) -> Example:
    """Return the row of pictures of a case that the results hold.

    Raises what reading and restoring raise, DataError where no classifier was asked.
    """
    aligned = results.aligned
    if aligned is None or case.name not in aligned.cases:
        raise DataError(f"{case.name}: a picture must be of a case with labels, got another.")
    sharp, blurred = case.read()
    place = aligned.cases.index(case.name)
    names = np.asarray(aligned.labels)
    shown = [
        Shown(
            restorer, image.planes()[0], tuple(names[aligned.predicted[restorer][place]].tolist())
        )
        for restorer, image in restore_all(case, sharp, blurred, contenders).images.items()
        if restorer in aligned.predicted
    ]
    true = tuple(names[aligned.truth[place]].tolist())
    return Example(title, true, tuple(shown), tuple(name.lower() for name in sharp.channels))
