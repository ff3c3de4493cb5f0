"""What the training of a classifier is told, checked at the door as a restorer's is."""

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
    """Return labels by number, of which numbers and names are given; each must come once."""
    found = given if isinstance(given, list | tuple) else str(given).split(",")
    try:
        numbers = tuple(label_number(str(one)) for one in found)
    except DataError as error:
        raise ValueError(str(error).rstrip(".")) from error
    if len(set(numbers)) < len(numbers):
        raise ValueError("each label must come once")
    return numbers


def _letters(given: str) -> str:
    """Return the letters of channels; raises ValueError for none, others or repeated ones."""
    try:
        colours = parse_channels(given)
    except OptionError as error:
        raise ValueError(str(error).removeprefix("channels ").partition(", got")[0]) from error
    if not colours:
        raise ValueError("must be at least one letter")
    return given.upper()


class Examples(Part):
    """The labelled images: prepared pairs, images with a list of labels, or (neither) drawn cells.

    Of prepared pairs the sharp images are taken.
    """

    pairs: Annotated[Path | None, BeforeValidator(text)] = Field(
        None, description="Folder of `unsmear prepare`: its splits train and val are used."
    )
    images: Annotated[tuple[str, ...], BeforeValidator(several)] = Field(
        (), description="Images with a train.csv (ID,Label) beside them: the Kaggle layout."
    )
    axes: str | None = Field(
        None, description="Letters of STCZYX, for images whose files do not say."
    )
    channels: Annotated[str, AfterValidator(_letters)] = Field(
        "RGB", description="Letters of RGBY, in the order that they are seen."
    )
    labels: Annotated[tuple[int, ...], BeforeValidator(_numbers)] = Field(
        tuple(range(len(LABELS))),
        description="Numbers or names of the labels to learn; an image may have none of them.",
    )
    lacking: Literal["refuse", "leave-out"] = Field(
        "refuse",
        description="What becomes of images without labels and of labels without an image.",
    )
    size: int = Field(
        256, ge=32, le=4096, description="Side to which the middle square of an image is reduced."
    )
    crop: int | None = Field(
        None, ge=32, description="Side of the random part of it that a sample is; None is all."
    )
    data_range: float | None = Field(
        None, gt=0, description="Counts from black to white; None takes an integer dtype's own."
    )
    batch: int = Field(32, ge=2, description="Samples in a batch, on each device.")
    share: float = Field(
        0.2,
        gt=0,
        lt=1,
        description="Of the images, to validate on, where there is no split val: whole groups, "
        "with each label in its share.",
    )
    epoch: int = Field(2000, ge=2, description="Drawn fields: how many there are to train on.")
    validation: int = Field(500, ge=2, description="Drawn fields to validate on.")
    pixel_size: float = Field(0.32, ge=0.03, le=1, description="Micrometres, of drawn fields.")
    workers: int = Field(
        1, ge=0, le=256, description="Processes that make samples; 0 makes them in the loop itself."
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
    """What turns a batch into another as likely one."""

    gain: Annotated[tuple[Gain, Gain], AfterValidator(rising)] = Field(
        (1.0, 1.0),
        description="Factor of a channel's brightness, from low to high, drawn by its logarithm.",
    )
    noise: float = Field(
        0.0, ge=0, le=1, description="Largest standard deviation of added noise; white is 1."
    )


class LabelLoss(Part):
    """What is made smaller: the mean over images and labels, each label there or not."""

    name: Literal["cross-entropy", "focal"] = Field(
        "cross-entropy",
        description="focal counts less what is found already (Lin et al., ICCV 2017).",
    )
    gamma: float = Field(2.0, ge=0, le=10, description="focal: how much less.")
    balance: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Weight of the images that have a label: the number of those without for one "
        "with it, to this power. 0 leaves the imbalance as it is, as the paper does; 1 evens "
        "it out.",
    )
    heaviest: float = Field(20.0, ge=1, description="Most that such a weight may be.")


class LabelStop(Ending):
    """When a classifier's run ends, and what is better."""

    monitor: Literal["average_precision", "micro_f1", "macro_f1", "harmonic_f1", "loss"] = Field(
        "average_precision",
        description="Which score of the validation says what is better; average_precision is the "
        "mean over the labels.",
    )


class LabelRun(Settings):
    """All that the training of a classifier is told; `run.toml` holds it."""

    data: Examples = Examples()
    augment: LabelAugment = LabelAugment()
    loss: LabelLoss = LabelLoss()
    stop: LabelStop = LabelStop()
