"""The page restores as `unsmear restore` does, and keeps its record; it holds no algorithm."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from unsmear import Image, Motion, images
from unsmear.batches import layout

pytest.importorskip("starlette", reason="the page needs the extra `open`")

from unsmear.cli.jobs.open import Work, default_output, with_results
from unsmear.cli.options.parameters import BatchOptions
from unsmear.estimate.processed import COMPRESSED, DECONVOLVED


def cells(side=96, motion=None, seed=1):
    from scipy.ndimage import gaussian_filter

    import unsmear

    generator = np.random.default_rng(seed)
    spots = np.zeros((side, side), np.float32)
    spots[*generator.integers(0, side, (2, side * side // 300))] = 1
    plane = 6e3 * gaussian_filter(spots, 1.5) + 3e3 * gaussian_filter(spots, 5)
    plane = plane if motion is None else unsmear.convolve(plane, motion.kernel())
    return Image(generator.poisson(np.clip(plane, 0, None) + 100).astype(np.uint16), "YX")


class Page:
    """The page's part in a batch: it asks the work as `local_page.jobs` does."""

    def __init__(self, folder, output, recorded=True):
        from unsmear.cli.jobs import inputs

        self.survey = inputs.find_inputs(BatchOptions([str(folder)]), output)
        self.inputs, self.output, self.recorded = (str(folder),), output, recorded
        self.work, self.news = Work(), []
        self.pictures = output.parent / "pictures"

    def tell(self, what, done=0, total=0):
        self.news.append((what, done, total))

    def restore(self, *ids, **wanted):
        from unsmear.local_page.work import Batch, Wanted

        chosen = ids or tuple(item.id for item in self.survey.items)
        asked = Batch(
            Wanted(**wanted), self.inputs, self.survey, chosen, self.output, self.recorded
        )
        found = {}
        self.work.begin(self.tell, asked)
        for item in asked.items:
            folder = self.pictures / item.id
            self.work.see(self.tell, item, folder)
            found[item.id] = self.work.restore(self.tell, item, folder)
        self.work.end(self.tell, asked)
        return found


@pytest.fixture
def folder(tmp_path):
    images.write(tmp_path / "cells" / "moved.tif", cells(motion=Motion(8, 30)))
    images.write(tmp_path / "cells" / "black.tif", Image(np.zeros((40, 40), np.uint8), "YX"))
    (tmp_path / "cells" / "bad.tif").write_bytes(b"II*\0")
    return tmp_path / "cells"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Give the motion, whose estimate takes seconds and is tested elsewhere."""
    from unsmear.estimate import Estimate, exposures

    def found(image, gaps, *_, **__):
        planes = np.argwhere(np.ones(image.planes().shape[:2], bool))
        moved = image.planes().max() > 0
        estimate = Estimate(8.0, 30.0, 0.95) if moved else Estimate(0.0, confidence=0.9)
        return [exposures.Exposure(planes, estimate)]

    monkeypatch.setattr(exposures, "find_in", found)


def test_results_and_record_are_those_of_restore(folder, tmp_path, unsmear):
    assert unsmear("restore", folder, "-o", tmp_path / "by-command").code == 1
    page = Page(folder, tmp_path / "by-page")
    with pytest.raises(Exception, match=r"bad\.tif"):
        page.work.see(page.tell, page.survey.items[0], tmp_path / "none")
    found = page.restore("moved", "black")
    assert (found["moved"].action, found["black"].action) == ("restored", "left unchanged")
    assert found["moved"].sentence.startswith("Linear motion of 8.0 px at 30 degrees")
    assert "by-page" not in found["moved"].sentence
    for name in ("moved.tif", "black.tif"):
        by_command = (tmp_path / "by-command" / name).read_bytes()
        assert (tmp_path / "by-page" / name).read_bytes() == by_command
    status = json.loads(unsmear("status", tmp_path / "by-page", "--json").out)
    assert (status["state"], status["files_done"]) == ("ended", 2)
    assert status["counts"] == {"restored": 1, "left unchanged": 1}
    assert layout.page(tmp_path / "by-page").exists()
    resumed = unsmear("restore", folder, "-o", tmp_path / "by-page", "--resume")
    assert "2 already there" in resumed.out


def test_images_that_have_a_result_are_known_when_the_folder_is_opened_again(folder, tmp_path):
    page, out = Page(folder, tmp_path / "out"), tmp_path / "out"
    assert with_results(page.survey, out) == frozenset()
    page.restore("moved", "black")
    assert with_results(page.survey, out) == {"moved", "black"}
    (out / "black.tif").unlink()
    assert with_results(page.survey, out) == {"moved"}
    images.write(folder / "moved.tif", cells(48))
    assert with_results(page.survey, out) == frozenset()


def test_axes_that_were_given_on_the_page_are_on_record(tmp_path):
    from unsmear.batches import record
    from unsmear.local_page.work import Batch, Wanted

    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        np.save(tmp_path / "in" / f"{name}.npy", np.stack([cells(48).pixels] * 2))
    page, out = Page(tmp_path / "in", tmp_path / "out"), tmp_path / "out"
    assert page.work.see(page.tell, page.survey.items[0], tmp_path / "none").unnamed
    survey = replace(page.survey, items=[item.with_axes("ZYX") for item in page.survey.items])
    asked = Batch(Wanted(8.0, 30.0), page.inputs, survey, ("a",), out, True, axes="ZYX")
    page.work.begin(page.tell, asked)
    page.work.see(page.tell, asked.items[0], tmp_path / "a")
    assert page.work.restore(page.tell, asked.items[0], tmp_path / "a").action == "restored"
    page.work.end(page.tell, asked)
    assert record.read(out).sessions[0].options["axes"] == "ZYX"


def test_what_is_left_for_the_page(folder, tmp_path):
    page = Page(folder, tmp_path / "out")
    done = page.restore("moved", "black")["moved"]
    pictures = {path.name for path in (page.pictures / "moved").iterdir()}
    assert {"view.json", "report.html", "thumbnail.png", "restored.png", "misfit.png"} <= pictures
    assert not (page.pictures / "black" / "restored.png").exists()
    assert done.outputs == (tmp_path / "out" / "moved.tif",)
    assert any(what == "restoring" and 0 < parts == total for what, parts, total in page.news)
    marks = json.loads((page.pictures / "moved" / "view.json").read_text())["movements"]["lines"]
    assert [line["words"] for line in marks] == ["8.0 px at 30 degrees"]


def test_a_given_motion_is_taken_out(folder, tmp_path, unsmear):
    unsmear("restore", folder, "-o", tmp_path / "a", "--length", "7.5", "--angle", "31")
    done = Page(folder, tmp_path / "b").restore("moved", length=7.5, angle=31.0)["moved"]
    assert done.sentence.startswith("Linear motion of 7.50 px at 31.0 degrees (given)")
    assert (tmp_path / "a" / "moved.tif").read_bytes() == (
        tmp_path / "b" / "moved.tif"
    ).read_bytes()


def test_options_reach_the_restoration(folder, tmp_path):
    page = Page(folder, tmp_path / "out")
    done = page.restore("moved", uncertainty=True, floats=True)["moved"]
    assert images.read(tmp_path / "out" / "moved.tif").pixels.dtype == np.float32
    band = tmp_path / "out" / "moved.tif.error.tif"
    assert (done.outputs, done.beside) == ((tmp_path / "out" / "moved.tif",), (band,))
    assert band.exists()


def test_an_uncertainty_goes_with_the_result_that_it_was_of(folder, tmp_path):
    images.write(folder / "bad.tif.error.tif", cells(48))  # an image of this name
    page, out = Page(folder, tmp_path / "out"), tmp_path / "out"
    page.restore("bad.tif.error", length=5.0, angle=30.0)
    images.write(folder / "bad.tif", cells(48))
    for ticked in (True, False):
        page.restore("moved", uncertainty=ticked, length=8.0, angle=30.0)
        assert (out / "moved.tif.error.tif").exists() == ticked
    images.write(out / "moved.tif.error.tif", cells(48))
    page.restore("moved", "bad", length=7.0, angle=30.0)
    assert (out / "moved.tif.error.tif").exists()  # which is none of ours
    assert (out / "bad.tif.error.tif").exists()


def test_a_file_of_another_origin_is_not_replaced(folder, tmp_path):
    images.write(tmp_path / "out" / "moved.tif", cells())
    done = Page(folder, tmp_path / "out").restore("moved")["moved"]
    assert done.action == "failed"
    assert "must have no other file of this name" in done.sentence


def test_what_is_dropped_leaves_no_record(folder, tmp_path):
    Page(folder, tmp_path / "out", recorded=False).restore("moved")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["moved.tif"]


@pytest.mark.usefixtures("slides_are_small")
def test_a_slide_is_restored_in_blocks_and_shown_in_its_own_pixels(tmp_path):
    import tifffile

    from unsmear.data import source
    from unsmear.local_page.pixels import Pixels

    (tmp_path / "in").mkdir()
    pixels = cells(250, Motion(8, 30)).pixels
    tifffile.imwrite(tmp_path / "in" / "slide.tif", pixels, tile=(64, 64), metadata=None)
    page = Page(tmp_path / "in", tmp_path / "out")
    done = page.restore("slide", length=8.0, angle=30.0)["slide"]
    assert done.action == "restored"
    assert any(what == "restoring" and parts == total for what, parts, total in page.news)
    values = json.loads((page.pictures / "slide" / "view.json").read_text())
    assert values["sides"] == [250, 250]  # and not those of whole tiles
    assert values["trust"]["covers"] == [256, 256]
    black, white = values["stretch"]["black"][0], values["stretch"]["white"][0]
    assert black < np.median(pixels) < white < pixels.max() * 2
    shown = Pixels.of(source.find(done.outputs)[0])
    assert shown.slide is not None
    part = shown.part(0, [0], (10, 20, 74, 84), 999)
    assert np.array_equal(part[0], images.read(done.outputs[0]).pixels[10:74, 20:84])
    whole = shown.part(0, [0], (0, 0, 250, 250), 50)
    assert whole.shape == (1, 50, 50)
    assert whole.mean() == pytest.approx(images.read(done.outputs[0]).pixels.mean(), rel=0.02)


def test_a_batch_whose_process_was_stopped_is_ended_by_another(folder, tmp_path, unsmear):
    from unsmear.local_page.work import Batch, Wanted

    page, run = Page(folder, tmp_path / "out"), layout.record(tmp_path / "out")
    asked = Batch(Wanted(), page.inputs, page.survey, ("black", "moved"), page.output, True)
    items = {item.id: item for item in page.survey.items}
    page.work.begin(page.tell, asked)
    page.work.see(page.tell, items["black"], page.pictures)
    page.work.restore(page.tell, items["black"], page.pictures)
    page.work._begun.stack.close()  # as the system does where a process is gone
    assert not (run / "results.csv").exists()
    Work().end(page.tell, asked)
    assert "black" in (run / "results.csv").read_text()
    assert (run / "page.html").exists()
    status = json.loads(unsmear("status", tmp_path / "out", "--json").out)
    assert (status["state"], status["files_done"], status["files"]) == ("stopped", 1, 2)
    Work().end(page.tell, replace(asked, output=tmp_path / "none"))  # where nothing was recorded
    assert not (tmp_path / "none").exists()


def test_a_plate_of_several_has_its_side_files_as_soon_as_it_is_whole(tmp_path):
    for name in ("one", "two"):
        for well in ("B02", "B03"):
            images.write(tmp_path / "in" / name / f"P_{well}_s1_w1.tif", cells(48))
        (tmp_path / "in" / name / "P.HTD").write_text('"HTSInfoFile", Version 1.0\r\n')
    page = Page(tmp_path / "in", tmp_path / "out")
    page.restore("one/P_B02_s1_w1", length=5.0, angle=10.0)
    assert not (tmp_path / "out" / "one" / "P.HTD").exists()
    page.restore("one/P_B03_s1_w1", length=5.0, angle=10.0)  # now all of it is restored
    written = {path.name for path in (tmp_path / "out" / "one").iterdir()}
    assert written == {"P_B02_s1_w1.tif", "P_B03_s1_w1.tif", "P.HTD"}
    assert not (tmp_path / "out" / "two").exists()


def test_the_images_of_a_plate_are_together_on_the_page(tmp_path):
    from unsmear.local_page.shelf import Place, Shelf

    for name in ("one/P_B02_s1_w1", "two/P_B02_s1_w1", "two/Q_B02_s1_w1", "cell"):
        images.write(tmp_path / "in" / f"{name}.tif", cells(48))
    survey = Page(tmp_path / "in", tmp_path / "out").survey
    place = Place((), survey, tmp_path / "out", recorded=True)
    added = Shelf().add(survey.items, place, tmp_path / "pictures")
    assert [(shown.item.id, shown.group) for shown in added] == [
        ("cell", ""),
        ("one/P_B02_s1_w1", "P in one"),
        ("two/P_B02_s1_w1", "P in two"),
        ("two/Q_B02_s1_w1", "Q"),
    ]


def test_the_estimate_is_marked_before_anything_is_restored(folder, tmp_path):
    page = Page(folder, tmp_path / "out")
    moved = next(item for item in page.survey.items if item.id == "moved")
    (finding,) = page.work.estimate(page.tell, moved, tmp_path / "pictures")
    assert finding.moved
    assert finding.movement == "linear motion of 8.0 px at 30 degrees (confidence 0.95)"
    (plane,) = json.loads((tmp_path / "pictures" / "marks.json").read_text())
    (line,) = plane["lines"]
    assert line["from"][1] > line["to"][1]  # it rises to the right


@pytest.mark.parametrize(
    ("known", "told", "verdict"),
    [
        ({"kind": "straight", "length": 8.0, "processed": DECONVOLVED}, "deconvolved", "unsure"),
        ({"kind": "none", "processed": COMPRESSED}, "compressed", "unsure"),
        ({"kind": "straight", "length": 8.0, "doubt": "seams"}, "doubtful", "unsure"),
        ({"kind": "none"}, "still", "still"),
    ],
)
def test_what_is_on_record_gets_the_advice_of_its_estimate(known, told, verdict):
    from unsmear.advice import PAGE, sentence
    from unsmear.cli.jobs.found import values
    from unsmear.cli.jobs.open import _finding
    from unsmear.estimate import Estimate
    from unsmear.local_page import advice

    estimate = Estimate(**{"length": 0.0, "confidence": 0.95, **known})
    found = {"planes": "", "movement": "", "restored": False, **values(estimate)}
    finding = _finding(found)
    assert advice.of(finding) == sentence(told, PAGE)
    assert advice.verdict([finding]) == verdict


def test_results_lie_beside_the_folder(tmp_path):
    (tmp_path / "cells").mkdir()
    assert default_output(tmp_path / "cells") == tmp_path / "cells-restored"
    assert default_output(tmp_path / "cell.tif") == tmp_path / "restored"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--port", "70000"], "--port must be 0 to 65535, got 70000."),
        (["-o", "out"], "--output must come with a FOLDER."),
        (["nowhere"], "nowhere"),
    ],
)
def test_wrong_calls_are_refused_in_a_sentence(unsmear, words, sentence):
    done = unsmear("open", *words)
    assert done.code == 1
    assert sentence in done.err


def test_a_port_that_is_taken_is_named(unsmear):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = unsmear("open", "--no-browser", "--port", taken.getsockname()[1])
    assert done.code == 1
    assert "--port must be free" in done.err


def test_without_starlette_a_sentence_says_so(unsmear, monkeypatch):
    monkeypatch.setitem(sys.modules, "unsmear.local_page.server", None)
    monkeypatch.delattr("unsmear.local_page.server", raising=False)
    done = unsmear("open", "--no-browser")
    assert "pip install 'unsmear[open]'" in done.err


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent as a signal")
def test_ctrl_c_closes_it_and_leaves_nothing(tmp_path):
    command = [sys.executable, "-m", "unsmear", "open", "--no-browser"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert "http://127.0.0.1:" in process.stdout.readline()
    assert len(list(tmp_path.glob("unsmear-open-*"))) == 1
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "Closed.\n")
    assert not list(tmp_path.iterdir())
