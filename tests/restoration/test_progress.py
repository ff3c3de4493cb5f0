"""How far a restoration is: the share that is done never falls, and stopping is possible."""

import numpy as np
import pytest

import unsmear
from tests.found import find_everywhere
from unsmear.estimate import Estimate, exposures
from unsmear.images import Image


@pytest.fixture
def found(monkeypatch):
    """What is found in a plane is what its first pixel says: a length, 0 for no motion."""

    def estimate(planes):
        length = float(planes[0, 0, 0, 0])
        return Estimate(length, 30.0, 0.95, 0.1, 0.5)

    find_everywhere(monkeypatch, estimate)


def stack(lengths):
    pixels = np.random.default_rng(0).integers(100, 900, (len(lengths), 64, 64)).astype(np.uint16)
    pixels[:, 0, 0] = lengths
    return pixels


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize(
    ("axes", "kernel"),
    [
        ("TYX", None),
        ("ZYX", None),
        ("CYX", {1: unsmear.Motion(4, 30), 2: None}),
        ("TYX", {"t=1": None}),
        ("ZYX", {"z=1": unsmear.Motion(4, 30)}),
    ],
)
def test_the_share_that_is_done_never_falls(axes, kernel):
    shares = []
    image = Image(stack((5, 0, 7)), axes)
    unsmear.restore(
        image, kernel, progress=lambda done, everything: shares.append(done / everything)
    )
    assert shares == sorted(shares)
    assert shares[-1] == 1


@pytest.mark.usefixtures("found")
def test_each_time_point_is_reported_those_left_alone_too():
    shares = []
    image = Image(stack((0, 0, 5, 0)), "TYX")
    unsmear.restore(image, progress=lambda done, everything: shares.append(done / everything))
    assert shares == sorted(shares)
    assert shares[:4] == [0.125, 0.25, 0.375, 0.5]  # estimated
    assert set(shares[4:]) == {0.625, 0.75, 0.875, 1.0}  # restored


def test_estimated_planes_are_counted():
    calls = []
    planes = np.zeros((2, 3, 32, 32))
    exposures.find(planes, progress=lambda *numbers: calls.append(numbers))
    assert calls == [(number, 6) for number in range(1, 7)]


@pytest.mark.usefixtures("found")
def test_an_exception_of_the_caller_ends_the_work():
    class StopError(Exception):
        pass

    calls = []

    def stop(done, everything):
        calls.append(done / everything)
        raise StopError

    with pytest.raises(StopError):
        unsmear.restore(Image(stack((0, 5, 5)), "TYX"), progress=stop)
    assert len(calls) == 1
