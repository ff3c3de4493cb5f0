"""Restoration of an image that is too large for memory, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from unsmear.batches import at_work
from unsmear.cli.jobs import kernels
from unsmear.cli.jobs.announcement import axes_phrase
from unsmear.cli.jobs.batch import Outcome
from unsmear.cli.jobs.progress import bar
from unsmear.cli.jobs.restore import beside
from unsmear.cli.jobs.restore.found import action_of, found_in, with_resolutions
from unsmear.cli.jobs.restore.record import record_of
from unsmear.cli.jobs.restore.settings import Restoration, warnings_of
from unsmear.cli.jobs.written import Written
from unsmear.cluster import Workers
from unsmear.data.item import Item
from unsmear.errors import OptionError
from unsmear.images import Image, slides
from unsmear.images.slides import Sink, Slide
from unsmear.restoration import resolution
from unsmear.restoration import slide as restoration
from unsmear.restoration.resolution import Measured
from unsmear.restoration.restored import Restored, left_phrase
from unsmear.restoration.settings import Job, Settings
from unsmear.restoration.slide import RestoredSlide

UNAVAILABLE = (
    f"is not available for images of over {slides.LARGE // 10**6} megapixels, which are worked on "
    "in blocks"
)
ALONE = Workers()
"""This process."""
LIGHT_KEPT = 0.01
"""Relative change of a plane's total intensity above which it is said."""


def restore_slide(job: Restoration, item: Item, slide: Slide, workers: Workers = ALONE) -> Outcome:
    """Restore a slide and write its result, or go on where an earlier run was stopped.

    What a killed run left of the result in another format goes, and so does what it left in this
    format where the slide is left unchanged now, and of an uncertainty that is not written now.
    """
    _check(job, item)
    (path,) = job.files.output.results(item)
    others = job.files.output.in_any_form(item) - {path}
    for other in others:
        slides.abandon(other, slide.path)
    with slides.given_back(path):
        outcome = _restored_to(path, job, item, slide, workers)
        slides.abandon(path)
        slides.abandon(job.files.place_of_uncertainty(item), slide.path)
    return outcome


def _restored_to(
    path: Path, job: Restoration, item: Item, slide: Slide, workers: Workers
) -> Outcome:
    files, result = job.files, _run(path, job, item, slide, workers)
    restored, sink = _restored(slide, result), result.sink
    record, resolutions = record_of(job, restored), _resolutions(job, slide, result)
    if sink is None or not sink.is_complete:  # else all but the result itself was sent
        clipped = _clipped_phrase(result)
        beside.write_slide(job, item, slide, result, restored, record, clipped, resolutions)
        files.output.publish(filter(None, [files.uncertainty(item)]))
    written = _write(path, job, item, slide, sink, record)
    exposures_found = with_resolutions(found_in(restored), resolutions)
    return Outcome(
        action_of(result.touched, exposures_found),
        f"{item.id}: {_describe(job, slide.header, result)} -> {written}",
        warnings=warnings_of(_clipped(result), written),
        outputs=written.files,
        copied=written.copied,
        report=files.report(item),
        found=exposures_found,
        tiles_replaced=round(result.replaced, 4) if result.counted.get("tiles") else None,
    )


def _run(path: Path, job: Restoration, item: Item, slide: Slide, workers: Workers) -> RestoredSlide:
    """Restore a slide block by block, and show how far that is. path: of the result."""
    with bar() as progress:
        task = progress.add_task(item.id, total=None)

        def show(what: str, done: int, total: int) -> None:
            progress.update(task, description=f"{item.id} {what}", completed=done, total=total)
            at_work.progress(job.files.output.folder, item.id, done, total)
            if job.callbacks is not None:
                job.callbacks.progress(what, done, total)

        asked = Job(_settings(job), job.options.per)
        kernel = kernels.kernels_of(job.options.kernel, slide.header)
        no_data = job.no_data
        return restoration.restore(
            slide,
            partial(restoration.open_sink, path, slide, restoration.key_of(asked, kernel, no_data)),
            asked,
            kernel,
            no_data=no_data,
            memory=job.options.memory,
            progress=show,
            mapped=partial(_shared_out, workers, item.id),
        )


def _write(
    path: Path, job: Restoration, item: Item, slide: Slide, sink: Sink | None, record: str
) -> Written:
    """Write the result of a slide; without a sink it is left as it was."""
    output = job.files.output
    if sink is None and output.is_copied(item):
        return output.leave(item, slide.header, record)
    if sink is None:
        side = slides.block_of(slide.chunk)
        sink = restoration.open_sink(path, slide, "as it was", slide.header.pixels.dtype, side)
        restoration.leave(slide, sink)
    replaced = output.replaced_phrase([path], item)
    lost = sink.complete(record)
    written = Written(output.publish([path]), lost=lost, remark=replaced)
    sink.discard()  # now that it is where it belongs
    return written


def _shared_out(
    workers: Workers, name: str, work: Callable[[Any], tuple[Any, Any]], todo: Sequence[Any]
) -> Iterator[tuple[Any, Any]]:
    """Do a work on blocks or windows wherever the workers are, in any order."""
    named = partial(_named, name)
    return workers.map_tasks(work, todo, label="restored", key=named, ordered=False)


def _named(name: str, part: object) -> str:
    """Return how a block or a window is named where its work is done, and in sentences on it."""
    return f"{name}, {part}"


def _settings(job: Restoration) -> Settings:
    options = job.options
    results = job.files.options
    return Settings(
        job.method,
        options.own,
        uncertainty=results.uncertainty,
        check=job.reports,
        force=options.force,
        dtype=options.dtype,
    )


def _check(job: Restoration, item: Item) -> None:
    """Raise OptionError for what is asked for and not available for slides."""
    options = job.options
    asked = {
        "--tile": options.tile is not None,
        "a map of the camera": job.camera is not None,
    }
    refuse(item.id, asked)


def refuse(name: str, asked: Mapping[str, bool]) -> None:
    """Raise OptionError for options that slides do not have; asked: which of them are given."""
    for option, given in asked.items():
        if given:
            raise OptionError(f"{name}: {option} {UNAVAILABLE}.")


def _resolutions(job: Restoration, slide: Slide, result: RestoredSlide) -> tuple[Measured, ...]:
    """Return the resolution of each exposure of a slide, where a report is asked for."""
    if job.files.options.report is None or result.maps is None:
        return ()
    settings = Settings(job.method, job.options.own)
    return resolution.of_slide(slide, result.maps.recorded, result.exposures, settings)


def _restored(slide: Slide, result: RestoredSlide) -> Restored[Image, Image]:
    """Return the same as what became of an image in memory, but for its pixels."""
    outcomes = result.exposures
    if len(outcomes) > 1:
        return Restored(slide.header, result.touched, result.movement, exposures=outcomes)
    (one,) = outcomes
    return Restored(slide.header, result.touched, result.movement, one.estimate, one.blur)


def _describe(job: Restoration, header: Image, result: RestoredSlide) -> str:
    """Return a phrase on what was done to a slide."""
    size = kernels.pixel_size_phrase(job.options.kernel, header)
    phrase = f"{result.movement}{size and f' ({size})'}"
    if not result.touched:
        unknown = ", uncertainty unknown" if job.files.options.uncertainty else ""
        return ", ".join(filter(None, [f"{left_phrase(phrase)}{unknown}", axes_phrase(header)]))
    some_left = any(one.blur is None for one in result.exposures)
    counted = result.counted
    no_data = counted.get("no_data", 0) / max(1, counted["pixels"])
    remarks: Sequence[str] = (
        f"{phrase}{'; the rest' if some_left else ','} restored by {job.method.name}",
        f"{result.replaced:.1%} of the tiles replaced" if result.replaced else "",
        axes_phrase(header),
        f"{no_data:.0%} without data left as it was" if no_data else "",
        _clipped_phrase(result),
        _light_phrase(result) if job.method.conserves_flux else "",
    )
    return ", ".join(filter(None, remarks))


def _clipped(result: RestoredSlide) -> int:
    """Return how many pixels came to the ends of the dtype."""
    return result.counted.get("black", 0) + result.counted.get("white", 0)


def _clipped_phrase(result: RestoredSlide) -> str:
    clipped = _clipped(result)
    return f"{clipped:,} pixels clipped: use --dtype float32" if clipped else ""


def _light_phrase(result: RestoredSlide) -> str:
    """Return a phrase on a total intensity that was not kept; "" where it was."""
    change = max(result.flux_change.values(), key=abs, default=0.0)
    return f"its total intensity changed by {change:+.1%}" if abs(change) > LIGHT_KEPT else ""
