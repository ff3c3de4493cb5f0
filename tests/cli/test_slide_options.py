"""Options of `unsmear restore` for slides: what whole images have, block by block."""

import shutil
import tempfile
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from tests.cli.small_slides import write_slide
from tests.found import find_everywhere
from unsmear import images, remote
from unsmear.cli.jobs import no_data
from unsmear.errors import ImageError
from unsmear.estimate import Estimate
from unsmear.images import slides
from unsmear.report.restoration import page
from unsmear.restoration.consistency import INPUT, LEFT
from unsmear.restoration.slide import run
from unsmear.restoration.slide.missing import Missing

KERNEL = ("--method", "wiener", "--length", 6, "--angle", 30)
pytestmark = pytest.mark.usefixtures("slides_are_small")


@pytest.fixture
def contents_of_pages(monkeypatch):
    """Return what pages were written of, and write them as a line of text."""
    written = []

    def write(path, content):
        written.append(content)
        path.parent.mkdir(exist_ok=True)
        path.write_text("a page")

    monkeypatch.setattr(page, "write", write)
    return written


def test_a_report_shows_a_slide(tmp_path, unsmear, contents_of_pages):
    recorded = write_slide(tmp_path / "x.ome.zarr")
    given = ("restore", tmp_path / "x.ome.zarr", *KERNEL)
    finished = unsmear(*given, "-o", tmp_path / "out", "--report", tmp_path / "pages")
    assert (finished.code, finished.err) == (0, "")
    assert (tmp_path / "pages/x.ome.html").is_file()
    assert unsmear(*given, "-o", tmp_path / "plain").code == 0
    restored = images.read(tmp_path / "out/x.ome.zarr").pixels
    assert np.array_equal(restored, images.read(tmp_path / "plain/x.ome.zarr").pixels)
    (shown,) = contents_of_pages
    assert (shown.scale, shown.sides, shown.method) == (32, (256, 256), "wiener")
    assert "linear motion of 6.00 px at 30.0 degrees" in shown.movement
    ((_, before, after, change),) = shown.intensities()
    assert (before, after) == pytest.approx((recorded.mean(), restored.mean()))
    assert abs(change) < 1e-2
    rows, columns = (slice(32 * span.start, 32 * span.stop) for span in shown.detail.part)
    assert np.array_equal(shown.detail.blurred, recorded[:, rows, columns])
    assert np.array_equal(shown.detail.restored, restored[:, rows, columns])
    (measured,) = shown.resolutions
    assert measured.recorded.along == pytest.approx(6, rel=0.15)
    assert measured.restored.along < 0.8 * measured.recorded.along


def test_a_report_shows_where_a_slide_was_not_trusted(tmp_path, unsmear, contents_of_pages):
    def add_a_sharp_square(pixels):
        pixels[:, 100:108, 60:68] = 40000

    write_slide(tmp_path / "x.ome.zarr", change=add_a_sharp_square)
    given = ("restore", tmp_path / "x.ome.zarr", "--length", 6, "--angle", 30, "-o")
    finished = unsmear(*given, tmp_path / "out", "--report", tmp_path / "pages")
    assert (finished.code, finished.err) == (0, "")
    (shown,) = contents_of_pages
    assert shown.verdicts[0, 0, 3, 1] == INPUT or shown.misfit[0, 0, 3, 1] > 3
    wrong = ("restore", tmp_path / "x.ome.zarr", "--length", 24, "--angle", 130, "-o")
    finished = unsmear(*wrong, tmp_path / "left", "--report", tmp_path / "others")
    assert "left unchanged" in finished.out
    assert (contents_of_pages[1].verdicts == LEFT).all()
    assert contents_of_pages[1].method == ""


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["html", "png"])
def test_the_page_of_a_slide_is_drawn(ending, tmp_path, unsmear):
    pytest.importorskip("matplotlib")
    write_slide(tmp_path / "x.ome.zarr")
    finished = unsmear("restore", tmp_path / "x.ome.zarr", *KERNEL, "-o", tmp_path / "out",
                       "--report", tmp_path / f"page.{ending}")  # fmt: skip
    assert (finished.code, finished.err) == (0, "")
    if ending == "png":
        assert images.read(tmp_path / "page.png").pixels.shape[1] > 1000
    else:
        text = (tmp_path / "page.html").read_text()
        assert "Consistency check" in text
        assert "Total intensity" in text


NETWORK = ("--method", "deep-wiener-fast", "--length", 6, "--angle", 30, "--uncertainty")


def test_the_uncertainty_of_a_slide_is_that_of_the_image(tmp_path, unsmear, monkeypatch):
    write_slide(tmp_path / "x.ome.zarr", side=320)
    given = ("restore", tmp_path / "x.ome.zarr", *NETWORK, "-o")
    for name, side in (("blocks", 128), ("few", 256)):
        monkeypatch.setattr(run, "SIDES", (side,))
        finished = unsmear(*given, tmp_path / name)
        assert (finished.code, finished.err) == (0, "")
    monkeypatch.setattr(slides.slide, "LARGE", 10**9)
    assert unsmear(*given, tmp_path / "whole").code == 0
    bands = {
        name: images.read(tmp_path / name / "x.ome.zarr.error.tif")
        for name in ("blocks", "few", "whole")
    }
    assert bands["blocks"].pixel_size == pytest.approx(bands["whole"].pixel_size)
    blocks, few, whole = (band.planes()[0, 0] for band in bands.values())
    assert blocks.dtype == np.float32
    assert np.array_equal(blocks, few)
    # The windows are not the whole image.
    assert np.median(np.abs(blocks - whole) / whole) < 0.02
    assert not list((tmp_path / "blocks").glob(".*"))


def test_the_uncertainty_of_a_stopped_slide_is_the_same(tmp_path, unsmear, monkeypatch):
    write_slide(tmp_path / "x.ome.zarr")
    given = ("restore", tmp_path / "x.ome.zarr", *NETWORK, "-o")
    assert unsmear(*given, tmp_path / "whole").code == 0
    mark, write, made = slides.Sink.mark, run.band.write, []

    def stopped(sink, *block):
        mark(sink, *block)
        raise KeyboardInterrupt

    def counted(*block):
        made.append(block)
        write(*block)

    monkeypatch.setattr(run.band, "write", counted)
    with monkeypatch.context() as patch:
        patch.setattr(slides.Sink, "mark", stopped)
        assert unsmear(*given, tmp_path / "out").code != 0
    assert unsmear(*given, tmp_path / "out").code == 0
    assert len(made) == 4
    for name in ("x.ome.zarr.error.tif", "x.ome.zarr/0/c/0/0/0"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Return a folder that stands for an object store; "x.tif" in `fails` is not sent."""
    there, fails = tmp_path / "store", set()
    there.mkdir()

    def place(location):
        return there / location.name

    def send(file, location):
        if location.name in fails:
            raise ImageError(f"{location}: 503 Service Unavailable")
        shutil.copy(file, place(location))

    monkeypatch.setattr(remote, "send", send)
    monkeypatch.setattr(remote, "exists", lambda location: place(location).exists())
    monkeypatch.setattr(remote, "remove", lambda location: place(location).unlink(missing_ok=True))
    monkeypatch.setattr(images.ome_zarr.remote, "is_there", lambda _: False)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return SimpleNamespace(folder=there, fails=fails)


@pytest.mark.parametrize("option", ["--overwrite", "--resume"])
def test_the_uncertainty_that_was_sent_before_its_slide_stays(option, store, tmp_path, unsmear):
    write_slide(tmp_path / "x.ome.zarr")
    pixels = images.read(tmp_path / "x.ome.zarr").pixels[0]
    tifffile.imwrite(tmp_path / "x.tif", pixels, tile=(64, 64))
    given = ("restore", tmp_path / "x.tif", *NETWORK, "-o", "s3://bucket/out")
    store.fails.add("x.tif")
    assert "503 Service Unavailable" in unsmear(*given).err
    sent = (store.folder / "x.tif.error.tif").read_bytes()
    store.fails.clear()
    finished = unsmear(*given, option)
    assert (finished.code, finished.err) == (0, "")
    assert {path.name for path in store.folder.iterdir()} == {"x.tif", "x.tif.error.tif"}
    assert (store.folder / "x.tif.error.tif").read_bytes() == sent
    (store.folder / "x.tif").unlink()
    assert "must have no other file of this name" in unsmear(*given, "--resume").err


def test_the_uncertainty_of_what_was_not_restored_is_unknown(tmp_path, unsmear):
    def add_no_data(pixels):
        pixels[:, :128, :128] = 0
        pixels[:, 128:160, :64] = 0

    write_slide(tmp_path / "x.ome.zarr", change=add_no_data)
    given = ("restore", tmp_path / "x.ome.zarr", *NETWORK, "--no-data", 0, "-o", tmp_path / "out")
    finished = unsmear(*given)
    assert (finished.code, finished.err) == (0, "")
    band = images.read(tmp_path / "out/x.ome.zarr.error.tif").planes()[0, 0]
    empty = images.read(tmp_path / "x.ome.zarr").planes()[0, 0] == 0
    assert np.array_equal(np.isnan(band), empty)
    wrong = ("--length", 24, "--angle", 130, "--overwrite")
    finished = unsmear(*given[:2], *NETWORK[:2], "--uncertainty", *wrong, "-o", tmp_path / "out")
    assert "left unchanged, uncertainty unknown" in finished.out
    assert not (tmp_path / "out/x.ome.zarr.error.tif").exists()


@pytest.mark.parametrize("kind", ["slide", "image"])
def test_a_mask_says_where_a_slide_has_no_data(kind, tmp_path, unsmear, monkeypatch):
    mask = np.zeros((256, 256), np.uint8)
    mask[90:200, 30:100] = 1
    mask[:, 140:150] = 7

    def fill(pixels):
        pixels[0, mask > 0] = np.random.default_rng(1).integers(0, 60000, int((mask > 0).sum()))

    recorded = write_slide(tmp_path / "x.ome.zarr", change=fill)
    tifffile.imwrite(tmp_path / "mask.tif", mask, tile=(64, 64), compression="zlib")
    given = ("restore", tmp_path / "x.ome.zarr", *KERNEL, "--no-data", tmp_path / "mask.tif", "-o")
    with monkeypatch.context() as patch:
        if kind == "image":  # the mask of a smaller slide is in memory
            patch.setattr(no_data, "slides", SimpleNamespace(header=lambda _: None))
        else:
            patch.setattr(no_data, "images", None)
        finished = unsmear(*given, tmp_path / "out")
    assert (finished.code, finished.err) == (0, "")
    share = f"{(mask > 0).mean():.0%} without data left as it was"
    assert share in finished.out
    monkeypatch.setattr(slides.slide, "LARGE", 10**9)  # nothing is a slide any more
    assert unsmear(*given, tmp_path / "whole").code == 0
    in_blocks, whole = (
        images.read(tmp_path / name / "x.ome.zarr").pixels for name in ("out", "whole")
    )
    assert np.array_equal(in_blocks[0, mask > 0], recorded[0, mask > 0])
    difference = in_blocks.astype(float) - whole
    # The windows are not the whole image.
    assert np.abs(difference).mean() < 0.02 * whole[0, mask == 0].std()
    assert np.abs(in_blocks.astype(float) - recorded).mean() > 0.1 * whole[0, mask == 0].std()


@pytest.mark.parametrize("tile", [(64, 64), None])
def test_a_large_mask_serves_an_image_that_is_read_whole(tile, tmp_path, unsmear, monkeypatch):
    monkeypatch.setattr(slides.slide, "LONGEST", 128)  # a strip of the mask is longer
    recorded = write_slide(tmp_path / "x.ome.zarr")[0]
    mask = np.zeros((256, 256), np.uint8)
    mask[90:200, 30:100] = 1
    storage = {"tile": tile} if tile else {"rowsperstrip": 256}
    tifffile.imwrite(tmp_path / "mask.tif", mask, compression="zlib", **storage)
    images.write(tmp_path / "x.png", images.Image(recorded, "YX"))
    options = ("--no-data", tmp_path / "mask.tif")
    finished = unsmear("restore", tmp_path / "x.png", *KERNEL, *options, "-o", tmp_path / "out")
    assert (finished.code, finished.err) == (0, "")
    result = images.read(tmp_path / "out/x.png").pixels
    assert np.array_equal(result[mask > 0], recorded[mask > 0])
    assert not np.array_equal(result, recorded)
    find_everywhere(monkeypatch, Estimate(6.0, 30.0, 0.9, kind="straight"))
    assert unsmear("estimate", tmp_path / "x.png", *options).code == 0


def test_a_mask_of_another_size_is_refused(tmp_path, unsmear):
    write_slide(tmp_path / "x.ome.zarr")
    write_slide(tmp_path / "small.ome.zarr", side=128)
    tifffile.imwrite(tmp_path / "mask.tif", np.zeros((240, 256), np.uint8), tile=(64, 64))
    for name in ("x", "small"):
        given = ("restore", tmp_path / f"{name}.ome.zarr", *KERNEL, "--no-data")
        refused = unsmear(*given, tmp_path / "mask.tif", "-o", tmp_path / "out")
        assert refused.code == 1
        assert "must be a mask of" in refused.err
        assert "got 240x256" in refused.err


def test_a_mask_belongs_to_what_a_stopped_run_is_known_by(tmp_path):
    key = {"mask": [], "value": Missing(0.0).key()}
    for value in (0, 1):
        mask = np.zeros((8, 8), bool)
        mask[0, value] = True
        key["mask"].append(Missing(mask).key())
        tifffile.imwrite(tmp_path / f"{value}.tif", mask.astype("u1"), tile=(16, 16))
        key["mask"].append(Missing(slides.open(tmp_path / f"{value}.tif")).key())
    assert len({*key["mask"], key["value"]}) == 5
