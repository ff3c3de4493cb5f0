"""Command `unsmear blur`: synthetic blur and camera noise for sharp images."""

from __future__ import annotations

import zlib
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter
from numpy.typing import NDArray

from unsmear.blur import (
    Blur,
    Boundary,
    Camera,
    Defocus,
    Gaussian,
    Motion,
    Paper,
    Trajectory,
    apply,
    describe,
)
from unsmear.cli import batch
from unsmear.cli.kernel_options import KernelOptions, note
from unsmear.cli.output import Output, OutputOptions, announce
from unsmear.cli.plate_output import finish
from unsmear.data.item import Item
from unsmear.errors import OptionError
from unsmear.images import Image, check_no_gaps
from unsmear.images.scaling import cast


@Parameter(name="*")
@dataclass(frozen=True)
class FamilyOptions:
    """Blurs other than linear motion."""

    radius: float | None = None
    "Defocus: radius of the disc, pixels."

    sigma: float | None = None
    "Gaussian blur: standard deviation, pixels."

    shake: float | None = None
    "Irregular motion (camera shake), 0 to 1, along a random path of --length pixels."

    degree: int | None = None
    "Degree of the paper's blur recipe; --angle is the recipe's angle [default: -45]."

    normalise: bool = False
    "With --degree: stretch the result to the full range, as some copies of the recipe do."

    def blur(self, options: KernelOptions, image: Image, seed: int) -> Blur:
        """Return the blur that these options and the kernel options specify, after `check`."""
        if self.radius is not None:
            return Defocus(self.radius)
        if self.sigma is not None:
            return Gaussian(self.sigma)
        if self.degree is not None:
            angle = -45.0 if options.angle is None else options.angle
            return Paper(self.degree, angle, self.normalise)
        if self.shake is not None:
            return Trajectory(options.length or 0.0, self.shake, seed)
        return options.blur(image) or Motion(0.0)

    def check(self, options: KernelOptions) -> None:
        """Raise OptionError unless exactly one blur is given, with all its options."""
        moves = self.shake is None and options.length is not None
        ways = (self.radius, self.sigma, self.degree, self.shake, options.kernel, options.speed)
        named = sum(way is not None for way in ways) + moves
        if named != 1:
            raise OptionError(
                "the blur must be given in one way (--length and --angle, --speed and --exposure, "
                "--kernel, --radius, --sigma, --shake and --length, or --degree), "
                f"got {named or 'none'}."
            )
        if self.shake is not None and options.length is None:
            raise OptionError("--shake must come with --length.")
        if self.degree is None and self.shake is None:
            options.check_angle()


@Parameter(name="*")
@dataclass(frozen=True)
class CameraOptions:
    """Camera noise, for 8-bit and 16-bit images."""

    photons: float | None = None
    "Photon noise: photoelectrons at full scale."

    read_noise: float = 0.0
    "Standard deviation of the read noise, electrons; with --photons."

    offset: float = 0.0
    "Camera offset, counts; with --photons."

    bits: int | None = None
    "Bit depth of the camera, 8 to 16, where the file has more: 12 for 12 bits in a 16-bit file."

    def expose(self, counts: NDArray[Any], image: Image, seed: int) -> NDArray[Any]:
        """Return blurred counts as the camera would deliver them, in the image's dtype."""
        if self.photons is None:
            if self.read_noise or self.offset or self.bits:
                raise OptionError("--read-noise, --offset and --bits must come with --photons.")
            return cast(counts, image.pixels.dtype)
        if image.pixels.dtype not in (np.uint8, np.uint16):
            raise OptionError(
                f"{image.name}: noise needs an image of 8 or 16 bits, got {image.pixels.dtype}."
            )
        bits = self.bits or image.pixels.dtype.itemsize * 8
        camera = Camera(self.photons, self.read_noise, self.offset, bits)
        generator = np.random.default_rng((seed, zlib.crc32(image.name.encode())))
        return cast(camera.expose(counts / camera.white, generator), image.pixels.dtype)


def blur(
    inputs: Annotated[list[str], Parameter(name="INPUT", negative=())],
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    writing: OutputOptions = OutputOptions(),
    kernel: KernelOptions = KernelOptions(),
    family: FamilyOptions = FamilyOptions(),
    camera: CameraOptions = CameraOptions(),
    boundary: Boundary = "reflect",
    seed: int = 0,
    axes: str | None = None,
    workers: int = 1,
) -> int:
    """Blur images as a moving stage, defocus or a shaken camera would.

    Blurred images keep the name, dtype, intensities, axes, pixel size and channels of their input;
    JPEG input becomes PNG.

    Parameters
    ----------
    inputs
        Images, folders, globs or zip files; the files of an HPA field (ID_red.png ...) are one
        image.
    output
        Output folder; created if it does not exist.
    boundary
        Boundary condition: reflect, wrap, zero, or valid, which crops the border.
    seed
        Random seed of the shake and the noise.
    axes
        Dimensions of the input files, letters of PSTCZYX; files whose metadata name them need none.
    workers
        Number of images blurred in parallel, each in its own process.
    """
    family.check(kernel)
    kernel.fixed()
    if seed < 0:
        raise OptionError(f"--seed must be 0 or more, got {seed}.")
    survey = batch.find_inputs(inputs, output, axes)
    job = Blurring(Output(output, "blur", writing), kernel, family, camera, boundary, seed)
    if writing.dry_run:
        return batch.run(partial(announce, job.output), survey, 1, "to blur")
    code = batch.run(partial(blur_item, job), survey, workers, "blurred")
    return max(code, finish(job.output, survey, note("blur", None)))


@dataclass(frozen=True)
class Blurring:
    """Settings shared by all images of one call."""

    output: Output
    kernel: KernelOptions
    family: FamilyOptions
    camera: CameraOptions
    boundary: Boundary
    seed: int


def blur_item(job: Blurring, item: Item) -> batch.Outcome:
    """Blur one image."""
    job.output.check_free(job.output.results(item), item)
    image = check_no_gaps(item.read(), "blur")
    chosen = job.family.blur(job.kernel, image, job.seed)
    counts = apply(chosen, image.planes(), job.boundary)
    blurred = image.with_planes(job.camera.expose(counts, image, job.seed))
    noise = asdict(job.camera) | {"seed": job.seed} if job.camera.photons else {}
    done = note("blur", chosen, boundary=job.boundary, camera=noise)
    written = job.output.write(item, blurred, done)
    size = job.kernel.pixel_size_phrase(image)
    line = f"{item.id}: {describe(chosen)}{size and f' ({size})'} -> {written}"
    return batch.Outcome("blurred", line)
