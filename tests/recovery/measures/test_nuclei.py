"""Nuclei found in the image itself, against those of the sharp one."""

from dataclasses import replace

import numpy as np
import pytest

from unsmear.errors import OptionError
from unsmear.recovery.measures import nuclei

BLUE = 2


def with_blue(sharp, plane):
    planes = sharp.planes.copy()
    planes[BLUE] = plane
    return replace(sharp, planes=planes)


def test_sharp_beside_itself(sharp):
    values = nuclei.measure(sharp)
    count = sharp.count
    assert count > 4
    assert values["nuclei count"] == count
    for name in ("count error", "area error", "lost", "invented"):
        assert values[f"nuclei {name}"] == 0
    assert values["nuclei overlap"] == 1
    areas = np.bincount(sharp.nuclei.ravel())[1:]
    assert values["nucleus area"] == areas.tolist()
    assert values["nuclei area"] == pytest.approx(areas.mean())


def test_one_lost_and_one_invented(sharp):
    areas = np.bincount(sharp.nuclei.ravel())[1:]
    gone = int(areas.argmax()) + 1
    plane = sharp.planes[BLUE].copy()
    plane[sharp.nuclei == gone] = np.median(plane[sharp.cells == 0])
    lost = nuclei.measure(with_blue(sharp, plane))
    assert lost["nuclei lost"] == lost["nuclei count error"] == 1
    assert lost["nuclei invented"] == 0
    assert np.isnan(lost["nucleus area"][gone - 1])
    assert np.isnan(lost["nucleus area"]).sum() == 1
    assert lost["nuclei overlap"] == pytest.approx(1 - 1 / len(areas), abs=0.02)

    back = nuclei.measure(replace(sharp, nuclei=np.where(sharp.nuclei == 1, 0, sharp.nuclei)))
    assert back["nuclei invented"] == 1


def test_grown_nuclei_have_an_area_error(sharp):
    from scipy.ndimage import maximum_filter

    values = nuclei.measure(with_blue(sharp, maximum_filter(sharp.planes[BLUE], 5)))
    areas = np.bincount(sharp.nuclei.ravel())[1:]
    assert 0.1 < values["nuclei area error"] < 0.6
    assert values["nuclei area error"] == pytest.approx(
        np.nanmean(np.abs(np.array(values["nucleus area"]) / areas - 1))
    )


def test_no_nuclei_at_all(sharp):
    values = nuclei.measure(with_blue(sharp, 0))
    assert values["nuclei count"] == 0
    assert values["nuclei lost"] == values["nuclei count error"] == sharp.count
    assert values["nuclei overlap"] == 0
    assert np.isnan(values["nuclei area"])
    assert np.isnan(values["nuclei area error"])
    assert np.isnan(values["nucleus area"]).all()


def test_no_nuclei_in_the_sharp_image(sharp):
    empty = np.zeros_like(sharp.nuclei)
    values = nuclei.measure(replace(sharp, cells=empty, nuclei=empty))
    assert values["nuclei invented"] == values["nuclei count"] > 0
    assert np.isnan(values["nuclei overlap"])
    assert values["nucleus area"] == []


def test_overlap_by_hand():
    first = np.array([[1, 1, 2, 2], [1, 1, 0, 0]], np.int32)
    second = np.array([[1, 1, 1, 0], [1, 1, 0, 2]], np.int32)
    np.testing.assert_allclose(nuclei.overlap(first, second), [[4 / 5, 0], [1 / 6, 0]])


def test_no_nuclear_stain(make_image):
    with pytest.raises(OptionError, match="a channel named blue, got green"):
        nuclei.measure(make_image(np.ones((4, 4)), green=np.zeros((4, 4))))
