"""Writing of sharp and blurred image pairs for one source image."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unsmear import blur, images
from unsmear.choices import Fit, Order
from unsmear.data import resampling
from unsmear.data.item import Item
from unsmear.data.manifest import Pair
from unsmear.errors import DataError, OptionError, UnsmearError, no_memory
from unsmear.images import Image, check_no_gaps
from unsmear.images.scaling import cast

IN_PNG = 4
"""Largest number of channels in a PNG; more are written as TIFF."""


@dataclass(frozen=True)
class Preparation:
    """Settings for the preparation of pairs.

    sampler: the blurs; their pixels are those of the output, or of the source where the order is
    "blur-resize" (see `manifest.Pair.effective`).
    size: of the output, pixels, square; images are only made smaller, by area.
    tiles: cut the image at full resolution into tiles of at most this many pixels instead.
    order: "resize-blur", or "blur-resize", which is what happens in a microscope.
    fit: of an image that is not square, "crop" or "stretch".
    bits: 8 or 16, of the output.
    input_range: source counts that become black and white; None is the range of the source's
    dtype, so that an 8-bit source keeps its counts in 8 bits.
    photons, read_noise: of the blurred image, as in `blur.Camera`; the sharp one has none.
    repeats: pairs of each image, each with its own blur.
    """

    sampler: blur.Sampler = field(default_factory=blur.Sampler)
    size: int = 256
    tiles: int | None = None
    order: Order = "resize-blur"
    fit: Fit = "crop"
    bits: Literal[8, 16] = 8
    input_range: tuple[float, float] | None = None
    photons: float | None = None
    read_noise: float = 0.0
    repeats: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in (("size", self.size), ("tiles", self.tiles or 1)):
            if value < 1:
                raise OptionError(f"{name} must be 1 or more pixels, got {value}.")
        if self.repeats < 1:
            raise OptionError(f"repeats must be 1 or more, got {self.repeats}.")
        if self.seed < 0:
            raise OptionError(f"seed must be 0 or more, got {self.seed}.")
        if self.bits not in (8, 16):
            raise OptionError(f"bits must be 8 or 16, got {self.bits}.")
        if self.order == "blur-resize" and (self.tiles or self.fit == "stretch"):
            raise OptionError(
                "order blur-resize must go with a size and fit crop: tiles are not resized, "
                "and a stretched blur has no single length."
            )
        if self.input_range and not -np.inf < self.input_range[0] < self.input_range[1] < np.inf:
            raise OptionError(f"input_range must be from low to high, got {self.input_range}.")
        self.camera()

    @property
    def white(self) -> int:
        """Largest count of the output."""
        return int(2**self.bits - 1)

    def camera(self) -> blur.Camera | None:
        """Return the camera of the blurred images, None where it adds nothing."""
        if self.photons is None and not self.read_noise:
            return None
        return blur.Camera(self.photons, self.read_noise, bits=self.bits)


@dataclass(frozen=True)
class Task:
    """Task for a worker: one image to prepare."""

    item: Item
    split: str
    preparation: Preparation
    folder: Path


@dataclass(frozen=True)
class Outcome:
    """Result for one image: its pairs, or an error message. size: of the image, (height, width)."""

    pairs: tuple[Pair, ...] = ()
    failure: str = ""
    size: tuple[int, int] | None = None


def make(task: Task) -> Outcome:
    """Write the pairs of one image; a file error becomes the message of the outcome."""
    try:
        _check_name(task.item.id)
        image = check_no_gaps(task.item.read(), "prepare")
        height, width = image.planes().shape[2:]
        return Outcome(tuple(_write_pairs(task, image)), size=(height, width))
    except UnsmearError as error:
        return Outcome(failure=str(error))
    except MemoryError:
        return Outcome(failure=no_memory(task.item.id))


def _check_name(id_: str) -> None:
    """Raise DataError for a name in other bytes than UTF-8, which no manifest can hold."""
    try:
        id_.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{id_!a}: a file's name must be UTF-8 text.") from error


def make_pair(
    counts: NDArray[Any],
    preparation: Preparation,
    drawn: blur.Blur,
    generator: np.random.Generator,
    name: str = "image",
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the sharp and the blurred counts of one exposure, (channel, y, x), uint8 or uint16.

    counts: (channel, y, x), as in the source.

    Physical blurs are applied to counts that are not yet rounded to the output's depth; the paper's
    recipe is applied to rounded counts, as in its original OpenCV loop.
    """
    black, white = resampling.input_range(counts.dtype, preparation.input_range, name)
    counts = resampling.plain(counts)

    def fit(planes: NDArray[Any]) -> NDArray[Any]:
        if preparation.tiles:
            return planes
        return resampling.shrink(planes, preparation.size, preparation.fit, name)

    def mapped(planes: NDArray[Any]) -> NDArray[Any]:
        return resampling.to_range(planes, black, white, preparation.white)

    sharp = mapped(fit(counts))
    if preparation.order == "resize-blur":
        blurred = _expose(sharp, preparation, drawn, generator)
    else:
        blurred = fit(_expose(mapped(counts), preparation, drawn, generator))
    return _round(sharp, preparation), _round(blurred, preparation)


def _expose(
    counts: NDArray[Any],
    preparation: Preparation,
    drawn: blur.Blur,
    generator: np.random.Generator,
) -> NDArray[Any]:
    """Return blurred counts, with camera noise if a camera is given."""
    if isinstance(drawn, blur.Paper):
        counts = _round(counts, preparation)
    blurred = blur.apply(drawn, counts)
    camera = preparation.camera()
    return camera.expose(blurred / preparation.white, generator) if camera else blurred


def _round(counts: NDArray[Any], preparation: Preparation) -> NDArray[Any]:
    depth = np.dtype(np.uint8 if preparation.bits == 8 else np.uint16)
    return counts if counts.dtype == depth else cast(counts, depth)


def _write_pairs(task: Task, image: Image) -> Iterator[Pair]:
    preparation, planes = task.preparation, image.planes()
    for place, counts in zip(_places(image), planes, strict=True):
        for repeat in range(preparation.repeats):
            turn = f"_k{repeat}" if preparation.repeats > 1 else ""
            seed = _seed(preparation.seed, task.item.id, place, repeat)
            generator = np.random.default_rng(seed)
            drawn = preparation.sampler.draw(generator)
            pair = make_pair(counts, preparation, drawn, generator, image.name)
            black, white = resampling.input_range(counts.dtype, preparation.input_range)
            row = Pair(
                name=stem(task.item.id) + place + turn,
                source=task.item.id,
                split=task.split,
                group=task.item.group,
                labels=task.item.labels,
                blur=blur.to_dict(drawn),
                seed=seed,
                scale=_scale(counts.shape, preparation),
                black=black,
                white=white,
            )
            yield from _write_windows(row, pair, image, task)


def _write_windows(
    row: Pair, pair: tuple[NDArray[Any], NDArray[Any]], image: Image, task: Task
) -> Iterator[Pair]:
    """Write the two arrays as one pair, or as one pair a tile; yield each pair's row."""
    preparation = task.preparation
    shape = pair[0].shape
    windows = resampling.tiles(shape, preparation.tiles or max(shape))
    pixel_size = _pixel_size(image, preparation)
    ending = ".png" if _fits_png(shape[0]) else ".tif"
    for rows, columns in windows:
        tile = f"_y{rows.start}_x{columns.start}" if preparation.tiles else ""
        written = replace(
            row,
            name=row.name + tile + ending,
            width=columns.stop - columns.start,
            height=rows.stop - rows.start,
        )
        for path, planes in zip(written.files(task.folder), pair, strict=True):
            pixels = np.ascontiguousarray(planes[:, rows, columns])
            grey = len(pixels) == 1
            axes, channels = ("YX", ()) if grey else ("CYX", image.channels[: len(pixels)])
            pixels = pixels[0] if grey else pixels
            images.write(path, Image(pixels, axes, channels, pixel_size, path.name))
        yield written


def _fits_png(count: int) -> bool:
    """Return whether a PNG keeps these channels; the second or fourth would become opacity."""
    return count in (1, 3)


def _places(image: Image) -> list[str]:
    """Return the suffix for a plane of a stack: "_t0_z03"; "" where there is only one plane."""
    letters = [letter for letter in "TZ" if letter in image.axes]
    sizes = [image.pixels.shape[image.axes.index(letter)] for letter in letters]
    digits = [len(str(size - 1)) for size in sizes]
    return [
        "".join(
            f"_{letter.lower()}{number:0{width}}"
            for letter, number, width, size in zip(letters, place, digits, sizes, strict=True)
            if size > 1
        )
        for place in np.ndindex(*sizes)
    ]


def _seed(seed: int, id_: str, place: str, repeat: int) -> int:
    text = json.dumps([seed, id_, place, repeat])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest(), "big")


def _scale(shape: tuple[int, ...], preparation: Preparation) -> float:
    if preparation.order == "resize-blur":
        return 1.0
    return 1 / resampling.shrinking(shape, preparation.size, preparation.fit)[0]


def _pixel_size(image: Image, preparation: Preparation) -> tuple[float, float] | None:
    if image.pixel_size is None or preparation.tiles:
        return image.pixel_size
    y, x = resampling.shrinking(image.planes().shape, preparation.size, preparation.fit)
    return image.pixel_size[0] * y, image.pixel_size[1] * x


def stem(id_: str) -> str:
    """Return the file name of an id: both folders are flat."""
    return id_.replace("/", "__")
