"""Both tables, their pictures and all figures of the recovery in one page that needs no network."""

from __future__ import annotations

from pathlib import Path

from labelled import Recovered
from unsmear.report import html_page, markdown
from unsmear.report.html_page import Section
from unsmear.report.recovery import page

TITLE = "Generative deblurring for the classification of cells, again"


def write(path: Path, *reports: Path | Recovered) -> None:
    """Write the page. reports: those in Markdown, and what the second of them is made of.

    A report that is not there yet is left out.
    """
    lead, sections = [], []
    for report in reports:
        if isinstance(report, Recovered):
            sections += _recovered(report)
        elif report.exists():
            title, first, parts = markdown.read(report.read_text(encoding="utf-8"), report.parent)
            lead.append(f"<h2>{title}</h2>\n{first}")
            sections += [Section(f"{title}: {section.title}", section.html) for section in parts]
    html_page.write(path, TITLE, sections, "\n".join(lead), page.STYLE)


def _recovered(recovered: Recovered) -> list[Section]:
    """Return the verdicts and what else a recovery's own page has, part by part."""
    sections = []
    for name, results in (
        ("The paper's blur", recovered.paper),
        ("Straight motions", recovered.motion),
    ):
        verdicts, parts = page.write_sections(results, command="")
        sections.append(Section(f"{name}: the verdicts", verdicts))
        sections += [Section(f"{name}: {section.title}", section.html) for section in parts]
    return sections
