"""`unsmear restore` gives back what came in, with the movement taken out."""

import csv
import json
import re
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests import moved_texture
from tests.found import find_everywhere
from tests.outputs import outputs
from unsmear import blur, images
from unsmear.batches import layout
from unsmear.blur import Motion, Sampled
from unsmear.estimate import Estimate
from unsmear.estimate.processed import DECONVOLVED
from unsmear.images import Image
from unsmear.images.scaling import cast
from unsmear.metrics import psnr
from unsmear.restoration import methods
from unsmear.restoration.classical import METHODS


@pytest.fixture(scope="module")
def cells():
    """Return (channel, y, x) counts of blobs and threads, 8 bit, 128x160."""
    rng = np.random.default_rng(5)
    noise = rng.random((3, 128, 160)).astype(np.float32)
    fine = np.stack(
        [cv2.GaussianBlur(plane, (0, 0), s) for plane, s in zip(noise, (1.2, 2, 4), strict=True)]
    )
    low, high = fine.min((1, 2), keepdims=True), fine.max((1, 2), keepdims=True)
    return cast(255 * ((fine - low) / (high - low)) ** 2, np.uint8)


@pytest.fixture
def blurred(cells, tmp_path):
    """Return a folder with a blurred TIFF, a PNG and an HPA field."""
    counts = cast(blur.convolve(cells, Motion(8, 20).kernel()), np.uint8)
    folder = tmp_path / "in"
    images.write(folder / "stack.tif", Image(counts, "CYX", pixel_size=(0.3, 0.3)))
    images.write(folder / "grey.png", Image(counts[0], "YX"))
    for colour, plane in zip(("red", "green", "blue"), counts, strict=True):
        images.write(folder / f"field_{colour}.png", Image(plane, "YX"))
    return folder


KERNEL = ("--length", 8, "--angle", 20)
FAST = ("--method", "deep-wiener-fast")
QUICK = ("--method", "wiener", *KERNEL)
"""For tests of anything but the restorer."""


@pytest.mark.slow
@pytest.mark.parametrize("method", [name for name, m in METHODS.items() if m.needs_kernel])
def test_a_given_kernel_brings_the_cells_back(method, cells, blurred, tmp_path, unsmear):
    out = tmp_path / "out"
    finished = unsmear("restore", blurred, "-o", out, "--method", method, *KERNEL)
    assert (finished.code, finished.err) == (0, "")
    assert "3 restored, 0 failed." in finished.out
    names = sorted(path.name for path in outputs(out))
    assert names == sorted(path.name for path in blurred.iterdir())
    before, after = images.read(blurred / "stack.tif"), images.read(out / "stack.tif")
    gain = psnr(cells, after.pixels, data_range=255) - psnr(cells, before.pixels, data_range=255)
    assert gain > 2
    assert (after.axes, after.pixels.dtype) == ("CYX", np.uint8)
    assert after.pixel_size == pytest.approx((0.3, 0.3))
    field = np.stack([images.read(out / f"field_{c}.png").pixels for c in ("red", "green", "blue")])
    np.testing.assert_array_equal(field, after.pixels)


@pytest.mark.slow
def test_a_report_and_the_table_say_the_resolution(tmp_path, unsmear):
    image = Image(moved_texture.recorded(10).astype(np.uint16), "YX", pixel_size=(0.2, 0.2))
    for name in ("a.tif", "b.tif"):
        images.write(tmp_path / "in" / name, image)
    given = ("restore", tmp_path / "in", *FAST, "--length", 10, "--angle", moved_texture.ANGLE)
    finished = unsmear(*given, "-o", tmp_path / "out", "--report", tmp_path / "pages")
    assert finished.code == 0
    with layout.table(tmp_path / "out").open() as file:
        row, _ = csv.DictReader(file)
    assert float(row["resolution_along"]) == pytest.approx(10, rel=0.1)
    assert float(row["restored_along"]) < 0.75 * float(row["resolution_along"])
    assert float(row["restored_across"]) == pytest.approx(float(row["resolution_across"]), rel=0.2)
    page = (tmp_path / "pages" / "a.html").read_text()
    said = f"along the movement {float(row['resolution_along']):.1f} px ("
    assert said in page
    unsmear(*given, "-o", tmp_path / "without")
    with layout.table(tmp_path / "without").open() as file:
        assert next(csv.DictReader(file))["resolution_along"] == ""


@pytest.mark.slow
def test_the_movement_is_found_when_it_is_not_given(cells, blurred, tmp_path, unsmear):
    given = ("restore", blurred / "stack.tif", *FAST)
    finished = unsmear(*given, "-o", tmp_path / "out", "--per", "frame")
    assert finished.code == 0
    assert "linear motion of" in finished.out
    assert "confidence" in finished.out
    restored = images.read(tmp_path / "out" / "stack.tif")
    before = images.read(blurred / "stack.tif")
    assert psnr(cells, restored.pixels, data_range=255) > psnr(cells, before.pixels, data_range=255)
    done = json.loads(restored.metadata["tiff"]["description"])
    again = ("--length", done["blur"]["length"], "--angle", done["blur"]["angle"])
    unsmear(*given, "-o", tmp_path / "again", *again)
    repeated = images.read(tmp_path / "again" / "stack.tif").pixels
    np.testing.assert_array_equal(repeated, restored.pixels)


@pytest.mark.slow
def test_what_a_channel_does_not_show_is_not_taken_from_the_others(blurred, tmp_path, unsmear):
    """The last channel is too smooth for any motion to be seen in it."""
    finished = unsmear("restore", blurred / "stack.tif", *FAST, "-o", tmp_path / "out")
    assert "channels 0 and 1: linear motion of" in finished.out
    assert "channel 2: " in finished.out
    assert "of the tiles replaced" not in finished.out  # a channel that was left is no replacement
    before, after = (images.read(d / "stack.tif") for d in (blurred, tmp_path / "out"))
    assert [(a == b).all() for a, b in zip(after.pixels, before.pixels, strict=True)] == [
        False, False, True,
    ]  # fmt: skip
    done = json.loads(after.metadata["tiff"]["description"])["exposures"]
    assert [one["planes"] for one in done] == ["channels 0 and 1", "channel 2"]
    assert done[0]["blur"]["length"] == pytest.approx(8, abs=0.5)
    assert done[1]["blur"] is None


@pytest.mark.slow
def test_an_image_without_motion_is_passed_on_untouched(tmp_path, unsmear):
    counts = np.random.default_rng(0).integers(0, 256, (80, 80), np.uint8)
    images.write(tmp_path / "in" / "noise.png", Image(counts, "YX"))
    finished = unsmear("restore", tmp_path / "in" / "noise.png", "-o", tmp_path / "out")
    assert re.search("no motion found|unsure whether anything moved", finished.out)
    images.write(tmp_path / "in" / "more.png", Image(counts, "YX"))
    finished = unsmear("restore", tmp_path / "in", "-o", tmp_path / "out")
    assert re.search(r"0 restored, 2 (left unchanged|unsure), 0 failed\.", finished.out)
    np.testing.assert_array_equal(images.read(tmp_path / "out" / "noise.png").pixels, counts)


@pytest.mark.slow
@pytest.mark.usefixtures("kept_workers")
def test_tiles_and_workers_change_nothing(blurred, tmp_path, unsmear):
    for out, options in (("whole", ()), ("tiles", ("--tile", 64)), ("two", ("--workers", 2))):
        unsmear("restore", blurred, "-o", tmp_path / out, *FAST, *KERNEL, *options)
    for path in outputs(tmp_path / "whole"):
        whole = images.read(path).pixels.astype(int)
        assert np.abs(whole - images.read(tmp_path / "tiles" / path.name).pixels).max() <= 1
        np.testing.assert_array_equal(whole, images.read(tmp_path / "two" / path.name).pixels)


@pytest.mark.slow
def test_a_broken_file_is_named_and_the_rest_goes_on(blurred, tmp_path, unsmear):
    (blurred / "broken.png").write_bytes(b"not an image")
    images.write(blurred / "dot.png", Image(np.ones((1, 1), np.uint8), "YX"))
    finished = unsmear("restore", blurred, "-o", tmp_path / "out", *QUICK)
    assert finished.code == 1
    assert "broken.png: " in finished.err
    assert "dot.png: an image must be at least 3x3 pixels to restore, got 1x1." in finished.err
    assert "3 restored, 2 failed." in finished.out
    left = {path.name for path in outputs(tmp_path / "out")}
    assert left == {path.name for path in blurred.iterdir()} - {"broken.png", "dot.png"}


@pytest.mark.slow
def test_resume_leaves_what_is_there(blurred, tmp_path, unsmear):
    out = tmp_path / "out"
    unsmear("restore", blurred, "-o", out, *QUICK)
    (out / "grey.png").unlink()
    stamp = (out / "stack.tif").stat().st_mtime_ns
    finished = unsmear("restore", blurred, "-o", out, "--resume", *QUICK)
    assert finished.out.count(": already there") == 2
    assert (out / "grey.png").exists()
    assert (out / "stack.tif").stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--method", "magic"), "must be one of deep-wiener"),
        (("--length", 5), "--length must come with --angle"),
        (("--angle", 5), "--angle must come with --length"),
        ((*KERNEL, "--tile", 3), "--tile must be 16 pixels or more"),
        ((*KERNEL, "--speed", 3, "--exposure", 1), "in one way"),
        ((*KERNEL, "--iterations", 3), "iterations"),
        ((*KERNEL, "--method", "wiener-local"), "must be given no kernel"),
        ((*KERNEL, "--method", "wiener", "--regularisation", -1), "regularisation must be"),
        (
            (*KERNEL, "--method", "wiener", "--uncertainty"),
            "--uncertainty is available for deep-wiener",
        ),
        (("--axes", "QYX"), "--axes must be different letters of PSTCZYX, such as ZCYX, got QYX."),
        ((*KERNEL, "--iterations", 3), "got 'iterations'; richardson-lucy has it."),
        ((*KERNEL, "--report", "r.pdf"), "--report must be a folder, or a file that ends in"),
    ],
)
def test_bad_options_get_one_sentence(options, sentence, blurred, tmp_path, unsmear):
    finished = unsmear("restore", blurred / "grey.png", "-o", tmp_path / "out", *options)
    assert finished.code == 1
    assert sentence in finished.err
    assert "Traceback" not in finished.err
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.slow
def test_results_are_no_inputs_and_inputs_no_results(blurred, unsmear):
    for _ in range(2):
        finished = unsmear("restore", blurred, "-o", blurred / "out", *QUICK)
        assert "3 restored, 0 failed." in finished.out
    for given in (blurred, blurred / "grey.png", blurred / "*.png"):
        finished = unsmear("restore", given, "-o", blurred, *QUICK)
        assert finished.code == 1
        assert "must be another folder" in finished.err


def test_a_missing_input_is_named(tmp_path, unsmear):
    finished = unsmear("restore", tmp_path / "nowhere", "-o", tmp_path / "out")
    assert finished.code == 1
    assert "nowhere" in finished.err


UNRECORDED = " (with which options is not recorded)"


@pytest.fixture
def sure_of(monkeypatch):
    """Return a function that sets what is found in every image."""
    return partial(find_everywhere, monkeypatch)


def names(folder):
    return [path.name for path in outputs(folder)]


@pytest.mark.slow
def test_the_error_lies_beside_each_result(cells, blurred, tmp_path, unsmear):
    images.write(blurred / "grey.tif", images.read(blurred / "grey.png"))
    out = tmp_path / "out"
    finished = unsmear("restore", blurred, "-o", out, *FAST, *KERNEL, "--uncertainty")
    assert (finished.code, finished.err) == (0, "")
    results = names(blurred)
    errors = ["field.error.tif", "grey.png.error.tif", "grey.tif.error.tif", "stack.tif.error.tif"]
    assert names(out) == sorted([*results, *errors])
    error, result = images.read(out / "stack.tif.error.tif"), images.read(out / "stack.tif")
    assert (error.axes, error.pixels.dtype, error.pixels.shape) == ("CYX", np.float32, cells.shape)
    assert error.pixel_size == pytest.approx((0.3, 0.3))
    assert (error.pixels > 0).all()
    within = np.abs(result.pixels - cells.astype(np.float32)) <= error.pixels + 0.5
    assert within.mean() > 0.9
    field = images.read(out / "field.error.tif").pixels
    np.testing.assert_allclose(field, error.pixels)


@pytest.mark.slow
def test_an_output_never_takes_the_place_of_another(blurred, tmp_path, unsmear):
    images.write(blurred / "grey.png.error.tif", images.read(blurred / "grey.png"))
    out = tmp_path / "out"
    finished = unsmear("restore", blurred, "-o", out, *FAST, *KERNEL, "--uncertainty")
    assert finished.code == 1
    assert "grey.png.error.tif: every output file must have a name of its own" in finished.err
    assert not out.exists()
    before = (blurred / "grey.png").read_bytes()
    given = ("-o", out, *KERNEL, "--report", blurred / "grey.png")
    finished = unsmear("restore", blurred / "grey.png", *given)
    assert finished.code == 1
    assert "grey.png: every output file must have a name of its own" in finished.err
    assert (blurred / "grey.png").read_bytes() == before


def test_the_error_of_an_untouched_image_is_not_known(blurred, tmp_path, unsmear, sure_of):
    sure_of(Estimate(0.0, confidence=0.94))
    out = tmp_path / "out"
    record = '{"unsmear": "0.1.0", "command": "restore"}'  # of a run before
    images.write(out / "grey.png.error.tif", images.read(blurred / "grey.png"), record)
    given = ("restore", blurred / "grey.png", "-o", out, *FAST, "--uncertainty")
    line = "grey: no motion found (confidence 0.94), left unchanged, uncertainty unknown -> "
    assert unsmear(*given).out == f"{line}{out / 'grey.png'}\n"
    assert names(out) == ["grey.png"]
    assert unsmear(*given, "--resume").out == f"grey: already there{UNRECORDED}\n"
    finished = unsmear("restore", blurred / "grey.png", "-o", out, *FAST)
    line = "grey: no motion found (confidence 0.94), left unchanged -> "
    assert finished.out == f"{line}{out / 'grey.png'}\n"


@pytest.mark.slow
def test_an_old_error_does_not_stay_beside_a_new_result(blurred, tmp_path, unsmear):
    out = tmp_path / "out"
    given = ("restore", blurred / "grey.png", "-o", out, *FAST, *KERNEL)
    assert unsmear(*given, "--uncertainty").code == 0
    images.write(out / "field.error.tif", images.read(blurred / "grey.png"))  # of another origin
    again = (*given[:-1], 40, "--overwrite")
    assert unsmear(*again).code == 0
    assert names(out) == ["field.error.tif", "grey.png"]
    images.write(blurred / "grey.png.error.tif", images.read(blurred / "grey.png"))
    for _ in range(2):  # the results of two images
        all_of_them = ("restore", blurred, "-o", out, *QUICK)
        assert unsmear(*all_of_them, "--overwrite").code == 0
        assert {"grey.png", "grey.png.error.tif"} < set(names(out))


@pytest.mark.slow
def test_resume_makes_what_is_missing(blurred, tmp_path, unsmear):
    out = tmp_path / "out"
    given = ("restore", blurred / "grey.png", "-o", out, *FAST, *KERNEL, "--uncertainty")
    unsmear(*given)
    assert unsmear(*given, "--resume").out == f"grey: already there{UNRECORDED}\n"
    for missing in ("grey.png.error.tif", "grey.png"):
        (out / missing).unlink()
        assert "restored by deep-wiener-fast" in unsmear(*given, "--resume").out
        assert names(out) == ["grey.png", "grey.png.error.tif"]


@pytest.mark.slow
def test_a_shake_is_taken_out_only_where_its_path_was_found(blurred, tmp_path, unsmear, sure_of):
    path = Sampled.of(Motion(8, 20).kernel())
    uncertain = Estimate(8.0, 20.0, 0.9, 2.0, 15.0, kind="shake", path=path)
    sure_of(uncertain)
    given = ("restore", blurred / "grey.png", *FAST)
    finished = unsmear(*given, "-o", tmp_path / "left")
    assert "whose path is too uncertain, left unchanged" in finished.out
    before = images.read(blurred / "grey.png").pixels
    np.testing.assert_array_equal(images.read(tmp_path / "left" / "grey.png").pixels, before)
    sure_of(replace(uncertain, path_found=True))
    finished = unsmear(*given, "-o", tmp_path / "out")
    assert "restored by deep-wiener-fast" in finished.out
    unsmear(*given, "-o", tmp_path / "known", *KERNEL)
    restored = images.read(tmp_path / "out" / "grey.png").pixels.astype(int)
    known = images.read(tmp_path / "known" / "grey.png").pixels
    assert np.abs(restored - known).mean() < 0.1 * np.abs(before - restored).mean()


@pytest.mark.slow
def test_onnx_restores_as_torch_does(blurred, tmp_path, unsmear):
    pytest.importorskip("onnxruntime")
    given = ("restore", blurred / "grey.png", *FAST, *KERNEL)
    for runtime in ("torch", "onnx"):
        finished = unsmear(*given, "-o", tmp_path / runtime, "--runtime", runtime)
        assert (finished.code, finished.err) == (0, "")
    torch, onnx = (images.read(tmp_path / r / "grey.png").pixels for r in ("torch", "onnx"))
    assert np.abs(torch.astype(int) - onnx).max() <= 1
    assert (torch != images.read(blurred / "grey.png").pixels).any()


@pytest.mark.slow
def test_a_report_on_every_image(blurred, tmp_path, unsmear):
    pytest.importorskip("matplotlib")
    images.write(blurred / "grey.tif", images.read(blurred / "grey.png"))
    pages = tmp_path / "reports.v2"
    given = ("restore", blurred, "-o", tmp_path / "out", *QUICK)
    finished = unsmear(*given, "--report", pages)
    assert (finished.code, pages.exists()) == (1, False)
    pages.mkdir()
    assert unsmear(*given, "--report", pages).code == 0
    assert names(pages) == ["field.html", "grey.png.html", "grey.tif.html", "stack.html"]
    finished = unsmear(*given, "--report", tmp_path / "one.html")
    assert "--report must be a folder for 4 images" in finished.err


@pytest.mark.slow
def test_a_deconvolved_image_is_restored_only_when_forced(blurred, tmp_path, unsmear, sure_of):
    sure_of(Estimate(8.0, 20.0, 0.9, 0.5, 2.0, kind="straight", processed=DECONVOLVED))
    given = ("restore", blurred / "grey.png", *FAST)
    finished = unsmear(*given, "-o", tmp_path / "left")
    assert "but this file was deconvolved before" in finished.out
    assert "left unchanged" in finished.out
    before = images.read(blurred / "grey.png").pixels
    np.testing.assert_array_equal(images.read(tmp_path / "left" / "grey.png").pixels, before)
    finished = unsmear(*given, "-o", tmp_path / "out", "--force")
    assert "but this file was deconvolved before" in finished.out
    assert "restored by deep-wiener-fast" in finished.out


@pytest.mark.slow
def test_a_report_says_once_how_sure_it_is(blurred, tmp_path, unsmear, sure_of):
    pytest.importorskip("matplotlib")
    sure_of(Estimate(8.0, 20.0, 0.69, 0.5, 2.0, kind="straight"))
    page = tmp_path / "grey.html"
    unsmear("restore", blurred / "grey.png", "-o", tmp_path / "out", "--report", page)
    text = page.read_text()
    sentence = (
        "Perhaps linear motion of 8.0 px at 20 degrees (confidence 0.69), too uncertain to act on."
    )
    assert f"<p>{sentence}</p>" in text
    assert text.count("confidence") == 1


def test_without_matplotlib_nothing_is_restored(blurred, tmp_path, unsmear, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    given = ("restore", blurred, "-o", tmp_path / "out", *KERNEL)
    finished = unsmear(*given, "--report", tmp_path / "reports")
    assert finished.code == 1
    assert "pip install 'unsmear[report]'" in finished.err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_trained_network_restores_by_its_path(blurred, tmp_path, unsmear, save_network):
    path = save_network("folding", said={"name": "mine"})
    results = []
    for more in ((), ("--tile", 48), ("--workers", 2)):
        out = tmp_path / f"out_{len(results)}"
        finished = unsmear("restore", blurred, "-o", out, "--method", path, *more)
        assert (finished.code, finished.err) == (0, "")
        phrase = ": no motion estimated (blind method), restored by mine"
        assert finished.out.count(phrase) == 3
        results.append({file.name: images.read(file).pixels for file in outputs(out)})
    assert sorted(results[0]) == names(blurred)
    for result in results[1:]:
        for name, pixels in result.items():
            assert np.abs(pixels.astype(int) - results[0][name]).max() <= (result is results[1])
    before = images.read(blurred / "stack.tif").pixels
    assert np.abs(results[0]["stack.tif"].astype(int) - before).mean() > 1


def note_of(path):
    """Return what a file says was done."""
    data = path.read_bytes()
    start = data.index(b'{"unsmear"')
    return json.loads(data[start : data.index(b"}", start) + 1])


@pytest.mark.slow
def test_the_file_says_which_weights_restored_it(blurred, tmp_path, unsmear, save_network):
    path = save_network("folding", said={"name": "mine"})
    unsmear("restore", blurred, "-o", tmp_path / "out", "--method", path)
    sha256 = json.loads(Path(f"{path}.json").read_text())["sha256"]
    for name, channels in (("grey.png", "alone"), ("stack.tif", "together")):
        record = note_of(tmp_path / "out" / name)
        assert record["method"] == f"mine {sha256[:12]}"
        assert record["channels"] == channels
        assert str(tmp_path).encode() not in (tmp_path / "out" / name).read_bytes()


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_the_file_says_where_it_was_computed_in_less_than_single_precision(
    precision, blurred, tmp_path, unsmear, monkeypatch
):
    method = methods.METHODS["deep-wiener-fast"]
    other = replace(method, precision=lambda **options: precision)
    monkeypatch.setitem(methods.METHODS, method.name, other)
    given = ("--method", method.name, *KERNEL)
    unsmear("restore", blurred / "stack.tif", "-o", tmp_path / "out", *given)
    said = json.loads(images.read(tmp_path / "out" / "stack.tif").metadata["tiff"]["description"])
    assert said["method"] == method.name
    said = said.get("precision", "float32")
    assert said == precision


@pytest.mark.slow
def test_a_network_that_sees_the_whole_image_takes_tiles_and_says_so(
    blurred, tmp_path, unsmear, save_network
):
    path = save_network("curve", said={"name": "mine"})
    results, notes = [], []
    for more in ((), ("--tile", 50), ("--tile", 200)):
        out = tmp_path / f"out_{len(results)}"
        given = ("restore", blurred / "stack.tif", "-o", out, "--method", path, *more)
        finished = unsmear(*given)
        assert (finished.code, finished.err) == (0, "")
        phrase = ", in tiles of 64 px that share at least 16 px"
        assert (f"restored by mine{phrase} -> " in finished.out) == (len(results) < 2)
        results.append(images.read(out / "stack.tif").pixels.astype(int))
        notes.append(note_of(out / "stack.tif"))
    for result in results:
        assert np.abs(result - results[0]).max() <= 1
    # 128x160 is more than the network's own tile, 64; of 200 px no more than one is needed.
    assert [(note.get("tile"), note.get("overlap")) for note in notes[:2]] == [(64, 16)] * 2
    assert "overlap" not in notes[2]


@pytest.mark.slow
def test_the_rule_of_the_channels_is_told_and_kept(blurred, tmp_path, unsmear, save_network):
    def change(model):
        model.gains.data[0, :, 0, 0] = torch.tensor([1.0, 0.5, 0.0])

    torch = pytest.importorskip("torch")
    path = save_network("pass", said={"name": "mine", "conserves_light": False}, change=change)
    counts = np.random.default_rng(4).integers(3000, 60000, (4, 2, 40, 50)).astype(np.uint16)
    names = tuple("abcd")
    image = Image(counts, "CZYX", names, (0.25, 0.5))
    images.write(tmp_path / "in.ome.tif", image)
    given = ("restore", tmp_path / "in.ome.tif", "--method", path)
    for rule, factors, phrase in (
        ("groups", (1, 0.5, 0, 0.5), ", channels in groups"),
        ("alone", (0.5, 0.5, 0.5, 0.5), ", each channel alone"),
        ("auto", (0.5, 0.5, 0.5, 0.5), ", each channel alone"),
    ):
        finished = unsmear(*given, "-o", tmp_path / rule, "--channels", rule)
        assert (finished.code, finished.err) == (0, "")
        assert f"restored by mine{phrase} -> " in finished.out
        result = images.read(tmp_path / rule / "in.ome.tif")
        assert (result.axes, result.pixels.dtype, result.channels) == ("CZYX", np.uint16, names)
        assert result.pixel_size == pytest.approx((0.25, 0.5))
        note = note_of(tmp_path / rule / "in.ome.tif")
        assert note["channels"] == ("alone" if rule == "auto" else rule)
        expected = counts * np.array(factors)[:, None, None, None]
        np.testing.assert_allclose(result.pixels, expected, atol=0.51)
    finished = unsmear(*given, "-o", tmp_path / "none", "--channels", "together")
    assert finished.code == 1
    sentence = "in.ome.tif: channels must be 3 to go together into the network, got 4."
    assert sentence in finished.err
    finished = unsmear("restore", blurred, "-o", tmp_path / "none", *FAST, "--channels", "alone")
    assert "channels must be left out for deep-wiener-fast, which takes each" in finished.err


@pytest.mark.slow
def test_a_result_that_lost_its_light_is_said_to_have(tmp_path, unsmear, save_network):
    def change(model):
        model.gains.data *= gain

    light = np.random.default_rng(4).exponential(5000, (3, 40, 50)) - 2000
    counts = (200 + light.clip(0, 60000)).astype(np.uint16)
    images.write(tmp_path / "in.ome.tif", Image(counts, "CYX"))
    for gain, lost in ((1, False), (1.1, False), (100, True)):
        path = save_network("pass", said={"name": f"mine-{gain}"}, change=change)
        given = ("restore", tmp_path / "in.ome.tif", "-o", tmp_path / f"out-{gain}")
        finished = unsmear(*given, "--method", path)
        assert finished.code == 0
        assert ("but its total intensity changed by -" in finished.out) == lost, gain


@pytest.mark.slow
def test_a_page_about_a_trained_network(blurred, tmp_path, unsmear, save_network):
    pytest.importorskip("matplotlib")
    page = tmp_path / "page.html"
    given = ("restore", blurred / "grey.png", "-o", tmp_path / "out", "--report", page)
    finished = unsmear(*given, "--method", save_network("folding", said={"name": "mine"}))
    assert (finished.code, finished.err) == (0, "")
    text = page.read_text()
    assert "<p>Restored by mine, without a consistency check.</p>" in text
    assert "left unchanged" not in text


@pytest.mark.parametrize(
    ("network", "options", "sentence"),
    [
        ("whole", ("--tile", 64), "--tile is not available for my-whole: it needs the whole image"),
        ("pass", KERNEL, "my-pass must be given no kernel"),
        (
            "pass",
            ("--uncertainty",),
            "--uncertainty is available for deep-wiener, deep-wiener-lean, deep-wiener-fast only,",
        ),
        (
            "pass",
            ("--iterations", 3),
            "an option of my-pass must be one of channels, runtime, exact",
        ),
        ("silent", (), "best: the network silent must have the attributes"),
    ],
)
def test_what_a_trained_network_cannot_do_is_one_sentence(
    network, options, sentence, blurred, tmp_path, unsmear, save_network
):
    path = save_network(network)
    finished = unsmear("restore", blurred, "-o", tmp_path / "out", "--method", path, *options)
    assert finished.code == 1
    assert finished.err.startswith(f"unsmear: {sentence}")
    assert finished.err.count("\n") == 1
    assert not (tmp_path / "out").exists()
