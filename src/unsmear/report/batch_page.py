"""Page of a batch: what became of each image, what was found in it, what failed, what was asked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from unsmear.batches import layout, record, sentences, status
from unsmear.batches.entry import FAILED, PASSED_OVER, Entry
from unsmear.batches.record import Record, Session
from unsmear.batches.status import Status
from unsmear.report import html_page
from unsmear.report.html_page import Section

MOST = 2000
"""Largest number of rows of a table; the journal has all."""
TITLES = ("image", "exposure", "action", "movement", "length, px", "angle, degrees", "confidence")


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
    html_page.write(path, title, sections, lead)
    return path


def _content(run: Record, found: Status, folder: Path) -> tuple[str, list[Section], str]:
    """Return title, sections and lead. folder: of the page."""
    entries = list(run.entries.values())
    sections = [
        Section("Failed", _why(entries, FAILED)),
        Section("Passed over", _why(entries, PASSED_OVER)),
        Section("Images", _images([entry for entry in entries if entry.done])),
        Section("Reports", _reports(run, folder)),
        Section("Options", "".join(map(_options, run.sessions))),
    ]
    lead = html_page.paragraphs(sentences.summary(found))
    return f"Batch in {Path(found.output).resolve().name}", sections, lead


def _why(entries: Sequence[Entry], action: str) -> str:
    rows = [[entry.image, entry.sentence] for entry in entries if entry.action == action]
    return html_page.table([("image", "why"), *rows[:MOST]], texts=2) + _rest(len(rows))


def _images(entries: Sequence[Entry]) -> str:
    rows = [row for entry in entries for row in _rows(entry)]
    return html_page.table([TITLES, *rows[:MOST]], texts=4) + _rest(len(rows))


def _rows(entry: Entry) -> Iterator[list[str]]:
    """Yield a row for each exposure of an image."""
    for found in entry.found or ({},):
        yield [
            entry.image,
            str(found.get("planes", "")),
            entry.action_of(found),
            str(found.get("movement", "")),
            _number(found, "length", 1),
            _number(found, "angle", 0),
            _number(found, "confidence", 2),
        ]


def _reports(run: Record, folder: Path) -> str:
    """Return links to the images' reports, those that are still there."""
    paths = {e.image: run.output / e.report for e in run.entries.values() if e.report}
    there = [(image, path) for image, path in paths.items() if path.is_file()]
    return html_page.links(
        (image, quote(os.path.relpath(path, folder))) for image, path in there[:MOST]
    ) + _rest(len(there))


def _number(found: Mapping[str, Any], name: str, digits: int) -> str:
    return f"{found[name]:.{digits}f}" if found.get(name) is not None else ""


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
        ["Unsmear", str(session.environment.get("unsmear", ""))],
    ]
    return html_page.table([("", ""), *rows], caption=f"Call of {began}", texts=2)


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
