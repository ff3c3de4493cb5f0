"""Lay out the pages of the documentation site: `make docs`.

Gathers what is written by hand, in `docs/` and in the Markdown files elsewhere in the repository,
and what `docs/reference/generate.py` makes from the code, in build/pages, and writes
build/mkdocs.yml, whose navigation names every page. Links keep their meaning; one that leads
nowhere is an error.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"

ELSEWHERE = (
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "RELEASING.md", "SECURITY.md"),
    *("benchmarks/*.md", "recipes/*/*.md"),
)
"""Pages outside of `docs/`, which keep their place in the site."""
OVERVIEW = "overview.md"
"""The place of README.md in the site, whose first page is `docs/index.md`."""
CARDS = "src/unsmear/weights/*.md"
"""The model cards of the shipped weights."""

LINK = re.compile(r"(?P<before>\])\((?P<target>[^)\s#]*)(?P<place>#[^)\s]*)?\)")
FENCE = re.compile(r"^(```|~~~).*?^\1\s*?$", re.DOTALL | re.MULTILINE)

NOTEBOOK = ".ipynb"
"""Ending of the notebooks among the pages."""

Navigation = list[dict[str, "str | Navigation"]]


def main() -> None:
    """Write build/pages and build/mkdocs.yml."""
    sys.path.insert(0, str(ROOT / "docs" / "reference"))
    import generate

    laid_out = lay_out(BUILD / "pages", generate.pages())
    configuration = {
        "INHERIT": "../docs/mkdocs.yml",
        "docs_dir": "pages",
        "site_dir": "site",
        "nav": navigation(laid_out),
    }
    (BUILD / "mkdocs.yml").write_text(json.dumps(configuration, indent=1))  # JSON is YAML


def sources() -> list[Path]:
    """Return the pages that are written by hand, relative to the repository."""
    found = [path for pattern in (*ELSEWHERE, CARDS) for path in ROOT.glob(pattern)]
    found += [path for kind in ("*.md", "*.ipynb") for path in (ROOT / "docs").rglob(kind)]
    return sorted(path.relative_to(ROOT) for path in found)


def place(source: PurePosixPath | Path) -> PurePosixPath:
    """Return where a file of the repository lies in the site."""
    path = PurePosixPath(source)
    if path == PurePosixPath("README.md"):
        return PurePosixPath(OVERVIEW)
    path = path.with_suffix(".md") if path.suffix == NOTEBOOK else path
    return path.relative_to("docs") if path.parts[0] == "docs" else path


def lay_out(folder: Path, generated: dict[str, str]) -> dict[str, str]:
    """Write all pages, and the files that they link to, into a folder that is made anew.

    Returns each page's text by its place in the folder. Raises SystemExit for a broken link.
    """
    shutil.rmtree(folder, ignore_errors=True)
    pages = dict(generated)
    for source in sources():
        text, linked = moved(source)
        pages[str(place(source))] = text
        for file in linked:
            copy = folder / place(file)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, copy)
    for name, text in pages.items():
        page = folder / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text)
    return pages


def moved(source: Path) -> tuple[str, list[Path]]:
    """Return a page's text with its links as they must be in the site, and other files it needs."""
    linked: list[Path] = []
    here = place(source).parent

    def follow(link: re.Match[str]) -> str:
        target = link["target"]
        if not target or "://" in target or target.startswith("mailto:"):
            return link[0]
        path = Path(os.path.normpath(source.parent / target))
        if not (ROOT / path).is_file():
            sys.exit(f"{source}: a link must lead to a file of the repository, got {target}.")
        if path.suffix not in (".md", NOTEBOOK):
            linked.append(path)
        there = os.path.relpath(place(path), here)
        return f"{link['before']}({there}{link['place'] or ''})"

    text, parts, end = text_of(ROOT / source), [], 0
    for fence in FENCE.finditer(text):
        parts += [LINK.sub(follow, text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, LINK.sub(follow, text[end:])]), linked


def text_of(path: Path) -> str:
    """Return a page's Markdown; of a notebook that of its cells, and of what they print."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != NOTEBOOK:
        return text
    cells = [_cell(cell) for cell in json.loads(text)["cells"]]
    return "\n\n".join([*cells, f"This page is the notebook `{path.relative_to(ROOT)}`.\n"])


def _cell(cell: dict[str, Any]) -> str:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return source
    is_command = source.startswith("!")
    shown = [
        ("sh", re.sub(r"^!", "", source, flags=re.MULTILINE)) if is_command else ("python", source)
    ]
    shown += [("text", "".join(output["text"]).rstrip()) for output in cell["outputs"]]
    return "\n\n".join(f"```{language}\n{code}\n```" for language, code in shown)


def navigation(pages: dict[str, str]) -> Navigation:
    """Return the site's navigation, in which every page has its place."""
    left = sorted(pages)

    def section(*folders: str, first: str = "README.md") -> Navigation:
        """Take the pages directly in the folders, a page that leads in before the others."""
        taken = [name for name in left if str(PurePosixPath(name).parent) in folders]
        titles = {name: title(name, pages[name]) for name in taken}
        taken.sort(key=lambda name: (not name.endswith(first), titles[name].lower()))
        for name in taken:
            left.remove(name)
        return [{titles[name]: name} for name in taken]

    for name in (
        "index.md",
        OVERVIEW,
        "gallery.md",
        "scale.md",
        "moving-stage.md",
        "reliability.md",
    ):
        left.remove(name)
    found: Navigation = [
        {"Unsmear": [{"Start": "index.md"}, {"Everything on one page": OVERVIEW}]},
        {"Gallery": "gallery.md"},
        {"Tutorials": section("tutorials", first="first-steps.md")},
        {
            "How to": [
                *section("how-to"),
                {"A moving stage": "moving-stage.md"},
                {"At scale": "scale.md"},
            ]
        },
        {
            "Reference": [
                *section("reference"),
                {"Python": section("reference/python")},
                {"Command line": section("reference/commands")},
                {"Shipped weights": section(str(PurePosixPath(CARDS).parent))},
                {"Benchmarks": section("benchmarks", "recipes/paper")},
            ]
        },
        {
            "Explanation": [
                *section("explanation"),
                {"Reliability": "reliability.md"},
                {"Design": section("design")},
            ]
        },
        {"Development": [*section("."), {"Releases": section("releases")}]},
    ]
    if left:
        sys.exit(f"docs/pages.py must have a place for every page, got none for {', '.join(left)}.")
    return found


def title(name: str, text: str) -> str:
    """Return a page's heading, or its name where the heading is made when the site is built."""
    heading = re.search(r"^# (.+)$", text, re.MULTILINE)
    return heading[1] if heading else PurePosixPath(name).stem


if __name__ == "__main__":
    main()
