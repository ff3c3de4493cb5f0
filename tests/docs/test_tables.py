"""The page on columns names those that the tables have."""

import re
from dataclasses import fields
from pathlib import Path

from unsmear.batches import table
from unsmear.evaluate import Row
from unsmear.recovery.output import tidy
from unsmear.synthetic.scan import writing

PAGE = (Path(__file__).parents[2] / "docs/reference/tables.md").read_text()


def columns(title):
    """Return the names in the first column of a section's table."""
    section = PAGE.partition(f"## {title}")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [name for row in rows for name in re.findall("`([^`]+)`", row)]


def test_every_column_is_described():
    assert columns("`OUTPUT.unsmear-run/results.csv`") == list(table.COLUMNS)
    own = [field.name for field in fields(Row) if field.name != "channels"]
    assert columns("`movement.csv`") == list(writing.COLUMNS)
    assert columns("`scores.csv`") == [*own, "psnr_CHANNEL", "ssim_CHANNEL"]
    assert set(tidy.OF_A_ROW) < set(columns("`images.csv`"))
