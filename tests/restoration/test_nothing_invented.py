"""Nothing is invented in images without cells, by the command line and by the pipeline."""

import cv2
import numpy as np
import pytest

from unsmear import images
from unsmear.blur import Motion, convolve
from unsmear.choices import BEST_METHOD
from unsmear.cli.restore import restore
from unsmear.images import Image
from unsmear.restoration.pipeline import apply_method

MOVED = Motion(9, 30).kernel()
SIZE = (160, 176)
METHODS = (BEST_METHOD, "wiener")
DARK = 12
"""Counts of the background."""
NUCLEUS = 15
"""Pixels across; what is looked for is as large, not a single bright pixel of noise."""


def recorded(light, seed=0, photons=4.0):
    """Return 8-bit counts of light in counts above the background, with photon noise."""
    generator = np.random.default_rng(seed)
    counts = generator.poisson(photons * (light + DARK)) / photons
    return np.rint(counts).clip(0, 255).astype(np.uint8)


def bead():
    light = np.zeros(SIZE, np.float32)
    light[80, 88] = 1
    light = cv2.GaussianBlur(light, (0, 0), 2)
    return 180 * light / light.max()


def text():
    light = np.zeros(SIZE, np.uint8)
    for row, line in enumerate(("Scale 20 um", "z = 3.5")):
        cv2.putText(light, line, (12, 50 + 60 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.75, 200, 2)
    return light.astype(np.float32)


BARE = {
    "black": np.zeros(SIZE, np.uint8),
    "constant": np.full(SIZE, 90, np.uint8),
    "white": np.full(SIZE, 255, np.uint8),
    "photon noise": recorded(np.zeros(SIZE)),
    "bright noise": recorded(np.full(SIZE, 100), 1),
}
SHOWN = {"bead": bead(), "text": text()}
BRIGHT = {"text on white": (230 - text()).astype(np.uint8)}


def blindly(pixels, tmp_path):
    """Return the pixels after `unsmear restore` without a kernel."""
    images.write(tmp_path / "in" / "image.png", Image(pixels, "YX"))
    code = restore([str(tmp_path / "in" / "image.png")], output=tmp_path / "out")
    assert code == 0
    return images.read(tmp_path / "out" / "image.png").pixels


def by_force(pixels, method, kernel=MOVED):
    return apply_method(Image(pixels, "YX"), method, kernel).image.pixels


def patches(pixels):
    """Return means over patches as large as a small nucleus."""
    return cv2.blur(pixels.astype(np.float32), (NUCLEUS, NUCLEUS))


def background(light, reach=24):
    """Return the pixels that are further than `reach` from any light."""
    side = 2 * reach + 1
    return cv2.dilate((light > 1).astype(np.uint8), np.ones((side, side), np.uint8)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", BARE)
def test_nothing_is_left_as_it_was(name, tmp_path):
    np.testing.assert_array_equal(blindly(BARE[name], tmp_path), BARE[name])


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.slow
def test_what_did_not_move_is_left_as_it_was(name, tmp_path):
    image = recorded(SHOWN[name])
    np.testing.assert_array_equal(blindly(image, tmp_path), image)


@pytest.mark.parametrize("name", BRIGHT)
@pytest.mark.slow
def test_dark_on_bright_is_left_as_it_was(name, tmp_path):
    np.testing.assert_array_equal(blindly(BRIGHT[name], tmp_path), BRIGHT[name])


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.slow
def test_what_moved_makes_no_structure_elsewhere(name, tmp_path):
    image = recorded(convolve(SHOWN[name], MOVED))
    restored = blindly(image, tmp_path)
    empty = background(SHOWN[name])
    assert patches(restored)[empty].max() <= patches(image)[empty].max() + 0.5
    assert restored.mean() == pytest.approx(image.mean(), rel=5e-3)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["black", "constant", "white"])
def test_by_force_a_constant_stays_one(name, method):
    np.testing.assert_array_equal(by_force(BARE[name], method), BARE[name])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["photon noise", "bright noise"])
def test_by_force_noise_makes_no_nuclei(name, method):
    image = BARE[name]
    restored = by_force(image, method)
    assert patches(restored).max() <= patches(image).max() + 0.5
    assert patches(restored).min() >= patches(image).min() - 0.5


@pytest.mark.parametrize(
    ("kernel", "method"),
    [(MOVED, BEST_METHOD), (MOVED, "wiener"), (Motion(20, 120).kernel(), BEST_METHOD)],
    ids=["right", "right, wiener", "wrong"],
)
@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.slow
def test_by_force_the_background_stays_empty(name, kernel, method):
    """What a method without weights makes of a wrong kernel is the user's own wish."""
    image = recorded(convolve(SHOWN[name], MOVED))
    restored = by_force(image, method, kernel)
    empty = background(SHOWN[name])
    assert patches(restored)[empty].max() <= patches(image)[empty].max() + 0.5


@pytest.mark.parametrize("method", METHODS)
def test_by_force_a_bead_stays_one(method):
    """A made-up second bead would have to take its light from the first."""
    light = bead()
    restored = by_force(recorded(convolve(light, MOVED)), method).astype(np.float32) - DARK
    near = ~background(light, 12)
    # Noise alone puts it off by 1.4 %.
    assert restored[near].sum() == pytest.approx(light.sum(), rel=0.1)
    far = patches(restored)[background(light, 20)]
    assert np.abs(far).max() < 0.02 * light.max()
