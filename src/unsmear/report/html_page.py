"""Self-contained HTML pages: pictures inside the file, no network, no script but the page's own.

The layout fits phones, print, and light and dark mode. Tables and wide pictures scroll sideways,
with their headings fixed.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from unsmear.atomic import write_aside

Cell = str | tuple[str, str]
"""Plain text, or that of a link and its address."""
Table = Sequence[Sequence[Cell]]
"""Rows of cells: the first row holds the column titles, the first cell of a row is its name."""

STYLE = """
:root{color-scheme:light dark;--page:#fff;--text:#1d1d1f;--faint:#5b5b60;--line:#c9c9ce;
--back:#f3f3f5;--link:#0062a3;--good:#00694a;--bad:#a84300;--doubt:#5b5b60}
@media(prefers-color-scheme:dark){:root{--page:#17181a;--text:#e8e8ea;--faint:#a9a9b0;--line:#46474d;
--back:#232428;--link:#74b9e8;--good:#3fc79a;--bad:#ff9a4d;--doubt:#a9a9b0}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;max-width:1200px;margin:1.5em auto;padding:0 1em;
background:var(--page);color:var(--text)}
h1,h2,h3{line-height:1.2}h2{margin:2em 0 .5em;padding-top:.6em;border-top:1px solid var(--line)}
p,li{max-width:75ch}a{color:var(--link)}
nav ul{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.2em 1.2em}
figure{margin:1em 0}figcaption{max-width:75ch;color:var(--faint);font-size:.9em;margin:.3em 0}
.scroll{overflow:auto;max-height:85vh;background:
linear-gradient(to left,var(--page) 40%,transparent) right/3em 100% no-repeat local,
linear-gradient(to left,var(--line),transparent) right/.7em 100% no-repeat scroll}
table{border-collapse:separate;border-spacing:0;font-size:.9em;font-variant-numeric:tabular-nums}
td,th{padding:.25em .5em;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
thead th{position:sticky;top:0;z-index:1;background:var(--page);white-space:normal;
vertical-align:bottom;border-bottom:2px solid var(--faint)}
td:first-child,th:first-child{text-align:left;position:sticky;left:0;background:var(--page);
white-space:normal;min-width:9em;font-weight:600}
thead th:first-child{z-index:2}
tr.apart>*{border-bottom:2px solid var(--faint)}
.words{text-align:left;white-space:normal;min-width:9em}
details{margin:1em 0}summary{cursor:pointer;color:var(--link)}
.picture .scroll{max-height:none}
.picture img{display:block;width:100%;height:auto;max-width:var(--wide,60em);
min-width:min(36em,var(--wide,36em));background:#fff;border-radius:6px;padding:4px}
pre{background:var(--back);padding:.8em 1em;overflow-x:auto;font-size:.85em;border-radius:6px;
white-space:pre-wrap;overflow-wrap:anywhere}
@media(max-width:640px){body{padding:0 .7em}td,th{padding:.25em .5em}
td:first-child,th:first-child{min-width:5.5em;max-width:9em;overflow-wrap:break-word}}
@media print{:root{--page:#fff;--text:#000;--faint:#333;--line:#999;--back:#f3f3f3}
body{max-width:none;margin:0;font-size:10.5pt}nav{display:none}
.scroll{overflow:visible;max-height:none}thead th,td:first-child,th:first-child{position:static}
table{font-size:7.5pt}td,th{padding:.15em .35em;white-space:normal}
.picture img{min-width:0;max-width:min(100%,calc(.78*var(--wide,60em)));max-height:24cm;width:auto}
h2,h3,figcaption{break-after:avoid}tr,li,img,.kept-whole{break-inside:avoid}
a{color:inherit;text-decoration:none}}
"""


PNG = b"\x89PNG\r\n\x1a\n"
"""Signature of a PNG file; its width and height are the bytes 16 to 23."""
SHOWN = 0.8
"""Largest scale of a picture, page pixels per picture pixel."""
TABLE = "table"
"""Accessible name of a table without a caption."""
RULED = ' class="apart"'
"""Attribute of a row with a rule below it."""


@dataclass(frozen=True)
class Section:
    """A section of the page: title (plain text) and content (HTML)."""

    title: str
    html: str


def build(
    title: str, sections: Sequence[Section], lead: str = "", style: str = "", script: str = ""
) -> str:
    """Return the whole page.

    title: plain text. lead: HTML between the title and the list of sections. style: additional CSS
    of the sections. script: a module of JavaScript; the page then forbids all others, and every
    address outside of itself.
    """
    included = [section for section in sections if section.html]
    links = "".join(
        f'<li><a href="#part-{number}">{html.escape(section.title)}</a></li>'
        for number, section in enumerate(included, start=1)
    )
    parts = "\n".join(
        f'<section id="part-{number}">\n<h2>{html.escape(section.title)}</h2>\n{section.html}\n'
        "</section>"
        for number, section in enumerate(included, start=1)
    )
    name = html.escape(title)
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">\n'
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
{policy if script else ""}<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="Unsmear">
<title>{name}</title><style>{STYLE}{style}</style></head>
<body>
<h1>{name}</h1>
{lead}
<nav aria-label="parts of this page"><ul>{links}</ul></nav>
<main>
{parts}
</main>
{f'<script type="module">{script}</script>' if script else ""}
</body></html>
"""


def _policy(script: str) -> str:
    """Return the policy of a page that runs this script alone and fetches nothing."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def write(
    path: Path,
    title: str,
    sections: Sequence[Section],
    lead: str = "",
    style: str = "",
    script: str = "",
) -> None:
    """Write the page of `build` atomically; raises ImageError where it cannot be written."""
    page = build(title, sections, lead, style, script)
    write_aside(path, page.encode(errors="backslashreplace"))


def paragraphs(sentences: Iterable[str]) -> str:
    """Return one HTML paragraph per sentence of plain text."""
    return "\n".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences)


def listed(sentences: Iterable[str]) -> str:
    """Return an HTML list of sentences of plain text."""
    items = "\n".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences)
    return f"<ul>\n{items}\n</ul>"


def table(rows: Table, caption: str = "", apart: int = 0, texts: int = 1) -> str:
    """Return an HTML table with its caption, fixed titles and right-aligned numbers.

    rows: plain text, the titles first (empty cells for none). apart: number of reference rows below
    the titles, which a rule separates from the others. texts: number of columns that hold words,
    the first included; the others hold numbers.
    """
    if len(rows) < 2:
        return ""
    titles = "".join(
        f'<th scope="col"{_words(place, texts)}>{_cell(cell)}</th>'
        for place, cell in enumerate(rows[0])
    )
    head = f"<thead><tr>{titles}</tr></thead>\n" if any(rows[0]) else ""
    body = "\n".join(
        f"<tr{RULED if number == apart else ''}>{_row(row, texts)}</tr>"
        for number, row in enumerate(rows[1:], start=1)
    )
    label = f"<figcaption>{html.escape(caption)}</figcaption>\n" if caption else ""
    return (
        f'<figure class="table">{label}'
        f'<div class="scroll" role="region" aria-label="{html.escape(caption) or TABLE}" '
        'tabindex="0">'
        f"<table>{head}<tbody>{body}</tbody></table>"
        "</div></figure>"
    )


def folded(title: str, inner: str) -> str:
    """Return HTML that unfolds when its title is clicked, without a script."""
    if not inner:
        return ""
    return f"<details><summary>{html.escape(title)}</summary>\n{inner}</details>"


def picture(data: bytes, alt: str, caption: str = "", kind: str = "image/png") -> str:
    """Return an HTML picture with its alternative text and caption."""
    below = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    description = html.escape(alt)
    return (
        '<figure class="picture">'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{description}">'
        f'<img alt="{description}"{_size(data)} src="{address(data, kind)}"></div>{below}</figure>'
    )


def address(data: bytes, kind: str = "image/png") -> str:
    """Return the data as a data URL."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _size(data: bytes) -> str:
    """Return the size of a PNG as HTML attributes, so that all pictures have the same font size."""
    if not data.startswith(PNG) or len(data) < 24:
        return ""
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    return f' width="{width}" height="{height}" style="--wide:{SHOWN * width:.0f}px"'


def _row(cells: Sequence[Cell], texts: int) -> str:
    name, *values = map(_cell, cells)
    return f'<th scope="row">{name}</th>' + "".join(
        f"<td{_words(place, texts)}>{cell}</td>" for place, cell in enumerate(values, start=1)
    )


def _cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return html.escape(cell)
    name, address = map(html.escape, cell)
    return f'<a href="{address}">{name}</a>'


def _words(place: int, texts: int) -> str:
    return ' class="words"' if 0 < place < texts else ""
