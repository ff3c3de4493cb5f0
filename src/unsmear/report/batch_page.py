"""Index page of a batch: what became of each image, what to do about it, what was asked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from unsmear.batches import advice, layout, record, sentences, status
from unsmear.batches.entry import FAILED, PASSED_OVER, Entry
from unsmear.batches.record import Record, Session
from unsmear.batches.status import Status
from unsmear.report import html_page
from unsmear.report.html_page import Cell, Section

MOST = 2000
"""Largest number of rows of a table; the journal has all."""
TITLES = (
    "image", "exposure", "outcome", "movement", "what to do", "warnings", "confidence",
    "tiles replaced", "done, UTC", "Unsmear",
)  # fmt: skip
"""Columns of the table of images; one that is empty for all of them is not shown."""
TEXTS = 6
"""Number of columns that hold words."""
STYLE = """
body{max-width:1500px}.scroll{max-height:none}
td:first-child,th:first-child{min-width:7em;overflow-wrap:anywhere}.words{min-width:6em}
@media(min-width:1100px){.scroll{overflow:visible}}
"""
"""No box of its own that scrolls: titles stay in view while the page does."""


def write(output: Path, path: Path | None = None) -> Path:
    """Write the page of the batch in an output folder; return its path.

    path: by default beside the record.

    Raises OptionError where the folder holds no record, and ImageError where the page cannot be
    written.
    """
    path = path or layout.page(output)
    alive = status.lives(output)
    run = record.read(output)
    title, sections, lead = _content(run, status.of(run, alive), path.parent)
    html_page.write(path, title, sections, lead, STYLE)
    return path


def _content(run: Record, found: Status, folder: Path) -> tuple[str, list[Section], str]:
    """Return title, sections and lead. folder: of the page."""
    entries = list(run.entries.values())
    sections = [
        Section("Failed", _why(entries, FAILED)),
        Section("Passed over", _why(entries, PASSED_OVER)),
        Section("Images", _images(run, folder)),
        Section("Options", "".join(map(_options, run.sessions))),
    ]
    lead = html_page.paragraphs(sentences.summary(found))
    return f"Batch in {Path(found.output).resolve().name}", sections, lead


def _why(entries: Sequence[Entry], action: str) -> str:
    rows = [[entry.image, entry.sentence] for entry in entries if entry.action == action]
    return html_page.table([("image", "why"), *rows[:MOST]], texts=2) + _rest(len(rows))


def _images(run: Record, folder: Path) -> str:
    rows = [row for entry in run.entries.values() for row in _rows(run, entry, folder)]
    titles: list[Cell] = list(TITLES)
    filled = [place for place in range(len(TITLES)) if any(row[place] for row in rows)]
    texts = sum(place < TEXTS for place in filled)
    table = [[row[place] for place in filled] for row in (titles, *rows[:MOST])]
    return html_page.table(table, texts=texts) + _rest(len(rows))


def _rows(run: Record, entry: Entry, folder: Path) -> Iterator[list[Cell]]:
    """Yield a row for each exposure of an image; its name leads to its report, if that is there."""
    path = run.output / entry.report
    there = bool(entry.report) and path.is_file()
    name = (entry.image, quote(os.path.relpath(path, folder))) if there else entry.image
    done = f"{datetime.fromtimestamp(entry.at, UTC):%Y-%m-%d %H:%M}" if entry.at else ""
    version = str(run.session_of(entry).environment.get("unsmear", ""))
    for found in entry.found or ({},):
        confidence = found.get("confidence")
        yield [
            name,
            str(found.get("planes", "")),
            entry.action_of(found),
            str(found.get("movement", "" if entry.done else entry.sentence)),
            advice.of(entry, found),
            "; ".join(entry.warnings),
            "" if confidence is None else f"{confidence:.2f}",
            "" if entry.tiles_replaced is None else f"{entry.tiles_replaced:.1%}",
            done,
            version,
        ]


def _rest(count: int) -> str:
    if count <= MOST:
        return ""
    return html_page.paragraphs([f"The first {MOST} of {count}; results.jsonl has all."])


def _options(session: Session) -> str:
    began = f"{session.began:%Y-%m-%d %H:%M} UTC" if session.began else ""
    rows = [
        ["command", str(session.environment.get("command", session.command))],
        *([name, _text(value)] for name, value in {**session.options, **session.others}.items()),
        *([["weights, SHA-256", session.weights]] if session.weights else []),
        *_defaults(session.environment.get("defaults", {})),
        ["Unsmear", str(session.environment.get("unsmear", ""))],
    ]
    return html_page.table([("", ""), *rows], caption=f"Call of {began}", texts=2)


def _defaults(used: Mapping[str, Any]) -> list[list[str]]:
    """Return the row on options that were not typed but are of a file."""
    if not used:
        return []
    options = used.get("options", {})
    options_in_words = ", ".join(f"{name} {_text(value)}" for name, value in options.items())
    return [[f"defaults of {used.get('file', '')}", options_in_words]]


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
