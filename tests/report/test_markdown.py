"""Reports in Markdown as a page: every kind of block, and nothing that becomes HTML by itself."""

import pytest

from unsmear.errors import ImageError
from unsmear.report import markdown

REPORT = """# The *title*

    python run.py --a <b>

Some **bold < words**, `code <x>` and a [link](https://example.org/a?b&c).
Second line.

## First part

|  | F1, % | note |
| --- | ---: | :-- |
| sharp | 81.0 | `a` |
| **blurred** | 40.0 |  |

- one
- two
  goes on
### Below

```toml
# no heading
x = "|"

y = 1
```

## Second part

![a picture](pictures/one.png)
"""


def parts(tmp_path, text=REPORT):
    (tmp_path / "pictures").mkdir(exist_ok=True)
    (tmp_path / "pictures/one.png").write_bytes(b"\x89PNG")
    return markdown.read(text, tmp_path)


def test_title_lead_and_sections(tmp_path):
    title, lead, sections = parts(tmp_path)
    assert title == "The *title*"
    assert [section.title for section in sections] == ["First part", "Second part"]
    assert "<pre>python run.py --a &lt;b&gt;</pre>" in lead
    assert (
        "<p>Some <b>bold &lt; words</b>, <code>code &lt;x&gt;</code> and a "
        '<a href="https://example.org/a?b&amp;c">link</a>. Second line.</p>'
    ) in lead


def test_tables_lists_and_code(tmp_path):
    first = parts(tmp_path)[2][0].html
    assert '<th scope="col">F1, %</th>' in first
    assert '<th scope="row">blurred</th><td>40.0</td><td></td>' in first
    assert "---" not in first
    assert "<li>two goes on</li>" in first
    assert "<h3>Below</h3>" in first
    assert "<pre># no heading\nx = &quot;|&quot;\n\ny = 1</pre>" in first


def test_pictures_are_taken_in(tmp_path):
    second = parts(tmp_path)[2][1].html
    assert '<img alt="a picture" src="data:image/png;base64,iVBORw==">' in second


def test_a_file_beside_the_page_is_no_link(tmp_path):
    assert markdown.write("See [how](../docs/how.md).", tmp_path) == "<p>See how.</p>"


@pytest.mark.parametrize(
    ("name", "reason"), [("no.png", "cannot be read"), ("a.gif", "one of .png")]
)
def test_a_picture_that_cannot_be_taken_in(tmp_path, name, reason):
    with pytest.raises(ImageError, match=f"{name}: .*{reason}"):
        markdown.write(f"![x]({name})", tmp_path)


def test_a_report_without_headings(tmp_path):
    assert markdown.read("just words", tmp_path) == ("", "<p>just words</p>", [])
