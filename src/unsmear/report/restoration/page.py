"""Page of a restoration report: both images, the estimated motion, the consistency check."""

from __future__ import annotations

import json
import re
from pathlib import Path

from unsmear.errors import OptionError
from unsmear.report import html_page
from unsmear.report.figure import new_figure, save
from unsmear.report.html_page import Section
from unsmear.report.restoration import movements, picture, view
from unsmear.report.restoration.content import Report, intensities_in_words, sentences
from unsmear.report.restoration.view import View

RECORD = '{"unsmear": "", "command": "report"}'
"""Text in the picture of a report, by which it is known."""
FILES = (".html", ".png")
"""File name extensions of a report in one file."""


def check_wanted(wanted: Path, count: int) -> None:
    """Check the path of the reports before anything is restored.

    wanted: a file that ends in .html or .png, for one image; or a folder, for any number.
    count: number of images.

    Raises OptionError for any other path, or for one file for several images, and MissingExtra
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
    """Return the path of a report: the file itself, or NAME.html in a folder."""
    return wanted if _is_file(wanted) else wanted / f"{name}.html"


def _is_file(wanted: Path) -> bool:
    return wanted.suffix.lower() in FILES and not wanted.is_dir()


def write(path: Path, report: Report) -> None:
    """Write the report as one self-contained file: .html, or only the picture as .png.

    Raises OptionError for another extension, MissingExtra without matplotlib, and ImageError where
    the file cannot be written.
    """
    kind = path.suffix.lower()
    if kind not in FILES:
        raise OptionError(f"--report must end in .html or .png, or be a folder, got {path.name!r}.")
    if kind == ".png":
        save(picture.draw(report), path, RECORD)
        return
    detail = view.of_detail(report)
    sections = [
        Section("Enlarged part", "" if detail is None else _frozen(detail)),
        Section("Map of movements", _movements(report)),
        READING,
    ]
    lead = html_page.paragraphs(sentences(report)) + _frozen(view.of(report), _intensities(report))
    style, script = view.asset("view.css"), _script()
    html_page.write(path, report.title, sections, lead, style, script)


def _frozen(shown: View, table: str = "") -> str:
    """Return a view with its pictures in the page.

    table: what stands below them where no script runs, and the pictures lie side by side.
    """
    stills = "".join(
        f'<figure><img data-picture="{name}" alt="{name}" src="{html_page.address(data)}">'
        f"<figcaption>{name}</figcaption></figure>"
        for name, data in shown.pictures.items()
    )
    values = json.dumps(shown.values, allow_nan=False).replace("<", "\\u003c")
    return (
        f'<div data-view class="view-still">{stills}{table}'
        f'<script type="application/json">{values}</script></div>'
    )


def _intensities(report: Report) -> str:
    titles = ["channel", "recorded, mean counts", "restored", "change"]
    return html_page.table([titles, *intensities_in_words(report)])


def _script() -> str:
    """Return the script of the page: that of the view in one module, which imports nothing."""
    modules = (view.asset(name) for name in view.SCRIPTS)
    joined = "\n".join(re.sub(r"^import .*$", "", text, flags=re.M) for text in modules)
    return f"{joined}\nshowAll(document);\n"


EXPLANATION = (
    "Both images have the same contrast stretch. Total intensity is kept: the mean counts of a "
    "channel are the same before and after, up to the rounding to whole counts and what was "
    "clipped at 0 or at white, in the recorded image or in the result. The consistency check blurs "
    "the restored image again with the estimated motion and compares it with the recorded image. "
    "The map of tiles shows where they differ by more than the noise explains; such tiles are not "
    "trusted and were replaced. The check cannot test details that the motion removed completely, "
    "nor a strip along the border as wide as the kernel."
)
READING = Section("How to read this", html_page.paragraphs([EXPLANATION]))


def _movements(report: Report) -> str:
    """Return the map of movements and its table; nothing where one movement explains all."""
    fields = report.movements
    if not movements.several(fields):
        return ""
    count, shape = len(fields), report.sides
    caption = (
        f"Lines are drawn {movements.scale(fields, shape):g} times as long as the movements; which "
        "way along a line is not known. Circles are what was left as it was."
    )
    if count > movements.MOST:
        caption += f" The first {movements.MOST} of {count} exposures; the table has all."
    table = movements.rows(fields)
    told = "; ".join(", ".join(row) for row in table[1 : movements.TOLD + 1])
    drawn = movements.draw(fields, report.restored, shape)
    return html_page.picture(drawn, f"map of movements: {told}", caption) + html_page.table(
        table, texts=3
    )
