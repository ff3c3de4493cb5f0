"""An empty figure and its file: what every picture here begins and ends with."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from unsmear.atomic import write_aside
from unsmear.errors import MissingExtra

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width: float, height: float, dpi: int = 150) -> Figure:
    """Return an empty figure; no display is needed.

    width, height: inches. dpi: pixels an inch.

    Raises MissingExtra without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("Figures need matplotlib: pip install 'unsmear[report]'.") from error
    return Figure(figsize=(width, height), dpi=dpi, layout="constrained")


def save(figure: Figure, path: Path) -> None:
    """Write a figure, whole or not at all, in the format of the path's ending.

    Raises ImageError where the file cannot be written.
    """
    stream = io.BytesIO()
    # The layout lets long names of ticks stand out of the figure; "tight" takes them in.
    figure.savefig(stream, format=path.suffix[1:].lower(), bbox_inches="tight")
    write_aside(path, stream.getvalue())
