"""`unsmear restore`: images in, restored images out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

from unsmear import images
from unsmear.cli import batch
from unsmear.cli.kernel_options import KernelOptions, note
from unsmear.data import hpa
from unsmear.data.source import Item
from unsmear.errors import OptionError
from unsmear.images import Image
from unsmear.restoration import consistency, methods, pipeline, tiling
from unsmear.restoration.base import Method
from unsmear.restoration.learned.network_restorer import Channels
from unsmear.restoration.methods import BEST, check_options, try_out
from unsmear.restoration.pipeline import Restored

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
        sharp value nine times of ten. An image left unchanged gets none: its error is not known.
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
        raise OptionError(f"{way.name} must be given no kernel: it is a blind method.")
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


def restore_item(job: Restoration, item: Item) -> batch.Outcome:
    """Restore one image, and write all that was asked for."""
    image = item.read()
    paths = batch.result_paths(item, image, job.output)
    if job.resume and all(path.exists() for path in paths):
        return batch.Outcome("already there", f"{item.id}: already there")
    result, note_ = restore_with(job, image)
    # Beside first, so that a result that is there says that all is.
    if job.uncertainty:
        _write_uncertainty(job.error_path(item), result, note_)
    page = job.report_path(item)
    if page is not None:
        _write_report(page, item, image, result, job.method.name)
    written = batch.write_result(item, result.image, job.output, note_)
    line = f"{item.id}: {_describe(job, image, result)} -> {', '.join(map(str, written))}"
    return batch.Outcome("restored" if result.touched else "left unchanged", line)


def restore_with(job: Restoration, image: Image) -> tuple[Restored[Image, Image], str]:
    """Return what became of the image, and the note on it for its file."""
    result = pipeline.restore(
        image,
        job.kernel.blur(image) if job.method.needs_kernel else None,
        method=job.method,
        uncertainty=job.uncertainty,
        irregular=job.shake,
        check=job.report is not None,
        tile=job.tile,
        options=job.options,
    )
    return result, _note(job, result)


def _note(job: Restoration, result: Restored[Image, Image]) -> str:
    """Return what was done, as the file's description holds it."""
    if not result.touched:
        return note("restore", None, result=f"{result.movement}, left unchanged")
    way: dict[str, Any] = {
        "method": job.method.cited or job.method.name,
        "options": job.options,
        "tile": job.tile,
    }
    if not job.method.needs_kernel:
        way["channels"] = result.channel_rule  # what "auto" came to
        way["options"] = {name: value for name, value in job.options.items() if name != "channels"}
        if result.blended:
            way["tile"], way["overlap"] = result.blended
    elif result.estimate is not None:
        way["confidence"] = result.estimate.confidence
    return note("restore", result.blur, **way)


def _describe(job: Restoration, image: Image, result: Restored[Image, Image]) -> str:
    """Return what was done to an image, as a phrase."""
    if not result.touched:
        unknown = ", its uncertainty not known" if job.uncertainty else ""
        return f"{result.movement}, left unchanged{unknown}"
    phrase = f"{result.movement}, restored by {_way(job.method.name, result)}"
    verdicts = result.verdicts
    replaced = 0.0 if verdicts is None else float((verdicts != consistency.RESTORED).mean())
    phrase += f", {replaced:.1%} of the tiles replaced" if replaced else ""
    lost = _flux_lost(image, result.image) if job.method.conserves_flux else 0.0
    return phrase + (
        f", but its total intensity changed by {lost:+.0%}: look at it" if abs(lost) > LOST else ""
    )


def _flux_lost(before: Image, after: Image) -> float:
    """Return how much of the light above the darkest pixel the channel lost that lost most."""
    planes = np.asarray(before.planes(), np.float64)
    means = [np.asarray(one.planes(), np.float64).mean(axis=(0, 2, 3)) for one in (before, after)]
    light = means[0] - planes.min(axis=(0, 2, 3))
    changes = (means[1] - means[0]) / np.maximum(light, 1e-12)
    return float(changes[np.abs(changes).argmax()])


def _way(method: str, restored: Restored[Image, Image]) -> str:
    """Return what restored an image and, where that was a choice, how, as a phrase."""
    more = []
    if restored.channel_rule in CHANNELS and restored.image.planes().shape[1] > 1:
        more.append(CHANNELS[restored.channel_rule])
    if restored.blended:
        more.append("in tiles of {} px that share at least {} px".format(*restored.blended))
    return ", ".join([method, *more])


def _write_uncertainty(path: Path, result: Restored[Image, Image], note_: str) -> None:
    """Write the uncertainty of a restored image; take away an older one of one left unchanged."""
    if result.uncertainty is None:
        path.unlink(missing_ok=True)
    else:
        images.write(path, result.uncertainty, note_)


def _write_report(
    path: Path, item: Item, image: Image, result: Restored[Image, Image], method: str
) -> None:
    from unsmear.report.restoration import page
    from unsmear.report.restoration.content import Report

    checked = result.consistency
    content = Report(
        title=item.id,
        movement=result.movement,
        blurred=image.planes(),
        restored=result.image.planes(),
        kernel=None if result.blur is None else result.blur.kernel(),
        verdicts=result.verdicts,
        misfit=None if checked is None else checked.misfit,
        empty=None if checked is None else checked.empty,
        channels=image.channels,
        method=_way(method, result) if result.touched else "",
    )
    page.write(path, content)
