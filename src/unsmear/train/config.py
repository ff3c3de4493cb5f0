"""What a training run is told, checked at the door: frozen, unknown keys refused."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

PAPERS_ANGLE = (-45.0, -45.0)
"""Degrees: how the paper's recipe is turned where no angle is given, as `unsmear prepare` does."""


def _rising(given: tuple[float, float]) -> tuple[float, float]:
    """Return a range; raises ValueError for one that does not go from low to high."""
    if not given[0] <= given[1]:
        raise ValueError(f"must be from low to high, got {given[0]:g} to {given[1]:g}")
    return given


Finite = Annotated[float, Field(allow_inf_nan=False)]
Length = Annotated[float, Field(ge=0, le=200)]
Photons = Annotated[float, Field(gt=0, lt=1e12)]
Zoom = Annotated[float, Field(ge=0.25, le=4)]


class Data(BaseModel):
    """The samples: prepared pairs, sharp images blurred afresh, or (neither given) drawn cells."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pairs: Path | None = Field(
        None, description="Folder of `unsmear prepare`: its splits train and val are used."
    )
    sharp: tuple[str, ...] = Field(
        (), description="Sharp images: files, folders, globs or zip files; blurs are drawn afresh."
    )
    axes: str | None = Field(
        None, description="Letters of STCZYX, for sharp images whose files do not say."
    )
    channels: str = Field(
        "", description="Of HPA fields and drawn cells, letters of RGBY; empty takes what is there."
    )
    size: int = Field(128, ge=16, le=4096, description="Side of a sample, pixels.")
    batch: int = Field(16, ge=1, description="Samples in a batch, on each device.")
    epoch: int = Field(
        1000, ge=1, description="Drawn samples that make an epoch; pairs have their own number."
    )
    validation: int = Field(32, ge=1, description="Samples to validate on, at most.")
    family: Literal["motion", "trajectory", "paper"] = Field(
        "motion", description="Family of the drawn blurs."
    )
    length: Annotated[tuple[Length, Length], AfterValidator(_rising)] = Field(
        (4.0, 20.0), description="Motion and trajectory: pixels, from low to high."
    )
    angle: Annotated[tuple[Finite, Finite], AfterValidator(_rising)] = Field(
        (0.0, 180.0),
        description="Degrees anticlockwise from +x, from low to high; the paper's recipe has "
        "-45 where none is given.",
    )
    degree: int = Field(6, ge=1, le=512, description="The paper's recipe: pixels.")
    photons: Annotated[tuple[Photons, Photons], AfterValidator(_rising)] | None = Field(
        None,
        description="Electrons at white, from low to high, drawn by their logarithm; half of the "
        "samples have no noise. None: no sample has.",
    )
    read_noise: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="Electrons, of the samples with photon noise."
    )
    workers: int = Field(
        1, ge=0, le=256, description="Processes that make samples; 0 makes them in the loop itself."
    )

    @model_validator(mode="before")
    @classmethod
    def _turn_the_recipe(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("family") == "paper":
            return {"angle": PAPERS_ANGLE} | given
        return given

    @model_validator(mode="after")
    def _agree(self) -> Data:
        if self.pairs is not None and self.sharp:
            raise ValueError("pairs and sharp must not both be given: pairs have their blurs")
        if self.read_noise and self.photons is None:
            raise ValueError("read_noise must come with photons")
        return self


class Augment(BaseModel):
    """What turns a batch into another as likely one, the same for blurred and sharp."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flips: bool = Field(True, description="Mirror half of the samples on either axis.")
    rotations: bool = Field(True, description="Turn by 0, 90, 180 or 270 degrees.")
    zoom: Annotated[tuple[Zoom, Zoom], AfterValidator(_rising)] = Field(
        (1.0, 1.0), description="Magnification, from low to high; 2 shows half of the field."
    )
