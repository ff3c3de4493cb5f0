"""The script for QuPath: run by Groovy, with stand-ins for the classes of QuPath."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from unsmear import blur

RECIPE = Path(__file__).parents[2] / "recipes/qupath/Remove_Motion_Blur.groovy"
GROOVY = Path("/usr/share/java/groovy-all.jar")
"""Where Debian's package groovy puts it."""
pytestmark = pytest.mark.slow


def write_cells(path):
    """Write two smeared channels with names, colours and a pixel size."""
    generator = np.random.default_rng(0)
    dots = np.where(generator.random((2, 64, 96)) > 0.99, 20_000, 100).astype("f4")
    smeared = blur.convolve(gaussian_filter(dots, (0, 1.5, 1.5)), blur.Motion(6, 30).kernel())
    metadata = {"axes": "CYX", "PhysicalSizeX": 0.108, "PhysicalSizeY": 0.108,
                "Channel": {"Name": ["DAPI", "GFP"], "Color": [65280, 16711935]}}  # fmt: skip
    tifffile.imwrite(path, generator.poisson(smeared).astype("u2"), ome=True, metadata=metadata)


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """Return the folder of a session, and the lines that it prints by the name of the case."""
    if not (GROOVY.exists() and shutil.which("java")):
        pytest.skip("Groovy is not installed: apt-get install groovy")
    folder = tmp_path_factory.mktemp("qupath")
    (folder / "temporary").mkdir()
    write_cells(folder / "image.ome.tif")
    words = ["java", f"-Djava.io.tmpdir={folder / 'temporary'}", "-cp", GROOVY,
             "groovy.ui.GroovyMain", Path(__file__).with_name("qupath_session.groovy"),
             RECIPE, folder, Path(sys.executable).parent / "unsmear"]  # fmt: skip
    finished = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    _, *cases = finished.stdout.split("case: ")
    return folder, {lines.splitlines()[0]: lines.splitlines()[1:] for lines in cases}


ASKED = "asked: Remove motion blur []"
WORKING = "notified: Working. Run > Kill running script cancels."
WRITTEN = "written: My slide_ 1.svs - 20x.ome.tif of 0,0 96x64"


def test_a_result_becomes_an_image_of_the_project(session):
    folder, cases = session
    name = "My slide_ 1.svs - 20x-restored.ome.tif"
    said = "My slide_ 1.svs - 20x.ome: linear motion of 6.00 px at 30.0 degrees (given), restored"
    asked_once, line, *lines = cases["project"]
    assert asked_once.startswith("asked: Unsmear [")
    assert line == "asked: Remove motion blur [--length 6.0 --angle 30.0]"
    assert lines[:2] == [WORKING, WRITTEN]
    assert lines[2].startswith(said)
    assert lines[3:6] == [f"added: {name}, FLUORESCENCE", f"named: {name}", "opened the entry"]
    assert lines[6:] == ["applied: settings of the display", f"notified: {lines[2]}"]
    before, after = (
        tifffile.TiffFile(path) for path in (folder / "image.ome.tif", folder / "unsmear" / name)
    )
    with before, after:
        assert (after.asarray() != before.asarray()).mean() > 0.5
        for part in ("Pixels ", "Channel "):
            tags = re.compile(f"<{part}[^>]*>")
            assert tags.findall(after.ome_metadata) == tags.findall(before.ome_metadata)


def test_a_region_within_the_image_is_saved_where_the_user_says(session):
    folder, cases = session
    asked, _, written, _, opened, *_ = cases["region"]
    assert asked == ASKED  # and no more for the command
    assert written == "written: My slide_ 1.svs - 20x x8970 y0.ome.tif of 8970,0 30x28"
    assert opened == "opened: chosen My slide_ 1.svs - 20x x8970 y0-restored.ome.tif"
    assert (folder / opened.removeprefix("opened: ")).is_file()


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ("no command", "The command unsmear must be a program of this computer, got "),
        ("error", "Unknown option: --metod. Did you mean --method?"),
        ("large", "This image has 81 megapixels: select an annotation, whose box is restored, "),
        ("rgb", "This image is RGB, colours for display, and Unsmear takes the intensities "),
        ("no image", "There is no open image: open one, then run this script again."),
    ],
)
def test_a_failure_is_a_sentence(session, case, sentence):
    *_, printed, shown = session[1][case]
    assert shown == f"error: {printed}"
    assert printed.startswith(sentence)


def test_no_image_is_made_where_nothing_changed(session):
    said = ["a: no motion", "message: a: no motion"]
    assert session[1]["unchanged"] == [ASKED, WORKING, WRITTEN, *said]


def test_a_killed_script_ends_the_command(session):
    cases = session[1]
    assert cases["cancelled"] == [ASKED]
    ended = ["Unsmear was cancelled; nothing has changed", "ended: true"]
    assert cases["killed"] == [ASKED, WORKING, WRITTEN, *ended, "left: []"]
