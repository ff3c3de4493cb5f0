"""The page that needs no other file: what is in it, and that nothing in it can be misread."""

import base64
import hashlib

import pytest

from unsmear.report import html_page


def test_a_page_is_whole_and_needs_nothing_else(outline):
    sections = [
        html_page.Section("One & two", html_page.paragraphs(["a < b"])),
        html_page.Section("Picture", html_page.picture(b"\x89PNG", "a <dot>", "A dot.")),
    ]
    built = outline(html_page.build("A <title>", sections, "<p>lead</p>"))
    assert built.tags.count("section") == 2
    assert "script" not in built.tags
    assert "link" not in built.tags
    assert all(link.startswith("data:") for link in built.values("src"))
    assert built.values("href") == ["#part-1", "#part-2"]
    assert {"part-1", "part-2"} <= set(built.values("id"))
    assert built.values("alt") == ["a <dot>"]


def test_text_is_no_html(outline):
    built = html_page.build("<b>", [html_page.Section("<i>", html_page.listed(["<u>"]))])
    assert not {"b", "i", "u"} & set(outline(built).tags)


def test_a_page_with_a_script_runs_that_and_no_other(outline):
    built = outline(html_page.build("t", [], script="let a = 1;"))
    assert built.tags.count("script") == 1
    (policy,) = [value for value in built.values("content") if "script-src" in value]
    digest = base64.b64encode(hashlib.sha256(b"let a = 1;").digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")


def test_a_section_of_nothing_is_left_out():
    built = html_page.build(
        "t", [html_page.Section("empty", ""), html_page.Section("full", "<p>x</p>")]
    )
    assert "empty" not in built
    assert 'id="part-1"' in built


def test_a_table_names_its_rows_and_columns_and_sets_the_first_off(outline):
    rows = [["restorer", "F1"], ["sharp", "0.8"], ["blurred", "0.5"], ["a<b", "0.7"]]
    text = html_page.table(rows, "What & why.", apart=2)
    table = outline(text)
    assert table.values("scope") == ["col", "col", "row", "row", "row"]
    assert table.tags.count("td") == 3
    assert "What &amp; why.</figcaption>" in text
    assert "a&lt;b" in text
    assert text.count('<tr class="apart">') == 1
    assert '<tr class="apart"><th scope="row">blurred</th>' in text


def test_a_table_without_rows_is_nothing():
    assert html_page.table([["restorer", "F1"]], "Empty.") == ""


@pytest.mark.parametrize("name", ["page.html", "deep/page.html"])
def test_write(tmp_path, name):
    path = tmp_path / name
    html_page.write(path, "t", [html_page.Section("s", "<p>ü ✓</p>")])
    assert "ü ✓" in path.read_text(encoding="utf-8")
