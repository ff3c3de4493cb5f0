"""The resolution of what is restored, exposure by exposure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.moved_texture import ANGLE, recorded
from unsmear.blur import Motion
from unsmear.estimate import Estimate
from unsmear.estimate.exposures import Exposure
from unsmear.images import Image
from unsmear.restoration import methods, pipeline, resolution
from unsmear.restoration.exposures import Outcome
from unsmear.restoration.resolution import Measured
from unsmear.restoration.restored import Restored
from unsmear.restoration.settings import Settings

LENGTH = 10.0
MOTION = Motion(LENGTH, ANGLE)
WIENER = Settings(methods.find("wiener"), {})


def _counts(length: float = LENGTH) -> np.ndarray[Any, np.dtype[np.uint16]]:
    return np.asarray(recorded(length) * 20 + 300, np.uint16)


def _measured(image: Image, result: Restored[Image, Image], **options: Any) -> tuple[Measured, ...]:
    return resolution.of_image(image, result, WIENER, **options)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["deep-wiener-lean", "wiener"])
def test_a_restoration_regains_detail_along_the_movement(method: str) -> None:
    image = Image(_counts(), "YX")
    result = pipeline.restore(image, MOTION, method=method)
    settings = Settings(methods.find(method), {})
    (measured,) = resolution.of_image(image, result, settings)
    assert measured.angle == pytest.approx(ANGLE, abs=0.5)
    before, after = measured.recorded, measured.restored
    assert before is not None
    assert after is not None
    assert before.along == pytest.approx(LENGTH, rel=0.1)
    assert after.along is not None
    assert before.along is not None
    assert after.along < 0.75 * before.along
    assert after.across == pytest.approx(before.across, rel=0.2)
    assert resolution.of_image(image, result, settings) == (measured,)


def test_an_image_that_is_left_alone_has_the_resolution_of_its_rows_and_columns() -> None:
    image = Image(_counts(0), "YX")
    (measured,) = _measured(image, Restored(image, False, estimate=Estimate(0.0)))
    assert measured.angle is None
    assert measured.restored is None
    assert measured.recorded is not None
    assert measured.recorded.along == pytest.approx(measured.recorded.across, rel=0.2)


def test_an_unsure_movement_gives_the_direction_and_no_more() -> None:
    image = Image(_counts(), "YX")
    estimate = Estimate(LENGTH, ANGLE, 0.3)
    (measured,) = _measured(image, Restored(image, False, estimate=estimate, blur=MOTION))
    assert measured.angle == ANGLE
    assert measured.restored is None


def test_each_exposure_is_measured_by_itself() -> None:
    image = Image(np.stack([_counts(0), _counts()]), "CYX")
    outcomes = tuple(
        Outcome(f"channel {number}", None, "", blur, Exposure(np.array([[0, number]]), Estimate(0)))
        for number, blur in ((1, MOTION), (0, None))
    )
    moved, still = _measured(image, Restored(image, exposures=outcomes))
    assert (moved.planes, still.planes) == ("channel 1", "channel 0")
    assert moved.restored is not None
    assert still.restored is None
    assert moved.recorded != still.recorded


def test_frames_are_named_and_the_first_twelve_measured() -> None:
    image = Image(np.stack([_counts(0)[:128, :128]] * 14), "TYX")
    frame = Image(image.pixels[0], "YX")
    frames = (Restored(frame, False),) * 14
    measured = _measured(image, Restored(image, False, frames=frames))
    assert [one.planes for one in measured] == [f"frame {number}" for number in range(12)]


def test_what_holds_no_data_is_no_part_of_it() -> None:
    counts = _counts(0)
    counts[:, :80] = 0
    image = Image(counts, "YX")
    given = {"no_data": 0.0}
    (measured,) = _measured(image, Restored(image, False, no_data=0.3), **given)
    (inner,) = _measured(Image(counts[:, 96:], "YX"), Restored(image, False))
    assert measured.recorded is not None
    assert measured.recorded == inner.recorded
    counts[:, :160] = 0
    (measured,) = _measured(image, Restored(image, False, no_data=0.6), **given)
    assert (measured.recorded, measured.reason) == (None, resolution.NO_WINDOW)


def test_a_part_of_a_field_is_measured_inside_it() -> None:
    image = Image(_counts(0), "YX")
    box = slice(0, 256), slice(100, 256)
    outcome = Outcome("", None, "", None, Exposure(np.array([[0, 0]]), Estimate(0), box))
    (measured,) = _measured(image, Restored(image, False, exposures=(outcome,)))
    (inner,) = _measured(Image(image.pixels[:, 128:], "YX"), Restored(image, False))
    assert measured == inner


def test_the_reason_is_said_where_nothing_can_be_measured() -> None:
    small, dense = Image(_counts()[:100], "YX"), Image(np.full((200, 200), 9, np.uint8), "YX")
    reasons = [_measured(image, Restored(image, False))[0].reason for image in (small, dense)]
    assert reasons == [resolution.NO_WINDOW, resolution.NO_NOISE]


def test_a_kernel_as_large_as_the_window_is_not_taken_out_of_it() -> None:
    image = Image(_counts(), "YX")
    (measured,) = _measured(image, Restored(image, blur=Motion(100, ANGLE)))
    assert measured.angle == pytest.approx(ANGLE, abs=0.5)
    assert measured.recorded is not None
    assert measured.restored is None


def test_huge_counts_have_the_same_resolution() -> None:
    image = Image(recorded(LENGTH).astype(np.float32), "YX")
    huge = replace(image, pixels=image.pixels * np.float32(1e30))
    results = [_measured(one, Restored(one, blur=MOTION))[0] for one in (image, huge)]
    for before, after in (
        (results[0].recorded, results[1].recorded),
        (results[0].restored, results[1].restored),
    ):
        assert before is not None
        assert after is not None
        assert (before.along, before.across) == pytest.approx((after.along, after.across), rel=1e-3)


def test_the_window_is_where_an_image_shows_most() -> None:
    cells = np.zeros((40, 40))
    cells[20:24, 30:34] = np.arange(16).reshape(4, 4)
    window = resolution.busiest(cells)
    assert window is not None
    rows, columns = window
    assert rows.stop - rows.start == columns.stop - columns.start == resolution.SIDE
    assert rows.start <= 20 * 32 < 24 * 32 <= rows.stop
    assert columns.start <= 30 * 32 < 34 * 32 <= columns.stop
    cells[::5] = np.nan
    assert resolution.busiest(cells) is None
    assert resolution.busiest(np.full((9, 9), np.nan)) is None
