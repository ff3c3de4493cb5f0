"""Options of `unsmear restore`, in groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cyclopts import Parameter

from unsmear.choices import BEST_METHOD, Channels, Per, Runtime
from unsmear.cli.options.camera_maps import MapOptions
from unsmear.cli.options.output import OutputOptions
from unsmear.cli.options.parameters import Flag
from unsmear.cli.options.place import PlaceOptions
from unsmear.errors import OptionError
from unsmear.location import Location

SMALLEST_TILE = 16
"""Smallest side of a tile, pixels."""
OF_SLIDES = 2 * 10**9
"""Memory of a process for images that are worked on in blocks, where none is given, bytes."""


@Parameter(name="*")
@dataclass(frozen=True)
class MethodOptions:
    """The method, and the options that not every method has."""

    method: str = BEST_METHOD
    """Restoration method. Learned: deep-wiener, deep-wiener-lean, deep-wiener-fast. Classical:
    wiener, wiener-local, unsupervised-wiener, richardson-lucy. A network from `unsmear train`:
    the path of its weights (runs/cells/best) or the folder of the run, for its best weights.
    One from `unsmear export`: its file (net.onnx, net.zip).
    Published weights by name, after `unsmear weights get`: maxim-s3-reds."""

    regularisation: float | None = None
    "Noise-to-signal ratio of the method wiener; by default estimated."

    iterations: int | None = None
    "Number of iterations of richardson-lucy."

    runtime: Runtime | None = None
    """What computes the network. auto, the default: ONNX Runtime, or PyTorch for weights that have
    no ONNX file beside them (see `unsmear export`); for the shipped ones OpenVINO, where it is
    installed and this processor has bfloat16, which is nearly twice as fast, but not with
    --scheduler or --slurm, whose machines may differ. openvino: faster on many processors, and
    in bfloat16 where they have it."""

    exact: bool = False
    "Keep single precision where bfloat16 would be used (by OpenVINO)."

    channels: Channels | None = None
    """How the channels of an image are given to a network from `unsmear train`. together: all at
    once; their number must be the network's. groups: in order, as many at once as the network
    has (triplets for RGB); the last group repeats its last channel to be complete. alone: one
    by one, each copied to all channels of the network. Results of repeated channels are
    averaged. auto, the default: together if the numbers are equal, else alone."""

    def own(self) -> dict[str, Any]:
        """Return the options of the method alone that are given, by name."""
        given = {**vars(self), "exact": self.exact or None, "method": None}
        return {name: value for name, value in given.items() if value is not None}


@Parameter(name="*")
@dataclass(frozen=True)
class TreatmentOptions:
    """What of an image is acted on, and how."""

    force: Flag = False
    """Also restore images that were deconvolved before, which are recognised and otherwise left
    unchanged, and keep what the consistency check would put back. It makes most images worse."""

    per: Per = "auto"
    """What shares a movement. auto, the default: each plane is estimated by itself, and those that
    agree are pooled; parts of a field that moved differently are told apart. plane, channel,
    frame (a time point of a position) or file: decided by you, one movement for each."""

    dtype: Literal["float32"] | None = None
    """float32: results are floats, neither rounded nor clipped at the white of the input; PNG and
    JPEG become TIFF. An image left unchanged keeps its file."""

    no_data: str | None = None
    """Where nothing was recorded: a value (0, nan), or a file with a mask, not 0 where there are
    no data. Such pixels are left as they are. By default padding of stitched or registered
    images is found."""

    camera: MapOptions = MapOptions()

    tile: int | None = None
    """Side of the tiles, pixels, to save memory. Large images are tiled anyway. The result does
    not depend on it, except for a network that uses the whole image (maxim): there the side is
    rounded up to a multiple of 64, the tiles are blended, and the result changes a little."""


@Parameter(name="*")
@dataclass(frozen=True)
class BesideOptions:
    """What is written beside each result, and whether results that are there stay."""

    report: Path | None = None
    """Folder for a report on each image, or a file (.html or .png) for one image: both images, the
    estimated motion, the resolution along it and across it, and a map of the tiles that failed the
    consistency check and were replaced."""

    uncertainty: bool = False
    """Write RESULT.error.tif beside each result of deep-wiener (cell.png.error.tif; for an HPA
    field ID.error.tif): the half-width of a 90 % prediction interval of every pixel, in counts.
    An image left unchanged gets none: its uncertainty is unknown."""

    resume: bool = False
    """Resume a stopped run: skip images that already have a result, by the record that a batch
    keeps in OUTPUT.unsmear-run (see `unsmear status`). An image whose file has changed since is
    restored again. Where results were made with other options, the run is refused and names
    them; with --overwrite they are made again. Where a report or an uncertainty that is asked
    for is missing beside a result, the image is restored again."""


@dataclass(frozen=True)
class RestoringOptions:
    """How images are restored; see the help of `unsmear restore`.

    method: a name, or the path of weights. own: options of the method alone, by name.
    no_data: a value as text, or the path of a mask; None finds padding. memory: of a process,
    bytes.
    """

    method: str
    own: Mapping[str, Any]
    kernel: PlaceOptions
    force: bool
    per: Per
    dtype: str | None
    no_data: str | None
    camera: MapOptions
    tile: int | None
    memory: int

    @classmethod
    def of(
        cls,
        method: MethodOptions,
        kernel: PlaceOptions,
        treatment: TreatmentOptions,
        memory: int | None = None,
    ) -> RestoringOptions:
        """Return the options as they were given; memory: of a process, bytes."""
        return cls(
            method.method,
            method.own(),
            kernel,
            force=treatment.force,
            per=treatment.per,
            dtype=treatment.dtype,
            no_data=treatment.no_data,
            camera=treatment.camera,
            tile=treatment.tile,
            memory=memory or OF_SLIDES,
        )

    def check(self) -> None:
        """Raise OptionError for what is wrong whatever the method and the images."""
        if self.tile is not None and self.tile < SMALLEST_TILE:
            raise OptionError(f"--tile must be {SMALLEST_TILE} pixels or more, got {self.tile}.")
        self.kernel.by_place()
        self.camera.check()


@dataclass(frozen=True)
class ResultOptions:
    """What is written for each image, and where.

    folder: on this computer. place: where in an object store results go from there.
    report, uncertainty: files beside the result. resume: whether a result that is there is left.
    """

    folder: Path
    writing: OutputOptions
    report: Path | None
    uncertainty: bool
    resume: bool
    place: Location | None = None
