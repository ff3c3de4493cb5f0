"""One slide shared out over real workers: what ends in the middle, and how the result comes out.

A slide is an image of over 33 megapixels; here it is one of over 0.1, of nine blocks.
"""

import os
import resource
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile

import unsmear as package
from tests.cli.conftest import unsmear  # noqa: F401 -- a fixture
from tests.cluster.conftest import wait_for
from tests.cluster.test_slurm import queue, written  # noqa: F401 -- a fixture
from unsmear import Image, Motion, cluster
from unsmear.blur import convolve
from unsmear.cli.jobs import batch, progress
from unsmear.images.ome_zarr import new
from unsmear.images.slides import Sink, slide
from unsmear.restoration.slide import run as restoring

pytestmark = pytest.mark.slow

SIDE, CHUNK, BLOCKS = 384, 128, 9
NAMES = {"zarr": "slide.ome.zarr", "tiff": "slide.tif"}
WIENER = ("--method", "wiener", "--length", 10, "--angle", 40)
SITE = "import unsmear.images.slides.slide as slide\nslide.LARGE = 100_000\n"
WHOLE = {}
"""Bytes of the results of runs that were not interrupted, by kind."""


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A folder with the same slide as a Zarr and as a TIFF."""
    folder = tmp_path_factory.mktemp("slides")
    rng = np.random.default_rng(1)
    spots = np.zeros((SIDE, SIDE), np.float32)
    spots[tuple(rng.integers(8, SIDE - 8, (2, 1000)))] = rng.uniform(0.2, 1, 1000)
    sharp = convolve(spots, package.Gaussian(2.0).kernel()) * 3e5 + 200
    smeared = rng.poisson(convolve(sharp, Motion(10, 40).kernel())).astype(np.uint16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(new, "make", partial(new.make, chunk=(CHUNK, CHUNK)))
        package.write(folder / NAMES["zarr"], Image(smeared, "YX"))
    tifffile.imwrite(folder / NAMES["tiff"], smeared, tile=(CHUNK, CHUNK), compression="zlib")
    return folder


@pytest.fixture(scope="module")
def two():
    """Two workers for all tests here, each with little memory; what is killed is started again."""
    clusters = pytest.importorskip("unsmear.cluster.dask_clusters")
    with pytest.MonkeyPatch.context() as patch:
        small = partial(clusters.LocalCluster, memory_limit="900MB")
        patch.setattr(clusters, "LocalCluster", small)
        with cluster.opened(cluster.Where(2)) as workers:
            yield workers


@pytest.fixture
def restore(unsmear, sources, tmp_path, monkeypatch):  # noqa: F811
    """Return a function that restores a slide, and says which blocks it has marked as done."""
    monkeypatch.setattr(slide, "LARGE", 100_000)
    monkeypatch.setattr(restoring, "SIDES", (CHUNK, CHUNK))
    monkeypatch.chdir(tmp_path)
    mark = Sink.mark

    def run(kind, output="out", *more, after=BLOCKS + 1, then=None):
        """Do something when so many blocks are marked."""
        marked = []

        def noted(sink, batch, channel, rows, columns, facts):
            mark(sink, batch, channel, rows, columns, facts)
            marked.append((rows.start, columns.start))
            if len(marked) == after:
                then()

        monkeypatch.setattr(Sink, "mark", noted)
        return unsmear("restore", sources / NAMES[kind], "-o", output, *WIENER, *more), marked

    return run


@pytest.fixture
def shared(restore, two, monkeypatch):
    """Return the same, with the blocks shared out to the two workers."""

    @contextmanager
    def kept(where):
        yield two if where.workers > 1 else cluster.Workers()

    for module in (batch, progress):
        monkeypatch.setattr(module, "opened", kept)
    return lambda kind, **options: restore(kind, "out", "--workers", 2, **options)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Let processes that are started count the slide as one, too."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(SITE)
    paths = [str(tmp_path / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))


def contents(path):
    """Return the bytes of a result, those of a Zarr by file."""
    if path.is_file():
        return path.read_bytes()
    files = (file for file in sorted(path.rglob("*")) if file.is_file())
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}


def results():
    """Return what lies in the output folder beside the record."""
    return [path.name for path in Path("out").iterdir()]


def check_whole(restore, kind):
    """Compare a result with that of a run in one process; nothing else may be left."""
    if kind not in WHOLE:
        finished, marked = restore(kind, "whole")
        assert finished.code == 0, finished.err
        assert len(set(marked)) == len(marked) == BLOCKS
        WHOLE[kind] = contents(Path("whole", NAMES[kind]))
    assert results() == [NAMES[kind]]
    assert contents(Path("out", NAMES[kind])) == WHOLE[kind]


def check_stopped(finished, kind, sentence):
    """Check that a run ended with one sentence, and that nothing stands at the result's place."""
    assert finished.code == 1
    assert sentence in finished.err
    assert len(finished.err.splitlines()) == 1
    assert results() == [f".{NAMES[kind]}.part-of-slide"]


def check_resumed(restore, again, kind, before):
    """Check that a run goes on where another was stopped, with no block twice and none missing."""
    finished, after = again
    assert finished.code == 0, finished.err
    assert Counter(before) + Counter(after) == Counter(dict.fromkeys({*before, *after}, 1))
    assert len({*before, *after}) == BLOCKS
    check_whole(restore, kind)


@pytest.mark.parametrize("kind", NAMES)
def test_a_killed_worker(restore, shared, two, kind):
    pids = two.client.run(os.getpid)
    finished, marked = shared(kind, after=2, then=lambda: os.kill(min(pids.values()), 9))
    check_resumed(restore, (finished, marked), kind, [])
    assert set(two.client.run(os.getpid).values()) != set(pids.values())


def hungry():
    """Return a plugin by which a worker takes memory without end at one block."""
    from distributed import WorkerPlugin

    class Hungry(WorkerPlugin):
        def setup(self, worker):
            import time

            from unsmear.restoration.slide import block

            self.module, self.restore = block, block.restore

            def restore(slide, at, *others):
                kept = []
                while (at.rows.start, at.columns.start) == (128, 128):
                    kept.append(b"x" * 2**25)
                    time.sleep(0.01)
                return self.restore(slide, at, *others)

            block.restore = restore

        def teardown(self, worker):
            self.module.restore = self.restore

    return Hungry()


def test_a_worker_out_of_memory(restore, shared, two):
    two.client.register_plugin(hungry(), name="hungry")
    try:
        finished, before = shared("zarr")
    finally:
        two.client.unregister_worker_plugin("hungry")
    sentence = (
        "slide.ome, plane 0, channel 0, rows 128, columns 128: its worker process was ended 3"
    )
    assert "perhaps for lack of memory" in finished.err
    check_stopped(finished, "zarr", sentence)
    check_resumed(restore, shared("zarr"), "zarr", before)


def limit(size):
    """Let this process write no file of more bytes; -1 for any size."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))


def limiting(size):
    """Return the same for a worker, which cannot import this module."""

    def limit():
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))

    return limit


def test_a_disk_that_takes_no_block_more(restore, shared, two):
    try:
        finished, before = shared("zarr", after=2, then=lambda: two.client.run(limiting(1000)))
    finally:
        two.client.run(limiting(-1))
    assert len(before) < BLOCKS
    check_stopped(finished, "zarr", "slide.ome.zarr: the result cannot be written (File too large)")
    check_resumed(restore, shared("zarr"), "zarr", before)


def test_a_disk_that_has_no_room_for_the_whole(restore, shared):
    try:
        finished, before = shared("tiff", after=BLOCKS, then=lambda: limit(100_000))
    finally:
        limit(-1)
    assert len(before) == BLOCKS
    check_stopped(finished, "tiff", "slide.tif: the result cannot be written (File too large)")
    check_resumed(restore, shared("tiff"), "tiff", before)


def test_a_scheduler_that_restarts(restore, scheduler, outside, site):
    run, address = scheduler
    worker = ("dask_worker", address, "--nthreads", 1, "--no-dashboard")
    outside(*worker)
    there = ("out", "--scheduler", address)
    finished, before = restore("zarr", *there, after=2, then=run.kill)
    check_stopped(finished, "zarr", f"{address}: the connection to the scheduler was lost; what is")
    port = address.rpartition(":")[2]
    options = ("--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0")
    outside("dask_scheduler", *options, "--port", port)
    outside(*worker)
    check_resumed(restore, restore("zarr", *there), "zarr", before)


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups to end a job")
def test_a_walltime_that_ends(restore, queue, site, tmp_path):  # noqa: F811
    jobs = 'cores = 1\nmemory = "1GB"\nwalltime = "00:10:00"\nlogs = "LOGS"\n'

    def end():
        os.killpg(int((queue / "pid1").read_text()), signal.SIGKILL)

    there = ("out", "--slurm", written(tmp_path, jobs))
    finished, marked = restore("tiff", *there, after=2, then=end)
    assert len(list(queue.glob("job*"))) == 2
    assert finished.err.startswith("1 SLURM jobs submitted; waiting for the first.\n")
    check_resumed(restore, (finished, marked), "tiff", [])


def test_a_command_whose_time_is_over(restore, sources, site, tmp_path):
    command = [sys.executable, "-m", "unsmear", "restore", sources / NAMES["zarr"], "-o", "out"]
    sink = tmp_path / "out" / f".{NAMES['zarr']}.part-of-slide"
    (tmp_path / "site/sitecustomize.py").write_text(
        f"{SITE}import unsmear.restoration.slide.run as run\nrun.SIDES = {CHUNK}, {CHUNK}\n"
    )
    process = subprocess.Popen(
        [*map(str, command), *map(str, WIENER), "--workers", "2"],
        stderr=subprocess.PIPE,
        text=True,
    )
    journal = sink / "blocks.jsonl"
    wait_for(lambda: process.poll() is not None or (journal.exists() and journal.read_text()))
    process.terminate()
    _, said = process.communicate()
    assert (process.returncode, said.splitlines()[-1]) == (143, "unsmear: stopped.")
    assert results() == [sink.name]
    done = len(journal.read_text().splitlines())
    finished, after = restore("zarr")
    assert (finished.code, len(after)) == (0, BLOCKS - done)
    check_whole(restore, "zarr")
