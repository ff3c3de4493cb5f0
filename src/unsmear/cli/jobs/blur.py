"""Job of `unsmear blur`."""

from __future__ import annotations

import zlib
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.batches.record import Session
from unsmear.blur import (
    Blur,
    Camera,
    Defocus,
    Gaussian,
    Motion,
    Paper,
    Trajectory,
    apply,
    describe,
)
from unsmear.choices import Boundary
from unsmear.cli.jobs import batch, kernels, recording
from unsmear.cli.jobs.announcement import announce
from unsmear.cli.jobs.inputs import find_inputs
from unsmear.cli.jobs.output import Output
from unsmear.cli.jobs.plate_output import finish
from unsmear.cli.jobs.record import note
from unsmear.cli.options.blur import CameraOptions, FamilyOptions
from unsmear.cli.options.kernel import KernelOptions
from unsmear.cli.options.parameters import BatchOptions
from unsmear.cluster import HERE
from unsmear.data.item import Item
from unsmear.errors import OptionError
from unsmear.images import Image, check_no_gaps
from unsmear.images.scaling import cast, moderated


@dataclass(frozen=True)
class Blurring:
    """Settings shared by all images of one call."""

    output: Output
    kernel: KernelOptions
    family: FamilyOptions
    camera: CameraOptions
    boundary: Boundary
    seed: int


def run(job: Blurring, options: BatchOptions) -> int:
    """Blur all images; return the exit code."""
    kernels.fixed(job.kernel)
    survey = find_inputs(options, job.output.folder)
    if job.output.options.dry_run:
        return batch.run(partial(announce, job.output), survey, HERE, "to blur")
    with recording.kept_for(job.output.folder, _session_of(job, options), survey) as record:
        code = batch.run(partial(blur_item, job), survey, options.where, "blurred", record)
        return record.end(max(code, finish(job.output, survey, note("blur"))))


def _session_of(job: Blurring, options: BatchOptions) -> Session:
    """Return what is asked, as the record of a batch says it."""
    given = vars(job.kernel) | vars(job.family) | vars(job.camera)
    more = {"boundary": job.boundary, "seed": job.seed, "as": job.output.options.form}
    return recording.asked("blur", options, {**given, **more}, {})


def blur_item(job: Blurring, item: Item) -> batch.Outcome:
    """Blur one image."""
    if item.is_remote:
        with item.here() as here:
            return blur_item(job, here)
    job.output.check_free(job.output.results(item), item)
    image = check_no_gaps(item.read(), "blur")
    chosen = blur_of(job, image)
    moderate, exponent = moderated(image)
    counts = apply(chosen, moderate.planes(), job.boundary)
    if exponent:
        counts = np.ldexp(counts.astype(np.float64), exponent)
    blurred = image.with_planes(expose(job.camera, counts, image, job.seed))
    noise = asdict(job.camera) | {"seed": job.seed} if job.camera.photons else {}
    done = note("blur", chosen, boundary=job.boundary, camera=noise)
    written = job.output.write(item, blurred, done)
    size = kernels.pixel_size_phrase(job.kernel, image)
    line = f"{item.id}: {describe(chosen)}{size and f' ({size})'} -> {written}"
    return batch.Outcome("blurred", line, outputs=written.files)


def blur_of(job: Blurring, image: Image) -> Blur:
    """Return the blur that the options specify, after `FamilyOptions.check`."""
    family, kernel = job.family, job.kernel
    if family.radius is not None:
        return Defocus(family.radius)
    if family.sigma is not None:
        return Gaussian(family.sigma)
    if family.degree is not None:
        angle = -45.0 if kernel.angle is None else kernel.angle
        return Paper(family.degree, angle, family.normalise)
    if family.shake is not None:
        return Trajectory(kernel.length or 0.0, family.shake, job.seed)
    return kernels.kernel_of(kernel, image) or Motion(0.0)


def expose(options: CameraOptions, counts: NDArray[Any], image: Image, seed: int) -> NDArray[Any]:
    """Return blurred counts as the camera would deliver them, in the image's dtype."""
    if options.photons is None:
        if options.read_noise or options.offset or options.bits:
            raise OptionError("--read-noise, --offset and --bits must come with --photons.")
        return cast(counts, image.pixels.dtype)
    if image.pixels.dtype not in (np.uint8, np.uint16):
        raise OptionError(
            f"{image.name}: noise needs an image of 8 or 16 bits, got {image.pixels.dtype}."
        )
    bits = options.bits or image.pixels.dtype.itemsize * 8
    camera = Camera(options.photons, options.read_noise, options.offset, bits)
    generator = np.random.default_rng((seed, zlib.crc32(image.name.encode())))
    return cast(camera.expose(counts / camera.white, generator), image.pixels.dtype)
