"""Tests of slides on the command line: restored in blocks, killed, resumed, shared out.

A slide is an image of over 33 megapixels; here it is one of over 0.1, set where Python starts, so
that worker processes know it too.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import unsmear
from tests.server import served
from unsmear import Image, Motion
from unsmear.batches import layout
from unsmear.blur import convolve
from unsmear.cli import main
from unsmear.cli.jobs import batch, progress
from unsmear.cluster import Where, Workers, WorkersLostError
from unsmear.data.item import Item
from unsmear.data.source import Survey
from unsmear.images import slides
from unsmear.images.ome_zarr import new
from unsmear.restoration.slide import run as run_of_slides

KILLS = int(os.environ.get("KILLS", "1"))
"""How many times a run is killed."""
SITE = "import unsmear.images.slides.slide as slide\nslide.LARGE = 100_000\n"
SIDE, BLOCKS = 384, 9
GIVEN = ("--method", "wiener", "--length", "10", "--angle", "40")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder with slides, and an environment in which they count as slides."""
    folder = tmp_path_factory.mktemp("slides")
    (folder / "site").mkdir()
    (folder / "site/sitecustomize.py").write_text(
        SITE + "import unsmear.restoration.slide.run as run\nrun.SIDES = 128, 128\n"
    )
    rng = np.random.default_rng(1)
    spots = np.zeros((SIDE, SIDE), np.float32)
    spots[tuple(rng.integers(8, SIDE - 8, (2, 1000)))] = rng.uniform(0.2, 1, 1000)
    sharp = convolve(spots, unsmear.Gaussian(2.0).kernel()) * 3e5 + 200
    smeared = rng.poisson(convolve(sharp, Motion(10, 40).kernel())).astype(np.uint16)
    (folder / "in").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(new, "make", partial(new.make, chunk=(128, 128)))
        unsmear.write(folder / "in/slide.ome.zarr", Image(smeared, "YX", pixel_size=(0.3, 0.3)))
    unsmear.write(folder / "in/small.tif", Image(smeared[:200, :200], "YX"))
    return folder


@pytest.fixture(scope="module")
def whole(place):
    """Return what a run that nothing stops says; its results are in the folder `whole`."""
    done = run(place, "whole")
    assert done.returncode == 0, done.stderr
    return done.stdout


def command(place, output, *more):
    """Return the command that restores all in a process of its own, and its environment."""
    paths = [str(place / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    line = [sys.executable, "-m", "unsmear", "restore", "in", "-o", output]
    line += [*GIVEN, *more]
    return line, {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def run(place, output, *more):
    line, environment = command(place, output, *more)
    return subprocess.run(
        line, cwd=place, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def contents(folder):
    """Return the bytes of all files of a result, by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(map(layout.is_record, path.parts))
    }


def blocks_done(output):
    """Return the number of blocks on record of a run that is not finished."""
    journal = output / ".slide.ome.zarr.part-of-slide/blocks.jsonl"
    return journal.read_text().count("\n") if journal.exists() else 0


def wait_for_blocks(output, count, process):
    """Wait until so many blocks are on record, or the process has ended."""
    deadline = time.time() + 200
    while time.time() < deadline and process.poll() is None and blocks_done(output) < count:
        time.sleep(0.02)


@pytest.mark.slow
def test_a_run_that_is_killed_ends_in_the_same_bytes(place, whole):
    assert "slide.ome: linear motion" in whole
    assert "2 restored, 0 failed" in whole
    when, done = random.Random(os.environ.get("SEED", "0")), []
    line, environment = command(place, "killed", "--resume")
    for _ in range(KILLS):
        process = subprocess.Popen(
            line, cwd=place, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for_blocks(place / "killed", when.randint(0, BLOCKS - 1), process)
        process.send_signal(signal.SIGKILL)
        process.wait()
        done.append(blocks_done(place / "killed"))
    after = run(place, "killed", "--resume")
    assert after.returncode == 0, after.stderr
    assert done == sorted(done)  # no block is lost once it is there
    assert contents(place / "killed") == contents(place / "whole")


@pytest.mark.slow
def test_blocks_are_shared_out_and_a_killed_worker_costs_nothing(place, whole):
    pytest.importorskip("distributed")
    line, environment = command(place, "shared", "--workers", "2")
    process = subprocess.Popen(
        line, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for_blocks(place / "shared", 1, process)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    workers = [
        int(child)
        for child in children
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
    if workers:
        os.kill(workers[-1], signal.SIGKILL)
    out, err = process.communicate(timeout=250)
    assert process.returncode == 0, err
    assert "2 restored, 0 failed" in out
    assert contents(place / "shared") == contents(place / "whole")


@pytest.mark.slow
def test_workers_share_a_slide_on_a_web_server(place, monkeypatch):
    pytest.importorskip("distributed")
    pytest.importorskip("aiohttp", reason="needs the extra cloud")
    line, environment = command(place, "sent", "--workers", "2")
    with served(place / "in") as server:
        line[line.index("in")] = f"{server.url}/slide.ome.zarr"
        done = subprocess.run(
            line, cwd=place, env=environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    asked = [path for path in server.asked if "/0/c/" in path]
    assert len(asked) > len(set(asked)) == BLOCKS  # chunks, once to measure and again to restore
    monkeypatch.setattr(run_of_slides, "SIDES", (128, 128))
    source, here = place / "in/slide.ome.zarr", place / "here.ome.zarr"
    unsmear.restore_slide(source, here, Motion(10, 40), method="wiener")
    assert contents(here / "0") == contents(place / "sent/slide.ome.zarr/0")
    assert not list((place / "sent").glob(".*"))


@pytest.mark.slow
def test_the_record_of_a_batch_has_its_slides(place, whole):
    lines = layout.results(place / "whole").read_text().splitlines()
    entries = {one["image"]: one for one in map(json.loads, lines) if "image" in one}
    assert entries["slide.ome"]["action"] == "restored"
    assert "linear motion of 10.00 px" in entries["slide.ome"]["found"][0]["movement"]


@pytest.fixture
def here(place, monkeypatch, capsys, unsmear_here):
    """Return a function that restores in this process; it returns the exit code, out and err."""
    monkeypatch.chdir(place)
    monkeypatch.setattr(slides.slide, "LARGE", 100_000)
    monkeypatch.setattr(run_of_slides, "SIDES", (128, 128))

    def run(*words):
        code = unsmear_here(*words)
        return code, *capsys.readouterr()

    return run


@pytest.mark.slow
def test_what_is_not_available_for_slides_is_said(here):
    code, out, err = here("restore", "in", "-o", "tiled", *GIVEN, "--tile", "256")
    assert code == 1
    assert "slide.ome: --tile is not available for images of over" in err
    assert "1 restored, 1 failed" in out


@pytest.mark.slow
def test_what_can_only_be_read_whole_is_worked_on_whole(place, here):
    import tifffile

    smeared = unsmear.read(place / "in/slide.ome.zarr").pixels
    wide = np.tile(smeared[:256], (1, 11))  # a strip of over 4096 pixels
    tifffile.imwrite(place / "strip.tif", wide, compression="zlib", rowsperstrip=256)
    code, out, err = here("restore", "strip.tif", "-o", "strips", *GIVEN)
    assert code == 0, err
    assert "strip: linear motion of 10.00 px" in out


@pytest.mark.slow
def test_a_slide_is_estimated_and_announced_by_its_windows(here):
    _, out, _ = here("restore", "in", "-o", "announced", *GIVEN, "--dry-run")
    assert "slide.ome: YX 384x384 uint16" in out
    _, out, err = here("estimate", "in/slide.ome.zarr")
    assert "slide.ome: linear motion of 10.0 px at 40 degrees" in out, err


def test_workers_start_once_for_all_slides(tmp_path, monkeypatch, capsys):
    started, given = [], []

    class Started(Workers):
        def map_tasks(self, function, items, **_):
            return map(function, items)

    @contextmanager
    def opened(where):
        started.append(where)
        yield Started(client=object())

    for module in (batch, progress):
        monkeypatch.setattr(module, "opened", opened)
    survey = Survey([Item(name, (tmp_path / name,), unsmear.read) for name in "abc"])

    def in_parts(workers, item):
        given.append(item.id)
        return batch.Outcome("restored", f"{item.id}: restored")

    def later(item):
        return batch.Outcome(later=item)

    where = Where(scheduler="tcp://here")
    assert batch.run(later, survey, where, "restored", in_parts=in_parts) == 0
    assert given == ["a", "b", "c"]
    assert len(started) == 1
    assert "3 restored, 0 failed" in capsys.readouterr().out


def test_lost_workers_end_the_run_and_are_no_failure_of_each_slide(tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "opened", lambda where: nullcontext(Workers()))
    survey = Survey([Item(name, (tmp_path / name,), unsmear.read) for name in "abc"])
    tried = []

    def in_parts(workers, item):
        tried.append(item.id)
        raise WorkersLostError("tcp://here: the connection to the scheduler was lost.")

    def later(item):
        return batch.Outcome(later=item)

    with pytest.raises(WorkersLostError):
        batch.run(later, survey, Where(), "restored", in_parts=in_parts)
    assert tried == ["a"]


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Return a small slide, which counts as one in this process."""
    monkeypatch.setattr(slides.slide, "LARGE", 10_000)
    rng = np.random.default_rng(1)
    counts = rng.poisson(convolve(rng.random((150, 150)) * 900, Motion(6, 0).kernel()))
    unsmear.write(tmp_path / "slide.ome.zarr", Image(counts.astype(np.uint16), "YX"))
    return tmp_path / "slide.ome.zarr"


def begin(path, slide):
    """Leave of a result what a killed run leaves."""
    with slides.given_back(path):
        slides.Sink.create(path, slides.open(slide), np.dtype("u2"), (64, 64), "an earlier run")
    assert list(path.parent.glob(f".{path.name}.*"))


@pytest.mark.parametrize("restored", [True, False])
def test_a_run_sweeps_what_killed_ones_left_of_its_result(small, tmp_path, unsmear_here, restored):
    """Also in another format, where the slide is left unchanged now, and of its uncertainty.

    What is of other slides stays.
    """
    other = shutil.copytree(small, tmp_path / "other.ome.zarr")
    out = tmp_path / "out"
    begin(out / "slide.ome.zarr", small)
    begin(out / "slide.ome.tif", small if restored else other)
    begin(out / "slide.2.ome.tif", small)
    begin(out / "slide.ome.zarr.error.tif", small)
    options = ("--length", 6, "--angle", 0, "--force") if restored else ()
    assert unsmear_here("restore", small, "-o", out, "--method", "wiener", *options) == 0
    left = [".slide.2.ome.tif.part-of-slide", "slide.ome.zarr"]
    left += [] if restored else [".slide.ome.tif.part-of-slide"]
    assert sorted(path.name for path in out.iterdir()) == sorted(left)


def test_an_output_inside_a_zarr_of_the_inputs_is_refused(small, tmp_path, unsmear_here, capsys):
    for inputs, output in ((small, small / "out"), (tmp_path, small), (tmp_path, small / "0")):
        assert unsmear_here("restore", inputs, "-o", output) == 1
        assert "the output must be a" in capsys.readouterr().err
    assert sorted(path.name for path in small.iterdir()) == ["0", "zarr.json"]


@pytest.fixture
def unsmear_here(monkeypatch):
    """Return a function that runs a command in this process, and returns its exit code."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["unsmear", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        return stopped.value.code

    return run
