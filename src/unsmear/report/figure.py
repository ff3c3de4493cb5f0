"""Creation and saving of matplotlib figures, without a display."""

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

    width, height: inches. dpi: pixels per inch.

    Raises MissingExtra without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("Figures need matplotlib: pip install 'unsmear[report]'.") from error
    return Figure(figsize=(width, height), dpi=dpi, layout="constrained")


def save(figure: Figure, path: Path, record: str = "") -> None:
    """Write a figure atomically, in the format of the file name extension.

    record: text by which a PNG is known as ours.

    Raises ImageError where the file cannot be written.
    """
    stream = io.BytesIO()
    # Long tick labels can extend beyond the figure; "tight" includes them.
    kind = path.suffix[1:].lower()
    texts = {"Comment": record} if record and kind == "png" else None
    figure.savefig(stream, format=kind, bbox_inches="tight", metadata=texts)
    write_aside(path, stream.getvalue())
