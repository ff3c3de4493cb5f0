"""The table of a batch has a row for each exposure, and one for what failed."""

import csv
from datetime import UTC, datetime

from tests.batches.test_record import begun
from unsmear.batches import layout, table
from unsmear.batches.entry import Entry


def test_each_exposure_has_a_row_and_what_failed_has_one(tmp_path):
    moved = {
        "planes": "GFP",
        "restored": True,
        "movement": "linear motion of 8 px",
        "length": 8.04,
        "confidence": 0.9,
    }
    still = {
        "planes": "DAPI",
        "restored": False,
        "movement": "unsure",
        "unsure": True,
        "kind": "none",
        "length": 0.0,
        "angle": None,
    }
    run = begun(tmp_path, files=2, environment={"unsmear": "0.1.0"})
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC).timestamp()
    run.add(
        [
            Entry(
                "a",
                "restored",
                "a: done",
                found=(moved, still),
                outputs=("a.tif",),
                at=noon,
                tiles_replaced=0.25,
            ),
            Entry("Zellk\udcf6rper", "restored", at=noon),
            Entry("in/c", "estimated", found=({"image": "c.tif", "length": 3.0},), at=noon),
            Entry("b", "failed", "b.png: must be an image, got none.", warnings=("x", "y")),
        ]
    )
    assert table.write(tmp_path) == layout.table(tmp_path)
    with layout.table(tmp_path).open(newline="") as lines:
        gfp, dapi, cell, estimated, failed = csv.DictReader(lines)
    assert list(gfp) == list(table.COLUMNS)
    assert (gfp["exposure"], gfp["action"], gfp["length"]) == ("GFP", "restored", "8.04")
    assert (gfp["outputs"], gfp["version"]) == ("a.tif", "0.1.0")
    assert gfp["done_at"] == "2026-01-02T12:00:00+00:00"
    assert (dapi["exposure"], dapi["action"], dapi["length"]) == ("DAPI", "unsure", "")
    assert (gfp["tiles_replaced"], gfp["advice"][:10]) == ("0.25", "Many tiles")
    assert dapi["advice"].startswith("The image does not tell whether it moved")
    assert cell["image"] == "Zellk\\udcf6rper"
    assert (estimated["image"], estimated["length"]) == ("in/c", "3")
    assert (failed["image"], failed["action"], failed["exposure"]) == ("b", "failed", "")
    assert failed["sentence"] == "b.png: must be an image, got none."
    assert failed["warnings"] == "x; y"
