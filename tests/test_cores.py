"""The threads that a process uses."""

import os
import subprocess
import sys
from threading import Event, Thread

from threadpoolctl import threadpool_info, threadpool_limits

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
