"""What files say of the exposures of their channels."""

import numpy as np
import pytest
import tifffile

from unsmear import images
from unsmear.images.timing import UNKNOWN, Timing


def written(path, shape, axes, plane=None, **options):
    metadata = {"axes": axes} | ({"Plane": plane} if plane else {})
    tifffile.imwrite(path, np.zeros(shape, np.uint16), ome=True, metadata=metadata, **options)
    return images.read(path).timing


def test_exposure_times_of_the_channels_of_an_ome_tiff(tmp_path):
    path = tmp_path / "a.ome.tif"
    plane = {"ExposureTime": [10, 30], "ExposureTimeUnit": ["ms", "ms"]}
    assert written(path, (2, 16, 16), "CYX", plane).times == pytest.approx((0.01, 0.03))
    four = {"ExposureTime": [0.01, 0.03, 0.01, 0.03]}
    assert written(path, (2, 2, 16, 16), "TCYX", four) == Timing((0.01, 0.03))


@pytest.mark.parametrize("times", [None, [0.01, 0], [0.01, "soon"]])
def test_times_that_are_not_known_for_all_channels(times, tmp_path):
    plane = None if times is None else {"ExposureTime": times}
    assert written(tmp_path / "a.ome.tif", (2, 16, 16), "CYX", plane) == UNKNOWN


def test_times_that_change_are_those_of_no_channel(tmp_path):
    plane = {"ExposureTime": [0.01, 0.03, 0.02, 0.03]}
    assert written(tmp_path / "a.ome.tif", (2, 2, 16, 16), "TCYX", plane) == UNKNOWN


def test_samples_that_a_camera_exposed_are_of_one_exposure(tmp_path):
    path = tmp_path / "a.ome.tif"
    colour = {"photometric": "rgb"}
    assert written(path, (16, 16, 3), "YXS", {"ExposureTime": [0.02]}, **colour).together
    # An RGB file that says nothing may be a merge of channels.
    assert not written(path, (16, 16, 3), "YXS", **colour).together


def test_the_time_of_a_channel():
    assert Timing((0.1, 0.2)).of(1) == 0.2
    assert Timing((0.1,)).of(1) is None
    assert UNKNOWN.of(0) is None


def test_the_place_of_the_stage(tmp_path):
    path = tmp_path / "a.ome.tif"
    plane = {"PositionX": [2.5], "PositionXUnit": ["mm"], "PositionY": [-40.0]}
    plane["PositionYUnit"] = ["µm"]
    assert written(path, (16, 16), "YX", plane) == Timing(place=(-40.0, 2500.0))
    again = images.read(path)
    images.write(
        tmp_path / "b.ome.tif", again.with_planes(again.planes() + again.planes().dtype.type(1))
    )
    assert images.read(tmp_path / "b.ome.tif").timing == again.timing


@pytest.mark.parametrize(
    ("x", "unit"), [([1.0, 2.0], "µm"), ([1.0, 1.0], "reference frame"), (["here", "here"], "µm")]
)
def test_a_place_that_no_one_knows(x, unit, tmp_path):
    plane = {"PositionX": x, "PositionXUnit": [unit, unit], "PositionY": [0.0, 0.0]}
    assert written(tmp_path / "a.ome.tif", (2, 16, 16), "TYX", plane) == UNKNOWN
