import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsmear import blur, images
from unsmear.data import manifest, resampling, source
from unsmear.data.manifest import Pair
from unsmear.data.pair_writer import make_pair
from unsmear.data.prepare import Preparation, Selection, prepare
from unsmear.errors import DataError, OptionError
from unsmear.images import Image

FIXED = blur.Sampler("motion", {"length": 6.0, "angle": 30.0})


def write_fields(folder, count=4, side=96, sigma=2.0):
    generator = np.random.default_rng(0)
    for number in range(count):
        for colour in ("red", "green", "blue"):
            plane = cv2.GaussianBlur(generator.random((side, side)), (0, 0), sigma)
            plane = (plane - plane.min()) / np.ptp(plane) * 255
            images.write(folder / f"f{number}_{colour}.png", Image(plane.astype(np.uint8), "YX"))
    return folder


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def run(fields, output, each=map, **options):
    selection = options.pop("selection", None)
    preparation = Preparation(**{"size": 32} | options)
    return prepare(source.find([fields]), output, preparation, selection, each)


def test_pairs_manifest_and_splits(tmp_path):
    report = run(write_fields(tmp_path / "in", 10), tmp_path / "out")
    assert (len(report.pairs), report.present, report.failures) == (10, 0, ())
    pairs = manifest.read(tmp_path / "out")
    assert tuple(pairs) == report.pairs
    assert sorted(pair.split for pair in pairs) == ["test"] + ["train"] * 7 + ["val"] * 2
    for pair in pairs:
        sharp, blurred = (images.read(file) for file in pair.files(tmp_path / "out"))
        assert sharp.pixels.shape == blurred.pixels.shape == (32, 32, 3)
        assert (pair.width, pair.height, pair.black, pair.white) == (32, 32, 0, 255)
        assert 4 <= pair.blur["length"] <= 20
        drawn = blur.Sampler().draw(np.random.default_rng(pair.seed))
        assert blur.to_dict(drawn) == pair.blur
        expected = blur.apply(drawn, sharp.planes()[0])
        assert np.abs(blurred.planes()[0] - expected).max() <= 0.501


def test_the_paper_s_protocol_is_the_opencv_loop(tmp_path):
    fields = write_fields(tmp_path / "in", 2)
    run(fields, tmp_path / "out", sampler=blur.Sampler("paper", {"degree": 6, "angle": -45.0}))
    rotation = cv2.getRotationMatrix2D((3.0, 3.0), -45, 1)
    kernel = cv2.warpAffine(np.diag(np.ones(6)), rotation, (6, 6)) / 6
    for name in ("f0", "f1"):
        planes = [
            cv2.imread(str(fields / f"{name}_{colour}.png"), cv2.IMREAD_UNCHANGED)
            for colour in ("blue", "green", "red")
        ]
        sharp = cv2.resize(cv2.merge(planes), (32, 32), interpolation=cv2.INTER_AREA)
        blurred = cv2.filter2D(sharp, -1, kernel)
        for folder, expected in (("sharp", sharp), ("blur", blurred)):
            written = cv2.imread(
                str(tmp_path / "out" / folder / f"{name}.png"), cv2.IMREAD_UNCHANGED
            )
            np.testing.assert_array_equal(written, expected)


def test_normalisation_stretches():
    counts = np.random.default_rng(0).integers(10, 90, (1, 64, 64), dtype=np.uint8)
    options = Preparation(size=64)
    _, blurred = make_pair(counts, options, blur.Paper(normalise=True), np.random.default_rng(0))
    assert (blurred.min(), blurred.max()) == (0, 255)


def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path):
    fields = write_fields(tmp_path / "in", 5)
    run(fields, tmp_path / "whole")
    whole = contents(tmp_path / "whole")

    class Killed(BaseException):
        pass

    def killed(function, tasks):
        yield function(tasks[0])
        yield function(tasks[1])
        function(tasks[2])
        raise Killed

    out = tmp_path / "out"
    with pytest.raises(Killed):
        run(fields, out, killed)
    assert not (out / manifest.FILE).exists()
    # What a kill in the middle of a file leaves.
    (out / "sharp" / ".f3.png.123.part").write_bytes(b"\x89PNG")
    with (out / manifest.JOURNAL).open("a") as journal:
        journal.write('[{"name": "f3.p')
    calls = []
    report = run(
        fields, out, lambda function, tasks: (calls.append(t) or function(t) for t in tasks)
    )
    assert [task.item.id for task in calls] == ["f2", "f3", "f4"]
    assert report.present == 2
    assert contents(out) == whole


def test_a_deleted_partner_is_made_again(tmp_path):
    fields = write_fields(tmp_path / "in", 3)
    run(fields, tmp_path / "out")
    whole = contents(tmp_path / "out")
    (tmp_path / "out" / "blur" / "f1.png").unlink()
    assert run(fields, tmp_path / "out").present == 2
    assert contents(tmp_path / "out") == whole


def test_other_options_or_images_are_refused(tmp_path):
    fields = write_fields(tmp_path / "in", 3)
    run(fields, tmp_path / "out", seed=1)
    with pytest.raises(OptionError, match="with seed 1 and not 2"):
        run(fields, tmp_path / "out", seed=2)
    ranged = blur.Sampler("motion", {"length": (4.0, 20.0), "angle": [0.0, 180.0]})
    with pytest.raises(OptionError, match="same options"):
        run(fields, tmp_path / "out", seed=1, sampler=ranged)
    (fields / "f0_red.png").unlink()
    (fields / "f0_green.png").unlink()
    (fields / "f0_blue.png").unlink()
    with pytest.raises(OptionError, match="with images 3 and not 2"):
        run(fields, tmp_path / "out", seed=1)


def test_a_folder_of_someone_else_is_refused(tmp_path):
    fields = write_fields(tmp_path / "in", 1)
    (tmp_path / "out" / "sharp").mkdir(parents=True)
    with pytest.raises(OptionError, match="made by unsmear prepare"):
        run(fields, tmp_path / "out")


def test_broken_images_are_sentences_and_the_rest_goes_on(tmp_path):
    fields = write_fields(tmp_path / "in", 3)
    whole = (fields / "f1_green.png").read_bytes()
    (fields / "f1_green.png").write_bytes(whole[:500])
    report = run(fields, tmp_path / "out")
    assert [pair.source for pair in report.pairs] == ["f0", "f2"]
    assert len(report.failures) == 1
    assert "f1_green.png" in report.failures[0]
    (fields / "f1_green.png").write_bytes(whole)
    assert [pair.source for pair in run(fields, tmp_path / "out").pairs] == ["f0", "f1", "f2"]


def test_groups_are_not_divided_and_limit_is_exact(tmp_path):
    fields = write_fields(tmp_path / "in", 6)
    rows = [f"f{number}_blue.png,well{number // 2}" for number in range(6)]
    (fields / "MANIFEST.csv").write_text("\n".join(["file,group", *rows]))
    report = run(fields, tmp_path / "out", selection=Selection("80/20", test=2))
    assert len({(pair.group, pair.split) for pair in report.pairs}) == 3
    assert {pair.split for pair in report.pairs} == {"train", "test"}
    report = run(fields, tmp_path / "few", selection=Selection("80/20", limit=4))
    assert len(report.pairs) == 4


def test_repeats_have_their_own_blur(tmp_path):
    report = run(write_fields(tmp_path / "in", 1), tmp_path / "out", repeats=3)
    assert [pair.name for pair in report.pairs] == ["f0_k0.png", "f0_k1.png", "f0_k2.png"]
    assert len({pair.blur["length"] for pair in report.pairs}) == 3


def test_output_within_the_source_is_no_source(tmp_path):
    fields = write_fields(tmp_path / "in", 2)
    assert len(run(fields, fields / "out").pairs) == 2
    assert run(fields, fields / "out").present == 2


def test_ids_that_give_one_name_are_refused(tmp_path):
    images.write(tmp_path / "in" / "a" / "b.png", Image(np.zeros((64, 64), np.uint8), "YX"))
    images.write(tmp_path / "in" / "a__b.png", Image(np.zeros((64, 64), np.uint8), "YX"))
    with pytest.raises(DataError, match="a__b again"):
        run(tmp_path / "in", tmp_path / "out")


def test_planes_of_a_stack_are_pairs_of_their_own(tmp_path):
    stack = np.random.default_rng(0).integers(0, 4096, (2, 3, 5, 40, 40)).astype(np.uint16)
    (tmp_path / "in").mkdir()
    np.save(tmp_path / "in" / "stack.npy", stack)
    items = source.find([tmp_path / "in"], axes="TZCYX")
    report = prepare(items, tmp_path / "out", Preparation(size=40, bits=16))
    assert [pair.name for pair in report.pairs][:4] == [
        *("stack_t0_z0.tif", "stack_t0_z1.tif", "stack_t0_z2.tif", "stack_t1_z0.tif")
    ]
    sharp = images.read(tmp_path / "out" / "sharp" / "stack_t1_z2.tif")
    np.testing.assert_array_equal(sharp.planes()[0], stack[1, 2])


@given(st.integers(1, 90), st.integers(1, 90), st.integers(3, 50))
def test_tiles_cover_the_image_once(height, width, side):
    covered = np.zeros((height, width), int)
    for window in resampling.tiles((3, height, width), side):
        assert max(covered[window].shape) <= side
        covered[window] += 1
    assert (covered == 1).all()


def test_tiles_are_cut_from_one_blurred_image(tmp_path):
    fields = write_fields(tmp_path / "in", 1)
    report = run(fields, tmp_path / "out", tiles=40, sampler=FIXED)
    assert len(report.pairs) == 9
    whole = images.read(fields / "f0_red.png").pixels
    blurred = np.rint(blur.apply(blur.Motion(6, 30), whole))
    for pair in report.pairs:
        y, x = (int(part[1:]) for part in pair.name.removesuffix(".png").split("_")[-2:])
        window = np.s_[y : y + pair.height, x : x + pair.width]
        for file, expected in zip(pair.files(tmp_path / "out"), (whole, blurred), strict=True):
            np.testing.assert_array_equal(images.read(file).pixels[..., 0], expected[window])


def test_orders_and_the_effective_blur(tmp_path):
    fields = write_fields(tmp_path / "in", 1, side=256, sigma=6)
    sampler = blur.Sampler("motion", {"length": 24.0, "angle": 30.0})
    first = run(fields, tmp_path / "first", size=64, sampler=sampler)
    second = run(fields, tmp_path / "second", size=64, sampler=sampler, order="blur-resize")
    assert contents(tmp_path / "first" / "sharp") == contents(tmp_path / "second" / "sharp")
    assert first.pairs[0].effective()["length"] == 24
    assert second.pairs[0].blur["length"] == 24
    assert second.pairs[0].effective() == {"family": "motion", "length": 6.0, "angle": 30.0}
    sharp = images.read(tmp_path / "second" / "sharp" / "f0.png").planes()[0]
    blurred = images.read(tmp_path / "second" / "blur" / "f0.png").planes()[0].astype(float)
    effective = blur.apply(blur.from_dict(second.pairs[0].effective()), sharp)
    assert np.abs(blurred - effective).mean() < 0.1 * np.abs(blurred - sharp).mean()


@pytest.mark.parametrize("angle", [-45.0, 0.0, -20.0])
def test_the_recipe_s_effective_blur_is_the_same_movement(angle):
    recipe = blur.Paper(16, angle).kernel()
    straight = Pair("a", "a", blur={"family": "paper", "degree": 32, "angle": angle}, scale=0.5)
    kernel = blur.from_dict(straight.effective()).kernel()
    for moment in (spread(recipe),):
        np.testing.assert_allclose(spread(kernel), moment, atol=1.5)


def spread(kernel):
    """Return the covariance of a kernel, square pixels."""
    at = np.mgrid[: len(kernel), : len(kernel)].reshape(2, -1)
    return np.cov(at, aweights=kernel.ravel(), ddof=0)


def test_sixteen_bits_are_kept_and_mapped_over_their_whole_range():
    counts = np.random.default_rng(0).integers(0, 65536, (2, 64, 64)).astype(np.uint16)
    generator = np.random.default_rng(0)
    deep, _ = make_pair(counts, Preparation(size=64, bits=16), blur.Motion(4), generator)
    np.testing.assert_array_equal(deep, counts)
    flat, _ = make_pair(counts, Preparation(size=64), blur.Motion(4), generator)
    np.testing.assert_array_equal(flat, np.rint(counts / 257))
    twelve = Preparation(size=64, input_range=(100.0, 4095.0))
    mapped, blurred = make_pair(counts, twelve, blur.Motion(4), generator)
    expected = np.rint((counts.astype(np.float32) - 100) * np.float32(255 / 3995)).clip(0, 255)
    np.testing.assert_array_equal(mapped, expected)
    assert mapped.dtype == blurred.dtype == np.uint8


def test_floats_need_a_range():
    counts = np.linspace(-1, 1, 64 * 64).reshape(1, 64, 64)
    with pytest.raises(DataError, match="--input-range"):
        make_pair(counts, Preparation(size=64), blur.Motion(0), np.random.default_rng(0))
    options = Preparation(size=64, input_range=(-1.0, 1.0))
    sharp, _ = make_pair(counts, options, blur.Motion(0), np.random.default_rng(0))
    assert (sharp.min(), sharp.max()) == (0, 255)


def test_alpha_is_no_channel_and_byte_order_does_not_matter(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (40, 40, 4)).astype(np.uint8)
    images.write(tmp_path / "in" / "through.png", Image(pixels, "YXS"))
    pixels[..., 3] = 255
    images.write(tmp_path / "in" / "opaque.png", Image(pixels, "YXS"))
    big = pixels[..., 0].astype(">u2")
    np.save(tmp_path / "in" / "swapped.npy", big)
    report = run(tmp_path / "in", tmp_path / "out", size=40, bits=16)
    written = {
        pair.source: images.read(pair.files(tmp_path / "out")[0]).pixels for pair in report.pairs
    }
    assert written["opaque"].shape == (40, 40, 3)
    assert written["through"].shape == (40, 40, 3)
    np.testing.assert_array_equal(written["swapped"], big)


def test_fit_crops_the_middle_or_stretches():
    counts = np.zeros((1, 60, 100), np.uint8)
    counts[:, :, 20:80] = 200
    cropped, _ = make_pair(counts, Preparation(size=30), blur.Motion(0), np.random.default_rng(0))
    assert (cropped == 200).all()
    options = Preparation(size=30, fit="stretch")
    stretched, _ = make_pair(counts, options, blur.Motion(0), np.random.default_rng(0))
    assert stretched.mean() == pytest.approx(120, abs=1)


def test_small_images_are_not_enlarged(tmp_path):
    report = run(write_fields(tmp_path / "in", 1, side=31), tmp_path / "out")
    assert report.failures[0].startswith("f0: an image must be at least 32x32 pixels")


def test_noise_is_of_the_camera_and_the_sharp_image_has_none():
    counts = np.full((1, 128, 128), 128, np.uint8)
    options = Preparation(size=128, photons=100.0)
    sharp, blurred = make_pair(counts, options, blur.Motion(4), np.random.default_rng(0))
    assert (sharp == 128).all()
    assert blurred.std() == pytest.approx(255 / 100 * np.sqrt(50.2), rel=0.05)


def test_pixel_size_grows_with_the_pixels(tmp_path):
    plane = np.zeros((96, 96), np.uint8)
    images.write(tmp_path / "in" / "a.png", Image(plane, "YX", pixel_size=(0.1, 0.1)))
    run(tmp_path / "in", tmp_path / "out")
    written = images.read(tmp_path / "out" / "blur" / "a.png")
    assert written.pixel_size == pytest.approx((0.3, 0.3), rel=1e-3)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"size": 0}, "size must be 1 or more"),
        ({"tiles": -4}, "tiles must be 1 or more"),
        ({"bits": 12}, "bits must be 8 or 16"),
        ({"repeats": 0}, "repeats must be"),
        ({"seed": -1}, "seed must be 0 or more, got -1"),
        ({"input_range": (3.0, 3.0)}, "from low to high"),
        ({"tiles": 64, "order": "blur-resize"}, "blur-resize must go"),
        ({"fit": "stretch", "order": "blur-resize"}, "blur-resize must go"),
        ({"photons": -1.0}, "photons must be above 0"),
    ],
)
def test_preparation_refuses(options, sentence):
    with pytest.raises(OptionError, match=sentence):
        Preparation(**options)


def test_manifest_goes_round(tmp_path):
    pairs = [
        Pair("a.png", "x/a", "train", "well, 1", (3, 17), {"family": "motion", "length": 4.5}, 7),
        Pair("b.tif", 'a "b"', scale=0.125, width=4, height=5, black=-1.0, white=1.4),
    ]
    manifest.record(tmp_path, pairs)
    assert manifest.recorded(tmp_path) == pairs
    manifest.write(tmp_path, pairs)
    assert manifest.read(tmp_path) == manifest.recorded(tmp_path) == pairs
    header = (tmp_path / manifest.FILE).read_text().splitlines()[0]
    assert header.startswith("name,source,split,group,labels,blur,seed,scale,width,height")


def test_manifest_of_another_program_needs_the_seven_columns(tmp_path):
    path = tmp_path / manifest.FILE
    path.write_text("name,source,split,group,labels,blur,seed\na.png,a,val,,0|5,,\n")
    assert manifest.read(tmp_path) == [Pair("a.png", "a", "val", labels=(0, 5))]
    path.write_text("name,source,split,group,labels,blur,seed\na.png,a,val,,x,,\n")
    with pytest.raises(DataError, match=r"manifest\.csv line 2: the row is damaged"):
        manifest.read(tmp_path)
    path.write_text("name,split\na.png,val\n")
    with pytest.raises(DataError, match="none named source, group, labels, blur, seed"):
        manifest.read(tmp_path)
    path.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        manifest.read(tmp_path)


def test_a_pair_s_effective_blur_leaves_its_own_alone():
    pair = Pair("a", "a", blur={"family": "gaussian", "sigma": 2.0}, scale=0.5)
    assert pair.effective() == {"family": "gaussian", "sigma": 1.0}
    assert json.dumps(pair.blur) == '{"family": "gaussian", "sigma": 2.0}'
    assert replace(pair, scale=1.0).effective() is pair.blur


COLUMNS = "name,source,split,group,labels,blur,seed"


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (['a.png,a,,,,"[1, 2]",0'], "line 2: the row is damaged .*the blur must be a JSON object"),
        (['a.png,a,,,,"""x""",0'], "line 2: the row is damaged .*the blur must be a JSON object"),
        (["a.png,a,,,,5,0"], "line 2: the row is damaged .*the blur must be a JSON object"),
        (["a.png,a", "b.png,b,,,,,0"], "line 2: the row is damaged"),
        (["b.png,b,,,,,0", "a" * 140_000 + ",a,,,,,0"], "line 3: the row is damaged .*field"),
        (["a.png,a,,,,,0", "b.png,b,,,,,0", "a.png,c,,,,,0"], r"line 4: .* got a\.png again"),
    ],
)
def test_a_manifest_s_damage_has_its_line(tmp_path, rows, sentence):
    (tmp_path / manifest.FILE).write_text("\n".join([COLUMNS, *rows]))
    with pytest.raises(DataError, match=rf"manifest\.csv {sentence}"):
        manifest.read(tmp_path)


@pytest.mark.parametrize(
    "damaged",
    [
        b"{bad}",
        b"\xff",
        b"5",
        b"[5]",
        b'[{"name": "b.png"}]',
        b'[{"labels": "", "blur": ""}]',
        b'[{"name": "b.png", "source": "b", "labels": [3], "blur": ""}]',
        b"[" * 100_000,
    ],
)
def test_a_damaged_line_of_the_journal_is_not_done(tmp_path, damaged):
    first, last = Pair("a.png", "a", labels=(1,)), Pair("c.png", "c", scale=0.1)
    manifest.record(tmp_path, [first])
    with (tmp_path / manifest.JOURNAL).open("ab") as journal:
        journal.write(damaged + b"\n")
    manifest.record(tmp_path, [last])
    assert manifest.recorded(tmp_path) == [first, last]


def test_a_folder_for_a_journal_is_a_sentence(tmp_path):
    (tmp_path / manifest.JOURNAL).mkdir()
    with pytest.raises(DataError, match="the journal cannot be read"):
        manifest.recorded(tmp_path)
    with pytest.raises(DataError, match="the journal cannot be written"):
        manifest.record(tmp_path, [])


@pytest.mark.parametrize("text", ["[]", "5", "null", "no JSON", "\udcff", "[" * 100_000])
def test_damaged_options_are_a_sentence(tmp_path, text):
    fields = write_fields(tmp_path / "in", 1)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "preparation.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(OptionError, match=r"preparation\.json: the options are damaged"):
        run(fields, tmp_path / "out")


def test_a_refused_run_leaves_nothing_behind(tmp_path):
    fields = write_fields(tmp_path / "in", 4)
    with pytest.raises(OptionError, match="test must be below the 4 images, got 100"):
        run(fields, tmp_path / "out", selection=Selection("80/20", test=100))
    assert not (tmp_path / "out").exists()


def test_a_folder_without_pairs_is_prepared_anew(tmp_path):
    fields = write_fields(tmp_path / "in", 2)
    assert not run(fields, tmp_path / "out", size=128).pairs
    assert len(run(fields, tmp_path / "out", size=32).pairs) == 2
    with pytest.raises(OptionError, match="with size 32 and not 16"):
        run(fields, tmp_path / "out", size=16)


def test_a_name_that_is_no_text_is_a_failure_of_its_image(tmp_path):
    fields = write_fields(tmp_path / "in", 2)
    try:
        (fields / "f0_red.png").rename(fields / "caf\udce9.png")
    except OSError:
        pytest.skip("this file system takes no such name")
    report = run(fields, tmp_path / "out")
    assert r"'caf\udce9': a file's name must be UTF-8 text." in report.failures
    assert [pair.name for pair in manifest.read(tmp_path / "out")] == ["f1.png"]
