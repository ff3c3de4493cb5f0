"""Which planes share a movement."""

import numpy as np
import pytest
from scipy import ndimage

from unsmear.blur import Motion, convolve
from unsmear.estimate import agreement, exposures
from unsmear.images import Image
from unsmear.images.timing import Timing


def cells(seed, side=192):
    rng = np.random.default_rng(seed)
    spots = np.zeros((side, side))
    spots[rng.integers(0, side, 500), rng.integers(0, side, 500)] = rng.uniform(0.2, 1, 500)
    return sum(ndimage.gaussian_filter(spots, s) * s**2 for s in (1.0, 2.5)) * 3000


def recorded(sharp, motion=None, seed=0):
    blurred = sharp if motion is None else convolve(sharp.astype(np.float32), motion.kernel())
    return np.random.default_rng(seed).poisson(np.maximum(blurred, 0) + 100).astype(np.uint16)


def found(planes, **options):
    return {
        tuple(map(tuple, one.planes.tolist())): one.estimate
        for one in exposures.find(np.asarray(planes), **options)
    }


@pytest.fixture(scope="module")
def sequential():
    """Return channels that were exposed one after the other: still, 8, 8 and 14 px."""
    motions = (None, Motion(8, 30), Motion(8, 30), Motion(14, 30))
    return np.stack([recorded(cells(i), m, i) for i, m in enumerate(motions)])[None]


@pytest.fixture(scope="module")
def found_sequential(sequential):
    return found(sequential)


@pytest.mark.slow
def test_channels_are_pooled_with_those_that_agree(found_sequential):
    estimates = found_sequential
    pooled, longer, still = (estimates[k] for k in (((0, 1), (0, 2)), ((0, 3),), ((0, 0),)))
    assert pooled.sure
    assert pooled.length == pytest.approx(8, abs=0.2)
    assert longer.sure
    assert longer.length == pytest.approx(14, abs=0.3)
    assert not still.sure


@pytest.mark.slow
def test_noise_has_no_vote_and_takes_no_movement():
    noise = np.random.default_rng(3).poisson(100, (3, 192, 192)).astype(np.uint16)
    planes = np.concatenate([recorded(cells(1), Motion(9, 70))[None], noise])[None]
    estimates = found(planes)
    assert estimates[((0, 0),)].length == pytest.approx(9, abs=0.3)
    assert not any(one.sure for key, one in estimates.items() if key != ((0, 0),))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("per", "number"), [("file", 1), ("frame", 1), ("channel", 4), ("plane", 4)]
)
def test_what_shares_a_movement_can_be_decided(sequential, per, number):
    estimates = found(sequential[..., :96, :96], per=per)
    assert len(estimates) == number
    assert sum(map(len, estimates)) == 4


@pytest.mark.slow
def test_slices_are_exposures_too():
    planes = np.stack([recorded(cells(i), m, i) for i, m in enumerate((Motion(8, 30), None))])
    estimates = found(planes[:, None])
    assert estimates[((0, 0),)].sure
    assert not estimates[((1, 0),)].sure


def test_planes_of_one_value_are_left():
    (only,) = exposures.find(np.full((1, 3, 64, 64), 7, np.uint8))
    assert len(only.planes) == 3
    assert not only.estimate.found


@pytest.mark.parametrize(
    ("planes", "box", "name"),
    [
        ([(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)], None, ""),
        ([(0, 1), (1, 1)], None, "GFP"),
        ([(0, 0), (0, 2), (1, 0), (1, 2)], None, "DAPI and RFP"),
        ([(1, 0), (1, 1), (1, 2)], None, "slice 1"),
        ([(1, 0)], None, "slice 1 of DAPI"),
        ([(0, 1), (1, 1)], (slice(0, 40), slice(0, 64)), "GFP, rows 0 to 39"),
    ],
)
def test_an_exposure_is_named_by_what_it_lacks(planes, box, name):
    image = Image(np.zeros((2, 3, 64, 64), np.uint8), "ZCYX", ("DAPI", "GFP", "RFP"))
    exposure = exposures.Exposure(np.array(planes), exposures.Estimate(0.0), box)
    assert exposures.name(image, exposure) == name


@pytest.fixture(scope="module")
def scanned():
    """Return channels of one scan, exposed for 1, 2 and 1 times as long."""
    lengths = (7, 14, 7)
    return np.stack([recorded(cells(i), Motion(n, 30), i) for i, n in enumerate(lengths)])[None]


@pytest.fixture(scope="module")
def found_scanned(scanned):
    return found(scanned)


@pytest.mark.slow
def test_lengths_in_proportion_to_exposure_times_are_one_hypothesis(scanned, found_scanned):
    timed, alone = (
        {tuple(sorted(key)): one for key, one in estimates.items()}
        for estimates in (found(scanned, timing=Timing((0.1, 0.2, 0.1))), found_scanned)
    )
    assert set(timed) == set(alone) == {((0, 0), (0, 2)), ((0, 1),)}
    short, long = timed[((0, 0), (0, 2))], timed[((0, 1),)]
    assert long.length == pytest.approx(2 * short.length)
    assert long.angle == short.angle
    assert short.length == pytest.approx(7, abs=0.1)
    assert long.length_error < alone[((0, 1),)].length_error


@pytest.mark.slow
def test_times_that_the_data_contradict_change_nothing(
    sequential, scanned, found_sequential, found_scanned
):
    for planes, plain in ((sequential, found_sequential), (scanned, found_scanned)):
        count = planes.shape[1]
        wrong = found(planes, timing=Timing(tuple(3.0**n for n in range(count))))
        assert set(wrong) == set(plain)
        for key, one in plain.items():
            assert wrong[key].length == pytest.approx(one.length)


@pytest.mark.slow
def test_what_one_camera_recorded_at_once_is_estimated_together(sequential):
    together = found(sequential[:, 1:3], timing=Timing(together=True))
    assert list(together) == [((0, 0), (0, 1))]
    assert together[((0, 0), (0, 1))].length == pytest.approx(8, abs=0.2)


@pytest.mark.slow
def test_planes_that_are_known_are_not_asked(sequential):
    known = np.array([[True, True, False, True]])
    for per in ("auto", "frame", "channel"):
        estimates = found(sequential, per=per, known=known)
        assert list(estimates) == [((0, 2),)]
        assert estimates[((0, 2),)].length == pytest.approx(8, abs=0.3)


def test_exposure_times_far_apart_are_no_motion_across_the_field():
    planes = [recorded(cells(seed, 128), Motion(8, 30), seed) for seed in (1, 2)]
    estimates = found([planes], timing=Timing((0.005, 0.4)))
    assert sum(map(len, estimates)) == 2


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_of_many_planes_those_with_the_most_contrast_are_fitted(dtype):
    planes = np.zeros((1, 3 * agreement.MOST, 8, 8), dtype)
    lit = np.arange(agreement.MOST) * 3 + 1
    planes[0, lit, 4, 4] = 9
    part, _ = agreement.part_of(planes, None, [(0, channel) for channel in range(planes.shape[1])])
    assert part.shape == (1, agreement.MOST, 8, 8)
    assert (part.max(axis=(2, 3)) == 9).all()
