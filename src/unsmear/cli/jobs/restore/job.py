"""Restoration of all images of a call, and of one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from unsmear.batches.entry import ALREADY_THERE
from unsmear.cli.jobs import batch, camera_maps, kernels, no_data, recording, workplace
from unsmear.cli.jobs.announcement import announce
from unsmear.cli.jobs.inputs import find_inputs
from unsmear.cli.jobs.plate_output import finish
from unsmear.cli.jobs.progress import within
from unsmear.cli.jobs.record import note
from unsmear.cli.jobs.recording import Earlier
from unsmear.cli.jobs.restore import beside
from unsmear.cli.jobs.restore.asked import session_of
from unsmear.cli.jobs.restore.description import describe, tiles_replaced
from unsmear.cli.jobs.restore.files import Files
from unsmear.cli.jobs.restore.found import action_of, found_in, with_resolutions
from unsmear.cli.jobs.restore.record import record_of
from unsmear.cli.jobs.restore.settings import Restoration, find_method, on_this_machine, warnings_of
from unsmear.cli.jobs.restore.slides import restore_slide
from unsmear.cli.options.parameters import BatchOptions
from unsmear.cli.options.restore import RestoringOptions, ResultOptions
from unsmear.cluster import HERE, Workers
from unsmear.data.item import Item
from unsmear.data.source import Survey
from unsmear.images import Image
from unsmear.restoration import pipeline, resolution
from unsmear.restoration.correction import Correction
from unsmear.restoration.resolution import Measured
from unsmear.restoration.restored import Restored
from unsmear.restoration.settings import Settings


def run(options: BatchOptions, restoring: RestoringOptions, results: ResultOptions) -> int:
    """Restore all images; return the exit code."""
    if results.place is not None and results.folder == Path():
        # Results are made here, and go one by one.
        return workplace.work_for(
            results.place,
            lambda folder: run(options, restoring, replace(results, folder=folder)),
        )
    restoring = on_this_machine(restoring, options.where)
    method = find_method(restoring, results.uncertainty)
    survey = find_inputs(options, results.folder)
    files = _checked_files(results, survey, floats=restoring.dtype is not None)
    job = Restoration(
        files,
        restoring,
        method,
        no_data.read(restoring.no_data),
        camera_maps.read(restoring.camera),
    )
    whole = partial(files.is_whole, {item.id: item for item in survey.items})
    earlier = Earlier(results.resume, results.writing.overwrite, whole=whole)
    session, kept = session_of(job, options), results.place is None
    if results.writing.dry_run:
        recording.check_for(results.folder, session, survey, earlier, kept)
        files = files.replacing(recording.old_copies(results.folder))
        return batch.run(partial(announce, files.output), survey, HERE, "to restore")
    with recording.kept_for(results.folder, session, survey, earlier, kept=kept) as record:
        job = replace(job, files=files.recorded_in(record))
        # What goes to an object store is made in a folder that other machines do not see.
        in_parts = not options.where.alone and results.place is None
        code = batch.run(
            partial(restore_item, job, in_parts=in_parts),
            survey,
            options.where,
            "restored",
            record,
            partial(restore_in_parts, job),
        )
        return record.end(max(code, finish(files.output, survey, note("restore"))))


def _checked_files(results: ResultOptions, survey: Survey, floats: bool) -> Files:
    """Return the files of a call; raises OptionError for those that cannot be."""
    if results.report is not None:
        from unsmear.report.restoration import page

        page.check_wanted(results.report, len(survey.items))
    files = Files.of(results, survey.items, floats)
    files.check_distinct(survey.items)
    files.output.check_place(survey)
    return files


def restore_item(job: Restoration, item: Item, in_parts: bool = False) -> batch.Outcome:
    """Restore one image and write its files; in_parts: leave slides for `restore_in_parts`."""
    files = job.files
    if files.is_done(item):
        unknown = "" if files.recorded else " (with which options is not recorded)"
        return batch.Outcome(ALREADY_THERE, f"{item.id}: already there{unknown}")
    with item.slide() as slide:
        if slide is not None:
            files.check_free(item)
            if in_parts and item.scene is None:
                return batch.Outcome(later=item)
            return restore_slide(job, item, slide)
    if item.is_remote:
        with item.here() as here:
            return _restore_whole(job, here)
    return _restore_whole(job, item)


def _restore_whole(job: Restoration, item: Item) -> batch.Outcome:
    """Restore one image in memory and write its files."""
    files = job.files
    files.check_free(item)
    image = item.read()
    result = restore_image(job, image)
    record = record_of(job, result)
    # The result comes last: if it exists, the files beside it do too.
    resolutions = _resolutions(job, image, result)
    beside.write(job, item, image, result, record, resolutions)
    files.output.publish(filter(None, [files.uncertainty(item)]))
    if result.touched:
        written = files.output.write(item, result.image, record)
    else:
        written = files.output.leave(item, image, record)
    line = f"{item.id}: {describe(job, image, result)} -> {written}"
    warnings = warnings_of(result.clipped, written)
    exposures_found = with_resolutions(found_in(result), resolutions)
    return batch.Outcome(
        action_of(result.touched, exposures_found),
        line,
        warnings=warnings,
        outputs=written.files,
        copied=written.copied,
        report=files.report(item),
        found=exposures_found,
        tiles_replaced=tiles_replaced(result),
    )


def _resolutions(
    job: Restoration, image: Image, result: Restored[Image, Image]
) -> tuple[Measured, ...]:
    """Return the resolution of each exposure of an image, where a report is asked for."""
    if job.files.options.report is None:
        return ()
    if job.camera is not None:
        image = Correction.of(image, job.camera).corrected
    settings = Settings(job.method, job.options.own)
    return resolution.of_image(image, result, settings, no_data.of_whole(job.no_data, image))


def restore_in_parts(job: Restoration, workers: Workers, item: Item) -> batch.Outcome:
    """Restore one slide, its blocks shared out, and write its result."""
    with item.slide(job.files.output.results(item)[0].parent) as slide:
        assert slide is not None  # for mypy: it was one a moment ago
        return restore_slide(job, item, slide, workers)


def restore_image(job: Restoration, image: Image) -> Restored[Image, Image]:
    """Return the restored image."""
    options = job.options
    return pipeline.restore(
        image,
        kernels.kernels_of(options.kernel, image) if job.method.needs_kernel else None,
        method=job.method,
        uncertainty=job.files.options.uncertainty,
        force=options.force,
        per=options.per,
        check=job.reports,
        tile=options.tile,
        progress=within if job.callbacks is None else partial(job.callbacks.progress, "restoring"),
        dtype=options.dtype,
        no_data=no_data.of_whole(job.no_data, image),
        camera=job.camera,
        options=options.own,
    )
