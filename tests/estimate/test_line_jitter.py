"""Displaced lines: found where they are, measured right, and put back; nothing is invented."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

import unsmear
from unsmear.blur import Camera, Motion, convolve
from unsmear.estimate import estimate_planes, line_jitter
from unsmear.images import Image
from unsmear.synthetic import scan as scans
from unsmear.synthetic.scan.exposing import expose

SIDE = 192


@pytest.fixture(scope="module")
def sharp():
    """Return a texture, (y, x), counts of about 1000."""
    grain = np.random.default_rng(5).normal(0, 1, (SIDE, SIDE))
    return 1000 + 200 * gaussian_filter(grain, 2, mode="wrap") / 0.14


def displaced(plane, displacements):
    """Return a plane with rows that show what lies farther right."""
    rows = [shift(row, -by, mode="wrap") for row, by in zip(plane, displacements, strict=True)]
    return np.stack(rows)


def noisy(plane, seed=1):
    return plane + np.random.default_rng(seed).normal(0, 10, plane.shape)


@pytest.fixture(scope="module")
def displacements():
    return np.random.default_rng(3).normal(0, 0.8, SIDE)


@pytest.mark.parametrize("rows", [True, False])
def test_displaced_lines_are_measured(sharp, displacements, rows):
    plane = noisy(displaced(sharp, displacements))
    found = line_jitter.find(plane if rows else plane.T)
    assert found.rows == rows
    assert np.corrcoef(found.displacements, displacements)[0, 1] > 0.9
    assert found.rms == pytest.approx(0.8, abs=0.15)
    lines = "rows" if rows else "columns"
    assert (
        found.describe() == f"{lines} are displaced against each other by {found.rms:.1f} px (rms)"
    )


@pytest.mark.parametrize("rows", [True, False])
def test_they_are_put_back(sharp, displacements, rows):
    recorded, truth = noisy(displaced(sharp, displacements)), sharp
    if not rows:
        recorded, truth = recorded.T, truth.T
    straight = unsmear.straighten_lines(Image(np.rint(recorded).astype(np.uint16), "YX")).pixels
    assert straight.dtype == np.uint16
    errors = [
        np.square(plane[8:-8, 8:-8] - truth[8:-8, 8:-8]).mean() for plane in (recorded, straight)
    ]
    assert errors[1] < 0.35 * errors[0]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("length", [0, 9])
def test_straight_lines_are_left_alone(sharp, seed, length):
    # Moved along the rows, or along the columns, or not at all.
    for angle in (0, 90):
        plane = convolve(sharp, Motion(length, angle).kernel()) if length else sharp
        assert line_jitter.find(noisy(plane, seed)) is None


def test_what_tells_nothing_has_no_jitter(sharp, displacements):
    noise = np.random.default_rng(0).poisson(9, (SIDE, SIDE))
    for plane in (noise, np.zeros((SIDE, SIDE)), np.full((SIDE, SIDE), np.nan), np.zeros((5, 200))):
        assert line_jitter.find(plane) is None
    stripes = noisy(np.broadcast_to(sharp[:, :1], sharp.shape))  # along the rows: nothing to see
    assert line_jitter.find(displaced(stripes, displacements)) is None


@pytest.mark.parametrize("factor", [1e-300, 1e300])
def test_huge_and_tiny_counts(sharp, displacements, factor):
    plane = noisy(displaced(sharp, displacements)) / 2000 * factor
    assert line_jitter.is_present(np.stack([np.full_like(plane, np.nan), plane])[None])
    assert not line_jitter.is_present(noisy(sharp)[None, None] / 2000 * factor)


def test_noise_of_whole_rows_is_no_displacement(sharp):
    offsets = np.random.default_rng(4).normal(0, 60, (SIDE, 1))
    assert line_jitter.find(noisy(sharp + offsets)) is None


def test_only_planes_with_jitter_change(sharp, displacements):
    pixels = np.stack([noisy(sharp), noisy(displaced(sharp, displacements))]).astype(np.float32)
    image = Image(pixels, "CYX")
    straight = unsmear.straighten_lines(image)
    assert np.array_equal(straight.pixels[0], pixels[0])
    assert not np.array_equal(straight.pixels[1], pixels[1])
    assert np.array_equal(image.pixels, pixels)


@pytest.mark.slow
def test_an_estimate_names_it_and_the_image_is_left_alone(sharp, displacements):
    plane = np.rint(noisy(displaced(sharp, displacements))).astype(np.uint16)
    estimate = estimate_planes(plane[None, None])
    assert (estimate.kind, estimate.processed.kind) == ("none", "jittered")
    assert "its lines are displaced against each other (line jitter)" in estimate.describe()
    result = unsmear.restore(Image(plane, "YX"), estimate)
    assert not result.touched
    assert "line jitter" in result.movement


@pytest.fixture
def line_scan():
    """Return a scan by a line camera above a stage that vibrates by 1.5 pixels."""
    return scans.Scan(
        Path("nowhere"),
        scans.Drawn(3, "microtubules"),
        scans.Stage(160, vibration=0.24, frequency=300),
        scans.Exposure(0.001),
        scans.Grid(1, SIDE, 0.0),
        Camera(1000, 2.0, 80, 12),
        tdi=scans.Tdi(1),
    )


@pytest.mark.slow
def test_a_line_camera_above_a_stage_that_vibrates(line_scan):
    light = expose(line_scan, 0)[1]
    recorded = line_scan.camera.expose(light, np.random.default_rng(0))
    found = line_jitter.find(recorded)
    assert not found.rows
    assert found.rms == pytest.approx(1.5 / np.sqrt(2), rel=0.35)
    still = replace(line_scan, stage=scans.Stage(160))
    assert (
        line_jitter.find(still.camera.expose(expose(still, 0)[1], np.random.default_rng(0))) is None
    )


@pytest.mark.slow
def test_a_line_camera_at_another_speed_is_a_motion(line_scan):
    # The image moves 10 % faster than the charges, over 64 lines: 6.4 pixels.
    tdi = replace(line_scan, stage=scans.Stage(160), tdi=scans.Tdi(64, 0.1))
    recorded = tdi.camera.expose(expose(tdi, 0)[1], np.random.default_rng(0))
    estimate = estimate_planes(recorded[None, None])
    assert estimate.sure
    assert estimate.length == pytest.approx(6.4, abs=0.5)
    assert min(estimate.angle, 180 - estimate.angle) < 2
