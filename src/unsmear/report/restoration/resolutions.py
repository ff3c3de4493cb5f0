"""Resolution in a report: its sentence, its table, and how to read them."""

from __future__ import annotations

from unsmear.metrics.resolution import micrometres
from unsmear.report.restoration.content import Report
from unsmear.restoration.resolution import Measured

ACROSS = 90.0
"""Angle between the two directions, degrees."""
NOISE = "only noise"
UNKNOWN = "-"
READING = (
    "Resolution is the finest detail, as the length of its period, that a directional Fourier ring "
    "correlation shows above the noise (threshold 1/7); 2 px is the limit of the pixels. The "
    "recorded counts are split at random into two images with independent noise. Detail whose "
    "contrast the movement turned over does not count as recorded. For the restored resolution one "
    "of the two is restored, blurred again and compared with the other as it was recorded: what a "
    "restoration invents does not count. It takes the movement for right, and says nothing of how "
    "strong the contrast is. It is measured where the image shows most, on at most 512x512 pixels."
)


def sentences(report: Report) -> list[str]:
    """Return a sentence on the resolution of an image with one exposure; nothing otherwise."""
    if len(report.resolutions) != 1:
        return []
    (one,) = report.resolutions
    if one.recorded is None:
        return [f"The resolution was not measured: {one.reason}."]
    along, across = directions(one)
    parts = [
        f"{name} {', '.join(_told(report, one, number))}"
        for number, name in enumerate((along, across))
    ]
    return [f"Finest detail above the noise: {'; '.join(parts)}."]


def rows(report: Report) -> list[list[str]]:
    """Return the table of all exposures, the titles first; nothing where none was measured."""
    if not any(one.recorded for one in report.resolutions):
        return []
    titles = ["planes", "direction", "along, recorded", "restored", "across, recorded", "restored"]
    return [titles, *(_row(report, one) for one in report.resolutions)]


def directions(measured: Measured) -> tuple[str, str]:
    """Return in words what along and across mean."""
    if measured.angle is None:
        return "along the rows", "along the columns"
    return "along the movement", "across it"


def _row(report: Report, measured: Measured) -> list[str]:
    angle = measured.angle
    direction = "rows" if angle is None else f"{round(angle) % 180} degrees"
    cells = [
        _length(report, measured, image, number)
        for number in (0, 1)
        for image in ("recorded", "restored")
    ]
    return [measured.planes or "all", direction, *cells]


def _told(report: Report, measured: Measured, number: int) -> list[str]:
    """Return what is said of one direction: "10.1 px recorded", and "5.0 px restored"."""
    recorded = _length(report, measured, "recorded", number)
    if measured.restored is None:
        return [recorded]
    return [f"{recorded} recorded", f"{_length(report, measured, 'restored', number)} restored"]


def _length(report: Report, measured: Measured, image: str, number: int) -> str:
    """Return a resolution in words. image: "recorded" or "restored". number: 0 along, 1 across."""
    resolution = getattr(measured, image)
    if resolution is None:
        return UNKNOWN
    pixels = (resolution.along, resolution.across)[number]
    if pixels is None:
        return NOISE
    if report.pixel_size is None:
        return f"{pixels:.1f} px"
    angle = (measured.angle or 0.0) + ACROSS * number
    return f"{pixels:.1f} px ({micrometres(pixels, angle, report.pixel_size):.3g} um)"
