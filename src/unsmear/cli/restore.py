"""`unsmear restore`: images in, restored images out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

from unsmear import estimate, images
from unsmear.blur import Blur
from unsmear.cli import batch
from unsmear.cli.estimate import describe as describe_found
from unsmear.cli.kernel_options import KernelOptions, describe, note
from unsmear.data import hpa
from unsmear.data.source import Item
from unsmear.errors import OptionError
from unsmear.estimate import Estimate
from unsmear.images import Image
from unsmear.restoration import consistency, methods, tiling
from unsmear.restoration.base import Method
from unsmear.restoration.learned.network_restorer import Channels
from unsmear.restoration.methods import BEST
from unsmear.restoration.pipeline import Restored, check_options, check_size, try_out
from unsmear.restoration.pipeline import restore as restore_whole

LOST = 0.2
"""Of a channel's light; a restorer that keeps it and changes more of it has failed."""
CHANNELS = {"groups": "channels in groups", "alone": "each channel alone"}
"""The rules that are told, in words; that channels go together as they are needs no telling."""


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
    channels: Channels | None = None,
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
        unsupervised-wiener or richardson-lucy. Or a network that `unsmear train` made: the path of
        its weights (runs/cells/best) or its run's folder, which stands for the best. Or published
        weights by their name, once `unsmear weights get` got them: maxim-s3-reds.
    regularisation
        Noise-to-signal ratio of the method wiener; estimated where not given.
    iterations
        Of richardson-lucy.
    runtime
        What computes a deep-wiener: torch, or onnx for ONNX Runtime.
    channels
        How an image's channels meet those of a network that `unsmear train` made. together: as they
        are, which must be as many. groups: in their order, as many at once as the network has, so
        triplets for one of RGB, the last one filled up with its last channel. alone: each by
        itself, in all the network's channels. What becomes of a channel that is given more than
        once is averaged. auto, where nothing is said: together where there are as many, else alone.
    report
        A folder for a page about each image, or a file (.html or .png) for one image: before and
        after, the movement, and a map of what was not trusted and replaced.
    uncertainty
        Write RESULT.error.tif beside each result of a deep-wiener (cell.png.error.tif; of an HPA
        field ID.error.tif): half the width of a band around every pixel, in counts, that holds the
        sharp value nine times of ten. An image left as it was gets none: its error is not known.
    shake
        Take out what was shaken too, if that is what is found. Its kernel is often wrong: look at
        the result, or at its report, before you use it.
    tile
        Work in tiles of this side, pixels, to save memory; the result is the same. Large images
        are tiled anyway. Only of a network that looks at the whole image (maxim) the side changes
        the result a little: its tiles, rounded up to what it takes (64), fade into each other.
    axes
        Letters of STCZYX for the dimensions of every file given; files that say theirs need none.
    resume
        Skip images whose result is there already, after a run that was stopped; what is written
        beside a result (see --report and --uncertainty) is not asked for.
    workers
        Images restored at once, each in a process of its own.
    """
    way = methods.find(method)
    if tile is not None and tile < 16:
        raise OptionError(f"--tile must be 16 pixels or more, got {tile}.")
    kernel.check_angle()
    given = {
        "regularisation": regularisation,
        "iterations": iterations,
        "runtime": runtime,
        "channels": channels,
    }
    options = {name: value for name, value in given.items() if value is not None}
    check_options(way, options)
    if kernel != KernelOptions() and not way.needs_kernel:
        raise OptionError(f"{way.name} must go without a kernel: it is not told the movement.")
    if uncertainty and not way.guarded:
        raise OptionError(f"--uncertainty must come with a deep-wiener, got {way.name}.")
    kernel.fixed()
    if tiling.needs_whole(try_out(way, options)) and tile is not None:
        raise OptionError(f"--tile must be left out for {way.name}: it needs the whole image.")
    items = batch.find_inputs(inputs, output, axes)
    if report is not None:
        from unsmear.report.restoration import page

        page.check_wanted(report, len(items))
    stems = Counter(item.stem for item in items)
    shared = frozenset(stem for stem, count in stems.items() if count > 1)
    job = Restoration(
        output, way, kernel, options, tile, resume, report, uncertainty, shake, shared
    )
    check_outputs(job, items)
    return batch.run(partial(restore_item, job), items, workers, "restored")


@dataclass(frozen=True)
class Restoration:
    """What is the same for all images of one call.

    shared: stems of more than one image; what is written beside their results has longer names.
    """

    output: Path
    method: Method
    kernel: KernelOptions
    options: Mapping[str, Any]
    tile: int | None = None
    resume: bool = False
    report: Path | None = None
    uncertainty: bool = False
    shake: bool = False
    shared: frozenset[str] = frozenset()

    def error_path(self, item: Item) -> Path:
        """Return where the error of an image is written."""
        return self.output / f"{_result_name(item)}.error.tif"

    def report_path(self, item: Item) -> Path | None:
        """Return where the report on an image is written; None where none is wanted."""
        if self.report is None:
            return None
        from unsmear.report.restoration import page

        name = _result_name(item) if item.stem in self.shared else item.stem
        return page.path_for(self.report, name)

    def outputs(self, item: Item) -> list[Path]:
        """Return all files that may be written for an image, before it is read."""
        endings = [hpa.written_ending(file.name) for file in item.files]
        if len(item.files) > 1:
            colours = [hpa.split_name(file.name)[1] for file in item.files]
            endings = [f"_{colour}{end}" for colour, end in zip(colours, endings, strict=True)]
        written = [self.output / f"{item.stem}{ending}" for ending in endings]
        report = self.report_path(item)
        written += [self.error_path(item)] if self.uncertainty else []
        return written if report is None else [*written, report]


def _result_name(item: Item) -> str:
    """Return the result's name below the output folder: that of the file, or a field's ID."""
    ending = hpa.written_ending(item.files[0].name) if len(item.files) == 1 else ""
    return f"{item.stem}{ending}"


def check_outputs(job: Restoration, items: Sequence[Item]) -> None:
    """Raise OptionError where a file would take the place of an input or of another output."""
    owners = {Path(str(file)).resolve(): item.id for item in items for file in item.files}
    for item in items:
        for path in job.outputs(item):
            place = path.resolve()
            if place in owners:
                raise OptionError(
                    f"{path.name}: every file written must have a name of its own, got this one "
                    f"for {item.id} and for {owners[place]}."
                )
            owners[place] = item.id


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
    if job.resume and all(path.exists() for path in paths):
        return batch.Outcome("there before", f"{item.id}: there before")
    result = restore_with(job, image)
    # Beside first, so that a result that is there says that all is.
    if job.uncertainty:
        _write_error(job.error_path(item), result)
    page = job.report_path(item)
    if page is not None:
        said = _way(job.method.name, result.restored) if result.touched else ""
        _write_report(page, item, image, result, said)
    written = batch.write_result(item, result.restored.image, job.output, result.done)
    line = f"{item.id}: {_said(job, image, result)} -> {', '.join(map(str, written))}"
    return batch.Outcome("restored" if result.touched else "left as they were", line)


def restore_with(job: Restoration, image: Image) -> Result:
    """Return the image restored, or left alone where no movement is surely found."""
    said = job.method.cited or job.method.name
    way: dict[str, Any] = {"method": said, "options": job.options, "tile": job.tile}
    if not job.method.needs_kernel:
        restored = restore_whole(image, job.method, None, job.tile, job.options)
        way["channels"] = restored.channels  # what "auto" came to
        way["options"] = {name: value for name, value in job.options.items() if name != "channels"}
        if restored.blended:
            way["tile"], way["overlap"] = restored.blended
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
                movement = f"perhaps {movement}, whose path is too unsure"
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
    if restored.verdicts is not None and (restored.verdicts == consistency.INPUT).all():
        movement = f"{movement}, which does not explain the image"
        done = note("restore", None, result=f"{movement}, left as it was")
        return Result(replace(restored, error=None), movement, done, blur, found, touched=False)
    return Result(restored, movement, note("restore", blur, **way), blur, found)


def _said(job: Restoration, image: Image, result: Result) -> str:
    """Return what was done to an image, as a phrase."""
    if not result.touched:
        unknown = ", its error not known" if job.uncertainty else ""
        return f"{result.movement}, left as it was{unknown}"
    said = f"{result.movement}, restored by {_way(job.method.name, result.restored)}"
    verdicts = result.restored.verdicts
    replaced = 0.0 if verdicts is None else float((verdicts != consistency.KEPT).mean())
    said += f", {replaced:.1%} of the tiles replaced" if replaced else ""
    lost = _light_lost(image, result.restored.image) if job.method.conserves_light else 0.0
    return said + (
        f", but its light changed by {lost:+.0%}: look at it" if abs(lost) > LOST else ""
    )


def _light_lost(before: Image, after: Image) -> float:
    """Return how much of the light above the darkest pixel the channel lost that lost most."""
    planes = np.asarray(before.planes(), np.float64)
    means = [np.asarray(one.planes(), np.float64).mean(axis=(0, 2, 3)) for one in (before, after)]
    light = means[0] - planes.min(axis=(0, 2, 3))
    changes = (means[1] - means[0]) / np.maximum(light, 1e-12)
    return float(changes[np.abs(changes).argmax()])


def _way(method: str, restored: Restored) -> str:
    """Return what restored an image and, where that was a choice, how, as a phrase."""
    more = []
    if restored.channels in CHANNELS and restored.image.planes().shape[1] > 1:
        more.append(CHANNELS[restored.channels])
    if restored.blended:
        more.append("in tiles of {} px that share at least {} px".format(*restored.blended))
    return ", ".join([method, *more])


def _write_error(path: Path, result: Result) -> None:
    """Write the error of a restored image; take away an older one of an image left as it was."""
    if result.restored.error is None:
        path.unlink(missing_ok=True)
    else:
        images.write(path, result.restored.error, result.done)


def _write_report(path: Path, item: Item, image: Image, result: Result, method: str) -> None:
    from unsmear.report.restoration import page
    from unsmear.report.restoration.content import Report

    seen = result.restored.check
    content = Report(
        title=item.id,
        movement=result.movement,
        blurred=image.planes(),
        restored=result.restored.image.planes(),
        kernel=None if result.blur is None else result.blur.kernel(),
        verdicts=result.restored.verdicts,
        misfit=None if seen is None else seen.misfit,
        empty=None if seen is None else seen.empty,
        channels=image.channels,
        method=method,
    )
    page.write(path, content)
