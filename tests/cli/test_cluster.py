"""Commands whose work is done elsewhere: what they print and write when something ends there."""

import importlib.util
import pickle
import threading

import numpy as np
import pytest

from tests.cluster.conftest import outside, scheduler, wait_for  # noqa: F401 -- fixtures
from tests.outputs import outputs
from unsmear import Motion, convolve, images
from unsmear.cli.jobs import batch
from unsmear.cluster import Where
from unsmear.data import source
from unsmear.images import Image


@pytest.fixture
def cells(tmp_path):
    """A folder of 16 small blurred images."""
    for number in range(16):
        plane = np.random.default_rng(number).uniform(20, 200, (64, 64)).astype(np.float32)
        blurred = np.rint(convolve(plane, Motion(5.0, 30.0).kernel())).astype(np.uint8)
        images.write(tmp_path / "in" / f"cell{number:02}.png", Image(blurred, "YX"))
    return tmp_path / "in"


def contents(folder):
    return {path.name: path.read_bytes() for path in outputs(folder)}


def test_a_task_is_the_name_of_its_pixels(cells):
    for item in source.survey([str(cells)]).items:
        assert len(pickle.dumps(item)) < item.read().pixels.nbytes / 4


def test_without_the_extra_several_workers_are_refused(unsmear, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    done = unsmear("restore", "cell.png", "-o", tmp_path, "--workers", 2)
    assert done.code == 1
    assert done.err == "unsmear: --workers needs Dask: pip install 'unsmear[cluster]'.\n"


@pytest.mark.slow
def test_after_the_scheduler_s_end_resume_goes_on(unsmear, cells, tmp_path, scheduler, outside):  # noqa: F811
    run, address = scheduler
    outside("dask_worker", address, "--nthreads", 1, "--no-dashboard")
    out = tmp_path / "out"
    given = ("--method", "wiener", "--length", 5, "--angle", 30)
    options = ("restore", cells, "-o", out, *given)

    def end():
        wait_for(lambda: len(list(out.glob("*.png"))) > 2)
        run.kill()

    ending = threading.Thread(target=end)
    ending.start()
    done = unsmear(*options, "--scheduler", address)
    ending.join()
    assert done.code == 1
    last = done.err.splitlines()[-1]
    assert last.startswith(f"unsmear: {address}: the connection to the scheduler was lost")
    assert 2 < len(list(out.glob("*.png"))) < 16
    done = unsmear(*options, "--resume")
    assert done.code == 0
    assert " already there" in done.out
    unsmear("restore", cells, "-o", tmp_path / "whole", *given)
    assert contents(out) == contents(tmp_path / "whole")


def ending_at(name):
    def work(item):
        import os
        import signal

        from unsmear.cli.jobs.batch import Outcome

        if item.stem == name:
            os.kill(os.getpid(), signal.SIGKILL)
        return Outcome("restored", item.id)

    return work


@pytest.mark.slow
def test_a_file_that_ends_its_workers_fails_and_the_rest_goes_on(cells, capfd):
    pytest.importorskip("distributed")
    survey = source.survey([str(cells)])
    assert batch.run(ending_at("cell07"), survey, Where(2), "restored") == 1
    out, err = capfd.readouterr()
    (sentence,) = err.splitlines()
    assert sentence.startswith("cell07: its worker process was ended 3 times by the system")
    assert out.splitlines()[-1] == "15 restored, 1 failed."
    assert out.splitlines()[:-1] == [f"cell{n:02}" for n in range(16) if n != 7]
