"""Command `unsmear restore`: removal of motion blur from images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from cyclopts import Parameter
from numpy.typing import NDArray

from unsmear import images
from unsmear.blur import Blur, to_dict
from unsmear.choices import BEST_METHOD, Channels, Per
from unsmear.cli import batch
from unsmear.cli.kernel_options import note, record
from unsmear.cli.output import Output, OutputOptions, announce
from unsmear.cli.place_options import PlaceOptions
from unsmear.cli.plate_output import finish
from unsmear.data.item import Item
from unsmear.data.source import place_of_text
from unsmear.errors import OptionError
from unsmear.estimate import Estimate
from unsmear.images import Image, outliers, tiff
from unsmear.restoration import consistency, methods, pipeline, tiling
from unsmear.restoration.base import Method
from unsmear.restoration.methods import check_options, try_out
from unsmear.restoration.restored import (
    Restored,
    clipped_phrase,
    no_data_phrase,
    outliers_phrase,
    saturated_phrase,
)

FLUX_TOLERANCE = 0.2
"""Change of a channel's total intensity, as a fraction, above which a flux-conserving method has
failed."""
CLIPPED = "with clipped pixels (--dtype float32 keeps them)"
LOST = "written without all that the input holds (see the line)"
CHANNELS = {"groups": "channels in groups", "alone": "each channel alone"}
"""Channel rules in words, for the printed line; the rule `together` is not mentioned."""


def restore(
    inputs: Annotated[list[str], Parameter(name="INPUT", negative=())],
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    writing: OutputOptions = OutputOptions(),
    method: str = BEST_METHOD,
    kernel: PlaceOptions = PlaceOptions(),
    regularisation: float | None = None,
    iterations: int | None = None,
    runtime: str | None = None,
    channels: Channels | None = None,
    report: Path | None = None,
    uncertainty: Annotated[bool, Parameter(negative=())] = False,
    shake: Annotated[bool, Parameter(negative=())] = False,
    force: Annotated[bool, Parameter(negative=())] = False,
    per: Per = "auto",
    dtype: Literal["float32"] | None = None,
    no_data: str | None = None,
    tile: int | None = None,
    axes: str | None = None,
    resume: Annotated[bool, Parameter(negative=())] = False,
    workers: int = 1,
) -> int:
    """Take motion blur out of images.

    Without a kernel, the motion of each exposure is estimated (blind deconvolution). An image in
    which no motion is found, or only an uncertain one, is left unchanged: its file is copied.
    Results keep the name, format, dtype, intensities, axes, pixel size and metadata of their input;
    JPEG becomes PNG, and what is only read (CZI, ND2, LIF ...) OME-TIFF.

    Parameters
    ----------
    inputs
        Images, folders, globs or zip files; the files of an HPA field (ID_red.png ...) are one
        image. The side files of a plate (Index.xml, .HTD ...) are copied.
    output
        Output folder; created if it does not exist.
    method
        Restoration method. Learned: deep-wiener, deep-wiener-fast. Classical: wiener, wiener-local,
        unsupervised-wiener, richardson-lucy. A network from `unsmear train`: the path of its
        weights (runs/cells/best) or the folder of the run, for its best weights. Published weights
        by name, after `unsmear weights get`: maxim-s3-reds.
    regularisation
        Noise-to-signal ratio of the method wiener; by default estimated.
    iterations
        Number of iterations of richardson-lucy.
    runtime
        Runtime of deep-wiener: torch, or onnx for ONNX Runtime.
    channels
        How the channels of an image are given to a network from `unsmear train`. together: all at
        once; their number must be the network's. groups: in order, as many at once as the network
        has (triplets for RGB); the last group repeats its last channel to be complete. alone: one
        by one, each copied to all channels of the network. Results of repeated channels are
        averaged. auto, the default: together if the numbers are equal, else alone.
    report
        Folder for a report on each image, or a file (.html or .png) for one image: both images, the
        estimated motion, and a map of the tiles that failed the consistency check and were
        replaced.
    uncertainty
        Write RESULT.error.tif beside each result of deep-wiener (cell.png.error.tif; for an HPA
        field ID.error.tif): the half-width of a 90 % prediction interval of every pixel, in counts.
        An image left unchanged gets none: its uncertainty is unknown.
    shake
        Also remove irregular motion (camera shake) whose path is uncertain. Its kernel is often
        wrong: check the result, or its report, before you use it.
    force
        Also restore images that were deconvolved before, which are recognised and otherwise left
        unchanged, and keep what the consistency check would put back. It makes most images worse.
    per
        What shares a movement. auto, the default: each plane is estimated by itself, and those that
        agree are pooled; parts of a field that moved differently are told apart. plane, channel,
        frame (a time point of a position) or file: decided by you, one movement for each.
    dtype
        float32: results are floats, neither rounded nor clipped at the white of the input; PNG and
        JPEG become TIFF. An image left unchanged keeps its file.
    no_data
        Where nothing was recorded: a value (0, nan), or a file with a mask, not 0 where there are
        no data. Such pixels are left as they are. By default padding of stitched or registered
        images is found.
    tile
        Side of the tiles, pixels, to save memory. Large images are tiled anyway. The result does
        not depend on it, except for a network that uses the whole image (maxim): there the side is
        rounded up to a multiple of 64, the tiles are blended, and the result changes a little.
    axes
        Dimensions of the input files, letters of PSTCZYX; files whose metadata name them need none.
    resume
        Resume a stopped run: skip images that already have a result. Files beside the result (see
        --report and --uncertainty) are not checked.
    workers
        Number of images restored in parallel, each in its own process.
    """
    chosen = methods.find(method)
    if tile is not None and tile < 16:
        raise OptionError(f"--tile must be 16 pixels or more, got {tile}.")
    given = {
        "regularisation": regularisation,
        "iterations": iterations,
        "runtime": runtime,
        "channels": channels,
    }
    options = {name: value for name, value in given.items() if value is not None}
    check_options(chosen, options)
    if kernel != PlaceOptions() and not chosen.needs_kernel:
        raise OptionError(f"{chosen.name} must be given no kernel: it is a blind method.")
    if uncertainty and not chosen.guarded:
        raise OptionError(f"--uncertainty is available for deep-wiener only, got {chosen.name}.")
    kernel.check()
    if tiling.needs_whole(try_out(chosen, options)) and tile is not None:
        raise OptionError(f"--tile is not available for {chosen.name}: it needs the whole image.")
    survey = batch.find_inputs(inputs, output, axes)
    if report is not None:
        from unsmear.report.restoration import page

        page.check_wanted(report, len(survey.items))
    stems = Counter(item.stem for item in survey.items)
    shared = frozenset(stem for stem, count in stems.items() if count > 1)
    job = Restoration(
        Output(output, "restore", writing, dtype is not None),
        chosen,
        kernel,
        options,
        tile,
        resume,
        report,
        uncertainty,
        shake,
        shared,
        dtype,
        None if no_data is None else _no_data(no_data),
        force,
        per,
    )
    check_outputs(job, survey.items)
    if writing.dry_run:
        return batch.run(partial(announce, job.output), survey, 1, "to restore")
    code = batch.run(partial(restore_item, job), survey, workers, "restored")
    return max(code, finish(job.output, survey, note("restore", None)))


def _no_data(given: str) -> float | NDArray[np.bool_]:
    """Return the value of pixels without data, or the mask in a file."""
    try:
        return float(given)
    except ValueError:
        return np.asarray(images.read(given).pixels != 0)


@dataclass(frozen=True)
class Restoration:
    """Settings shared by all images of one call.

    shared: stems of more than one image; the files beside their results have longer names.
    no_data: value of pixels without data, or a mask of them; None finds padding.
    """

    output: Output
    method: Method
    kernel: PlaceOptions
    options: Mapping[str, Any]
    tile: int | None = None
    resume: bool = False
    report: Path | None = None
    uncertainty: bool = False
    shake: bool = False
    shared: frozenset[str] = frozenset()
    dtype: str | None = None
    no_data: float | NDArray[np.bool_] | None = None
    force: bool = False
    per: Per = "auto"

    def error_path(self, item: Item) -> Path:
        """Return the path of an image's uncertainty."""
        return self.output.folder / f"{_result_name(item)}.error.tif"

    def report_path(self, item: Item) -> Path | None:
        """Return the path of the report on an image; None without --report."""
        if self.report is None:
            return None
        from unsmear.report.restoration import page

        name = _result_name(item) if item.stem in self.shared else item.stem
        return page.path_for(self.report, name)

    def outputs(self, item: Item) -> list[Path]:
        """Return all files that may be written for an image; it is not read for that."""
        report = self.report_path(item)
        written = self.output.results(item)
        written += [self.error_path(item)] if self.uncertainty else []
        return written if report is None else [*written, report]


def _result_name(item: Item) -> str:
    """Return the name of the result in the output folder: the file's name, or the field's ID."""
    ending = images.written_ending(item.files[0]) if len(item.files) == 1 else ""
    return f"{item.stem}{ending}"


def check_outputs(job: Restoration, items: Sequence[Item]) -> None:
    """Raise OptionError where a file would overwrite an input or another output."""
    # A link to itself is a fault of one input, which its reading names.
    owners = {place_of_text(str(file)): item.id for item in items for file in item.files}
    for item in items:
        for path in job.outputs(item):
            place = str(batch.resolved(path))
            if place in owners:
                raise OptionError(
                    f"{path.name}: every output file must have a name of its own, got this one "
                    f"for {item.id} and for {owners[place]}."
                )
            owners[place] = item.id


def restore_item(job: Restoration, item: Item) -> batch.Outcome:
    """Restore one image and write its files."""
    if job.resume and job.output.is_done(item):
        return batch.Outcome("already there", f"{item.id}: already there")
    beside = [job.error_path(item)] if job.uncertainty else []
    page = job.report_path(item)
    job.output.check_free(job.output.results(item), item)
    for path in beside:
        job.output.check_free([path], item)
    if page is not None:
        job.output.check_report(page)
    image = item.read()
    result, note_ = restore_with(job, image)
    # The result comes last: if it exists, the files beside it do too.
    if job.uncertainty:
        _write_uncertainty(job.error_path(item), result, note_)
    if page is not None:
        _write_report(page, item, image, result, job.method.name)
    if result.touched:
        written = job.output.write(item, result.image, note_)
    else:
        written = job.output.leave(item, image, note_)
    line = f"{item.id}: {_describe(job, image, result)} -> {written}"
    warnings = [CLIPPED] if result.clipped else []
    warnings += [LOST] if written.lost else []
    return batch.Outcome(
        "restored" if result.touched else "left unchanged", line, warnings=tuple(warnings)
    )


def restore_with(job: Restoration, image: Image) -> tuple[Restored[Image, Image], str]:
    """Return the restored image, and the processing record for its file."""
    result = pipeline.restore(
        image,
        job.kernel.blur(image) if job.method.needs_kernel else None,
        method=job.method,
        uncertainty=job.uncertainty,
        irregular=job.shake,
        force=job.force,
        per=job.per,
        check=job.report is not None,
        tile=job.tile,
        dtype=job.dtype,
        no_data=job.no_data,
        options=job.options,
    )
    return result, _note(job, result)


def _note(job: Restoration, result: Restored[Image, Image]) -> str:
    """Return the processing record for the file's description."""
    if not result.touched:
        # The suffix is that of files written before.
        return note("restore", None, result=f"{result.movement}, left as it was")
    done: dict[str, Any] = {
        "method": job.method.cited or job.method.name,
        "options": job.options,
        "tile": job.tile,
    }
    if not job.method.needs_kernel:
        done["channels"] = result.channel_rule  # the rule that "auto" chose
        done["options"] = {name: value for name, value in job.options.items() if name != "channels"}
        if result.blended:
            done["tile"], done["overlap"] = result.blended
    elif result.estimate is not None:
        done |= _of_estimate(result.estimate)
    elif result.frames:
        done["frames"] = [_record(frame) if frame.touched else None for frame in result.frames]
    elif result.exposures:
        done |= _record(result)
    return note("restore", result.blur, **done)


def _record(result: Restored[Image, Image]) -> dict[str, Any]:
    """Return the blurs that were taken out of an image, each with the planes that had it."""
    if not result.exposures:
        return {} if result.blur is None else record(result.blur) | _of_estimate(result.estimate)
    return {
        "exposures": [
            {"planes": one.name, "blur": None}
            if one.blur is None
            else {"planes": one.name, **record(one.blur), **_of_estimate(one.estimate)}
            for one in result.exposures
        ]
    }


def _of_estimate(estimate: Estimate | None) -> dict[str, Any]:
    """Return what the record says of an estimated motion beside it; nothing of a given one."""
    if estimate is None:
        return {}
    said: dict[str, Any] = {"confidence": estimate.confidence}
    if estimate.drift is not None:
        said["drift"] = [to_dict(estimate.drift.first), to_dict(estimate.drift.last)]
        said["drift_axis"] = "y" if estimate.drift.down else "x"
    return said


def _describe(job: Restoration, image: Image, result: Restored[Image, Image]) -> str:
    """Return a phrase on what was done to an image."""
    if not result.touched:
        unknown = ", uncertainty unknown" if job.uncertainty else ""
        size = job.kernel.pixel_size_phrase(image)
        return f"{result.movement}{size and f' ({size})'}, left unchanged{unknown}"
    size = job.kernel.pixel_size_phrase(image)
    phrase = f"{result.movement}{size and f' ({size})'}"
    some_left = "; the rest" if _some_left(result) else ","
    phrase += f"{some_left} restored by {_method_phrase(job.method.name, result)}"
    replaced = _replaced(result)
    phrase += f", {replaced:.1%} of the tiles replaced" if replaced else ""
    for said in (
        no_data_phrase(result),
        outliers_phrase(result),
        saturated_phrase(result),
        clipped_phrase(result),
    ):
        phrase += f", {said}" if said else ""
    before = image.planes()
    if result.outliers:
        before, _ = outliers.replaced(before)
    change = _flux_change(before, result.image) if job.method.conserves_flux else 0.0
    return phrase + (
        f", but its total intensity changed by {change:+.0%}: check it"
        if abs(change) > FLUX_TOLERANCE
        else ""
    )


def _some_left(result: Restored[Image, Image]) -> bool:
    """Return whether some frames or exposures of a restored image were left as they were."""
    if result.frames:
        return any(not frame.touched or _some_left(frame) for frame in result.frames)
    if result.verdicts is not None and (result.verdicts == consistency.LEFT).any():
        return True
    return any(one.blur is None for one in result.exposures)


def _replaced(result: Restored[Image, Image]) -> float:
    """Return the fraction of the tiles that were replaced, of those that were restored."""
    if result.verdicts is None:
        return 0.0
    nothing_but_noise = (result.verdicts == consistency.INPUT).all(axis=(2, 3))
    tiles = result.verdicts[~nothing_but_noise]
    tiles = tiles[tiles != consistency.LEFT]
    return float((tiles != consistency.RESTORED).mean()) if tiles.size else 0.0


def _flux_change(before: NDArray[Any], after: Image) -> float:
    """Return the largest relative change of a channel's mean above its darkest pixel."""
    planes, restored = (np.asarray(part, np.float64) for part in (before, after.planes()))
    means = [np.nanmean(part, axis=(0, 2, 3)) for part in (planes, restored)]
    flux = means[0] - np.nanmin(planes, axis=(0, 2, 3))
    changes = (means[1] - means[0]) / np.maximum(flux, 1e-12)
    return float(changes[np.abs(changes).argmax()])


def _method_phrase(method: str, restored: Restored[Image, Image]) -> str:
    """Return a phrase that names the method, and its channel rule and tiles where it has them."""
    details = []
    if restored.channel_rule in CHANNELS and restored.image.planes().shape[1] > 1:
        details.append(CHANNELS[restored.channel_rule])
    if restored.blended:
        details.append("in tiles of {} px that share at least {} px".format(*restored.blended))
    return ", ".join([method, *details])


def _write_uncertainty(path: Path, result: Restored[Image, Image], note_: str) -> None:
    """Write the uncertainty of a restored image; delete an old one of an image left unchanged."""
    if result.uncertainty is None:
        path.unlink(missing_ok=True)
    else:
        images.write(path, tiff.as_imagej(result.uncertainty), note_)


def _shown_blur(result: Restored[Image, Image]) -> tuple[str, Blur | None]:
    """Return the blur that was taken out, or the first of several with the name of its planes."""
    if not result.touched:
        return "", None
    for number, frame in enumerate(result.frames):
        if frame.touched:
            name, blur = _shown_blur(frame)
            return ", ".join(filter(None, (f"frame {number}", name))), blur
    for one in result.exposures:
        if one.blur is not None:
            return one.name, one.blur
    return "", result.blur


def _write_report(
    path: Path, item: Item, image: Image, result: Restored[Image, Image], method: str
) -> None:
    from unsmear.report.restoration import movements, page
    from unsmear.report.restoration.content import Report

    check = result.consistency
    moved, blur = _shown_blur(result)
    content = Report(
        title=item.id,
        movement=result.movement,
        blurred=image.planes(),
        restored=result.image.planes(),
        kernel=None if blur is None else blur.kernel(),
        moved=moved,
        verdicts=result.verdicts,
        misfit=None if check is None else check.misfit,
        empty=None if check is None else check.empty,
        channels=image.channels,
        method=_method_phrase(method, result) if result.touched else "",
        no_data=result.no_data,
        clipped=clipped_phrase(result),
        movements=movements.of(image, result),
    )
    page.write(path, content)
