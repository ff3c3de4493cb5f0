"""A simulated scan: frames blurred as the stage moved, where the metadata say, and the truth."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from unsmear import blur, images
from unsmear.blur import Camera, Coded, Motion, convolve
from unsmear.data import manifest
from unsmear.errors import ImageError, OptionError
from unsmear.evaluate.pairs import find_cases
from unsmear.images import Image, slides
from unsmear.synthetic import scan as scans
from unsmear.synthetic.scan import Exposure, Grid, Scan, Stage, Tdi
from unsmear.synthetic.scan.exposing import expose, track
from unsmear.synthetic.scan.writing import files

SIDE, MARGIN = 48, 20
PERFECT = Camera(None, 0.0, 0.0, 16)
GRID = Grid(3, SIDE, 0.25, 1, 0.2)


@pytest.fixture(scope="module")
def slide(tmp_path_factory):
    """Return a smooth slide of spots in a file, as it is scanned."""
    path = tmp_path_factory.mktemp("slide") / "slide.tif"
    light = np.random.default_rng(5).random((150, 220)) ** 8
    light = convolve(light, blur.Gaussian(1.2).kernel())
    images.write(path, Image((light / light.max() * 50000).astype(np.uint16), "YX"))
    return scans.given(path)


@pytest.fixture
def scan(slide, tmp_path):
    """Return a plan of three frames, 8 px of motion each."""
    return Scan(tmp_path / "scan", slide, Stage(160), Exposure(0.01), GRID, PERFECT, seed=4)


def inner(light):
    return light[MARGIN:-MARGIN, MARGIN:-MARGIN]


def blurred_by(kernel, sharp):
    return inner(convolve(sharp, kernel))


def frames(scan):
    for index in range(scan.grid.frames):
        assert scans.write_frame(scan, index)
    scans.write_tables(scan)
    pairs = [files(scan, index) for index in range(scan.grid.frames)]
    return [tuple(images.read(path) for path in pair) for pair in pairs]


def distance(row, other):
    return np.abs(row - other)[8:-8].sum()


def movements(scan):
    with (scan.folder / "movement.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_frame_is_its_truth_blurred_by_the_kernel_of_the_manifest(scan):
    for (sharp, blurred), pair in zip(frames(scan), manifest.read(scan.folder), strict=True):
        kernel = blur.from_dict(pair.blur)
        assert kernel == Motion(8, 180)
        expected = blurred_by(kernel.kernel(), sharp.pixels)
        assert inner(blurred.pixels) == pytest.approx(expected, abs=60)
        assert blurred.pixels.max() > 5000


def test_the_metadata_are_those_of_a_scanner(scan):
    for index, pair in enumerate(frames(scan)):
        for image in pair:
            assert image.pixel_size == pytest.approx((0.2, 0.2))
            assert image.timing.times == pytest.approx((0.01,))
            assert image.timing.place == pytest.approx((0, index * 36 * 0.2))


def test_frames_side_by_side_see_the_same_where_they_overlap(scan):
    (one, _), (other, _), _ = frames(scan)
    assert np.array_equal(one.pixels[:, 36:], other.pixels[:, :12])


def test_the_folder_is_one_of_pairs(scan):
    frames(scan)
    cases, problems = find_cases(scan.folder)
    assert (len(cases), problems) == (3, [])
    assert cases[0].blur == {"family": "motion", "length": 8.0, "angle": 180.0}


def test_a_frame_depends_on_no_other(scan):
    frames(scan)
    other = replace(scan, folder=scan.folder.with_name("again"))
    for index in (2, 0, 1):
        scans.write_frame(other, index)
        for path, again in zip(files(scan, index), files(other, index), strict=True):
            assert path.read_bytes() == again.read_bytes()
    assert not scans.write_frame(other, 1)


def test_the_encoder_errs_and_the_truth_is_where_the_stage_was(scan):
    scan = replace(scan, stage=Stage(160, jitter=0.3))
    pairs = frames(scan)
    off = [float(row["true_x_um"]) - float(row["x_um"]) for row in movements(scan)]
    assert max(map(abs, off)) > 0.05
    assert len(set(off)) == 3
    for sharp, blurred in pairs:
        expected = blurred_by(Motion(8).kernel(), sharp.pixels)
        assert inner(blurred.pixels) == pytest.approx(expected, abs=100)


def test_a_stage_that_errs_in_speed_and_drifts(scan):
    scan = replace(scan, stage=Stage(160, speed_error=0.1, drift=0.2))
    frames(scan)
    lengths = [float(row["length_px"]) for row in movements(scan)]
    assert lengths == pytest.approx([8.8, 9.6, 10.4])


def test_a_vibration_is_in_the_kernel_and_in_the_table(scan):
    scan = replace(scan, stage=Stage(160, vibration=0.4, frequency=130))
    pairs, rows = frames(scan), movements(scan)
    assert max(float(row["sideways_px"]) for row in rows) > 0.5
    for (sharp, blurred), pair in zip(pairs, manifest.read(scan.folder), strict=True):
        assert pair.blur["family"] == "sampled"
        expected = blurred_by(blur.from_dict(pair.blur).kernel(), sharp.pixels)
        assert inner(blurred.pixels) == pytest.approx(expected, abs=150)


def test_a_flutter_is_turned_where_the_stage_goes_back(scan):
    code = "1100101"
    grid = replace(GRID, count=1, strips=2)
    scan = replace(scan, grid=grid, exposure=Exposure(0.01, code=code))
    pairs = frames(scan)
    for angle, (sharp, blurred) in zip((180, 0), pairs, strict=True):
        right, wrong = (Coded(8, turn, code).kernel() for turn in (angle, 180 - angle))
        errors = [
            np.abs(inner(blurred.pixels) - blurred_by(kernel, sharp.pixels)).max()
            for kernel in (right, wrong)
        ]
        assert errors[0] < 120 < errors[1]
    found = [blur.from_dict(pair.blur) for pair in manifest.read(scan.folder)]
    assert found == [Coded(8, 180, code), Coded(8, 0, code)]


def test_a_strobe_moves_less_and_has_less_light(scan):
    grid, camera = replace(GRID, count=1), Camera(2000, 0.0, 0.0, 16)
    lit = replace(scan, grid=grid, camera=camera)
    flash = replace(lit, exposure=Exposure(0.01, strobe=0.001), folder=scan.folder / "flash")
    noise = []
    for plan in (lit, flash):
        (_, blurred), *_ = frames(plan)
        clean = expose(plan, 0)[1] * 65535
        noise.append(float((np.square(blurred.pixels - clean) / (clean + 1)).mean()))
    assert float(movements(flash)[0]["length_px"]) == pytest.approx(0.8)
    assert noise[1] / noise[0] == pytest.approx(10, rel=0.2)
    assert images.read(files(flash, 0)[1]).timing.times == pytest.approx((0.001,))


def test_a_rolling_shutter_shears_the_frame(scan):
    # 0.16 px a row: the last one is 3.76 px from where the middle one is.
    rolling = replace(scan, exposure=Exposure(0.001, line_time=0.0002))
    sharp, sheared = expose(rolling, 0)
    _, upright = expose(replace(rolling, exposure=Exposure(0.001)), 0)
    shift = [
        np.argmin([distance(np.roll(sheared[row], by), upright[row]) for by in range(-5, 6)])
        for row in (0, SIDE // 2, SIDE - 1)
    ]
    assert np.subtract(shift, 5) == pytest.approx([-4, 0, 4], abs=0.5)
    assert sharp.shape == sheared.shape


def test_charges_that_move_at_another_speed_smear_a_line_camera(scan):
    tdi = replace(scan, tdi=Tdi(64, 0.1))
    sharp, blurred = expose(tdi, 1)
    assert inner(blurred) == pytest.approx(blurred_by(Motion(6.4).kernel(), sharp), abs=2e-3)
    assert inner(expose(replace(scan, tdi=Tdi(64)), 1)[1]) == pytest.approx(inner(sharp), abs=1e-5)


def test_an_encoder_that_errs_displaces_the_lines_of_a_line_camera(scan):
    plain = replace(scan, tdi=Tdi(1), stage=Stage(160, jitter=0.4))
    places = [float(band.path[1, 0]) for band in track(plain, 1).bands]
    assert np.std(places) == pytest.approx(2, rel=0.3)
    # Lines of the same place are displaced alike in both frames that see them.
    before = [float(band.path[1, 0]) for band in track(plain, 0).bands]
    assert before[36:] == pytest.approx(places[:12])


@pytest.mark.slow
def test_windows_of_a_drawn_slide_have_no_seams():
    drawn = scans.Drawn(seed=2)
    whole = drawn.window(20, 300, 300, 300)
    part = drawn.window(50, 500, 50, 60)
    assert np.array_equal(whole[30:80, 200:260], part)
    assert 0.5 < whole.max() < 3
    # Where pieces meet, at columns 512 to 576, the light is no other than elsewhere.
    steps = np.abs(np.diff(whole, axis=1)).max(axis=0)
    assert steps[210:280].max() < 1.2 * np.delete(steps, np.s_[205:285]).max()
    assert len(whole[whole > 0.05]) > 5000


def test_a_slide_larger_than_memory_is_read_by_windows(slide, tmp_path, monkeypatch):
    import tifffile

    pixels = images.read(slide.path).pixels
    path = tmp_path / "tiled.tif"
    tifffile.imwrite(path, pixels, tile=(32, 32))
    monkeypatch.setattr(slides.slide, "LARGE", 100)
    tiled = scans.given(path)
    assert tiled.white == slide.white
    window = (-7, 180, 60, 60)
    assert np.array_equal(tiled.window(*window), slide.window(*window))


def test_a_dark_slide_is_refused(tmp_path):
    images.write(tmp_path / "dark.tif", Image(np.zeros((20, 20), np.uint8), "YX"))
    with pytest.raises(ImageError, match=r"dark\.tif: a slide must have light"):
        scans.given(tmp_path / "dark.tif")


def test_a_folder_holds_one_scan(scan):
    scans.check_folder(scan)
    scans.check_folder(scan)
    faster = replace(scan, stage=Stage(170))
    with pytest.raises(OptionError, match=r"other options: stage\.speed 160 \(now 170\)"):
        scans.check_folder(faster)
    (scan.folder / "scan.json").write_text("[")
    with pytest.raises(OptionError, match="the plan is damaged"):
        scans.check_folder(scan)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Stage(0), "speed must be above 0 micrometres per second, got 0"),
        (lambda: Stage(1, jitter=-1), "jitter must be 0 or more"),
        (lambda: Exposure(0.01, strobe=0.02), "strobe must be above 0 and at most"),
        (lambda: Exposure(0.01, strobe=0.002, code="101"), "not available with a coded"),
        (lambda: Grid(1, 8), "size must be 16 or more pixels, got 8"),
        (lambda: Grid(1, overlap=1), "overlap must be 0 to 0.9"),
        (lambda: Tdi(0), "stages must be 1 or more lines"),
    ],
)
def test_what_no_scanner_can_do_is_refused(make, sentence):
    with pytest.raises(OptionError, match=sentence):
        make()


def test_an_exposure_ends_before_the_next_begins(scan):
    with pytest.raises(OptionError, match=r"exposure must be shorter than the 0\.045 seconds"):
        replace(scan, exposure=Exposure(0.05))
