"""Estimated kinds of blur: none, linear and irregular motion, defocus, the paper's recipe."""

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from unsmear.blur import Defocus, Motion, Paper, Trajectory, convolve
from unsmear.estimate import (
    Estimate,
    conclusion,
    estimate_planes,
    fitting,
    goodness,
    motion_fit,
    paper_kernel,
    shake_fit,
    spectrum,
)
from unsmear.estimate.result import Sampled
from unsmear.estimate.shake_fit import centred, equivalent, resized

PATTERN = 1.0
"""As if constant speed left much unexplained, so that recipes are tried."""


def cells(seed=0, side=256):
    """Return (2, side, side) of blobs with sharp borders and grains on a dark ground, 0 to 220."""
    generator = np.random.default_rng(seed)
    noise = generator.standard_normal((2, side, side))
    shapes = ndimage.gaussian_filter(noise, (0, 9, 9)) > 0.015
    grains = ndimage.gaussian_filter(generator.standard_normal(noise.shape), (0, 0.9, 0.9))
    return np.clip(shapes * (90 + 130 * grains / grains.std() / 3) + 6, 0, 220).astype(np.float32)


def blurred(blur, seed=0, side=256):
    """Return (1, 2, side, side) in 8 bit, cut out of a larger blurred field."""
    wide = convolve(cells(seed, side + 64), blur.kernel())
    return np.rint(wide[:, 32:-32, 32:-32]).clip(0, 255).astype(np.uint8)[None]


def shaken(seed):
    """Return a recorded shake."""
    return blurred(Trajectory(50, 0.5, seed), seed)


@cache
def estimate_of_shaken(seed):
    return estimate_planes(shaken(seed))


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.slow
def test_sharp_cells_are_none(seed):
    estimate = estimate_planes(blurred(Motion(0), seed))
    assert estimate.kind == "none"
    assert not estimate.found
    assert estimate.confidence > 0.5


@pytest.mark.parametrize("radius", [3.0, 5.0])
@pytest.mark.slow
def test_out_of_focus_is_no_movement(radius):
    estimate = estimate_planes(blurred(Defocus(radius)))
    assert estimate.kind == "defocus"
    assert not estimate.found
    assert not estimate.sure
    assert estimate.length == 0
    assert abs(estimate.radius - radius) <= estimate.radius_error < 1.5
    assert estimate.blur() == Defocus(estimate.radius)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 5])
def test_shake_has_a_kernel_of_its_own(seed):
    true = Trajectory(50, 0.5, seed)
    estimate = estimate_of_shaken(seed)
    assert estimate.kind == "shake"
    assert estimate.found
    kernel = estimate.kernel()
    assert kernel.shape[0] <= 31
    assert kernel.shape[0] % 2 == 1
    assert kernel.min() >= 0
    assert kernel.sum() == pytest.approx(1)
    estimated, expected = resized(kernel, 41), resized(true.kernel(), 41)
    alike = max(
        (k * expected).sum() / np.sqrt((k**2).sum() * (expected**2).sum())
        for k in (estimated, estimated[::-1, ::-1])
    )
    assert alike > 0.4


@pytest.mark.parametrize(("normalise", "brightness"), [(False, 1.0), (True, 1.0), (False, 0.15)])
@pytest.mark.slow
def test_the_papers_recipe_is_told_from_an_even_movement(normalise, brightness):
    paper = Paper(6, -45, normalise)
    counts = np.rint(brightness * cells()).astype(np.uint8)
    estimate = estimate_planes(paper.apply(counts)[None])
    assert estimate.kind == "straight"
    assert estimate.sure
    assert estimate.recipe == Paper(6, -45)
    np.testing.assert_array_equal(estimate.kernel(), paper.kernel())
    assert estimate.angle == pytest.approx(90, abs=1)


@pytest.mark.slow
def test_no_even_movement_is_taken_for_the_recipe():
    generator = np.random.default_rng(0)
    for number in range(40):
        length, angle = generator.uniform(3, 22), generator.uniform(0, 180)
        if number % 2:  # as the recipe would have them
            length, angle = round(length), 45.0 * round(angle / 45)
        counts = blurred(Motion(length, angle), number, (96, 256)[number % 4 == 0])
        search = motion_fit.search(spectrum.measure(counts), [(length, angle)], False)
        assert paper_kernel.find(search, PATTERN) is None, (length, angle)


def test_only_an_uneven_motion_is_compared_with_recipes(monkeypatch):
    even = blurred(Motion(9, 30))
    recipe = Paper(12, 70).apply(np.rint(cells()).astype(np.uint8))[None]
    compared = []
    monkeypatch.setattr(paper_kernel, "_near", lambda *values: compared.append(values) or [])
    for counts, number in ((even, 0), (recipe, 1)):
        compared.clear()
        length, _, angle = equivalent(Paper(12, 70).kernel())
        guess = (9, 30) if counts is even else (length, angle)
        measured = spectrum.measure(counts)
        search = motion_fit.search(measured, [guess], False)
        assert paper_kernel.find(search, goodness.excess(measured, search.best)) is None
        assert len(compared) == number


def test_a_recipe_is_found_where_there_is_little_evidence_for_a_motion():
    counts = Paper(6, -45).apply(np.rint(0.06 * cells()).astype(np.uint8))[None]
    search = motion_fit.search(spectrum.measure(counts), [(5.6, 90.0)], False)
    assert search.still.loss - search.best.loss < paper_kernel.EVIDENT
    found = paper_kernel.find(search, PATTERN)
    assert found is not None
    assert found.paper == Paper(6, -45)


@pytest.mark.parametrize(("more", "is_named"), [(0.1, True), (0.5, False)])
def test_uneven_speed_is_preferred_to_a_recipe_only_where_it_explains_more(more, is_named):
    counts = Paper(6, -45).apply(np.rint(cells()).astype(np.uint8))[None]
    measured = spectrum.measure(counts)
    search = motion_fit.search(measured, [(5.6, 90.0)], False)
    found = paper_kernel.find(search, PATTERN)
    drop = search.best.loss - found.loss
    free = replace(search.best, loss=search.best.loss - (1 + more) * drop)
    profile = SimpleNamespace(fit=free)
    gathered = SimpleNamespace(search=search, pattern=PATTERN, profile=profile)
    assert (conclusion._paper(gathered) is not None) == is_named


@pytest.mark.parametrize(("seed", "brightness", "better"), [(0, 1.0, 1), (1, 0.3, 0)])
def test_a_recipes_texture_is_fitted_from_two_starts(seed, brightness, better):
    """From the texture of the best motion, or from that of none, it may end in a worse optimum."""
    counts = Paper(6, -45).apply(np.rint(brightness * cells(seed)).astype(np.uint8))[None]
    search = motion_fit.search(spectrum.measure(counts), [(5.6, 90.0)], False)
    transfer = search.problem.transfer(Paper(6, -45).kernel())
    losses = [
        fitting.fit_held(search.problem, transfer, first.texture).loss
        for first in (search.best, search.still)
    ]
    assert losses[better] < losses[1 - better] - 10
    assert paper_kernel.fitted_loss(search, transfer) == losses[better]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.slow
def test_half_turn_is_seen_in_what_is_left(seed):
    kernel = resized(Trajectory(30, 0.8, 20 + seed).kernel(), 31)
    counts = blurred(Trajectory(30, 0.8, 20 + seed), seed)
    half = kernel[::-1, ::-1]
    np.testing.assert_array_equal(shake_fit.resolve_half_turn(counts, kernel), kernel)
    np.testing.assert_array_equal(shake_fit.resolve_half_turn(counts, half), kernel)


@pytest.mark.slow
def test_same_image_same_answer():
    assert estimate_planes(shaken(5)) == estimate_of_shaken(5)


@pytest.mark.parametrize(("length", "angle"), [(5, 0), (12.5, 130), (20, 77)])
def test_moments_give_a_movement_back(length, angle):
    long, short, turn = equivalent(Motion(length, angle).kernel())
    assert long == pytest.approx(length, abs=0.35)
    assert short < 1.5
    assert abs((turn - angle + 90) % 180 - 90) < 2


def test_centred_has_its_centroid_in_the_middle():
    kernel = np.zeros((31, 31))
    kernel[10:14, 9:21] = np.arange(12)
    moved = centred(kernel)
    offset = np.arange(31) - 15
    assert moved.sum(0) @ offset == pytest.approx(0, abs=1e-9)
    assert moved.sum(1) @ offset == pytest.approx(0, abs=1e-9)


def test_kinds_say_their_blur():
    path = Sampled.of(Trajectory(12, 0.5, 1).kernel())
    assert Estimate(9, 30).kind == "straight"
    assert Estimate(0.0).kind == "none"
    assert Estimate(9, 30).blur() == Motion(9, 30)
    assert Estimate(9, 30, 0.9, kind="shake", path=path).blur() == path
    assert Estimate(0.0, kind="defocus", radius=3.0).blur() == Defocus(3.0)
    assert not Estimate(0.0, confidence=0.9, kind="defocus", radius=3.0).sure
    np.testing.assert_allclose(path.kernel(), Trajectory(12, 0.5, 1).kernel())
