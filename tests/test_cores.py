"""The threads that a process uses."""

import os
import subprocess
import sys
from threading import Event, Thread
from time import sleep

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import unsmear
from unsmear import cores
from unsmear.cores import one_blas_thread

CODE = """
import numpy as np
import scipy.linalg
from threadpoolctl import threadpool_info
import unsmear
from unsmear import cores
from unsmear.estimate import evidence

def threads():
    return {found["num_threads"] for found in threadpool_info() if found["user_api"] == "blas"}

began, within = threads(), []
gather = evidence.gather
evidence.gather = lambda measured: (within.append(threads()), gather(measured))[1]
unsmear.estimate_blur(np.random.default_rng(0).random((64, 64)))
assert within == [{1}], within
assert threads() == began, threads()
"""


def test_blas_has_one_thread_while_a_motion_is_searched_for():
    """And what it had, afterwards; in a process of its own, in which nothing was limited."""
    own = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
    subprocess.run([sys.executable, "-c", CODE], env=own, check=True)


def test_calls_at_once_leave_no_limit_behind(monkeypatch):
    """Also where the first one that begins is the first one that ends, and whatever the environment
    says now: NumPy has read it before.
    """
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    began, ended, seen = Event(), Event(), []

    def second():
        with one_blas_thread():
            began.set()
            ended.wait()
        seen.append(threads())

    with threadpool_limits(2, "blas"):
        other = Thread(target=second)
        with one_blas_thread():
            assert threads() == 1
            other.start()
            began.wait()
        assert threads() == 2
        ended.set()
        other.join()
        assert [threads(), *seen] == [2, 2]


def threads():
    return max(one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas")


@pytest.mark.parametrize("count", [1, 4])
class TestThreads:
    """What runs side by side gives what it gives one after the other."""

    @pytest.fixture(autouse=True)
    def _cores(self, count, monkeypatch):
        monkeypatch.setattr(cores, "CORES", count)

    def test_results_keep_their_order(self):
        waits = [0.02, 0.0, 0.01, 0.0]
        assert cores.in_parallel(lambda wait: (sleep(wait), wait)[1], waits) == waits
        assert cores.in_parallel(lambda wait: wait, waits, 2) == waits

    def test_an_error_is_that_of_the_work(self):
        with pytest.raises(ZeroDivisionError):
            cores.in_parallel(lambda number: 1 / number, [1, 0, 2])
        with pytest.raises(ZeroDivisionError), cores.beside(lambda: 1 / 0) as asked:
            asked()
        with pytest.raises(KeyError), cores.beside(lambda: 1 / 0):
            raise KeyError

    def test_a_restored_image_is_the_same(self, monkeypatch):
        """Of a kernel that the image contradicts, and with rows of windows and several channels."""
        planes = np.random.default_rng(0).random((3, 320, 320)).astype(np.float32)
        planes = 1000 * unsmear.convolve(planes, unsmear.Gaussian(2).kernel())
        moved = unsmear.convolve(planes, unsmear.Motion(9, 30).kernel()).astype(np.uint16)
        wrong = unsmear.Motion(9, 120)
        found = unsmear.restore(moved, wrong, axes="CYX", method="wiener")
        assert "although the image looks like" in found.movement or not found.touched
        monkeypatch.setattr(cores, "CORES", 2)
        again = unsmear.restore(moved, wrong, axes="CYX", method="wiener")
        np.testing.assert_array_equal(found.image, again.image)
        assert found.movement == again.movement
