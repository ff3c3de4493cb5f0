"""`unsmear restore`: images in, restored images out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

from unsmear import estimate, images, reblur
from unsmear.blur import Blur
from unsmear.cli import batch
from unsmear.cli.estimate import describe as describe_found
from unsmear.cli.kernel_options import KernelOptions, describe, note
from unsmear.data.source import Item
from unsmear.errors import OptionError
from unsmear.estimate import Estimate
from unsmear.images import Image
from unsmear.methods import BEST, METHODS
from unsmear.pipeline import Restored, check_method, check_options, check_size
from unsmear.pipeline import restore as restore_whole


def restore(
    inputs: Annotated[list[str], Parameter(name="INPUT", negative=())],
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    method: str = BEST,
    kernel: KernelOptions = KernelOptions(),
    regularisation: float | None = None,
    iterations: int | None = None,
    runtime: str | None = None,
    report: Path | None = None,
    uncertainty: Annotated[bool, Parameter(negative=())] = False,
    shake: Annotated[bool, Parameter(negative=())] = False,
    tile: int | None = None,
    axes: str | None = None,
    resume: Annotated[bool, Parameter(negative=())] = False,
    workers: int = 1,
) -> int:
    """Take motion blur out of images.

    Without a kernel the straight movement is found in each image. Where none is found, or none that
    is sure, the image is passed on as it is. Results keep the name, dtype, intensities, axes, pixel
    size and channels of their input; JPEG input becomes PNG.

    Parameters
    ----------
    inputs
        Images, folders, globs or zip files; HPA fields (ID_red.png ...) are restored as one.
    output
        The folder to write to; made where it is missing.
    method
        deep-wiener, or deep-wiener-fast; without weights: wiener, wiener-local,
        unsupervised-wiener or richardson-lucy.
    regularisation
        Noise-to-signal ratio of the method wiener; estimated where not given.
    iterations
        Of richardson-lucy.
    runtime
        What computes a deep-wiener: torch, or onnx for ONNX Runtime.
    report
        A folder for a page about each image, or a file (.html or .png) for one image: before and
        after, the movement, and a map of what was not trusted and replaced.
    uncertainty
        Write NAME_error.tif beside each result of a deep-wiener: half the width of a band around
        every pixel, in counts, that holds the sharp value nine times of ten.
    shake
        Take out what was shaken too, if that is what is found. Its kernel is often wrong: look at
        the result, or at its report, before you use it.
    tile
        Work in tiles of this side, pixels, to save memory; the result is the same. Large images
        are tiled anyway.
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
    given = {"regularisation": regularisation, "iterations": iterations, "runtime": runtime}
    options = {name: value for name, value in given.items() if value is not None}
    check_options(method, options)
    if kernel != KernelOptions() and not needs_kernel:
        raise OptionError(f"{method} must go without a kernel: it takes no movement out.")
    if uncertainty and not METHODS[method].learned:
        raise OptionError(f"--uncertainty must come with a deep-wiener, got {method}.")
    kernel.fixed()
    METHODS[method].fit(np.zeros((1, 1, 8, 8), np.float32), np.ones((1, 1)), **options)
    items = batch.find_inputs(inputs, output, axes)
    if report is not None and report.suffix and len(items) > 1:
        raise OptionError(f"--report must be a folder for {len(items)} images, got {report}.")
    job = Restoration(output, method, kernel, options, tile, resume, report, uncertainty, shake)
    return batch.run(partial(restore_item, job), items, workers, "restored")


@dataclass(frozen=True)
class Restoration:
    """What is the same for all images of one call."""

    output: Path
    method: str
    kernel: KernelOptions
    options: Mapping[str, Any]
    tile: int | None = None
    resume: bool = False
    report: Path | None = None
    uncertainty: bool = False
    shake: bool = False


@dataclass(frozen=True)
class Result:
    """An image and what was done to it, in words and as a note for its file.

    movement: what was taken out, or why nothing was, in words. blur: the former; None for nothing.
    found: the estimate; None where the kernel was given.
    """

    restored: Restored
    movement: str
    done: str
    blur: Blur | None = None
    found: Estimate | None = None
    touched: bool = True


def restore_item(job: Restoration, item: Item) -> batch.Outcome:
    """Restore one image, and write all that was asked for."""
    image = item.read()
    paths = batch.result_paths(item, image, job.output)
    errors = job.output / f"{item.stem}_error.tif"
    wanted = [*paths, errors] if job.uncertainty else paths
    if job.resume and all(path.exists() for path in wanted):
        return batch.Outcome("there before", f"{item.id}: there before")
    result = restore_with(job, image)
    # Beside first, so that a result that is there says that all is.
    if job.uncertainty:
        images.write(errors, result.restored.error or _certain(image), result.done)
    if job.report is not None:
        _write_report(job, item, image, result)
    written = batch.write_result(item, result.restored.image, job.output, result.done)
    line = f"{item.id}: {_said(job, result)} -> {', '.join(map(str, written))}"
    return batch.Outcome("restored" if result.touched else "left as they were", line)


def restore_with(job: Restoration, image: Image) -> Result:
    """Return the image restored, or left alone where no movement is surely found."""
    way: dict[str, Any] = {"method": job.method, "options": job.options, "tile": job.tile}
    if not METHODS[job.method].needs_kernel:
        restored = restore_whole(image, job.method, None, job.tile, job.options)
        return Result(restored, "no movement looked for", note("restore", None, **way))
    blur, found = job.kernel.blur(image), None
    movement = "" if blur is None else f"{describe(blur)} (given)"
    if blur is None:
        found = estimate.estimate_blur(image.planes())
        way["confidence"] = found.confidence
        movement = describe_found(found)
        shaken = found.kind == "shake"
        if not (found.sure or (job.shake and shaken)):
            if shaken:
                movement = f"perhaps {movement}, which --shake would take out"
            elif found.found:
                movement = f"perhaps {movement}, too unsure"
            done = note("restore", None, result=f"{movement}, left as it was")
            left = Restored(check_size(image))
            return Result(left, movement, done, found=found, touched=False)
        blur = found.blur()
    restored = restore_whole(
        image,
        job.method,
        blur.kernel(),
        job.tile,
        job.options,
        error=job.uncertainty,
        checked=job.report is not None,
    )
    return Result(restored, movement, note("restore", blur, **way), blur, found)


def _said(job: Restoration, result: Result) -> str:
    """Return what was done to an image, as a phrase."""
    if not result.touched:
        return f"{result.movement}, left as it was"
    said = f"{result.movement}, restored by {job.method}"
    verdicts = result.restored.verdicts
    replaced = 0.0 if verdicts is None else float((verdicts != reblur.KEPT).mean())
    return f"{said}, {replaced:.1%} of the tiles replaced" if replaced else said


def _certain(image: Image) -> Image:
    """Return errors of 0 for an image that was left as it was."""
    return image.with_planes(np.zeros(image.planes().shape, np.float32))


def _write_report(job: Restoration, item: Item, image: Image, result: Result) -> None:
    from unsmear.report import restoration as report

    seen, found = result.restored.check, result.found
    page = report.Report(
        title=item.id,
        movement=result.movement,
        blurred=image.planes(),
        restored=result.restored.image.planes(),
        kernel=None if result.blur is None else result.blur.kernel(),
        confidence=None if found is None else found.confidence,
        verdicts=result.restored.verdicts,
        misfit=None if seen is None else seen.misfit,
        empty=None if seen is None else seen.empty,
        channels=image.channels,
        method=job.method,
    )
    report.write(report.path_for(job.report or Path(), item.stem), page)
