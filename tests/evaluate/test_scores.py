"""Rows are what scikit-image would say; intervals cover; what goes wrong is one sentence."""

import csv
import json
import math

import cv2
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from unsmear import evaluate, images
from unsmear.blur import Motion, convolve, to_dict
from unsmear.data import hpa
from unsmear.errors import DataError, OptionError
from unsmear.estimate import Estimate
from unsmear.evaluate import MethodWithKernel, Row, Scored, scores, tables
from unsmear.images import Image
from unsmear.images.scaling import cast
from unsmear.metrics import bootstrap
from unsmear.restoration.methods import METHODS
from unsmear.restoration.pipeline import apply_method

WIENER = MethodWithKernel(METHODS["wiener"], "true")
ESTIMATED = MethodWithKernel(METHODS["wiener"], "estimated")


def cells(number, channels=3, size=(40, 48)):
    """Return (channel, y, x) counts of blobs, 8 bit."""
    noise = np.random.default_rng(number).random((channels, *size)).astype(np.float32)
    blobs = np.stack([cv2.GaussianBlur(plane, (0, 0), 1.5) for plane in noise])
    return cast(255 * (blobs - blobs.min()) / np.ptp(blobs), np.uint8)


def write_pair(folder, name, sharp, blur):
    axes = "CYX" if sharp.ndim == 3 else "YX"
    blurred = cast(convolve(sharp, blur.kernel()), sharp.dtype)
    for side, counts in (("sharp", sharp), ("blur", blurred)):
        images.write(folder / side / name, Image(counts, axes))


@pytest.fixture
def pairs(tmp_path):
    """Return a folder of six pairs in three groups, described by a manifest."""
    lines = []
    for number in range(6):
        name, blur = f"cell_{number}.png", Motion(4 + 6 * (number % 2), 30 * number)
        write_pair(tmp_path / "pairs", name, cells(number), blur)
        split, group = ("train", "test")[number % 2], f"well_{number // 2}"
        lines.append((name, "source", split, group, "0|16", json.dumps(to_dict(blur)), number))
    with (tmp_path / "pairs" / "manifest.csv").open("w", newline="") as file:
        columns = ["name", "source", "split", "group", "labels", "blur", "seed"]
        csv.writer(file).writerows([columns, *lines])
    return tmp_path / "pairs"


def row(name="a", restorer="wiener", psnr=30.0, gain=1.0, group="", blur="motion 6 px"):
    return Row(
        name, group or name, "", restorer, blur, "motion", 6.0, 0.0, None, None,
        psnr, psnr, 0.9, gain, gain < 0,
    )  # fmt: skip


# The cases of a folder


def test_a_manifest_describes_its_pairs(pairs):
    cases, problems = evaluate.find_cases(pairs)
    assert problems == []
    assert [case.name for case in cases] == [f"cell_{number}" for number in range(6)]
    assert cases[1].blur == {"family": "motion", "length": 10.0, "angle": 30.0}
    assert (cases[1].group, cases[1].split, cases[1].blur_name()) == (
        "well_0",
        "test",
        "motion 10 px",
    )
    assert [case.name for case in evaluate.find_cases(pairs, "test")[0]] == [
        "cell_1",
        "cell_3",
        "cell_5",
    ]
    with pytest.raises(OptionError, match=r"manifest's \(test, train\), got 'val'"):
        evaluate.find_cases(pairs, "val")


def test_equal_names_are_pairs_without_a_manifest(tmp_path):
    write_pair(tmp_path, "b.tif", cells(1), Motion(4))
    field = Image(cells(2), "CYX", hpa.CHANNELS[:3])
    for side in ("sharp", "blur"):
        hpa.write(tmp_path / side / "a", field)
    cases, problems = evaluate.find_cases(tmp_path)
    assert [(case.name, case.blur, case.blur_name()) for case in cases] == [
        ("a", None, "unknown"),
        ("b", None, "unknown"),
    ]
    assert problems == []
    assert cases[0].read()[1].channels == hpa.CHANNELS[:3]


def test_an_image_without_partner_is_one_sentence(pairs):
    (pairs / "blur" / "cell_2.png").unlink()
    (pairs / "sharp" / "cell_3.png").unlink()
    cases, problems = evaluate.find_cases(pairs)
    assert len(cases) == 4
    assert problems == [
        "cell_2: a pair must have an image in blur, got none.",
        "cell_3: a pair must have an image in sharp, got none.",
    ]


def test_a_folder_must_hold_both_sides(tmp_path):
    images.write(tmp_path / "sharp" / "a.png", Image(cells(1)[0], "YX"))
    with pytest.raises(DataError, match="folders sharp and blur, got none named blur"):
        evaluate.find_cases(tmp_path)


@pytest.mark.parametrize(
    ("blur", "name"),
    [
        ({"family": "motion", "length": 6.4, "angle": 1.0}, "motion 6 px"),
        ({"family": "paper", "degree": 6, "angle": -45.0}, "paper degree 6"),
        ({"family": "defocus", "radius": 2.6}, "defocus 3 px"),
        ({"family": "given", "path": "psf.txt"}, "given"),
        (None, "unknown"),
    ],
)
def test_blurs_have_names(pairs, blur, name):
    case = evaluate.find_cases(pairs)[0][0]
    assert evaluate.Case("a", case.sharp, case.blurred, blur).blur_name() == name


# The rows of a case


def test_images_that_are_there_have_the_rows_of_a_case(pairs):
    case = evaluate.find_cases(pairs)[0][1]
    images = evaluate.restore_all(case, *case.read(), [WIENER]).images
    assert evaluate.score_images(case, images) == evaluate.score_case(case, [WIENER]).rows


@pytest.mark.slow
def test_rows_are_what_scikit_image_says(pairs):
    case = evaluate.find_cases(pairs)[0][1]
    scored = evaluate.score_case(case, [WIENER])
    assert [r.restorer for r in scored.rows] == ["sharp", "blurred", "wiener, true kernel"]
    sharp, blurred = case.read()
    restored = apply_method(blurred, "wiener", Motion(10, 30).kernel()).image
    for r, image in zip(scored.rows, (sharp, blurred, restored), strict=True):
        truth, result = sharp.planes()[0], image.planes()[0]
        expected = structural_similarity(truth, result, data_range=255, channel_axis=0)
        assert r.ssim == pytest.approx(expected, abs=1e-6)
        assert len(r.channels) == 3
        for score, left, right in zip(r.channels, truth, result, strict=True):
            expected = structural_similarity(left, right, data_range=255)
            assert score.ssim == pytest.approx(expected, abs=1e-6)
            if r.restorer != "sharp":
                expected = peak_signal_noise_ratio(left, right, data_range=255)
                assert score.psnr == pytest.approx(expected, abs=1e-6)
    perfect, before, after = scored.rows
    assert (perfect.psnr, perfect.gain_psnr, perfect.ssim) == (math.inf, math.inf, 1.0)
    assert (before.gain, before.worse) == (0.0, False)
    assert after.gain == after.psnr - before.psnr > 0
    assert after.estimated_length is None
    assert scored.megapixels == pytest.approx(3 * 40 * 48 / 1e6)
    assert list(scored.seconds) == ["wiener, true kernel"]


@pytest.mark.slow
def test_an_estimate_is_made_once_and_shared(pairs, monkeypatch):
    calls = []

    def found(image):
        calls.append(image.planes().shape)
        return Estimate(9.5, 31.0, 1.0)

    monkeypatch.setattr(scores, "estimate_blur", found)
    case = evaluate.find_cases(pairs)[0][1]
    chosen = evaluate.contenders(cases=[case])
    scored = evaluate.score_case(case, chosen)
    assert calls == [(1, 3, 40, 48)]
    for r in scored.rows:
        expected = 9.5 if r.restorer.endswith("estimated kernel") else None
        assert r.estimated_length == expected
        assert r.length == 10.0


def test_where_no_motion_is_found_the_image_passes(pairs, monkeypatch):
    monkeypatch.setattr(scores, "estimate_blur", lambda image: Estimate(0.0))
    case = evaluate.find_cases(pairs)[0][0]
    _, before, after = evaluate.score_case(case, [ESTIMATED]).rows
    assert (after.psnr, after.ssim, after.gain, after.worse) == (before.psnr, before.ssim, 0, False)


def test_an_unsure_estimate_leaves_the_image_alone(pairs, monkeypatch):
    monkeypatch.setattr(scores, "estimate_blur", lambda image: Estimate(9.5, 31.0, 0.3))
    case = evaluate.find_cases(pairs)[0][0]
    _, before, after = evaluate.score_case(case, [ESTIMATED]).rows
    assert (after.psnr, after.gain) == (before.psnr, 0)


@pytest.mark.slow
def test_the_company_changes_no_row(pairs, monkeypatch):
    monkeypatch.setattr(scores, "estimate_blur", lambda image: Estimate(0.0))
    case = evaluate.find_cases(pairs)[0][0]
    local = evaluate.contenders(["wiener-local"], cases=[case])
    alone = evaluate.score_case(case, local).rows[-1]
    among = evaluate.score_case(case, evaluate.contenders(cases=[case])).rows
    assert alone in among
    assert alone.gain != 0


@pytest.mark.slow
def test_an_image_that_fell_from_perfect_is_worse(tmp_path):
    write_pair(tmp_path, "a.png", cells(1), Motion(0))
    case = evaluate.find_cases(tmp_path)[0][0]
    case = evaluate.Case("a", case.sharp, case.blurred, to_dict(Motion(6)))
    blind = MethodWithKernel(METHODS["wiener-local"], "")
    scored = evaluate.score_case(case, [blind])
    _, before, after = scored.rows
    assert (before.psnr, before.gain) == (math.inf, 0.0)
    assert (after.gain, after.worse) == (-math.inf, True)
    line = next(x for x in evaluate.summarise(scored.rows) if x.restorer == after.restorer)
    assert line.gain.value == -math.inf


def test_the_range_is_given_where_the_dtype_is_too_wide_or_has_none(tmp_path):
    write_pair(tmp_path, "a.tif", cells(1).astype(np.uint16) * 16, Motion(4))
    write_pair(tmp_path, "b.tif", cells(1).astype(np.float32), Motion(4))
    integers, floats = evaluate.find_cases(tmp_path)[0]
    wide = evaluate.score_case(integers, []).rows[1]
    narrow = evaluate.score_case(integers, [], data_range=4095).rows[1]
    assert wide.psnr - narrow.psnr == pytest.approx(20 * math.log10(65535 / 4095))
    problem = evaluate.score_case(floats, []).problem
    assert problem.startswith("b.tif: --data-range must say")
    assert len(evaluate.score_case(floats, [], data_range=255).rows) == 2


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        (cells(0)[:, :-1], "cell_0: the blurred image must be 1x3x40x48 like the sharp one"),
        (cells(0).astype(np.uint16), "cell_0: the blurred image must be uint8 like the sharp one"),
        (None, "blur/cell_0.png: the file is empty."),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(pairs, counts, sentence):
    path = pairs / "blur" / "cell_0.png"
    if counts is None:
        path.write_bytes(b"")
    else:
        images.write(path, Image(counts, "CYX"))
    scored = evaluate.score_case(evaluate.find_cases(pairs)[0][0], [WIENER])
    assert scored.rows == ()
    assert scored.problem.startswith(sentence)


def test_small_images_are_one_sentence(tmp_path):
    write_pair(tmp_path, "a.png", cells(1, size=(5, 9)), Motion(0))
    scored = evaluate.score_case(evaluate.find_cases(tmp_path)[0][0], [])
    assert scored.problem == "a: an image must be at least 7x7 pixels for SSIM, got 1x5x9."


def test_contenders_are_each_method_with_each_kernel(pairs):
    cases, _ = evaluate.find_cases(pairs)
    assert evaluate.contenders(["wiener"], cases=cases) == [WIENER, ESTIMATED]
    assert evaluate.contenders(["wiener"], "true", cases) == [WIENER]
    assert evaluate.contenders(["wiener"], "both", []) == [ESTIMATED]
    names = [contender.name for contender in evaluate.contenders(cases=cases)]
    assert len(names) == len(set(names)) == sum(1 + m.needs_kernel for m in METHODS.values())
    with pytest.raises(OptionError, match=r"a method must be one of .*wiener.*, got 'magic'"):
        evaluate.contenders(["magic"], cases=cases)
    with pytest.raises(OptionError, match="true kernel must come from a manifest"):
        evaluate.contenders(["wiener"], "true", [])


# What the rows come to


def test_intervals_repeat_and_a_further_restorer_changes_nothing():
    rng = np.random.default_rng(1)
    some = [row(str(number), psnr=30 + rng.normal()) for number in range(20)]
    more = [row(str(number), "other", psnr=20 + rng.normal()) for number in range(20)]
    alone = evaluate.summarise(some, seed=3)
    assert alone == evaluate.summarise(some, seed=3)
    assert alone[0] == evaluate.summarise([*more, *some], seed=3)[1]
    assert alone[0].psnr.low != evaluate.summarise(some, seed=4)[0].psnr.low
    assert alone[0].psnr.low < alone[0].psnr.value < alone[0].psnr.high


def test_intervals_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(2)
    draws = rng.normal(size=(40, 300))
    low, high = bootstrap.mean_ends(draws, [str(n) for n in range(40)], 0, 2000)
    assert 0.90 <= np.mean((low < 0) & (high > 0)) <= 0.97
    error = draws.std(0) / np.sqrt(40)
    assert np.mean((high - low) / (2 * 1.96 * error)) == pytest.approx(1, abs=0.03)


def test_copies_of_an_image_make_no_interval_narrower():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(20, 1))
    names = [str(number) for number in range(20)]
    alone = bootstrap.mean_ends(values, names, 0, 2000)
    copies = bootstrap.mean_ends(np.repeat(values, 5, axis=0), np.repeat(names, 5), 0, 2000)
    np.testing.assert_allclose(copies, alone)


def test_infinities_are_no_nan():
    some = [row("a", psnr=math.inf), row("b", psnr=30.0), row("c", psnr=31.0)]
    line = evaluate.summarise(some)[0]
    assert line.psnr.value == math.inf
    assert (line.psnr.low, line.psnr.high) == (30.0, math.inf)
    assert line.ssim.value == pytest.approx(0.9)


def test_a_single_group_has_no_interval():
    some = [row(name, psnr=psnr, group="well") for name, psnr in (("a", 30.0), ("b", 32.0))]
    line = evaluate.summarise(some)[0]
    assert (line.images, line.psnr) == (2, evaluate.Interval(31.0))
    assert evaluate.main_table([line], [])[1][2] == "31.00"


def test_lines_come_by_blur_in_the_order_of_lengths():
    blurs = ("motion 10 px", "defocus 3 px", "motion 4 px")
    some = [row(blur, blur=blur, gain=gain) for blur, gain in zip(blurs, (1, -1, 2), strict=True)]
    lines = evaluate.summarise(some)
    assert [line.blur for line in lines] == ["all", "defocus 3 px", "motion 4 px", "motion 10 px"]
    assert [line.worse for line in lines] == pytest.approx([1 / 3, 1, 0, 0])


def test_the_best_restorer_and_its_examples_are_found():
    gains = {"a": 3.0, "b": -1.0, "c": 2.0, "d": 1.0, "e": 0.0}
    some = [row(name, gain=gain) for name, gain in gains.items()]
    lines = evaluate.summarise(
        [*some, row(restorer="sharp", psnr=math.inf), row(restorer="blurred")]
    )
    assert evaluate.find_best(lines) == "wiener"
    examples = evaluate.find_examples(some, "wiener")
    assert {title: r.name for title, r in examples.items()} == {
        "best": "a",
        "median": "d",
        "worst": "b",
    }
    assert list(evaluate.find_examples(some[:2], "wiener")) == ["best", "worst"]
    assert list(evaluate.find_examples(some[:1], "wiener")) == ["best"]
    assert evaluate.find_best([]) == ""


# The files and tables


def test_tables_and_files_say_the_same(tmp_path):
    scored = [
        Scored(
            (
                row(name, "sharp", math.inf, math.inf),
                row(name, "blurred", 25.0, 0.0),
                row(name, psnr=psnr, gain=psnr - 25),
            ),
            {"wiener": 0.5},
            2.0,
        )
        for name, psnr in (("a", 24.0), ("b", 28.0))
    ]
    lines = evaluate.write_all(tmp_path, scored)
    table = evaluate.main_table(lines, evaluate.speeds(scored))
    assert [cells[0] for cells in table] == ["restorer", "sharp", "blurred", "wiener"]
    assert table[1][2:4] == ["∞", "∞"]
    assert table[2][5:] == ["-", "-", "-"]
    assert table[3][2] == "26.00 [24.00, 28.00]"
    assert table[3][5:] == ["+1.00 [-1.00, +3.00]", "50 %", "0.250"]
    with (tmp_path / "summary.csv").open() as file:
        written = list(csv.DictReader(file))
    assert (written[0]["restorer"], written[0]["psnr"]) == ("sharp", "inf")
    assert (written[2]["psnr"], written[2]["gain_low"]) == ("26.000000", "-1.000000")
    with (tmp_path / "timing.csv").open() as file:
        assert next(csv.DictReader(file))["seconds_per_megapixel"] == "0.250000"
    text = (tmp_path / "summary.md").read_text()
    assert "26.00 [24.00, 28.00]" in text
    assert "| restorer | motion 6 px |" in text
    with (tmp_path / "scores.csv").open() as file:
        scores = list(csv.DictReader(file))
    assert [(r["name"], r["restorer"], r["worse"]) for r in scores[2:4]] == [
        ("a", "wiener", "true"),
        ("b", "sharp", "false"),
    ]
    with pytest.raises(DataError, match="at least one scored pair"):
        evaluate.write_all(tmp_path, [Scored(problem="a: no.")])


def test_parquet_holds_the_same_rows(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    some = [row("a", psnr=31.123456789), row("b", psnr=math.inf)]
    evaluate.write_parquet(tmp_path / "scores.parquet", some)
    assert parquet.read_table(tmp_path / "scores.parquet").to_pylist() == tables.records(some)


def test_markdown_is_aligned():
    text = evaluate.markdown([["restorer", "a"], ["x", "1.25"]])
    assert text == "| restorer | a    |\n|:---------|-----:|\n| x        | 1.25 |\n"
