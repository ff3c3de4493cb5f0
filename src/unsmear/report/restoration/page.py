"""The page of a restoration: before and after, for whoever took the image."""

from __future__ import annotations

import io
from pathlib import Path

from unsmear.errors import OptionError
from unsmear.report import html_page
from unsmear.report.figure import new_figure, save
from unsmear.report.html_page import Section
from unsmear.report.restoration import picture
from unsmear.report.restoration.content import Report, sentences

FILES = (".html", ".png")
"""Endings of a report that is one file."""


def check_wanted(wanted: Path, count: int) -> None:
    """Raise before anything is restored what would go wrong when the reports are written.

    wanted: a file that ends in .html or .png, for one image; or a folder, for any number.
    count: of the images.

    Raises OptionError for a path that is neither, or a file for several images, and MissingExtra
    without matplotlib.
    """
    kind = wanted.suffix.lower()
    if not wanted.is_dir() and (wanted.exists() or kind) and kind not in FILES:
        raise OptionError(
            f"--report must be a folder, or a file that ends in .html or .png, got {wanted}."
        )
    if _is_file(wanted) and count > 1:
        raise OptionError(f"--report must be a folder for {count} images, got {wanted}.")
    new_figure(1, 1)


def path_for(wanted: Path, name: str) -> Path:
    """Return where a report is written: the file itself, or NAME.html in a folder."""
    return wanted if _is_file(wanted) else wanted / f"{name}.html"


def _is_file(wanted: Path) -> bool:
    return wanted.suffix.lower() in FILES and not wanted.is_dir()


def write(path: Path, report: Report) -> None:
    """Write the report as one file that needs no other: .html, or the picture alone as .png.

    Raises OptionError for another ending, MissingExtra without matplotlib, and ImageError where the
    file cannot be written.
    """
    kind = path.suffix.lower()
    if kind not in FILES:
        raise OptionError(f"--report must end in .html or .png, or be a folder, got {path.name!r}.")
    figure = picture.draw(report)
    if kind == ".png":
        save(figure, path)
        return
    stream = io.BytesIO()
    figure.savefig(stream, format="png", bbox_inches="tight")
    lead = html_page.paragraphs(sentences(report)) + html_page.picture(stream.getvalue(), PICTURE)
    html_page.write(path, report.title, [Section("Light", _light(report)), READING], lead)


PICTURE = "recorded and restored image, tiles, misfit, movement"
EXPLANATION = (
    "Both pictures are stretched alike. The map of tiles shows where the restored image, blurred "
    "again by the movement found, did not give back what the camera recorded, more than its noise "
    "explains; such tiles are not trusted and were replaced. The check cannot see detail that the "
    "movement wiped out altogether, nor the strip along the border that is as wide as the "
    "movement reaches."
)
READING = Section("How to read this", html_page.paragraphs([EXPLANATION]))


def _light(report: Report) -> str:
    titles = ["channel", "recorded, mean count", "restored", "change"]
    rows = [
        [name, f"{before:.5g}", f"{after:.5g}", f"{change:+.2%}"]
        for name, before, after, change in report.light()
    ]
    return html_page.table([titles, *rows])
