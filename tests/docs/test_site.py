"""The documentation site: a page for all that is public, and every page within reach."""

import importlib.util
import os
import re
import sys
from pathlib import Path, PurePosixPath

import pytest

import unsmear
from unsmear.cli import COMMANDS, app

ROOT = Path(__file__).parents[2]
SUB = {"weights": ["get", "list"]}
"""The commands of a command that does nothing by itself."""

DOORS = (
    "docs/how-to/open.md",
    "docs/how-to/napari.md",
    "docs/how-to/fiji-and-qupath.md",
    "docs/tutorials/first-steps.md",
)
"""The page in a browser, napari, Fiji and QuPath, the terminal."""


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def generated():
    pytest.importorskip("pydantic", reason="the packages for training are not installed")
    return load(ROOT / "docs/reference/generate.py").pages()


@pytest.fixture(scope="module")
def layout():
    return load(ROOT / "docs/pages.py")


@pytest.fixture(scope="module")
def site(layout, generated, tmp_path_factory):
    """Return the folder of the pages, and each page's text by its place."""
    folder = tmp_path_factory.mktemp("site") / "pages"
    return folder, layout.lay_out(folder, generated)


def in_folder(pages, folder):
    return {
        PurePosixPath(name).stem: text
        for name, text in pages.items()
        if str(PurePosixPath(name).parent) == folder and not name.endswith("README.md")
    }


def test_the_reference_of_python_is_what_is_public(generated):
    pages = in_folder(generated, "reference/python")
    assert pages.keys() == {name for name in unsmear.__all__ if name != "__version__"}
    for name, text in pages.items():
        assert text == f"::: unsmear.{name}\n"
        assert f"]({name}.md)" in generated["reference/python/README.md"]


def test_the_reference_of_commands_is_what_there_is(generated):
    pages = in_folder(generated, "reference/commands")
    assert pages.keys() == {*COMMANDS, "training-options"}
    for name in COMMANDS:
        assert pages[name].startswith(f"# unsmear {name}\n")
        assert f"]({name}.md)" in generated["reference/commands/README.md"]
        commands = (
            [app[name]] if app[name].default_command else [app[name][one] for one in SUB[name]]
        )
        for argument in (one for each in commands for one in each.assemble_argument_collection()):
            if argument.show:
                assert argument.name in pages[name]


def links(page):
    """Yield the files of the repository that a page links to."""
    for target in re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", (ROOT / page).read_text()):
        if "://" not in target:
            yield os.path.relpath(os.path.normpath((ROOT / page).parent / target), ROOT)


def named(navigation):
    for item in navigation:
        for entry in item.values():
            yield from [entry] if isinstance(entry, str) else named(entry)


def test_every_page_has_its_place_in_the_navigation(layout, site):
    _, pages = site
    names = list(named(layout.navigation(pages)))
    assert sorted(names) == sorted(pages)
    written = {str(layout.place(page.relative_to(ROOT))) for page in (ROOT / "docs").rglob("*.md")}
    assert written <= set(names)


def test_the_navigation_has_every_kind_of_page(layout, site):
    _, pages = site
    found = layout.navigation(pages)
    kinds = [name for item in found for name in item]
    assert kinds[:2] == ["Unsmear", "Gallery"]
    assert {"Tutorials", "How to", "Reference", "Explanation"} <= set(kinds)
    assert next(named(found)) == "index.md"


@pytest.mark.parametrize("page", DOORS)
def test_every_door_is_on_the_first_page_and_shows_what_it_looks_like(page):
    for first in ("docs/index.md", "README.md"):
        assert page in [*links(first)], first
    shown = [name for name in links(page) if name.endswith((".jpg", ".png"))]
    assert shown or "```text\n" in (ROOT / page).read_text()


def test_every_picture_of_the_gallery_has_its_line_its_figure_and_its_licence():
    folder = ROOT / "docs/pictures/gallery"
    examples = (ROOT / "docs/gallery.md").read_text().split("\n## ")[1:-2]
    shown = [re.search(r"\]\((pictures/gallery/.*?)\)", text)[1] for text in examples]
    assert sorted(shown) == sorted(f"pictures/gallery/{file.name}" for file in folder.iterdir())
    for text in examples:
        assert re.search(r"^> .*(restored by|left unchanged)", text, re.MULTILINE), text
        assert re.search(r"^PSNR \d+\.\d dB before|^The result is the file", text, re.MULTILINE)
        licence = re.search(r"^Licence: (.*?)\. Changed: cut out", text, re.MULTILINE)
        assert licence[1] in ("CC0 1.0", "BSD-3-Clause", "Apache-2.0"), text
        assert re.search(r"^Image: .{20}", text, re.MULTILINE), text


def test_the_pictures_of_the_gallery_are_small():
    files = [*(ROOT / "docs/pictures/gallery").iterdir(), ROOT / "docs/pictures/before-after.jpg"]
    assert sum(file.stat().st_size for file in files) < 400_000


def test_a_gallery_without_the_images_says_so_and_stays_as_it_is(monkeypatch, capsys, tmp_path):
    gallery = load(ROOT / "docs/gallery.py")
    monkeypatch.setattr(sys, "argv", ["gallery.py", "--data", str(tmp_path / "none")])
    monkeypatch.setattr(gallery, "restore_all", None)
    gallery.main()
    assert capsys.readouterr().out.startswith("Skipped: ")


def test_a_page_without_a_place_is_an_error(layout, site):
    _, pages = site
    with pytest.raises(SystemExit, match=r"must have a place .*, got none for somewhere/new.md"):
        layout.navigation({**pages, "somewhere/new.md": "# New\n"})


def test_every_link_leads_somewhere(site):
    folder, pages = site
    for name, text in pages.items():
        prose = re.sub(r"^```.*?^```$|`[^`\n]+`", "", text, flags=re.DOTALL | re.MULTILINE)
        for target in re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", prose):
            if "://" not in target:
                path = os.path.normpath((folder / name).parent / target)
                assert Path(path).is_file(), f"{name}: {target}"
                assert Path(path).is_relative_to(folder), f"{name}: {target}"


def test_a_link_to_nowhere_is_an_error(layout, tmp_path, monkeypatch):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/page.md").write_text("```\n[code](no.md)\n```\n[text](gone.md#here)\n")
    monkeypatch.setattr(layout, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match=r"docs/page.md: a link must lead .*, got gone.md"):
        layout.moved(Path("docs/page.md"))


def test_the_table_for_contributors_names_what_there_is():
    table = [
        line
        for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines()
        if line.startswith("| ")
    ]
    paths = re.findall(r"`((?:src|docs|recipes|tests|benchmarks)[/\w.-]*)`", "\n".join(table))
    assert len(paths) > 25
    for path in paths:
        assert (ROOT / path).exists(), path
