"""Prediction of labels for the images of a source, or for each of their cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unsmear import images, segmentation
from unsmear.checkpoints.checkpoint import Place
from unsmear.classify.classifier import BATCH, Classifier, load
from unsmear.classify.preprocessing import named
from unsmear.data.item import Item
from unsmear.errors import DataError, ImageError, UnsmearError, no_memory
from unsmear.images import Image

Units = NDArray[np.float32]
MARGIN = 2
"""Minimum margin in pixels around a cropped cell."""


@dataclass(frozen=True)
class LabelRequest:
    """Settings of a prediction, the same for all images of a source.

    weights: of the classifier. data_range: from black to white in counts; None takes an integer
    dtype's own. colours: names for channels without names; the default is the classifier's
    channels, where the number fits. segment: whether to segment cells by their nuclei and classify
    each cell. masks: folder with a label mask for each image, to classify each cell by it.
    """

    weights: Place
    data_range: float | None = None
    colours: tuple[str, ...] = ()
    segment: bool = False
    masks: Path | None = None

    @property
    def by_cell(self) -> bool:
        """Whether predictions are for each cell, not for each image."""
        return self.segment or self.masks is not None

    def parts(self, items: Sequence[Item]) -> list[Sequence[Item]]:
        """Return the images in batches; an image with cells is a batch of its own."""
        size = 1 if self.by_cell else BATCH
        return [items[start : start + size] for start in range(0, len(items), size)]


@dataclass(frozen=True)
class LabelPrediction:
    """Prediction for one image, or an error message.

    probabilities: of each label in the image, or one row for each cell. cells: their numbers.
    """

    id: str
    cells: tuple[int, ...] | None = None
    probabilities: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    problem: str = ""


def predict_items(request: LabelRequest, items: Sequence[Item]) -> list[LabelPrediction]:
    """Return the prediction for each image; all images are batched together."""
    classifier = load(request.weights)
    prepared = [_attempt(request, classifier, item) for item in items]
    answers = iter(classifier.ask([cell for _, units in prepared for cell in units]))
    return [
        replace(prediction, probabilities=_rows(answers, len(units), len(classifier.labels)))
        for prediction, units in prepared
    ]


def _attempt(
    request: LabelRequest, classifier: Classifier, item: Item
) -> tuple[LabelPrediction, list[Units]]:
    """Return the network inputs of an image, or none and the error message."""
    try:
        numbers, units = _shown(request, classifier, item)
    except UnsmearError as error:
        return LabelPrediction(item.id, problem=str(error)), []
    except MemoryError:
        return LabelPrediction(item.id, problem=no_memory(item.id)), []
    return LabelPrediction(item.id, numbers), units


def _rows(answers: Iterator[NDArray[np.float64]], count: int, labels: int) -> NDArray[np.float64]:
    return np.array([next(answers) for _ in range(count)]).reshape(count, labels)


def _shown(
    request: LabelRequest, classifier: Classifier, item: Item
) -> tuple[tuple[int, ...] | None, list[Units]]:
    """Return the cell numbers, None for a whole image, and the network inputs."""
    image = _with_names(item.read(), request.colours, classifier)
    if not request.by_cell:
        return None, [classifier.prepare(image, request.data_range)]
    classifier.check_channels(image)
    cut = segmentation.cut(image.planes()[0], _masks(request, item, image), classifier.size, MARGIN)
    crops = [
        replace(image, pixels=crop, axes="CYX", name=f"{image.name}, cell {number}")
        for number, crop in cut
    ]
    numbers = tuple(number for number, _ in cut)
    return numbers, [classifier.prepare(crop, request.data_range) for crop in crops]


def _with_names(image: Image, colours: tuple[str, ...], classifier: Classifier) -> Image:
    if colours:
        return named(image, colours)
    count = image.planes().shape[1]
    return named(image, classifier.channels) if count == len(classifier.channels) else image


def _masks(request: LabelRequest, item: Item, image: Image) -> segmentation.Masks:
    if request.masks is not None:
        return _read_masks(request.masks, item, image)
    try:
        channels = [name.lower() for name in image.channels]
        return segmentation.segment(image.planes()[0], channels, image.pixel_size)[0]
    except DataError as error:
        raise DataError(f"{image.name}: {error}") from error


def _read_masks(folder: Path, item: Item, image: Image) -> segmentation.Masks:
    """Return the label mask (y, x) of an image; the file has its name with another ending."""
    paths = [folder / f"{item.stem}{ending}" for ending in images.WRITERS]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise ImageError(
            f"{item.id}: masks must have a file {item.stem} ending in {', '.join(images.WRITERS)} "
            f"in {folder}, got none."
        )
    pixels = images.read(path).planes()
    expected = (1, 1, *image.planes().shape[-2:])
    if pixels.shape != expected or pixels.dtype.kind not in "iu":
        raise ImageError(
            f"{folder.name}/{path.name}: masks must be one plane of integers of "
            f"{expected[2]}x{expected[3]} pixels, got {'x'.join(map(str, pixels.shape[1:]))} "
            f"{pixels.dtype}."
        )
    return np.asarray(pixels[0, 0], np.int32)
