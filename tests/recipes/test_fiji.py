"""The menu command for Fiji: its words in Python 3, the rest in ImageJ where that is installed."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from unsmear import blur
from unsmear.cli import main

RECIPE = Path(__file__).parents[2] / "recipes/fiji/Remove_Motion_Blur.py"
JARS = [Path("/usr/share/java", name) for name in ("ij.jar", "jython.jar")]
"""Where Debian's packages imagej and jython put them."""


@pytest.fixture(scope="module")
def fiji():
    spec = importlib.util.spec_from_file_location("fiji", RECIPE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def unsmear(monkeypatch, capfd):
    """Return a function that runs a command line and returns what it prints and its errors."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", list(words))
        with pytest.raises(SystemExit):
            main()
        return capfd.readouterr()

    return run


def write_cells(path):
    """Write two smeared channels at two time points, with all that ImageJ shows of them."""
    generator = np.random.default_rng(0)
    dots = np.where(generator.random((2, 2, 64, 96)) > 0.99, 20_000, 100).astype("f4")
    smeared = blur.convolve(gaussian_filter(dots, (0, 0, 1.5, 1.5)), blur.Motion(6, 30).kernel())
    pixels = generator.poisson(smeared).astype("u2")
    colours = np.zeros((2, 3, 256), "u1")
    colours[0, 1] = colours[1, 0] = colours[1, 2] = np.arange(256)
    shown = {"unit": "um", "spacing": 0.3, "finterval": 2.5, "mode": "composite",
             "Ranges": (100.0, 900.0, 150.0, 800.0), "LUTs": list(colours),
             "Labels": ["DAPI", "GFP", "DAPI 2", "GFP 2"]}  # fmt: skip
    tifffile.imwrite(path, pixels[:, None], imagej=True, resolution=(1 / 0.108, 1 / 0.108),
                     metadata={"axes": "TZCYX", **shown})  # fmt: skip


@pytest.mark.parametrize(
    ("motion", "words"),
    [
        ({}, []),
        ({"length": 6.5, "angle": 40.0}, ["--length", "6.5", "--angle", "40"]),
        (
            {"options": '--method wiener --no-data "a b"'},
            ["--method", "wiener", "--no-data", "a b"],
        ),
    ],
)
def test_the_words_of_the_call(fiji, motion, words):
    call = fiji.command_line("my unsmear", "cells.tif", "out", **motion)
    assert call == ["my unsmear", "restore", "cells.tif", "--output", "out", *words]


@pytest.mark.parametrize(
    ("line", "motion"),
    [((0, 0, 8, 0), (8, 0)), ((5, 9, 5, 3), (6, 90)), ((3, 3, 0, 0), (18**0.5, 135))],
)
def test_a_line_along_a_smear_gives_the_motion(fiji, line, motion):
    assert fiji.line_motion(*line) == pytest.approx(motion)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("cells.tif", "cells.tif"),
        ("cells.ome.tiff", "cells.tif"),
        ("0.5 um", "0.5 um.tif"),
        ("C1-cells [1]?.nd2 - series 1/2", "C1-cells _1__.nd2 - series 1_2.tif"),
        ("Zellen é.czi", "Zellen _.tif"),
        ("", "image.tif"),
    ],
)
def test_the_file_has_a_name_that_no_pattern_reads_anew(fiji, title, name):
    assert fiji.file_name(title) == name


def test_the_sentences_are_those_of_the_command(fiji, unsmear, tmp_path):
    write_cells(tmp_path / "cells.tif")
    call = fiji.command_line("unsmear", str(tmp_path / "cells.tif"), str(tmp_path / "out"), 6, 30)
    sentence = fiji.outcome(unsmear(*call, "--method", "wiener").out)
    assert sentence == "cells: linear motion of 6.00 px at 30.0 degrees (given), restored by wiener"
    error = fiji.reason(unsmear(*call[:-4], "--lenght").err)
    assert error == (
        "Unknown option: --lenght. Did you mean --length? Or see unsmear restore --help."
    )
    error = fiji.reason(unsmear(*call[:-2]).err)
    assert error == "--length must come with --angle."


@pytest.fixture(scope="module")
def in_imagej(tmp_path_factory):
    """Return what the session in ImageJ answers."""
    if not (all(jar.exists() for jar in JARS) and shutil.which("xvfb-run")):
        pytest.skip("ImageJ is not installed: apt-get install imagej jython xvfb xauth")
    folder = tmp_path_factory.mktemp("images of é")
    (folder / "temporary").mkdir()
    write_cells(folder / "cells [1].tif")
    java = ["java", f"-Duser.home={folder}", f"-Djava.io.tmpdir={folder / 'temporary'}", "-cp",
            os.pathsep.join(map(str, JARS)), "org.python.util.jython"]  # fmt: skip
    command = Path(sys.executable).parent / "unsmear"
    session = Path(__file__).with_name("imagej_session.py")
    finished = subprocess.run(
        ["xvfb-run", "-a", *java, session, RECIPE, command, folder / "cells [1].tif", folder],
        capture_output=True,
        text=True,
        env=os.environ | {"LC_ALL": "C.UTF-8"},
        timeout=120,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return json.loads((folder / "answers.json").read_text())


@pytest.mark.slow
def test_imagej_shows_the_result_as_it_shows_the_image(in_imagej):
    before = in_imagej["before"]
    assert in_imagej["after"] == before
    assert before["size"] == [96, 64, 2, 1, 2]
    assert before["scale"] == pytest.approx([0.108, 0.108, 0.3, 2.5])
    assert before["ranges"] == [[100, 900], [150, 800]]
    assert before["labels"] == ["DAPI", "GFP", "DAPI 2", "GFP 2"]
    assert before["position"] == [2, 1, 2]
    assert in_imagej["sentence"].startswith("cells _1_: linear motion of 6.00 px at 30.0 degrees")
    assert in_imagej["title"] == "cells [1]-restored.tif"
    assert not in_imagej["same pixels"]
    assert in_imagej["original"] == [True, True, "cells [1].tif"]


@pytest.mark.slow
def test_imagej_shows_no_copy_of_an_image_left_alone(in_imagej):
    assert in_imagej["unchanged"] == [[], "cells: no motion"]


@pytest.mark.slow
def test_imagej_shows_the_reason_of_a_failure(in_imagej):
    assert in_imagej["rgb"].startswith("This image is RGB, colours for display")
    assert in_imagej["wrong option"].startswith("Unknown option: --metod. Did you mean --method?")
    assert in_imagej["wrong value"].startswith("a method must be one of deep-wiener, ")
    assert in_imagej["missing"].startswith("The command unsmear does not start: ")


@pytest.mark.slow
def test_escape_ends_the_command(in_imagej):
    assert in_imagej["cancelled"] == ["Unsmear was cancelled; nothing has changed", True]


@pytest.mark.slow
def test_the_menu_command_can_be_called_from_a_macro(in_imagej):
    assert in_imagej["menu"] == ["cells [1]-restored.tif", "cells [1]-uncertainty.tif"]
    assert "restored by deep-wiener-lean" in in_imagej["log"]


@pytest.mark.slow
def test_nothing_is_left_in_the_temporary_folder(in_imagej):
    assert in_imagej["left"] == []
