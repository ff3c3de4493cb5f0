"""Results of slides: the bytes of the ordinary writers, whatever the order of the blocks."""

import filecmp
import os
import pickle
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from tests.images.slides import made
from tests.images.slides.made import (
    counts,
    restore,
    restore_whole,
    write_svs,
    write_tiff,
    write_zarr,
)
from unsmear import images
from unsmear.errors import ImageError
from unsmear.images import note, ome_zarr, slides

ROOT = Path(__file__).parents[3]
SHARDED = {"shape": (2, 80, 110), "chunk": (16, 16), "shards": (1, 32, 32)}
RESULTS = {
    "zarr": ("s.zarr", "r.zarr", write_zarr, {}),
    "shards": ("s.zarr", "r.zarr", write_zarr, SHARDED),
    "staged": ("s.zarr", "r.zarr", write_zarr, {"chunks": (2, 30, 40)}),
    "new zarr": ("s.ome.tif", "r.zarr", write_tiff, {"pixels": counts(2, 100, 530)}),
    "in place": ("s.ome.tif", "r.ome.tif", write_tiff, {}),
    "anew": ("s.ome.tif", "r.ome.tif", write_tiff, {"levels": 2, "compression": "zlib"}),
    "new tiff": ("s.svs", "r.ome.tif", write_svs, {}),
}
"""Kinds of results: the names of the slide and of the result, what writes the slide, and how."""


def same(one, other):
    return ome_zarr.same(one, other) if one.is_dir() else filecmp.cmp(one, other, shallow=False)


def check(folder, source, name="r.zarr", **options):
    """Compare a result with that of the ordinary writer; nothing else may be left."""
    (folder / "whole").mkdir()
    (folder / "blocks").mkdir()
    dtype = options.get("dtype", "u2")
    unkept = restore_whole(folder / source, folder / "whole" / name, dtype)
    assert restore(folder / source, folder / "blocks" / name, **options) == unkept
    assert [file.name for file in (folder / "blocks").iterdir()] == [name]
    assert same(folder / "whole" / name, folder / "blocks" / name)
    assert note.commands(folder / "blocks" / name) == {"restore"}


@pytest.mark.parametrize("dtype", ["u2", "f4"])
@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize(
    ("axes", "shape"), [("CYX", (2, 150, 200)), ("TCZYX", (2, 2, 2, 97, 131)), ("YX", (97, 131))]
)
def test_zarr(tmp_path, version, axes, shape, dtype):
    write_zarr(tmp_path / "s.zarr", version, axes, shape)
    check(tmp_path, "s.zarr", dtype=dtype)


@pytest.mark.parametrize("chunks", [(2, 30, 40), (1, 100, 100), (2, 150, 200)])
def test_zarr_whose_chunks_are_no_blocks(tmp_path, chunks):
    write_zarr(tmp_path / "s.zarr", chunks=chunks)
    check(tmp_path, "s.zarr")


def test_zarr_with_shards(tmp_path):
    write_zarr(tmp_path / "s.zarr", **SHARDED)
    check(tmp_path, "s.zarr", dtype="f4")


def test_zarr_whose_levels_have_fewer_slices(tmp_path):
    write_zarr(tmp_path / "s.zarr", axes="CZYX", shape=(2, 5, 97, 131))
    group = zarr.open_group(str(tmp_path / "s.zarr"), mode="r+")
    group.create_array("1", shape=(2, 3, 48, 66), dtype="u2", overwrite=True)[...] = 1
    check(tmp_path, "s.zarr")


@pytest.mark.parametrize("dtype", ["u2", "f4"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"levels": 2},
        {"compression": "zlib", "predictor": True, "levels": 1},
        {"compression": "zstd"},
        {"compression": "lzw", "predictor": True},
        {"tile": None},
        {"tile": None, "compression": "lzw", "rowsperstrip": 16},
    ],
)
def test_tiff(tmp_path, options, dtype):
    write_tiff(tmp_path / "s.ome.tif", **options)
    check(tmp_path, "s.ome.tif", "r.ome.tif", dtype=dtype)


@pytest.mark.parametrize(
    ("planar", "compression"), [("contig", "zlib"), ("separate", None), ("separate", "zlib")]
)
def test_tiff_of_colours(tmp_path, planar, compression):
    pixels = counts(150, 200, 3) if planar == "contig" else counts(3, 150, 200)
    tifffile.imwrite(
        tmp_path / "s.tif", pixels, photometric="rgb", planarconfig=planar, tile=(32, 48),
        compression=compression, resolution=(4e4, 4e4), resolutionunit="CENTIMETER",
        extratags=[(65001, 3, 1, 7, True)],
    )  # fmt: skip
    check(tmp_path, "s.tif", "r.tif")


def test_colours_that_lie_together_are_laid_out_anew(tmp_path):
    pixels = counts(150, 200, 3)
    tifffile.imwrite(tmp_path / "s.tif", pixels, photometric="rgb", tile=(32, 48),
                     extratags=[(65001, 3, 1, 7, True)])  # fmt: skip
    restore(tmp_path / "s.tif", tmp_path / "r.tif")
    with tifffile.TiffFile(tmp_path / "r.tif") as file:
        np.testing.assert_array_equal(file.asarray(), made.restored(pixels, "u2"))
        assert file.pages[0].tags[65001].value == 7


def test_hyperstack_of_imagej(tmp_path):
    tifffile.imwrite(tmp_path / "s.tif", counts(2, 3, 150, 200), imagej=True,
                     metadata={"axes": "TCYX", "Info": "mine"})  # fmt: skip
    check(tmp_path, "s.tif", "r.tif")


def test_tiff_whose_equal_tiles_are_stored_once(tmp_path):
    write_tiff(tmp_path / "s.ome.tif", np.zeros((2, 160, 192), "u2"))
    with tifffile.TiffFile(tmp_path / "s.ome.tif", mode="r+b") as file:
        tag = file.pages[0].tags["TileOffsets"]
        tag.overwrite([tag.value[0]] * len(tag.value))
    check(tmp_path, "s.ome.tif", "r.ome.tif")


def test_tiff_becomes_a_zarr(tmp_path):
    write_tiff(tmp_path / "s.ome.tif", counts(2, 1100, 700), tile=(256, 256))
    check(tmp_path, "s.ome.tif", block=(1024, 1024))


def test_zarr_becomes_a_tiff(tmp_path):
    write_zarr(tmp_path / "s.zarr")
    unkept = restore(tmp_path / "s.zarr", tmp_path / "r.ome.tif")
    assert unkept == restore_whole(tmp_path / "s.zarr", tmp_path / "w.ome.tif")
    again, whole = (images.read(tmp_path / f"{name}.ome.tif") for name in "rw")
    np.testing.assert_array_equal(again.pixels, whole.pixels)
    assert (again.axes, again.pixel_size) == (whole.axes, whole.pixel_size)
    assert note.commands(tmp_path / "r.ome.tif") == {"restore"}
    with tifffile.TiffFile(tmp_path / "r.ome.tif") as file:
        assert file.pages[0].is_tiled


def test_pyramid_of_a_scanner_becomes_an_ome_tiff(tmp_path):
    write_svs(tmp_path / "s.svs")
    unkept = restore(tmp_path / "s.svs", tmp_path / "r.ome.tif", "u1")
    assert unkept == restore_whole(tmp_path / "s.svs", tmp_path / "w.ome.tif", "u1")
    with (
        tifffile.TiffFile(tmp_path / "r.ome.tif") as again,
        tifffile.TiffFile(tmp_path / "w.ome.tif") as whole,
    ):
        assert again.ome_metadata.count(" SizeX=") == 1
        levels = [one.series[0].levels for one in (again, whole)]
        assert len(levels[0]) == len(levels[1]) > 1
        for one, other in zip(*levels, strict=True):
            np.testing.assert_array_equal(one.asarray(), other.asarray())


def test_wide_strips_become_tiles(tmp_path):
    pixels = counts(40, 4200, dtype="u2")
    tifffile.imwrite(tmp_path / "s.tif", pixels, rowsperstrip=8)
    restore(tmp_path / "s.tif", tmp_path / "r.tif", "f4", block=(32, 2048))
    with tifffile.TiffFile(tmp_path / "r.tif") as file:
        assert file.pages[0].is_tiled
        np.testing.assert_array_equal(file.asarray(), made.restored(pixels, "f4"))


@pytest.mark.parametrize("kind", RESULTS)
def test_the_order_of_blocks_changes_nothing(tmp_path, kind):
    source, result, write, options = RESULTS[kind]
    write(tmp_path / source, **options)
    for seed in (1, 2):
        restore(tmp_path / source, tmp_path / str(seed) / result, seed=seed)
    assert same(tmp_path / "1" / result, tmp_path / "2" / result)


def begun(tmp_path, kind, stop):
    """Write some of a slide's blocks; return the slide, its blocks and where the result goes."""
    source, result, write, options = RESULTS[kind]
    source, path = tmp_path / source, tmp_path / "out" / result
    write(source, **options)
    slide = slides.open(source)
    sink = slides.Sink.create(path, slide, np.dtype("u2"), made.BLOCK, "half")
    blocks = made.blocks_of(slide)
    for place in blocks[:stop]:
        sink.write(*place, made.restored(slide.read(*place), "u2"))
        sink.mark(*place, {"row": place[2].start})
    return slide, blocks, path


@pytest.mark.parametrize("kind", RESULTS)
def test_a_run_that_was_stopped_goes_on(tmp_path, kind):
    slide, blocks, path = begun(tmp_path, kind, 5)
    assert not path.exists()
    sink = slides.Sink.create(path, slide, np.dtype("u2"), made.BLOCK, "half")
    assert [sink.is_done(*place) for place in blocks] == [n < 5 for n in range(len(blocks))]
    assert [facts["row"] for facts in sink.facts()] == [place[2].start for place in blocks[:5]]
    restore(slide.path, path)
    restore(slide.path, tmp_path / "whole" / path.name)
    assert same(path, tmp_path / "whole" / path.name)


@pytest.mark.parametrize("change", ["dtype", "block", "key", "source"])
def test_what_is_of_another_run_is_begun_anew(tmp_path, change):
    slide, blocks, path = begun(tmp_path, "zarr", 5)
    if change == "source":
        os.utime(slide.path / "0/c/0/0/0", (1, 2))
        shutil.copy(slide.path / "0/c/0/0/0", slide.path / "0/c/0/9")
    dtype = np.dtype("f4" if change == "dtype" else "u2")
    block = (96, 96) if change == "block" else made.BLOCK
    key = "other" if change == "key" else "half"
    sink = slides.Sink.create(path, slide, dtype, block, key)
    assert not any(sink.is_done(*place) for place in blocks)
    assert not list(sink.facts())


def test_a_run_that_was_stopped_when_all_was_done(tmp_path, monkeypatch):
    slide, blocks, path = begun(tmp_path, "zarr", 0)
    with monkeypatch.context() as stopped:
        stopped.setattr(slides.Sink, "discard", lambda _: None)
        restore(slide.path, path)
    restore(slide.path, tmp_path / "whole.zarr")
    sink = slides.Sink.create(path, slide, np.dtype("u2"), made.BLOCK, "half")
    assert all(sink.is_done(*place) for place in blocks)
    assert sink.finish(made.DONE) == ()
    assert same(path, tmp_path / "whole.zarr")
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_folder_without_its_plan_is_begun_anew(tmp_path):
    slide, blocks, path = begun(tmp_path, "zarr", 5)
    (path.with_name(f".{path.name}.part-of-slide") / "plan.json").unlink()
    sink = slides.Sink.create(path, slide, np.dtype("u2"), made.BLOCK, "half")
    assert not any(sink.is_done(*place) for place in blocks)


def test_a_line_that_was_cut_off_counts_for_nothing(tmp_path):
    slide, blocks, path = begun(tmp_path, "zarr", 5)
    journal = path.with_name(f".{path.name}.part-of-slide") / "blocks.jsonl"
    journal.write_bytes(journal.read_bytes()[:-3])
    sink = slides.Sink.create(path, slide, np.dtype("u2"), made.BLOCK, "half")
    assert [sink.is_done(*place) for place in blocks[:5]] == [True] * 4 + [False]


def test_a_sink_that_was_sent_to_another_process(tmp_path):
    slide, blocks, path = begun(tmp_path, "zarr", 2)
    sink = slides.Sink.create(path, slide, np.dtype("u2"), made.BLOCK, "half")
    sent = pickle.loads(pickle.dumps(sink))
    assert len(pickle.dumps(sink)) < 1000  # neither pixels nor the journal
    for place in blocks[2:]:
        sent.write(*place, made.restored(slide.read(*place), "u2"))
        sink.mark(*place, {})
    sink.finish(made.DONE)
    restore_whole(slide.path, tmp_path / "w.zarr")
    assert same(path, tmp_path / "w.zarr")


@pytest.mark.slow
@pytest.mark.parametrize("kind", RESULTS)
def test_a_run_that_was_killed_ends_as_one_that_was_not(tmp_path, kind):
    source, result, write, options = RESULTS[kind]
    write(tmp_path / source, **options)
    whole, killed = (tmp_path / folder / result for folder in ("whole", "killed"))
    command = [sys.executable, made.__file__, tmp_path / source, killed]
    calls = made.count_calls(tmp_path / source, whole)
    generator = np.random.default_rng(7)
    for call in sorted(generator.integers(1, calls, int(os.environ.get("KILLS", "1")))):
        stopped = subprocess.run([*map(str, command), str(call)], capture_output=True, text=True)
        assert stopped.returncode in (-signal.SIGKILL, 0), stopped.stderr
        restore(tmp_path / source, killed)
        assert same(whole, killed)
        assert len(list(killed.parent.iterdir())) == 1


MEASURE = """
import resource, sys, zarr
from tests.images.slides import made

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

before = peak()
made.restore(sys.argv[1], sys.argv[2], block=(512, 512))
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["s.zarr", "s.ome.tif"])
def test_memory_is_less_than_the_image(tmp_path, name):
    if name == "s.zarr":
        write_zarr(tmp_path / name, shape=(4, 4096, 4096), chunk=(512, 512))
    else:
        pixels = np.tile(counts(4, 8, 4096), (1, 512, 1))  # quickly compressed
        write_tiff(tmp_path / name, pixels, levels=2, tile=(512, 512), compression="zlib")
    command = [sys.executable, "-c", MEASURE, str(tmp_path / name), str(tmp_path / f"r{name}")]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert ended.returncode == 0, ended.stderr
    assert float(ended.stdout) < 120  # MiB; the image has 128


def test_discarding_leaves_nothing(tmp_path):
    slide, _, path = begun(tmp_path, "zarr", 2)
    slides.Sink.create(path, slide, np.dtype("u2"), made.BLOCK, "half").discard()
    assert not list(path.parent.iterdir())


def test_a_result_takes_the_place_of_an_older_one(tmp_path):
    for kind in ("zarr", "in place"):
        source, result, write, options = RESULTS[kind]
        write(tmp_path / source, **options)
        for _ in range(2):
            restore(tmp_path / source, tmp_path / "out" / result)
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"r.zarr", "r.ome.tif"}


def test_a_folder_of_other_files_is_not_replaced(tmp_path):
    write_zarr(tmp_path / "s.zarr")
    (tmp_path / "mine.zarr").mkdir()
    (tmp_path / "mine.zarr/thesis.txt").write_text("all of it")
    with pytest.raises(ImageError, match=r"^mine\.zarr: a Zarr must replace no other folder"):
        restore(tmp_path / "s.zarr", tmp_path / "mine.zarr")


@pytest.mark.parametrize("name", ["r.png", "r.npy"])
def test_files_that_are_not_written_in_blocks(tmp_path, name):
    write_zarr(tmp_path / "s.zarr")
    with pytest.raises(ImageError, match=rf"^{name}: .* must be written as \.zarr, \.tif"):
        restore(tmp_path / "s.zarr", tmp_path / name)


def test_opacity_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "s.tif", counts(150, 200, 4), photometric="rgb", tile=(32, 48),
                     extrasamples=["unassalpha"])  # fmt: skip
    with pytest.raises(ImageError, match=r"^s\.tif: .* no opacity"):
        restore(tmp_path / "s.tif", tmp_path / "r.tif")


def test_a_block_that_does_not_read_back(tmp_path, monkeypatch):
    slide, blocks, path = begun(tmp_path, "zarr", 0)
    sink = slides.Sink.create(path, slide, np.dtype("u2"), made.BLOCK, "half")
    monkeypatch.setattr(type(sink._planes), "write", lambda *_: None)
    with pytest.raises(ImageError, match=r"^r\.zarr: a block must read back"):
        sink.write(*blocks[0], made.restored(slide.read(*blocks[0]), "u2"))


def test_a_full_disk(tmp_path, monkeypatch):
    slide, blocks, path = begun(tmp_path, "zarr", 0)
    sink = slides.Sink.create(path, slide, np.dtype("u2"), made.BLOCK, "half")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(sink._planes), "write", full)
    with pytest.raises(ImageError, match=r"^r\.zarr: .*cannot be written \(No space left"):
        sink.write(*blocks[0], made.restored(slide.read(*blocks[0]), "u2"))


@pytest.mark.parametrize("rows", [slice(0, 32), slice(10, 74)])
def test_what_is_no_block(tmp_path, rows):
    slide, _, path = begun(tmp_path, "zarr", 0)
    sink = slides.Sink.create(path, slide, np.dtype("u2"), made.BLOCK, "half")
    size = rows.stop - rows.start
    with pytest.raises(ValueError, match="a block must be"):
        sink.write(0, 0, rows, slice(0, 96), np.zeros((size, 96), "u2"))


def test_a_result_that_another_process_makes_is_left_to_it(tmp_path):
    images.write(tmp_path / "in.ome.zarr", images.Image(np.zeros((64, 64), np.uint8), "YX"))
    path = tmp_path / "out.ome.zarr"
    code = (
        "import sys, time\nfrom pathlib import Path\nimport numpy as np\n"
        "from unsmear.images import slides\n"
        "slide = slides.open(Path('in.ome.zarr'))\n"
        "slides.Sink.create(Path('out.ome.zarr'), slide, np.uint8, (64, 64))\n"
        "print('begun', flush=True)\ntime.sleep(60)\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "begun\n"
    slide = slides.open(tmp_path / "in.ome.zarr")
    with pytest.raises(ImageError, match=r"out.ome.zarr: the result is being made by another"):
        slides.Sink.create(path, slide, np.dtype("uint8"), (64, 64))
    other.kill()
    other.wait()
    slides.Sink.create(path, slide, np.dtype("uint8"), (64, 64)).discard()
