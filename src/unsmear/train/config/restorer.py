"""What a training run is told, checked at the door: frozen, unknown keys refused."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

PAPERS_ANGLE = (-45.0, -45.0)
"""Degrees: how the paper's recipe is turned where no angle is given, as `unsmear prepare` does."""


def rising(given: tuple[float, float]) -> tuple[float, float]:
    """Return a range; raises ValueError for one that does not go from low to high."""
    if not given[0] <= given[1]:
        raise ValueError(f"must be from low to high, got {given[0]:g} to {given[1]:g}")
    return given


def text(given: Any) -> Any:
    """Return a number as the name of a file: a command line cannot tell."""
    return str(given) if isinstance(given, int | float) else given


def several(given: Any) -> Any:
    """Return names of files, of which one or several are given."""
    found = given if isinstance(given, list | tuple) else (given,)
    return tuple(text(one) for one in found)


Finite = Annotated[float, Field(allow_inf_nan=False)]
Length = Annotated[float, Field(ge=0, le=200)]
Photons = Annotated[float, Field(gt=0, lt=1e12)]
Zoom = Annotated[float, Field(ge=0.25, le=4)]


class Part(BaseModel):
    """A part of the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _take_away(cls, given: Any) -> Any:
        """Let the word "none" stand for no value, which neither TOML nor a command line has."""
        if not isinstance(given, dict):
            return given
        optional = {
            name for name, field in cls.model_fields.items() if _admits_none(field.annotation)
        }
        return {
            name: None if value == "none" and name in optional else value
            for name, value in given.items()
        }


def _admits_none(annotation: Any) -> bool:
    return type(None) in get_args(annotation)


class Data(Part):
    """The samples: prepared pairs, sharp images blurred afresh, or (neither given) drawn cells."""

    pairs: Annotated[Path | None, BeforeValidator(text)] = Field(
        None, description="Folder of `unsmear prepare`: its splits train and val are used."
    )
    sharp: Annotated[tuple[str, ...], BeforeValidator(several)] = Field(
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
    length: Annotated[tuple[Length, Length], AfterValidator(rising)] = Field(
        (4.0, 20.0), description="Motion and trajectory: pixels, from low to high."
    )
    angle: Annotated[tuple[Finite, Finite], AfterValidator(rising)] = Field(
        (0.0, 180.0),
        description="Degrees anticlockwise from +x, from low to high; the paper's recipe has "
        "-45 where none is given.",
    )
    degree: int = Field(6, ge=1, le=512, description="The paper's recipe: pixels.")
    photons: Annotated[tuple[Photons, Photons], AfterValidator(rising)] | None = Field(
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


class Augment(Part):
    """What turns a batch into another as likely one, the same for blurred and sharp."""

    flips: bool = Field(True, description="Mirror half of the samples on either axis.")
    rotations: bool = Field(True, description="Turn by 0, 90, 180 or 270 degrees.")
    zoom: Annotated[tuple[Zoom, Zoom], AfterValidator(rising)] = Field(
        (1.0, 1.0), description="Magnification, from low to high; 2 shows half of the field."
    )


class Loss(Part):
    """Weights of the losses between the restored and the sharp image; see `unsmear.losses`."""

    l1: float = Field(0.0, ge=0, description="Mean absolute error.")
    l2: float = Field(0.0, ge=0, description="Mean squared error.")
    charbonnier: float = Field(0.0, ge=0, description="Smooth absolute error.")
    ssim: float = Field(0.0, ge=0, description="1 - SSIM.")
    frequency: float = Field(0.0, ge=0, description="Mean absolute error of the spectra.")
    perceptual: float = Field(0.0, ge=0, description="Squared error of VGG16's features.")
    outputs: Literal["last", "all"] = Field(
        "last",
        description="Of a network of several stages and scales: what the losses see, each output "
        "beside the sharp image in its size.",
    )


class Perceptual(Part):
    """The network of the perceptual loss."""

    layer: str = Field("block3_conv3", description="Layer whose features are compared.")
    weights: Path | None = Field(
        None, description="File of VGG16's weights; without it what `unsmear weights get` brought."
    )


class Adversarial(Part):
    """The critic, and what it is worth; `none` trains without one."""

    loss: Literal["none", "paper", "wasserstein", "least-squares"] = Field(
        "none", description="Of critic and restorer; paper is the one that the paper prints."
    )
    weight: float = Field(1.0, ge=0, description="Of the critic's opinion in the restorer's loss.")
    penalty: float = Field(10.0, ge=0, description="Wasserstein: weight of the gradient penalty.")
    critic_steps: int = Field(
        1, ge=1, le=64, description="Turns of the critic in a step, all on its batches."
    )
    filters: int = Field(64, ge=1, description="Of the critic's first layer.")
    norm: Literal["batch", "instance", "none"] = Field(
        "batch", description="Normalisation in the critic; the penalty is exact without batch's."
    )


class Optimiser(Part):
    """How gradients become steps."""

    name: Literal["adam", "adamw", "sgd"] = Field("adam", description="sgd has momentum 0.9.")
    rate: float = Field(1e-3, gt=0, description="Learning rate.")
    betas: tuple[float, float] = Field((0.9, 0.999), description="Of adam and adamw.")
    epsilon: float = Field(1e-8, gt=0, description="Of adam and adamw.")
    weight_decay: float = Field(
        0.0, ge=0, description="L2 on the weights; adamw takes it apart from the gradient."
    )
    clip: float | None = Field(None, gt=0, description="Largest norm of a gradient.")
    accumulate: int = Field(1, ge=1, description="Batches to a step.")


class Schedule(Part):
    """How the learning rate changes."""

    name: Literal["constant", "cosine", "plateau"] = Field(
        "constant", description="cosine falls to 0 at the last step; plateau falls by `factor`."
    )
    warm: int = Field(0, ge=0, description="Steps of a straight rise at the beginning.")
    factor: float = Field(0.5, gt=0, lt=1, description="plateau: what the rate is multiplied by.")
    patience: int = Field(
        5, ge=1, description="plateau: validations without a better one before it falls."
    )


class Ending(Part):
    """When a run ends; what comes first."""

    epochs: float = Field(100.0, gt=0, description="Times through the data.")
    steps: int | None = Field(None, ge=1, description="Steps; in place of the epochs.")
    patience: int | None = Field(
        None, ge=1, description="Early stopping: validations in a row without a better one."
    )
    minutes: float | None = Field(
        None, gt=0, description="Training time. Where it ends a run depends on the machine."
    )


class Stop(Ending):
    """When a restorer's run ends, and what is better."""

    monitor: Literal["psnr", "gain_psnr", "ssim", "loss"] = Field(
        "psnr", description="Which score of the validation says what is better."
    )


class Machine(Part):
    """What computes; more than one device or node through DDP, nodes through torchrun."""

    accelerator: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Kind.")
    devices: int | Literal["auto"] = Field(1, description="Devices on each node.")
    nodes: int = Field(1, ge=1, description="Machines; start each with torchrun.")
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = Field(
        "32-true", description="As Lightning Fabric names it."
    )
    channels_last: bool = Field(True, description="Memory layout; faster for most networks.")
    compile: bool = Field(False, description="torch.compile; slow to start, needs a compiler.")


class Log(Part):
    """What is written down, and how often."""

    every: int = Field(50, ge=1, description="Steps in a row of log.csv.")
    validate_every: int | None = Field(
        None, ge=1, description="Steps between validations, each of which saves; None: an epoch."
    )
    save_minutes: float = Field(10.0, gt=0, description="Between two validations, save so often.")
    pictures: int = Field(4, ge=1, le=64, description="Samples in a picture.")
    tensorboard: bool = Field(True, description="Write for TensorBoard too.")
    mlflow: bool = Field(False, description="Write to MLflow too.")


class Settings(Part):
    """What every training run is told, whatever the network learns."""

    model: str = Field(description="A network's name; `unsmear train` lists them.")
    options: dict[str, Any] = Field(default_factory=dict, description="The network's own.")
    start: Annotated[str | None, BeforeValidator(text)] = Field(
        None,
        description="Weights to begin with: a path such as RUN/best, or a name of "
        "`unsmear weights list`.",
    )
    freeze: str = Field(
        "nothing",
        description="What keeps the weights that it begins with: nothing, or all but a part that "
        "the network names, such as MAXIM's paper and last-stage.",
    )
    seed: int = Field(
        0, ge=0, lt=2**63, description="Of weights, samples, augmentation and dropout."
    )
    licence: str = Field(
        "not stated", description="Of the weights, for the card: see that of the images."
    )
    optimiser: Optimiser = Optimiser()
    schedule: Schedule = Schedule()
    machine: Machine = Machine()
    log: Log = Log()


class Run(Settings):
    """All that the training of a restorer is told; `run.toml` holds it."""

    data: Data = Data()
    augment: Augment = Augment()
    loss: Loss = Loss()
    perceptual: Perceptual = Perceptual()
    adversarial: Adversarial = Adversarial()
    stop: Stop = Stop()
