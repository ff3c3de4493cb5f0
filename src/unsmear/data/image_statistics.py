"""Image statistics: sizes, intensities, sharpness, correlation of channels."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_li

from unsmear.data.item import Item
from unsmear.errors import UnsmearError, no_memory
from unsmear.filters import gaussian
from unsmear.images import Image, check_no_gaps
from unsmear.images.scaling import moderated

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
STRETCH = (0.5, 99.8)
"""Percentiles of the contrast stretch to 0..255 before sharpness is measured."""


@dataclass(frozen=True)
class ChannelRow:
    """Statistics of one channel of one image, in counts, over all planes.

    saturated: share of the pixels that are as bright as the brightest.
    sharpness: variance of the Laplacian after the stretch of `STRETCH` to 0..255.
    """

    image: str
    channel: str
    axes: str
    height: int
    width: int
    planes: int
    dtype: str
    pixel_size_y: float
    pixel_size_x: float
    minimum: float
    p1: float
    p5: float
    p25: float
    p50: float
    p75: float
    p95: float
    p99: float
    maximum: float
    mean: float
    std: float
    saturated: float
    sharpness: float


@dataclass(frozen=True)
class CorrelationRow:
    """Pearson's correlation of two channels of one image, NaN where a channel is constant.

    pearson: over all pixels, so that cells before a dark background count as agreement.
    pearson_cells: over the pixels of cells alone, see `cell_pixels`.
    """

    image: str
    first: str
    second: str
    pearson: float
    pearson_cells: float


@dataclass(frozen=True)
class Description:
    """Statistics of one image, or the reason why it cannot be read."""

    channels: tuple[ChannelRow, ...] = ()
    correlations: tuple[CorrelationRow, ...] = ()
    failure: str = ""


@dataclass(frozen=True)
class Spread:
    """The distribution of a number over images; NaN are left out."""

    images: int
    mean: float
    median: float
    lower: float
    upper: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Return count, mean, median and quartiles; NaN all of them where there is no value."""
        finite = [value for value in values if math.isfinite(value)]
        if not finite:
            return cls(0, math.nan, math.nan, math.nan, math.nan)
        lower, median, upper = np.percentile(finite, [25, 50, 75])
        return cls(len(finite), float(np.mean(finite)), float(median), float(lower), float(upper))


def describe(item: Item) -> Description:
    """Return the statistics of one image; one that cannot be read has its failure instead."""
    try:
        image = check_no_gaps(item.read(), "explore")
        return _described(item.id, image)
    except UnsmearError as error:
        return Description(failure=str(error))
    except MemoryError:
        return Description(failure=no_memory(item.id))


def _described(name: str, image: Image) -> Description:
    moderate, exponent = moderated(image)
    planes = moderate.planes()
    names = channel_names(image)
    channels = (_channel(name, image, channel, planes[:, i]) for i, channel in enumerate(names))
    return Description(
        tuple(_at_exponent(row, exponent) if exponent else row for row in channels),
        tuple(_correlations(name, names, planes)),
    )


def _at_exponent(row: ChannelRow, exponent: int) -> ChannelRow:
    """Return the statistics of counts that were divided by a power of two, in the counts."""
    counts = ("minimum", *(f"p{part}" for part in PERCENTILES), "maximum", "mean", "std")
    scaled: dict[str, Any] = {n: float(np.ldexp(getattr(row, n), exponent)) for n in counts}
    return replace(row, **scaled)


def channel_names(image: Image) -> tuple[str, ...]:
    """Return the channels' names, or their numbers from 0 where the file names none."""
    return image.channels or tuple(str(number) for number in range(image.planes().shape[1]))


def sharpness(plane: NDArray[Any]) -> float:
    """Return the variance of a plane's Laplacian after the stretch of `STRETCH` to 0..255.

    A plane whose percentiles coincide has 0. Compare only images of one kind: noise is sharp too.
    """
    low, high = np.percentile(plane, STRETCH)
    if not high > low:
        return 0.0
    stretched = (plane.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low))
    return float(_laplacian(stretched.clip(0, 255)).var(dtype=np.float64))


def cell_pixels(planes: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which pixels of (batch, channel, y, x) counts lie in cells, as (batch, y, x).

    They are those above Li's threshold of the mean over the channels, each between 0 and 1 from its
    first to its last percentile: any stain that shows a cell counts. The mean is smoothed by a
    two-hundredth of the image's side first: choosing pixels by their own brightness alone would
    make the channels seem to exclude each other.
    """
    low, high = np.percentile(planes, [1, 99], axis=(0, 2, 3), keepdims=True)
    factor = np.where(high > low, high - low, 1)
    scaled = (planes.astype(np.float32) - np.float32(low)) / np.float32(factor)
    mean = scaled.clip(0, 1).mean(axis=1, dtype=np.float32)
    sigma = max(max(mean.shape[1:]) / 200, 0.5)
    smooth = np.stack([gaussian(plane, sigma) for plane in mean])
    bright: NDArray[np.bool_] = smooth > threshold_li(smooth)
    return bright


def _laplacian(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sum of the four pixels beside each, less four times its own; mirrored beyond."""
    padded = np.pad(plane, 1, mode="reflect")
    beside = padded[:-2, 1:-1] + padded[2:, 1:-1]
    beside += padded[1:-1, :-2]
    beside += padded[1:-1, 2:]
    beside -= 4 * plane
    return np.asarray(beside)


def correlation_spreads(
    rows: Iterable[CorrelationRow],
) -> dict[tuple[str, str], tuple[Spread, Spread]]:
    """Return each pair of channels' distributions over the images: all pixels, cells alone."""
    of_pair: dict[tuple[str, str], list[CorrelationRow]] = defaultdict(list)
    for row in rows:
        of_pair[row.first, row.second].append(row)
    return {
        pair: (
            Spread.of(row.pearson for row in correlations),
            Spread.of(row.pearson_cells for row in correlations),
        )
        for pair, correlations in of_pair.items()
    }


def _channel(item: str, image: Image, name: str, planes: NDArray[Any]) -> ChannelRow:
    size_y, size_x = image.pixel_size or (math.nan, math.nan)
    p1, p5, p25, p50, p75, p95, p99 = map(float, np.percentile(planes, PERCENTILES))
    brightest = planes.max()
    return ChannelRow(
        image=item,
        channel=name,
        axes=image.axes,
        height=planes.shape[-2],
        width=planes.shape[-1],
        planes=len(planes),
        dtype=str(planes.dtype),
        pixel_size_y=size_y,
        pixel_size_x=size_x,
        minimum=float(planes.min()),
        p1=p1,
        p5=p5,
        p25=p25,
        p50=p50,
        p75=p75,
        p95=p95,
        p99=p99,
        maximum=float(brightest),
        mean=float(planes.mean(dtype=np.float64)),
        std=float(planes.std(dtype=np.float64)),
        saturated=float((planes == brightest).mean()),
        sharpness=float(np.mean([sharpness(plane) for plane in planes])),
    )


def _correlations(
    item: str, names: Sequence[str], planes: NDArray[Any]
) -> Iterable[CorrelationRow]:
    if len(names) < 2:
        return
    flat = planes.swapaxes(0, 1).reshape(len(names), -1)
    overall, cells = _pearson(flat), _pearson(flat[:, cell_pixels(planes).ravel()])
    for a, b in combinations(range(len(names)), 2):
        yield CorrelationRow(item, names[a], names[b], float(overall[a, b]), float(cells[a, b]))


def _pearson(flat: NDArray[Any]) -> NDArray[np.float64]:
    """Return the correlations of the rows; NaN for rows that are constant or too short."""
    if flat.shape[1] < 2:
        return np.full((len(flat), len(flat)), np.nan)
    centred = flat - flat.mean(axis=1, keepdims=True, dtype=np.float64)
    products = centred @ centred.T
    norms = np.sqrt(products.diagonal())
    norms = np.where(norms > 0, norms, np.nan)
    return np.asarray(products / norms[:, None] / norms[None, :], np.float64)
