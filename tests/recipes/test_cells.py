"""The recipe of real cells, from mosaics that are made up, to its page."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from unsmear.data.labels import CHANNELS

HERE = Path(__file__).parents[2] / "recipes" / "cells"
SIDE = 768


@pytest.fixture(scope="module")
def mosaics(tmp_path_factory):
    """Return a folder of six mosaics: nine discs each, the protein in the middle or around it."""
    folder = tmp_path_factory.mktemp("mosaics")
    random = np.random.default_rng(0)
    lines = ["file,labels,group"]
    for number in range(6):
        label = 16 if number % 2 else 0
        planes = np.zeros((4, SIDE, SIDE), np.uint8)
        for place in range(9):
            y, x = (part * SIDE // 3 + SIDE // 6 for part in divmod(place, 3))
            size = int(random.integers(50, 80))
            for plane, radius in zip(planes, (size, size, size // 2, size), strict=True):
                cv2.circle(plane, (x, y), radius, 200, -1)
            inner = np.zeros((SIDE, SIDE), np.uint8)
            cv2.circle(inner, (x, y), size // 2, 1, -1)
            planes[1][inner == 1] = 20 if label else 220
            if not label:
                planes[1][(inner == 0) & (planes[0] > 0)] = np.minimum(
                    planes[1][(inner == 0) & (planes[0] > 0)], 255
                )
        for colour, plane in zip(CHANNELS, planes, strict=True):
            cv2.imwrite(str(folder / f"m{number}_{colour}.jpg"), plane)
            lines.append(f"m{number}_{colour}.jpg,Name (2018 label 1; SCC label {label}),m{number}")
    (folder / "MANIFEST.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.slow
def test_one_command_goes_from_mosaics_to_the_page(mosaics, tmp_path):
    output, page = tmp_path / "run", tmp_path / "page" / "cells.md"
    command = [sys.executable, HERE / "run.py", "--data", mosaics, "--output", output]
    command += ["--method", "wiener-local", "--folds", "2", "--epochs", "1", "--page", page]
    command += ["--share", "0.4"]
    done = subprocess.run(
        list(map(str, [*command, "--workers", "1"])),
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    for row in ("| sharp ", "| blurred ", "| wiener-local "):
        assert row in text
    assert "motion 16 px" in text
    assert str(tmp_path) not in text
    assert (output / "recovery.html").read_text().startswith("<!doctype html>")
    # Every cell is answered once for each length, by the fold that has not learned from it.
    answers = [path.read_text().splitlines() for path in sorted(output.glob("answers-*/*.jsonl"))]
    assert sum(len(lines) - 1 for lines in answers) == 6 * 9 * 3
    assert not list(output.glob("**/*.part"))
