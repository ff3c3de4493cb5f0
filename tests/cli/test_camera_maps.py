"""The options that name the calibration maps of a camera."""

from __future__ import annotations

import json
from hashlib import sha256

import numpy as np
import pytest

from tests.images.test_camera_maps import SHAPE, exposed, maps
from unsmear import Gaussian, Image, Motion, convolve, images


@pytest.fixture(scope="module")
def scene() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the maps of a camera, and what it recorded in motion."""
    rng = np.random.default_rng(3)
    points = np.zeros(SHAPE)
    points[rng.integers(0, SHAPE[0], 60), rng.integers(0, SHAPE[1], 60)] = 20000
    sharp = convolve(points, Gaussian(1.5).kernel()) + 20
    known = maps()
    return known, exposed(known, convolve(sharp, Motion(8, 30).kernel()))


def test_the_command_names_the_maps_and_their_checksums(scene, tmp_path, unsmear):
    known, recorded = scene
    images.write(tmp_path / "a.tif", Image(recorded, "YX"))
    words = []
    for name, values in known.items():
        images.write(tmp_path / f"{name}.npy", Image(values, "YX"))
        words += [f"--{name}-map", tmp_path / f"{name}.npy"]
    moved = ["--length", 8, "--angle", 30, "--method", "wiener"]
    finished = unsmear("restore", tmp_path / "a.tif", "-o", tmp_path / "out", *moved, *words)
    assert finished.code == 0
    assert "with the camera's offset map (offset.npy) and gain map (gain.npy)" in finished.out
    sums = {name: sha256(values.tobytes()).hexdigest() for name, values in known.items()}
    estimated = unsmear("estimate", tmp_path / "a.tif", "--json", *words)
    camera = json.loads(estimated.out)["camera"]
    assert {name: one["sha256"] for name, one in camera.items()} == sums
    record = images.read(tmp_path / "out" / "a.tif")
    assert sums["gain"] in str(record.metadata)


def test_maps_of_another_size_are_refused_by_the_command(scene, tmp_path, unsmear):
    known, recorded = scene
    images.write(tmp_path / "a.tif", Image(recorded, "YX"))
    images.write(tmp_path / "gain.npy", Image(known["gain"].T.copy(), "YX"))
    words = ["restore", tmp_path / "a.tif", "-o", tmp_path / "out", "--length", 8, "--angle", 30]
    alone = unsmear(*words, "--gain-map", tmp_path / "gain.npy")
    assert alone.code != 0
    assert "--gain-map must come with --offset-map" in alone.err
    finished = unsmear(*words, "--gain-map", tmp_path / "gain.npy", "--offset-map", 100)
    assert "a.tif: an image must have the size of the camera's maps, 80x96 pixels, got 96x80" in (
        finished.err
    )
