"""Options of a classifier's training run, validated when read as a restorer's are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from unsmear.data.hpa import parse_channels
from unsmear.data.labels import LABELS, label_number
from unsmear.errors import DataError, OptionError
from unsmear.train.config.restorer import Augment, Ending, Part, Settings, rising, several, text

Gain = Annotated[float, Field(gt=0, le=8)]


def _numbers(given: Any) -> Any:
    """Return label numbers from numbers or names; each must be given once."""
    labels = given if isinstance(given, list | tuple) else str(given).split(",")
    try:
        numbers = tuple(label_number(str(label)) for label in labels)
    except DataError as error:
        raise ValueError(str(error).rstrip(".")) from error
    if len(set(numbers)) < len(numbers):
        raise ValueError("each label must be given only once")
    return numbers


def _letters(given: str) -> str:
    """Return the channels' letters; raises ValueError for none, unknown or repeated letters."""
    try:
        colours = parse_channels(given)
    except OptionError as error:
        raise ValueError(str(error).removeprefix("channels ").partition(", got")[0]) from error
    if not colours:
        raise ValueError("must be at least one letter")
    return given.upper()


class Examples(Part):
    """The labelled images: prepared pairs, images with a table of labels, or synthetic cells.

    Of prepared pairs only the sharp images are used. Cells are drawn where neither is given.
    """

    pairs: Annotated[Path | None, BeforeValidator(text)] = Field(
        None,
        description="Folder written by `unsmear prepare`; its splits train and val are used.",
    )
    images: Annotated[tuple[str, ...], BeforeValidator(several)] = Field(
        (),
        description="Images with a train.csv (ID,Label) beside them, as in the Kaggle layout.",
    )
    axes: str | None = Field(
        None,
        description="Axes of the images, letters of PSTCZYX; needed where the files do not state "
        "them.",
    )
    channels: Annotated[str, AfterValidator(_letters)] = Field(
        "RGB", description="Channels, letters of RGBY, in the order in which the network gets them."
    )
    labels: Annotated[tuple[int, ...], BeforeValidator(_numbers)] = Field(
        tuple(range(len(LABELS))),
        description="Numbers or names of the labels to learn; an image may have none of them.",
    )
    lacking: Literal["refuse", "leave-out"] = Field(
        "refuse",
        description="What happens to images without labels and to labels without an image: an "
        "error, or they are left out.",
    )
    size: int = Field(
        256,
        ge=32,
        le=4096,
        description="Side to which the central square of an image is resized, pixels.",
    )
    crop: int | None = Field(
        None,
        ge=32,
        description="Side of the random crop that is a training sample, pixels; None: no crop.",
    )
    data_range: float | None = Field(
        None,
        gt=0,
        description="Counts from black to full scale; None takes the range of an integer dtype.",
    )
    batch: int = Field(32, ge=2, description="Batch size: samples per batch on each device.")
    share: float = Field(
        0.2,
        gt=0,
        lt=1,
        description="Share of the images to validate on where no split val exists; groups of "
        "images stay together, and every label gets this share.",
    )
    epoch: int = Field(2000, ge=2, description="Synthetic fields to train on.")
    validation: int = Field(500, ge=2, description="Synthetic fields to validate on.")
    pixel_size: float = Field(
        0.32, ge=0.03, le=1, description="Pixel size of the synthetic fields, micrometres."
    )
    workers: int = Field(
        1,
        ge=0,
        le=256,
        description="Worker processes that make samples; 0 makes them in the training process.",
    )

    @model_validator(mode="after")
    def _agree(self) -> Examples:
        if self.pairs is not None and self.images:
            raise ValueError("pairs and images must not both be given")
        if self.crop is not None and self.crop > self.size:
            raise ValueError(f"crop must be at most size, {self.size}, got {self.crop}")
        if len(self.labels) < 2:
            raise ValueError(f"labels must be 2 or more, got {self.labels}")
        return self


class LabelAugment(Augment):
    """Random augmentation of a classifier's batch."""

    gain: Annotated[tuple[Gain, Gain], AfterValidator(rising)] = Field(
        (1.0, 1.0),
        description="Range of the factor on each channel's brightness, low and high, drawn "
        "uniformly in the logarithm.",
    )
    noise: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Largest standard deviation of the added noise; full scale is 1.",
    )


class LabelLoss(Part):
    """The loss: a binary cross-entropy, averaged over images and labels."""

    name: Literal["cross-entropy", "focal"] = Field(
        "cross-entropy",
        description="Loss; focal gives less weight to labels that are already predicted well (Lin "
        "et al., ICCV 2017).",
    )
    gamma: float = Field(
        2.0,
        ge=0,
        le=10,
        description="Exponent of the focal loss; a larger value gives less weight.",
    )
    balance: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Class balancing: images that have a label are weighted by the ratio of images "
        "without it to images with it, to this power. 0: no balancing, as in the paper; 1: full "
        "balancing.",
    )
    heaviest: float = Field(20.0, ge=1, description="Largest weight from class balancing.")


class LabelStop(Ending):
    """When a classifier's run ends, and which score decides what is best."""

    monitor: Literal["average_precision", "micro_f1", "macro_f1", "harmonic_f1", "loss"] = Field(
        "average_precision",
        description="Validation score that decides which weights are best; average_precision is "
        "the mean over the labels.",
    )


class LabelRun(Settings):
    """All options of a classifier's training run, as `run.toml` holds them."""

    data: Examples = Examples()
    augment: LabelAugment = LabelAugment()
    loss: LabelLoss = LabelLoss()
    stop: LabelStop = LabelStop()
