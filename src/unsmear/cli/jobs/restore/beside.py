"""What is written beside a result: its uncertainty, and the report."""

from __future__ import annotations

from pathlib import Path

from unsmear import images
from unsmear.blur import Blur
from unsmear.cli.jobs.restore.description import method_phrase
from unsmear.cli.jobs.restore.settings import Restoration
from unsmear.data.item import Item
from unsmear.images import Image, tiff
from unsmear.restoration.restored import Restored, clipped_phrase


def write(
    job: Restoration, item: Item, image: Image, result: Restored[Image, Image], record: str
) -> None:
    """Write what was asked for beside an image's result."""
    uncertainty = job.files.uncertainty(item)
    if uncertainty is not None:
        _write_uncertainty(uncertainty, result, record)
    report = job.files.report(item)
    if report is not None:
        _write_report(report, item.id, image, result, job.method.name)


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


def _write_report(
    path: Path, title: str, image: Image, result: Restored[Image, Image], method: str
) -> None:
    from unsmear.report.restoration import movements, page
    from unsmear.report.restoration.content import Report

    check = result.consistency
    moved, blur = _shown_blur(result)
    content = Report(
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
    )
    page.write(path, content)
