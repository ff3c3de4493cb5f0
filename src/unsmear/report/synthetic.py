"""Sheet of the 19 synthetic patterns with their names, for visual inspection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unsmear.data.labels import LABELS
from unsmear.errors import ImageError, OptionError
from unsmear.report.figure import new_figure, save
from unsmear.synthetic import draw_field

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 4
"""Patterns per row; each has two pictures, the composite and the green channel."""


def draw_sheet(seed: int = 0, size: int = 384, pixel_size: float = 0.12) -> Figure:
    """Return a figure with one field per label: the RGB composite and the green channel.

    size: side of each field, pixels; pixel_size: micrometres.

    Raises OptionError for a seed below 0, MissingExtra without matplotlib.
    """
    if seed < 0:
        raise OptionError(f"seed must be 0 or more, got {seed}.")
    rows = -(-len(LABELS) // COLUMNS)
    figure = new_figure(COLUMNS * 4.2, rows * 2.3, dpi=110)
    axes = figure.subplots(rows, COLUMNS).ravel()
    for label, ax in enumerate(axes):
        ax.axis("off")
        if label < len(LABELS):
            generator = np.random.default_rng((seed, label))
            field = draw_field(generator, (size, size), (label,), pixel_size)
            ax.imshow(_beside(field.planes), interpolation="lanczos")
            ax.set_title(f"{label} {LABELS[label]}", fontsize=9)
    return figure


def write_sheet(path: Path, seed: int = 0) -> None:
    """Write the sheet in the format of the file name extension: .png, .pdf or .svg.

    Raises ImageError for a file that cannot be written, MissingExtra without matplotlib.
    """
    if path.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise ImageError(f"{path.name}: a sheet must end in .png, .pdf or .svg.")
    save(draw_sheet(seed), path)


def _beside(planes: NDArray[Any]) -> NDArray[np.uint8]:
    composite = np.moveaxis(planes[:3], 0, -1)
    alone = np.repeat(planes[1][..., None], 3, axis=-1)
    return np.concatenate([composite, alone], axis=1).astype(np.uint8)
