"""Rows of example images, sharp, blurred and restored, with the labels predicted for each."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Any, Literal

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from unsmear.data.labels import CHANNELS
from unsmear.errors import DataError, OptionError
from unsmear.evaluate import Case, MethodWithKernel, restore_all
from unsmear.images.area_mean import reduce
from unsmear.recovery.analysis.results import Results
from unsmear.report import html_page
from unsmear.report.figure import new_figure
from unsmear.report.grid import COLOURS, WINDOW
from unsmear.report.recovery.plots import DPI, png, wrapped

SIDE = 320
"""Largest side of a picture, pixels; larger images are shown smaller."""
PANEL, LINE = 1.9, 0.17
"""Width of a picture and height of a line of text, inches."""
LETTERS = 26
"""Largest number of characters in a line of text."""
PROTEIN = CHANNELS[1]
"""Channel of the labelled protein, which is also shown alone, in grey."""

QUALITY = 92
"""Quality of the JPEG files, 0 to 100."""

LabelChange = Literal["kept", "lost", "gained"]
SIGNS: dict[LabelChange, str] = {"kept": "✓", "lost": "✗", "gained": "+"}
INKS: dict[LabelChange, str] = {"kept": "#00694a", "lost": "#a84300", "gained": "#0062a3"}
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
    """An image restored by one method, and the labels that the classifier predicts for it.

    restorer: "sharp", "blurred" or the name of a method. planes: (channel, y, x), on the scale of
    the sharp image. labels: names of the predicted labels.
    """

    restorer: str
    planes: NDArray[Any]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Example:
    """One image: sharp, blurred and restored.

    title: text of the row, the name of the image or its blur. true: the true labels. shown: the
    sharp image first, all of the same shape. channels: colours of the channels, "red", "green",
    "blue", "yellow"; without these names the colours are used in this order.
    """

    title: str
    true: tuple[str, ...]
    shown: tuple[Shown, ...]
    channels: tuple[str, ...] = ()


def label_changes(sharp: Sequence[str], own: Sequence[str]) -> list[tuple[str, LabelChange]]:
    """Return every label predicted for either image: kept, lost or gained against sharp."""
    expected: list[tuple[str, LabelChange]] = [
        (name, "kept" if name in own else "lost") for name in sharp
    ]
    return [*expected, *((name, "gained") for name in own if name not in sharp)]


def write_rows(examples: Sequence[Example]) -> str:
    """Return the rows as HTML, for a page that has STYLE.

    Raises OptionError for an example without images, or with images of different shapes.
    """
    if not examples:
        return ""
    return (
        "<p>Below each image are the labels that the classifier predicts for it, compared with "
        f"those for the sharp image: {', '.join(starmap(_legend, SIGNS.items()))}. Top: all "
        f"channels; bottom: the {PROTEIN} channel. All images of a row have the contrast of the "
        'sharp image.</p>\n<div class="rows">' + "\n".join(map(_row, examples)) + "</div>"
    )


def draw_rows(examples: Sequence[Example]) -> bytes:
    """Return the rows as one PNG file, for reports in Markdown.

    Raises OptionError where `write_rows` does and without examples, MissingExtra without
    matplotlib.
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


def _legend(change: LabelChange, sign: str) -> str:
    return f'<span class="{change}">{sign} {change}</span>'


def _row(example: Example) -> str:
    figures = "\n".join(
        f'<figure><img alt="{html.escape(example.title)}, {html.escape(entry.restorer)}" '
        f'src="{html_page.address(_encoded(picture), "image/jpeg")}">'
        f"<figcaption><b>{html.escape(entry.restorer)}</b>{_labels(example, entry)}</figcaption>"
        "</figure>"
        for entry, picture in zip(example.shown, _pictures(example), strict=True)
    )
    return (
        f'<div class="kept-whole"><h3>{html.escape(_title(example))}</h3>\n'
        f'<div class="row">{figures}</div></div>'
    )


def _title(example: Example) -> str:
    return f"{example.title}: {', '.join(example.true) or 'no label'}"


def _labels(example: Example, entry: Shown) -> str:
    items = "".join(
        f'<li class="{change}" title="{change}"><span aria-label="{change}">{SIGNS[change]}</span> '
        f"<b>{html.escape(name)}</b></li>"
        for name, change in label_changes(example.shown[0].labels, entry.labels)
    )
    return f"<ul>{items or '<li>no label predicted</li>'}</ul>"


def _heights(example: Example) -> tuple[float, float]:
    """Return the heights of the pictures of an example and of the labels below, inches."""
    picture = _pictures(example)[0]
    return PANEL * picture.shape[0] / picture.shape[1], LINE * _lines(example)


def _lines(example: Example) -> int:
    return max(
        1, *(len(label_changes(example.shown[0].labels, entry.labels)) for entry in example.shown)
    )


def _draw_row(panels: NDArray[Any], example: Example) -> None:
    """Draw each picture, and its labels in the empty axes below it."""
    for axes in panels.ravel():
        axes.axis("off")
    for (above, below), entry, picture in zip(
        panels.T, example.shown, _pictures(example), strict=False
    ):
        above.imshow(picture)
        above.set_title(wrapped(entry.restorer), fontsize=8)
        below.set_ylim(_lines(example), 0)
        for line, (name, change) in enumerate(label_changes(example.shown[0].labels, entry.labels)):
            text = f"{SIGNS[change]} {name if len(name) <= LETTERS else name[: LETTERS - 1] + '…'}"
            below.text(0, line, text, color=INKS[change], fontsize=7, va="top", in_layout=False)


def _pictures(example: Example) -> list[NDArray[np.uint8]]:
    """Return the picture of each image: all channels, and the protein channel below them."""
    if len({entry.planes.shape for entry in example.shown}) != 1:
        shapes = ", ".join("x".join(map(str, entry.planes.shape)) for entry in example.shown)
        raise OptionError(
            f"{example.title}: images must have the same shape, got {shapes or 'none'}."
        )
    count = len(example.shown[0].planes)
    names = _colour_names(example.channels, count)
    black, white = _window(_smaller(example.shown[0].planes))
    pictures = []
    for entry in example.shown:
        units = ((_smaller(entry.planes) - black) / (white - black)).clip(0, 1)
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
    """Return (y, x, 3): each channel in its colour; grey for one channel or unknown channels."""
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
    rows, columns = (max(1, round(scale * side)) for side in planes.shape[1:])
    return np.asarray(reduce(planes.astype(np.float32), (rows, columns)), np.float32)


def _encoded(picture: NDArray[np.uint8]) -> bytes:
    """Return a picture (y, x, 3) as a JPEG file, which is much smaller than a PNG file.

    The colours are not subsampled, because labelled structures are small and coloured.
    """
    pixels = np.ascontiguousarray(picture)
    return bytes(imagecodecs.jpeg8_encode(pixels, level=QUALITY, subsampling="444"))


def show_case(
    case: Case, title: str, results: Results, contenders: Sequence[MethodWithKernel]
) -> Example:
    """Return the row of pictures of a case of the results.

    Raises the errors of reading and restoring, and DataError without predictions of a classifier.
    """
    aligned = results.aligned
    if aligned is None or case.name not in aligned.cases:
        raise DataError(
            f"{case.name}: examples are available only for pairs with predicted labels."
        )
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
