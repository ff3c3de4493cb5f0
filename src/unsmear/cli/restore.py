"""`unsmear restore`: images in, restored images out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

from unsmear import estimate
from unsmear.classical import METHODS
from unsmear.cli import batch
from unsmear.cli.kernel_options import KernelOptions, describe, note
from unsmear.data.source import Item
from unsmear.errors import OptionError
from unsmear.images import Image
from unsmear.pipeline import check_method, check_options, check_size, restore_image

BEST = "wiener"
"""What restores where no method is named."""


def restore(
    inputs: Annotated[list[str], Parameter(name="INPUT", negative=())],
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    method: str = BEST,
    kernel: KernelOptions = KernelOptions(),
    regularisation: float | None = None,
    iterations: int | None = None,
    tile: int | None = None,
    axes: str | None = None,
    resume: Annotated[bool, Parameter(negative=())] = False,
    workers: int = 1,
) -> int:
    """Take the blur out of images.

    Without a kernel the movement is estimated from each image; where none is found the image is
    passed on as it is. Results keep the name, dtype, intensities, axes, pixel size and channels of
    their input; JPEG input becomes PNG.

    Parameters
    ----------
    inputs
        Images, folders, globs or zip files; HPA fields (ID_red.png ...) are restored as one.
    output
        The folder to write to; made where it is missing.
    method
        wiener, wiener-local, unsupervised-wiener or richardson-lucy.
    regularisation
        Noise-to-signal ratio of the Wiener filter; estimated where not given.
    iterations
        Of richardson-lucy.
    tile
        Work in tiles of this side, pixels, to save memory; the result is the same.
    axes
        Letters of STCZYX for the dimensions of every file given; files that say theirs need none.
    resume
        Skip images whose result is there already, after a run that was stopped.
    workers
        Images restored at once, each in a process of its own.
    """
    needs_kernel = METHODS[check_method(method)].needs_kernel
    if tile is not None and tile < 16:
        raise OptionError(f"--tile must be 16 pixels or more, got {tile}.")
    kernel.check_angle()
    given = {"regularisation": regularisation, "iterations": iterations}
    options = {name: value for name, value in given.items() if value is not None}
    check_options(method, options)
    if kernel != KernelOptions() and not needs_kernel:
        raise OptionError(f"{method} must go without a kernel: it takes no movement out.")
    kernel.fixed()
    METHODS[method].fit(np.zeros((1, 1, 8, 8), np.float32), np.ones((1, 1)), **options)
    items = batch.find_inputs(inputs, output, axes)
    job = Restoration(output, method, kernel, options, tile, resume)
    return batch.run(partial(restore_item, job), items, workers, "restored")


@dataclass(frozen=True)
class Restoration:
    """What is the same for all images of one call."""

    output: Path
    method: str
    kernel: KernelOptions
    options: Mapping[str, float]
    tile: int | None
    resume: bool


def restore_item(job: Restoration, item: Item) -> batch.Outcome:
    """Restore one image."""
    image = item.read()
    paths = batch.result_paths(item, image, job.output)
    if job.resume and all(path.exists() for path in paths):
        return batch.Outcome("there before", f"{item.id}: there before")
    result = restore_with(job, image)
    written = batch.write_result(item, result.image, job.output, result.done)
    line = f"{item.id}: {result.said} -> {', '.join(map(str, written))}"
    return batch.Outcome("restored" if result.touched else "left as they were", line)


@dataclass(frozen=True)
class Result:
    """An image and what was done to it, in words and as a note for its file."""

    image: Image
    said: str
    done: str
    touched: bool = True


def restore_with(job: Restoration, image: Image) -> Result:
    """Return the image restored, or left alone where no movement is surely found."""
    way: dict[str, Any] = {"method": job.method, "options": job.options, "tile": job.tile}
    if not METHODS[job.method].needs_kernel:
        restored = restore_image(image, job.method, None, job.tile, job.options)
        return Result(restored, f"restored by {job.method}", note("restore", None, **way))
    blur = job.kernel.blur(image)
    where = "given"
    if blur is None:
        found = estimate.estimate_blur(image.planes())
        where = f"confidence {found.confidence:.2f}"
        way["confidence"] = found.confidence
        if not found.sure:
            seen = f"perhaps {describe(found.motion())}" if found.found else "no motion found"
            said = f"{seen} ({where}), left as it was"
            return Result(check_size(image), said, note("restore", None, result=said), False)
        blur = found.motion()
    restored = restore_image(image, job.method, blur.kernel(), job.tile, job.options)
    said = f"{describe(blur)} ({where}), restored by {job.method}"
    return Result(restored, said, note("restore", blur, **way))
