"""The strip that is stitched from the frames of a scan."""

import sys

import numpy as np
import pytest

from recipes.scan import stitch
from tests.streaming.scanned import plan, write
from unsmear import images
from unsmear.errors import ImageError
from unsmear.images import Image
from unsmear.synthetic import scan as scans


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    scan = plan(tmp_path_factory.mktemp("scan"), 4, 48)
    write(scan)
    scans.write_tables(scan)
    return scan


def test_frames_lie_where_their_metadata_say(scan, tmp_path, monkeypatch, capsys):
    output = tmp_path / "strip.ome.tif"
    movement = scan.folder / "movement.csv"
    words = ["stitch", str(scan.folder / "sharp"), str(output), "--plainly"]
    monkeypatch.setattr(sys, "argv", [*words, "--movement", str(movement)])
    stitch.main()
    strip = images.read(output)
    assert strip.pixels.shape == (48, 48 + 3 * 36)
    assert strip.pixel_size == pytest.approx((0.2, 0.2))
    slide = images.read(scan.specimen.path).pixels[:48, : strip.pixels.shape[1]]
    expected = 400 + slide.astype(float) / slide.max() * (65535 - 400)
    assert np.corrcoef(strip.pixels.ravel(), expected.ravel())[0, 1] > 0.999
    assert "places by their metadata: 0.00 px from the true ones" in capsys.readouterr().out


def test_without_ashlar_the_metadata_count(scan, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ashlar", None)
    places = stitch.stitch(scan.folder / "blur", tmp_path / "strip.tif", None, plainly=False)
    assert places[:, 1] == pytest.approx([0, 36, 72, 108])
    assert "ASHLAR is not installed" in capsys.readouterr().out


def test_frames_without_places_are_refused(tmp_path):
    with pytest.raises(ImageError, match="the folder must hold frames, got none"):
        stitch.read(tmp_path)
    images.write(tmp_path / "a.tif", Image(np.zeros((9, 9), np.uint8), "YX"))
    with pytest.raises(ImageError, match=r"a\.tif: a frame must be one plane with pixel size"):
        stitch.read(tmp_path)
