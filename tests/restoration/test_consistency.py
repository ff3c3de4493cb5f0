"""The consistency check finds invented structure."""

import cv2
import numpy as np
import pytest

import unsmear
from unsmear.blur import Camera, Motion, convolve
from unsmear.restoration import consistency, noise
from unsmear.restoration.classical import METHODS, kernel_evidence
from unsmear.restoration.flux import conserve
from unsmear.restoration.noise import Noise
from unsmear.synthetic import draw_field

KERNEL = Motion(10, 35).kernel()
CAMERA = Camera(photons=1000, read_noise=2, offset=10, bits=8)
STEP = noise.rounding(np.uint8, 256)


@pytest.fixture(scope="module")
def cells():
    return draw_field(np.random.default_rng(5), (320, 352), (0,), 0.16).planes[:3] / 255


@pytest.fixture(scope="module")
def blurred(cells):
    """Return two channels of moved cells as an 8-bit camera sees them, and an empty one."""
    planes = cells.copy()
    planes[1] = 0.02
    recorded = CAMERA.expose(0.9 * convolve(planes, KERNEL), np.random.default_rng(0))
    return (recorded.astype(np.float32) / 256)[None]


@pytest.fixture(scope="module")
def noises(blurred):
    return [noise.measure(blurred[:, channel], STEP) for channel in range(3)]


@pytest.fixture(scope="module")
def restored(blurred):
    return conserve(METHODS["wiener"].fit(blurred, KERNEL).restore(blurred), blurred)


def nucleus(shape, centre, radius=6, height=0.1):
    y, x = np.mgrid[: shape[0], : shape[1]]
    distance = np.hypot(y - centre[0], x - centre[1])
    return (height / (1 + np.exp(distance - radius))).astype(np.float32)


def test_means_over_cells_are_those_of_the_whole_convolution():
    plane = np.random.default_rng(0).random((131, 150)).astype(np.float32)[:128, :148]
    lopsided = np.random.default_rng(1).random((31, 31))
    for kernel in (
        KERNEL,
        Motion(20, 0).kernel(),
        Motion(3, 90).kernel(),
        lopsided / lopsided.sum(),
    ):
        phases = consistency.Phases(kernel)
        wanted = convolve(plane, kernel).reshape(32, 4, 37, 4).mean(axis=(1, 3))
        inside = phases.inside(wanted.shape)
        assert inside.mean() > 0.5
        np.testing.assert_allclose(phases.cell_means(plane)[inside], wanted[inside], atol=1e-6)


def test_a_good_restoration_explains_its_image(restored, blurred, noises):
    checked = consistency.check(restored, blurred, KERNEL, noises)
    assert checked.misfit.shape == (1, 3, 10, 11)
    assert checked.explained[:, [0, 2]].all()
    assert checked.worst <= consistency.MISFIT
    mended, verdicts = consistency.fall_back(restored, restored, blurred, checked, checked)
    assert (verdicts[:, [0, 2]] == consistency.RESTORED).all()
    np.testing.assert_array_equal(mended[:, [0, 2]], restored[:, [0, 2]])


def test_an_empty_plane_is_the_blurred_one(restored, blurred, noises):
    checked = consistency.check(restored, blurred, KERNEL, noises)
    assert checked.empty.tolist() == [[False, True, False]]
    mended, verdicts = consistency.fall_back(restored, restored, blurred, checked, checked)
    np.testing.assert_array_equal(mended[:, 1], blurred[:, 1])
    assert (verdicts[:, 1] == consistency.INPUT).all()


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_a_constant_plane_is_empty(level):
    flat = np.full((1, 1, 64, 64), level, np.float32)
    ringing = flat + np.random.default_rng(0).normal(0, 0.01, flat.shape).astype(np.float32)
    checked = consistency.check(ringing, flat, KERNEL, [noise.measure(flat[:, 0], STEP)])
    assert checked.empty.all()
    assert checked.share == 1


def test_a_made_up_nucleus_is_found_and_taken_out(restored, blurred, noises):
    channel = blurred[0, 2]
    calm = cv2.boxFilter(channel, -1, (61, 61))[40:-40, 40:-40]
    row, column = np.array(np.unravel_index(calm.argmin(), calm.shape)) + 40
    made_up = restored.copy()
    extra = nucleus(channel.shape, (row, column))
    made_up[0, 2] += extra
    checked = consistency.check(made_up, blurred, KERNEL, noises)
    plain_check = consistency.check(restored, blurred, KERNEL, noises)
    assert not checked.explained[0, 2, row // 32, column // 32]
    assert checked.explained[0, 0].all(), "channels do not see each other"
    mended, verdicts = consistency.fall_back(made_up, restored, blurred, checked, plain_check)
    assert verdicts[0, 2, row // 32, column // 32] == consistency.DECONVOLVED
    left = (mended - restored)[0, 2]
    assert np.abs(left).max() < 0.1 * extra.max()
    # Where the plain deconvolution has it too, only the image itself is left.
    mended, verdicts = consistency.fall_back(made_up, made_up, blurred, checked, checked)
    assert verdicts[0, 2, row // 32, column // 32] == consistency.INPUT
    assert mended[0, 2, row, column] == blurred[0, 2, row, column]


def test_a_lost_nucleus_is_found_too(restored, blurred, noises):
    lost = np.minimum(restored, np.quantile(restored[0, 2], 0.3))
    assert consistency.check(lost, blurred, KERNEL, noises).share > 0.5


@pytest.mark.slow
def test_a_wrong_kernel_is_found(cells):
    recorded = np.rint(255 * convolve(cells[:1], KERNEL)[None]) / np.float32(255)
    rounding = noise.rounding(np.uint8, 255)
    shares = []
    for kernel in (KERNEL, Motion(14, 35).kernel(), Motion(10, 65).kernel()):
        restored = METHODS["wiener"].fit(recorded, kernel).restore(recorded)
        measured = [kernel_evidence.measure(recorded[:, 0], kernel, rounding)]
        shares.append(consistency.check(restored, recorded, kernel, measured).share)
    assert shares[0] < 0.01
    assert min(shares[1:]) > 0.03


@pytest.mark.slow
def test_of_a_kernel_that_explains_little_nothing_is_kept(cells):
    recorded = np.rint(255 * convolve(cells[2:], KERNEL)[None]) / np.float32(255)
    exact = [noise.measure(recorded[:, 0], noise.rounding(np.uint8, 255))]
    wrong = Motion(24, 125).kernel()
    restored = METHODS["wiener"].fit(recorded, wrong).restore(recorded)
    checked = consistency.check(restored, recorded, wrong, exact)
    assert not checked.kernel_may_be_right.any()
    mended, verdicts = consistency.fall_back(restored, restored, recorded, checked, checked)
    np.testing.assert_array_equal(mended, recorded)
    assert (verdicts == consistency.INPUT).all()


def test_a_doubtful_tile_beside_a_bad_one_is_bad():
    misfit = np.ones((1, 1, 4, 5), np.float32)
    misfit[0, 0, 1, 1], misfit[0, 0, 2, 2], misfit[0, 0, 3, 4] = 9, 2, 2
    bad = ~consistency.Check(misfit, np.zeros((1, 1), bool)).explained[0, 0]
    assert np.argwhere(bad).tolist() == [[1, 1], [2, 2]]


def test_gain_and_offset_change_nothing(restored, blurred, noises):
    wrong = restored + nucleus(blurred.shape[2:], (100, 100))
    once = consistency.check(wrong, blurred, KERNEL, noises)
    changed = 3 * blurred + 40
    louder = [noise.measure(changed[:, channel], 9 * STEP) for channel in range(3)]
    twice = consistency.check(3 * wrong + 40, changed, KERNEL, louder)
    np.testing.assert_allclose(twice.misfit, once.misfit, rtol=0.02)
    np.testing.assert_array_equal(twice.explained, once.explained)


def test_the_border_is_no_reason(blurred, noises):
    """The re-blur near the border needs what lies beyond it, which nobody knows."""
    scene = draw_field(np.random.default_rng(6), (300, 300), (0,), 0.16).planes[2] / 255
    inside = np.s_[40:-40, 40:-40]
    recorded = convolve(scene.astype(np.float32), KERNEL)[inside][None, None]
    truth = scene.astype(np.float32)[inside][None, None]
    assert consistency.check(truth, recorded, KERNEL, [Noise(STEP, least=STEP)]).worst <= 1


def test_saturated_pixels_are_left_out():
    scene = nucleus((160, 160), (80, 80), 25, 3.0)[None, None]
    recorded = np.minimum(convolve(scene, KERNEL), 1)
    exact = [Noise(STEP, least=STEP)]
    assert consistency.check(scene, recorded, KERNEL, exact).worst <= 1


def test_the_seam_is_smooth_and_the_rest_untouched():
    restored = np.zeros((1, 1, 160, 150), np.float32)
    blurred = np.ones_like(restored)
    misfit = np.ones((1, 1, 5, 5), np.float32)
    misfit[0, 0, 2, 2] = 99
    checked = consistency.Check(misfit, np.zeros((1, 1), bool))
    mended, _ = consistency.fall_back(restored, restored, blurred, checked, checked)
    plane = mended[0, 0]
    assert (plane[64:96, 64:96] == 1).all()
    outside = np.ones(plane.shape, bool)
    outside[64 - 16 : 96 + 16, 64 - 16 : 96 + 16] = False
    assert (plane[outside] == 0).all()
    assert np.abs(np.diff(plane, axis=0)).max() < 1.2 / consistency.RAMP


@pytest.mark.parametrize("shape", [(3, 3), (5, 70), (31, 33)])
def test_small_images(shape):
    pixels = np.random.default_rng(0).random((1, 1, *shape)).astype(np.float32)
    checked = consistency.check(pixels, pixels, KERNEL, [Noise(1e-6)])
    assert checked.misfit.shape == (1, 1, -(-shape[0] // 32), -(-shape[1] // 32))
    mended, _ = consistency.fall_back(pixels, pixels, pixels, checked, checked)
    np.testing.assert_array_equal(mended, pixels)


def test_a_plane_that_is_explained_is_kept_whatever_the_others_are():
    """Its plain deconvolution is looked at only because another plane has a bad tile."""
    restored, plain, blurred = (np.full((1, 3, 96, 96), value, np.float32) for value in (0, 1, 2))
    misfit = np.ones((1, 3, 3, 3), np.float32)
    misfit[0, 1, 0, 0] = misfit[0, 2, 0, 0] = 99
    plain_check = np.ones_like(misfit)
    plain_check[0, :2] = 99
    nothing = np.zeros((1, 3), bool)
    mended, verdicts = consistency.fall_back(
        restored,
        plain,
        blurred,
        consistency.Check(misfit, nothing),
        consistency.Check(plain_check, nothing),
    )
    assert (verdicts[0, 0] == consistency.RESTORED).all()
    assert (mended[0, 0] == 0).all()
    assert (verdicts[0, 1] == consistency.INPUT).all()
    assert (mended[0, 1] == 2).all()
    assert verdicts[0, 2, 0, 0] == consistency.DECONVOLVED
    assert np.count_nonzero(verdicts[0, 2]) == 1


@pytest.mark.parametrize("length", [24, 32])
def test_what_regularisation_leaves_is_no_reason_where_the_kernel_is_right(cells, length):
    recorded = np.rint(65535 * convolve(cells[:1], Motion(length, 35).kernel())[None])
    recorded = (recorded / 65535).astype(np.float32)
    shares = []
    for kernel in (Motion(length, 35).kernel(), Motion(1.2 * length, 35).kernel()):
        plain = METHODS["wiener"].fit(recorded, kernel).restore(recorded)
        known = [kernel_evidence.measure(recorded[:, 0], kernel)]
        shares.append(consistency.check(plain, recorded, kernel, known, plain=plain).share)
    assert shares[0] == 0
    assert shares[1] > consistency.WRONG_KERNEL


def test_a_sharp_plane_contradicts_any_kernel(cells):
    seen = cv2.GaussianBlur(cells[0], (0, 0), 1.5)  # by optics
    sharp = (np.rint(255 * seen) / 255).astype(np.float32)[None, None]
    known = [kernel_evidence.measure(sharp[:, 0], KERNEL, noise.rounding(np.uint8, 255))]
    restored = METHODS["wiener"].fit(sharp, KERNEL).restore(sharp)
    checked = consistency.check(restored, sharp, KERNEL, known)
    assert not checked.explained.any()
    assert not checked.kernel_may_be_right.any()
    kept, verdicts = consistency.fall_back(restored, restored, sharp, checked, checked)
    assert (verdicts == consistency.INPUT).all()
    assert (kept == sharp).all()


@pytest.mark.parametrize("method", ["wiener", "richardson-lucy"])
def test_a_wrong_kernel_stops_methods_that_are_not_guarded(cells, method):
    recorded = np.rint(255 * convolve(cells[0], Motion(24, 35).kernel())).astype(np.uint8)
    assert unsmear.restore(recorded, Motion(24, 35), method=method).touched
    stopped = unsmear.restore(recorded, Motion(24, 100), method=method)
    assert not stopped.touched
    assert "not consistent with the image: it looks like a motion of 24.0" in stopped.movement
    assert (stopped.image == recorded).all()
