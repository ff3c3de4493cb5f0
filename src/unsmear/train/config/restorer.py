"""Options of a restorer's training run, validated when read: frozen, unknown keys refused."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

PAPERS_ANGLE = (-45.0, -45.0)
"""Default angle range of the paper's recipe, degrees; the same as in `unsmear prepare`."""


def rising(given: tuple[float, float]) -> tuple[float, float]:
    """Return a range unchanged; raises ValueError where low is above high."""
    if not given[0] <= given[1]:
        raise ValueError(f"must be from low to high, got {given[0]:g} to {given[1]:g}")
    return given


def text(given: Any) -> Any:
    """Return a number as text: a file on the command line may be named by a number."""
    return str(given) if isinstance(given, int | float) else given


def several(given: Any) -> Any:
    """Return a tuple of file names from one name or several."""
    names = given if isinstance(given, list | tuple) else (given,)
    return tuple(text(name) for name in names)


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
        """Replace the word "none" by None, which neither TOML nor a command line can write."""
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
    """The samples: prepared pairs, blurred sharp images, or (neither given) synthetic cells."""

    pairs: Annotated[Path | None, BeforeValidator(text)] = Field(
        None,
        description="Folder written by `unsmear prepare`; its splits train and val are used.",
    )
    sharp: Annotated[tuple[str, ...], BeforeValidator(several)] = Field(
        (),
        description="Sharp images: files, folders, globs or zip files. Each sample gets a new "
        "random blur.",
    )
    axes: str | None = Field(
        None,
        description="Axes of the sharp images, letters of PSTCZYX; needed where the files do not "
        "state them.",
    )
    channels: str = Field(
        "",
        description="Channels of HPA images and synthetic cells, letters of RGBY; empty takes all "
        "that exist.",
    )
    size: int = Field(128, ge=16, le=4096, description="Side of a sample, pixels.")
    batch: int = Field(16, ge=1, description="Batch size: samples per batch on each device.")
    epoch: int = Field(
        1000,
        ge=1,
        description="Samples per epoch where blurs are drawn; with pairs, an epoch is all pairs.",
    )
    validation: int = Field(32, ge=1, description="Largest number of validation samples.")
    family: Literal["motion", "trajectory", "paper"] = Field(
        "motion",
        description="Kind of the drawn blurs: linear motion, irregular motion, or the paper's "
        "recipe.",
    )
    length: Annotated[tuple[Length, Length], AfterValidator(rising)] = Field(
        (4.0, 20.0),
        description="Range of the motion length, low and high, pixels; for motion and trajectory.",
    )
    angle: Annotated[tuple[Finite, Finite], AfterValidator(rising)] = Field(
        (0.0, 180.0),
        description="Range of the motion angle, low and high, degrees anticlockwise from +x; the "
        "default of the paper's recipe is -45.",
    )
    degree: int = Field(
        6,
        ge=1,
        le=512,
        description="Degree (kernel side) of the paper's recipe, pixels; for paper.",
    )
    photons: Annotated[tuple[Photons, Photons], AfterValidator(rising)] | None = Field(
        None,
        description="Range of the photoelectrons at full scale, low and high, drawn uniformly in "
        "the logarithm; half of the samples stay without noise. None: no sample has noise.",
    )
    read_noise: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="Standard deviation of the read noise, electrons; only for samples with "
        "photon noise.",
    )
    workers: int = Field(
        1,
        ge=0,
        le=256,
        description="Worker processes that make samples; 0 makes them in the training process.",
    )

    @model_validator(mode="before")
    @classmethod
    def _default_paper_angle(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("family") == "paper":
            return {"angle": PAPERS_ANGLE} | given
        return given

    @model_validator(mode="after")
    def _agree(self) -> Data:
        if self.pairs is not None and self.sharp:
            raise ValueError("pairs and sharp must not both be given: pairs are already blurred")
        if self.read_noise and self.photons is None:
            raise ValueError("read_noise must come with photons")
        return self


class Augment(Part):
    """Random augmentation of a batch, the same for blurred and sharp."""

    flips: bool = Field(True, description="Flip along each axis with a probability of one half.")
    rotations: bool = Field(True, description="Rotate by 0, 90, 180 or 270 degrees.")
    zoom: Annotated[tuple[Zoom, Zoom], AfterValidator(rising)] = Field(
        (1.0, 1.0),
        description="Range of the magnification, low and high; 2 shows half of the field of view.",
    )


class Loss(Part):
    """Weights of the losses between the restored and the sharp image; see `unsmear.losses`."""

    l1: float = Field(0.0, ge=0, description="Weight of the mean absolute error.")
    l2: float = Field(0.0, ge=0, description="Weight of the mean squared error.")
    charbonnier: float = Field(
        0.0, ge=0, description="Weight of the Charbonnier loss, a smooth absolute error."
    )
    ssim: float = Field(0.0, ge=0, description="Weight of 1 - SSIM.")
    frequency: float = Field(
        0.0, ge=0, description="Weight of the mean absolute error of the Fourier spectra."
    )
    perceptual: float = Field(
        0.0, ge=0, description="Weight of the mean squared error of VGG's features."
    )
    outputs: Literal["last", "all"] = Field(
        "last",
        description="Outputs that the losses use, for a network with several stages and scales; "
        "each output is compared with the sharp image resized to its size.",
    )


class Perceptual(Part):
    """VGG, the network of the perceptual loss."""

    network: Literal["vgg16", "vgg19"] = Field(
        "vgg16", description="Network whose features are compared."
    )
    layer: str = Field("block3_conv3", description="Layer whose features are compared.")
    activated: bool = Field(
        True, description="Compare the features after the layer's ReLU; false: before it."
    )
    weights: Path | None = Field(
        None,
        description="File with the network's weights; None takes those of `unsmear weights get "
        "vgg16`.",
    )


class Adversarial(Part):
    """The adversarial loss and its critic; `none` trains without a critic."""

    loss: Literal["none", "paper", "wasserstein", "least-squares", "cross-entropy"] = Field(
        "none",
        description="Adversarial loss of critic and restorer; paper is the loss as the paper "
        "prints it.",
    )
    weight: float = Field(
        1.0, ge=0, description="Weight of the adversarial loss in the restorer's loss."
    )
    penalty: float = Field(
        10.0, ge=0, description="Weight of the gradient penalty; for wasserstein."
    )
    critic_steps: int = Field(
        1, ge=1, le=64, description="Updates of the critic per step, all on the step's batches."
    )
    first: Literal["restorer", "critic"] = Field(
        "restorer", description="Network that is updated first in a step."
    )
    critic: Literal["patchgan", "deblurgan"] = Field(
        "patchgan",
        description="Critic's network; patchgan is the paper's, which sees the blurred image too, "
        "deblurgan is DeblurGAN's, which sees the candidate alone.",
    )
    filters: int = Field(64, ge=1, description="Filters of the critic's first layer.")
    norm: Literal["batch", "instance", "none"] = Field(
        "batch",
        description="Normalisation in the critic; the gradient penalty is exact only without "
        "batch normalisation.",
    )


class Optimiser(Part):
    """The optimiser and its learning rate."""

    name: Literal["adam", "adamw", "sgd"] = Field(
        "adam", description="Optimiser; sgd has momentum 0.9."
    )
    rate: float = Field(1e-3, gt=0, description="Learning rate.")
    betas: tuple[float, float] = Field(
        (0.9, 0.999), description="Decay rates of the two moments; for adam and adamw."
    )
    epsilon: float = Field(
        1e-8, gt=0, description="Term added to the denominator; for adam and adamw."
    )
    weight_decay: float = Field(
        0.0,
        ge=0,
        description="Weight decay: an L2 penalty in the gradient; decoupled from it in adamw.",
    )
    clip: float | None = Field(
        None, gt=0, description="Gradient clipping: largest norm of a gradient; None: no clipping."
    )
    accumulate: int = Field(1, ge=1, description="Gradient accumulation: batches per step.")


class Schedule(Part):
    """How the learning rate changes during a run."""

    name: Literal["constant", "cosine", "linear", "plateau"] = Field(
        "constant",
        description="Learning-rate schedule; cosine falls to 0 at the last step, linear does so in "
        "a straight line over the second half of the run, plateau falls by `factor`.",
    )
    warm: int = Field(
        0, ge=0, description="Warm-up steps, in which the learning rate rises linearly."
    )
    factor: float = Field(
        0.5, gt=0, lt=1, description="Factor by which plateau lowers the learning rate."
    )
    patience: int = Field(
        5,
        ge=1,
        description="Validations without a new best score before plateau lowers the learning rate.",
    )


class Ending(Part):
    """When a run ends: at the first limit that it reaches."""

    epochs: float = Field(100.0, gt=0, description="Epochs: passes through the training data.")
    steps: int | None = Field(
        None, ge=1, description="Number of steps; replaces the number of epochs."
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="Early stopping: validations in a row without a new best score; None: no "
        "early stopping.",
    )
    minutes: float | None = Field(
        None,
        gt=0,
        description="Training time, minutes; the step at which it ends a run depends on the "
        "machine.",
    )
    processor_minutes: float | None = Field(
        None,
        gt=0,
        description="Processor time of the training, minutes, summed over the threads of its "
        "process; unlike minutes it does not depend on what else the machine computes.",
    )


class Stop(Ending):
    """When a restorer's run ends, and which score decides what is best."""

    monitor: Literal["psnr", "gain_psnr", "ssim", "loss"] = Field(
        "psnr",
        description="Validation score that decides which weights are best; gain_psnr is the "
        "scale-invariant PSNR.",
    )


class Machine(Part):
    """The hardware; several devices or nodes train through DDP, nodes started by torchrun."""

    accelerator: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="Kind of device to train on."
    )
    devices: int | Literal["auto"] = Field(1, description="Number of devices on each node.")
    nodes: int = Field(
        1, ge=1, description="Number of machines (nodes); start each one with torchrun."
    )
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = Field(
        "32-true", description="Numerical precision, in the terms of Lightning Fabric."
    )
    channels_last: bool = Field(
        True, description="Store images with the channels last; faster for most networks."
    )
    compile: bool = Field(
        False, description="Use torch.compile; it is slow to start and needs a compiler."
    )


class Log(Part):
    """What is logged and saved, and how often."""

    every: int = Field(50, ge=1, description="Steps that each row of log.csv averages.")
    validate_every: int | None = Field(
        None,
        ge=1,
        description="Steps between validations; each one saves a checkpoint. None: one epoch.",
    )
    save_minutes: float = Field(
        10.0, gt=0, description="Minutes between checkpoints that are saved between validations."
    )
    pictures: int = Field(
        4, ge=1, le=64, description="Validation samples shown in each saved picture."
    )
    tensorboard: bool = Field(True, description="Also write a log for TensorBoard.")
    mlflow: bool = Field(False, description="Also write a log to MLflow.")


class Settings(Part):
    """Options of every training run, for restorers and classifiers."""

    model: str = Field(description="Name of the network; `unsmear train` lists them.")
    options: dict[str, Any] = Field(
        default_factory=dict, description="Options of the network itself."
    )
    start: Annotated[str | None, BeforeValidator(text)] = Field(
        None,
        description="Pretrained (initial) weights: a path such as RUN/best, or a name from "
        "`unsmear weights list`; None: random weights.",
    )
    freeze: str = Field(
        "nothing",
        description="Part to train while all other weights are frozen: a part that the network "
        "names, such as MAXIM's paper or last-stage; nothing freezes no weights.",
    )
    seed: int = Field(
        0,
        ge=0,
        lt=2**63,
        description="Random seed of the initial weights, samples, augmentation and dropout.",
    )
    licence: str = Field(
        "not stated",
        description="Licence of the trained weights, for the card; it depends on the images' "
        "licence.",
    )
    optimiser: Optimiser = Optimiser()
    schedule: Schedule = Schedule()
    machine: Machine = Machine()
    log: Log = Log()


class Run(Settings):
    """All options of a restorer's training run, as `run.toml` holds them."""

    data: Data = Data()
    augment: Augment = Augment()
    loss: Loss = Loss()
    perceptual: Perceptual = Perceptual()
    adversarial: Adversarial = Adversarial()
    stop: Stop = Stop()
