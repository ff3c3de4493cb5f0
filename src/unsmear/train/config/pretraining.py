"""Options of an autoencoder's pretraining run, validated when read as a restorer's are."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from unsmear.train.config.restorer import Augment, Data, Ending, Part, Settings


class Pretext(Part):
    """The pretext task: patches of the sharp image are predicted from a few of the input."""

    input: Literal["blurred", "sharp"] = Field(
        "blurred",
        description="Images whose patches the encoder sees; blurred masks and deblurs at once "
        "(Kang et al., MICCAI 2023), sharp is the plain masked autoencoder.",
    )
    masked: float = Field(
        0.75, gt=0, lt=1, description="Share of an image's patches that the encoder does not see."
    )
    compared: Literal["all", "masked"] = Field(
        "all",
        description="Patches that the loss compares: all, as in the code of Kang et al., or the "
        "masked ones, as in the plain masked autoencoder (He et al., CVPR 2022).",
    )
    normalise: bool = Field(
        False,
        description="Compare with the values of a patch after subtracting their mean and dividing "
        "by their standard deviation (He et al.).",
    )


class PretrainingStop(Ending):
    """When a pretraining run ends, and which score decides what is best."""

    monitor: Literal["loss"] = Field(
        "loss", description="Validation score that decides which weights are best."
    )


class PretrainingRun(Settings):
    """All options of an autoencoder's pretraining run, as `run.toml` holds them."""

    data: Data = Data()
    augment: Augment = Augment()
    pretext: Pretext = Pretext()
    stop: PretrainingStop = PretrainingStop()
