"""Conversion of Markdown reports to sections of an HTML page.

Supported are headings, paragraphs, lists, tables, code and pictures; within a line bold, code and
links. Everything else is shown as plain text; it is never interpreted as HTML.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from unsmear.errors import ImageError
from unsmear.report import html_page
from unsmear.report.html_page import Section

KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".svg": "image/svg+xml"}
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
INLINE = re.compile(r"`([^`]+)`|\*\*(.+?)\*\*|\[([^\]]+)\]\(([^)\s]+)\)")
RULE = re.compile(r"^\|[\s:|-]+\|$")


def read(text: str, folder: Path) -> tuple[str, str, list[Section]]:
    """Return the title, the HTML below it, and a section for each heading of level 2.

    folder: folder of relative picture paths; the pictures are embedded in the page.

    Raises ImageError for a picture that cannot be read.
    """
    before, *parts = re.split(r"^## (?=\S)", text, flags=re.MULTILINE)
    title = re.match(r"\s*# (.+)\n?", before)
    lead = before[title.end() :] if title else before
    sections = []
    for part in parts:
        name, _, rest = part.partition("\n")
        sections.append(Section(_plain(name), write(rest, folder)))
    return _plain(title[1]) if title else "", write(lead, folder), sections


def write(text: str, folder: Path) -> str:
    """Return Markdown as HTML; raises ImageError for a picture that cannot be read."""
    return "\n".join(_block(block, folder) for block in _blocks(text))


def _blocks(text: str) -> Iterator[list[str]]:
    """Return blocks of lines of one kind, separated by empty lines; fenced code is one block."""
    block: list[str] = []
    fenced = False
    for line in text.splitlines():
        fence = line.startswith("```")
        heading = line.startswith("#") and not fenced
        if block and not fenced and (fence or heading or not line.strip() or _differ(block, line)):
            yield block
            block = []
        if fenced or line.strip():
            block.append(line)
        if (fence and fenced) or heading:
            yield block
            block = []
        fenced ^= fence
    if block:
        yield block


def _differ(block: list[str], line: str) -> bool:
    """Return whether a line starts a block of another kind."""
    return any(block[-1].startswith(mark) != line.startswith(mark) for mark in ("|", "    "))


def _block(lines: list[str], folder: Path) -> str:
    first = lines[0]
    writers: dict[str, Callable[[], str]] = {
        "```": lambda: _code(lines[1:-1]),
        "    ": lambda: _code([line.removeprefix("    ") for line in lines]),
        "|": lambda: _table(lines),
        "#": lambda: _heading(first),
        "- ": lambda: _list(lines),
        "![": lambda: _pictures(" ".join(lines), folder),
    }
    for mark, write_block in writers.items():
        if first.startswith(mark):
            return write_block()
    return f"<p>{_inline(' '.join(lines))}</p>"


def _code(lines: list[str]) -> str:
    return f"<pre>{html.escape(chr(10).join(lines))}</pre>"


def _heading(line: str) -> str:
    marks, _, text = line.partition(" ")
    return f"<h{len(marks)}>{_inline(text)}</h{len(marks)}>"


def _list(lines: list[str]) -> str:
    items: list[str] = []
    for line in lines:
        if line.startswith("- "):
            items.append(line[2:])
        else:
            items[-1] += f" {line.strip()}"
    return "<ul>\n" + "\n".join(f"<li>{_inline(item)}</li>" for item in items) + "\n</ul>"


def _table(lines: list[str]) -> str:
    rows = [[_plain(cell) for cell in line.strip().strip("|").split("|")] for line in lines]
    return html_page.table(
        [row for row, line in zip(rows, lines, strict=True) if not RULE.match(line)]
    )


def _pictures(text: str, folder: Path) -> str:
    return "\n".join(_picture(alt, folder / name) for alt, name in PICTURE.findall(text))


def _picture(alt: str, path: Path) -> str:
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise ImageError(f"{path.name}: a picture must be one of {', '.join(KINDS)}.")
    try:
        return html_page.picture(path.read_bytes(), alt, kind=kind)
    except OSError as error:
        raise ImageError(f"{path.name}: the file cannot be read ({error.strerror}).") from error


def _plain(text: str) -> str:
    """Return text without its Markdown marks."""
    return INLINE.sub(lambda match: match[1] or match[2] or match[3], text).strip()


def _inline(text: str) -> str:
    """Return one line as HTML; plain text is escaped."""
    parts, end = [], 0
    for match in INLINE.finditer(text):
        parts += [html.escape(text[end : match.start()]), _marked(match)]
        end = match.end()
    return "".join([*parts, html.escape(text[end:])])


def _marked(match: re.Match[str]) -> str:
    code, bold, name, address = match.groups()
    if code:
        return f"<code>{html.escape(code)}</code>"
    if bold:
        return f"<b>{_inline(bold)}</b>"
    if address.startswith(("http://", "https://", "#")):
        return f'<a href="{html.escape(address)}">{html.escape(name)}</a>'
    return html.escape(name)  # a file that is not beside the page
