"""What the widget asks of the library: it gives what the library gives alone."""

import numpy as np
import pytest

import unsmear
from tests.found import find_everywhere
from tests.napari.conftest import smeared
from unsmear.estimate import Estimate
from unsmear.estimate.exposures import Exposure
from unsmear.images import Image

pytest.importorskip("napari.layers", reason="needs unsmear[napari]")

from unsmear.napari import work


@pytest.fixture
def first_pixel(monkeypatch):
    """What is found in a plane is what its first pixel says: a length, 0 for no motion."""
    find_everywhere(monkeypatch, lambda p: Estimate(float(p[0, 0, 0, 0]), 30.0, 0.95, 0.1, 0.5))


def stack(lengths, *between):
    pixels = np.stack([smeared((*between, 64, 64), max(length, 1), 30) for length in lengths])
    pixels[..., 0, 0] = np.reshape(lengths, (-1, *[1] * len(between)))
    return pixels


def none(done, everything):
    """Take the progress."""


@pytest.mark.usefixtures("first_pixel")
@pytest.mark.parametrize(
    "image",
    [
        Image(stack([6])[0], "YX"),
        Image(stack([0])[0], "YX"),
        Image(stack([6, 0, 8]), "TYX"),
        Image(stack([6, 5], 2).swapaxes(0, 1), "ZTYX"),
        Image(stack([6, 5], 2)[:, None], "PTZYX"),
        Image(stack([6, 6, 6]), "CYX"),
    ],
    ids=["one", "still", "times", "slices", "positions", "channels"],
)
def test_what_was_estimated_is_not_estimated_again_and_gives_the_same(image, monkeypatch):
    alone = unsmear.restore(image, uncertainty=True)
    found = work.estimate(image, none)
    assert work.known(found) is not None

    def again(*_, **__):
        raise AssertionError

    monkeypatch.setattr(work.exposures, "find_in", again)
    result = work.restore(image, found, True, none)
    np.testing.assert_array_equal(result.image.pixels, alone.image.pixels)
    assert result.movement == alone.movement
    assert result.touched == alone.touched
    if alone.uncertainty is not None:
        np.testing.assert_array_equal(result.uncertainty.pixels, alone.uncertainty.pixels)


@pytest.mark.usefixtures("first_pixel")
def test_each_time_point_is_found_with_its_place():
    found = work.estimate(Image(stack([6, 0, 8]), "TYX"), none)
    assert [(one.place, one.frame, one.estimate.length) for one in found] == [
        ("t=0", {"T": 0}, 6.0), ("t=1", {"T": 1}, 0.0), ("t=2", {"T": 2}, 8.0)
    ]  # fmt: skip


@pytest.mark.usefixtures("first_pixel")
def test_what_became_of_each_exposure_is_found_in_the_result():
    image = Image(stack([6, 0, 8]), "TYX")
    found = work.found_in(image, unsmear.restore(image))
    before = work.estimate(image, none)
    assert [(one.place, one.frame, one.estimate) for one in found] == [
        (one.place, one.frame, one.estimate) for one in before
    ]
    assert [one.restored for one in found] == [True, False, True]


def test_exposures_that_differ_are_found_apart(monkeypatch):
    """Two channels that moved differently: what is found before and after restoring is the same."""
    channels = np.stack([smeared(length=6, seed=1), smeared(length=9, angle=110, seed=2)])
    image = Image(channels, "CYX", ("DAPI", "GFP"))
    first, second = Estimate(6.0, 30.0, 0.95), Estimate(9.0, 110.0, 0.4)
    apart = [Exposure(np.array([(0, n)]), one) for n, one in enumerate((first, second))]
    monkeypatch.setattr(work.exposures, "find_in", lambda *_, **__: apart)
    found = work.estimate(image, none)
    assert [(one.place, one.estimate, one.alone) for one in found] == [
        ("DAPI", first, False), ("GFP", second, False)
    ]  # fmt: skip
    assert work.known(found) is None
    after = work.found_in(image, work.restore(image, found, False, none))
    assert [(one.place, one.estimate, one.restored) for one in after] == [
        ("DAPI", first, True), ("GFP", second, False)
    ]  # fmt: skip


def test_nothing_known_is_nothing_given():
    assert work.known([]) is None


@pytest.mark.usefixtures("first_pixel")
def test_the_share_of_several_images_never_falls():
    shares = []

    def progress(done, everything):
        shares.append(done / everything)

    for number in range(2):
        work.estimate(Image(stack([6, 0, 8]), "TYX"), work.part_of(progress, number, 2))
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_frames_without_data_are_passed_over(first_pixel):
    pixels = stack([6, 8]).astype(np.float32)
    pixels[0] = np.nan
    found = work.estimate(Image(pixels, "TYX"), none)
    assert [one.frame for one in found] == [{"T": 1}]
