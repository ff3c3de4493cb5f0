"""Picture of a blur estimate: the image, its spectrum with the dark bands, the kernel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unsmear.errors import OptionError
from unsmear.estimate import Estimate, spectrum
from unsmear.report.figure import new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BANDS = 6
"""Number of dark bands drawn on each side of the centre of the spectrum."""


def write_picture(path: Path, planes: NDArray[Any], estimate: Estimate, title: str) -> None:
    """Write a PNG file with three panels: image, spectrum with its dark bands marked, kernel.

    planes: (batch, channel, y, x), counts; the first of the batch is shown.

    Raises MissingExtra without matplotlib, OptionError for another extension than .png, and
    ImageError where the file cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise OptionError(f"--picture must end in .png, got {path.name!r}.")
    figure = new_figure(12, 4.9, dpi=110)
    left, middle, right = figure.subplots(1, 3)
    _draw_image(left, planes[0])
    _draw_spectrum(middle, planes, estimate)
    _draw_kernel(right, estimate)
    figure.suptitle(title, fontsize=11)
    save(figure, path)


def _draw_image(axes: Axes, channels: NDArray[Any]) -> None:
    """Show up to three channels as red, green and blue, each stretched to its percentiles."""
    colour = np.zeros((*channels.shape[1:], 3), np.float32)
    for index, channel in enumerate(channels[:3]):
        low, high = np.nanpercentile(channel, [0.5, 99.8])
        colour[..., index] = np.clip((channel - low) / max(high - low, 1e-9), 0, 1)
    if len(channels) == 1:
        colour[..., 1] = colour[..., 2] = colour[..., 0]
    axes.imshow(colour)
    axes.set_title("image", fontsize=10)
    axes.set_axis_off()


def _draw_spectrum(axes: Axes, planes: NDArray[Any], estimate: Estimate) -> None:
    bands = " and dark bands" if estimate.kind == "straight" else ""
    axes.set_title("log spectrum" + bands, fontsize=10)
    measured = spectrum.measure(planes)
    if measured is None:
        axes.set_axis_off()
        return
    side = measured.side
    full = np.fft.fftshift(measured.whole().mean(0))
    shown = np.log10(full + 1e-6 * full.max())
    low, high = np.percentile(shown, [1, 99.9])
    edge = 0.5 + 0.5 / side
    axes.imshow(shown, cmap="gray", vmin=low, vmax=high, extent=(-edge, 0.5, 0.5, -edge))
    axes.set_xlabel("cycles per pixel")
    if estimate.kind == "straight":
        _draw_bands(axes, estimate)


def _draw_bands(axes: Axes, estimate: Estimate) -> None:
    """Draw the lines f . u = n / length, n = 1, 2, ..., half of each so that the bands show."""
    turn = np.deg2rad(estimate.angle)
    along, across = np.array([np.cos(turn), -np.sin(turn)]), np.array([np.sin(turn), np.cos(turn)])
    for order in range(1, BANDS + 1):
        for sign in (-1, 1):
            ends = np.array([0.0, 1.0])[:, None] * across + sign * order / estimate.length * along
            axes.plot(ends[:, 0], ends[:, 1], color="tab:orange", linewidth=0.9)
    axes.set_xlim(-0.5, 0.5)
    axes.set_ylim(0.5, -0.5)


def _draw_kernel(axes: Axes, estimate: Estimate) -> None:
    kernel = estimate.kernel()
    reach = kernel.shape[0] / 2
    axes.imshow(kernel, cmap="gray", extent=(-reach, reach, reach, -reach))
    axes.set_title("kernel: none" if estimate.kind == "none" else "kernel", fontsize=10)
    axes.set_xlabel("pixels")
