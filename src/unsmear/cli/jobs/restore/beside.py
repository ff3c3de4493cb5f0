"""What is written beside a result: its uncertainty, and the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unsmear import images
from unsmear.blur import Blur
from unsmear.cli.jobs.restore.description import method_phrase
from unsmear.cli.jobs.restore.settings import Restoration
from unsmear.data.item import Item
from unsmear.images import Image, slides, tiff
from unsmear.images.slides import Slide
from unsmear.restoration.consistency import TILE
from unsmear.restoration.resolution import Measured
from unsmear.restoration.restored import Restored, clipped_phrase
from unsmear.restoration.slide import RestoredSlide, band
from unsmear.restoration.slide.tile_maps import TileMaps

if TYPE_CHECKING:
    from unsmear.report.restoration.content import Report


def write(
    job: Restoration,
    item: Item,
    image: Image,
    result: Restored[Image, Image],
    record: str,
    resolutions: Sequence[Measured],
) -> None:
    """Write what was asked for beside an image's result; an uncertainty of an older one goes."""
    uncertainty = job.files.uncertainty(item)
    if uncertainty is not None:
        _write_uncertainty(uncertainty, result, record)
    else:
        job.files.drop_uncertainty(item)
    if job.reports:
        content = _report_of(item.id, image, result, job.method.name)
        _give(job, item, replace(content, resolutions=resolutions))


def write_slide(
    job: Restoration,
    item: Item,
    slide: Slide,
    result: RestoredSlide,
    restored: Restored[Image, Image],
    record: str,
    clipped: str,
    resolutions: Sequence[Measured],
) -> None:
    """Write what was asked for beside a slide's result, while its blocks are there.

    restored: the same without pixels. clipped: phrase on pixels that were clipped.
    """
    sink, uncertainty = result.sink, job.files.uncertainty(item)
    if uncertainty is None:
        job.files.drop_uncertainty(item)
    elif sink is None:
        uncertainty.unlink(missing_ok=True)
    else:
        slides.note_beside(sink.path, uncertainty)
        band.lay_out(uncertainty, slide, sink, record)
    if job.reports and result.maps is not None:
        content = _report_of_slide(item.id, slide, result, result.maps, restored, job, clipped)
        _give(job, item, replace(content, resolutions=resolutions))


def _give(job: Restoration, item: Item, report: Report) -> None:
    """Write the report on an image, and give it to who wants it besides."""
    from unsmear.report.restoration import page

    path = job.files.report(item)
    if path is not None:
        page.write(path, report)
    if job.callbacks is not None:
        job.callbacks.report(report)


def _report_of_slide(
    title: str,
    slide: Slide,
    result: RestoredSlide,
    maps: TileMaps,
    restored: Restored[Image, Image],
    job: Restoration,
    clipped: str,
) -> Report:
    from unsmear.report.restoration import movements, picture
    from unsmear.report.restoration.content import Detail, Report

    moved, blur = _shown_blur(restored)
    counted, sink = result.counted, result.sink
    content = Report(
        title=title,
        movement=result.movement,
        blurred=maps.recorded,
        restored=maps.restored,
        kernel=None if blur is None else blur.kernel(),
        moved=moved,
        verdicts=maps.verdicts,
        misfit=maps.misfit,
        empty=np.zeros(maps.verdicts.shape[:2], bool),
        channels=slide.header.channels,
        method=job.method.name if result.touched else "",
        no_data=counted.get("no_data", 0) / max(1, counted.get("pixels", 0)),
        clipped=clipped,
        movements=movements.of(slide.header, restored),
        pixel_size=slide.header.pixel_size,
        scale=TILE,
        means=maps.means,
    )
    part = picture.detail_of(content).part
    whole = slide.header.planes().shape
    rows, columns = (
        slice(TILE * span.start, min(TILE * span.stop, side))
        for span, side in zip(part, whole[2:], strict=True)
    )
    before, after = (
        np.stack([read(content.shown, channel, rows, columns) for channel in range(whole[1])])
        for read in (slide.read, slide.read if sink is None else sink.read)
    )
    return replace(content, detail=Detail(part, before, after))


def _write_uncertainty(path: Path, result: Restored[Image, Image], record: str) -> None:
    """Write the uncertainty of a restored image; delete an old one of an image left unchanged."""
    if result.uncertainty is None:
        path.unlink(missing_ok=True)
    else:
        images.write(path, tiff.as_imagej(result.uncertainty), record)


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


def _report_of(title: str, image: Image, result: Restored[Image, Image], method: str) -> Report:
    from unsmear.report.restoration import movements
    from unsmear.report.restoration.content import Report

    check = result.consistency
    moved, blur = _shown_blur(result)
    return Report(
        title=title,
        movement=result.movement,
        blurred=image.planes(),
        restored=result.image.planes(),
        kernel=None if blur is None else blur.kernel(),
        moved=moved,
        verdicts=result.verdicts,
        misfit=None if check is None else check.misfit,
        empty=None if check is None else check.empty,
        channels=image.channels,
        method=method_phrase(method, result) if result.touched else "",
        no_data=result.no_data,
        clipped=clipped_phrase(result),
        movements=movements.of(image, result),
        pixel_size=image.pixel_size,
    )
