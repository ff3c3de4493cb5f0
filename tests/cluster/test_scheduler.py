"""A scheduler that others started: its workers, and what happens when it ends."""

import threading

import pytest

from tests.cluster.conftest import killing
from unsmear import cluster
from unsmear.cluster import Where
from unsmear.errors import OptionError, UnsmearError

pytestmark = pytest.mark.slow


def slow():
    def work(item):
        import time

        time.sleep(0.3)
        return item

    return work


def test_its_workers_do_the_work_though_one_is_killed(scheduler, outside, tmp_path):
    _, address = scheduler
    outside("dask_worker", address, "--nthreads", 1, "--nworkers", 2, "--no-dashboard")
    (tmp_path / "begun").mkdir()
    work = killing(tmp_path / "begun", guilty=4, times=1)
    with cluster.opened(Where(scheduler=address)) as workers:
        assert list(workers.map_tasks(work, range(15))) == [2 * item for item in range(15)]


def test_workers_of_several_threads_are_refused(scheduler, outside):
    _, address = scheduler
    outside("dask_worker", address, "--nthreads", 2, "--no-dashboard")
    where = Where(scheduler=address)
    with (
        pytest.raises(OptionError, match=r"one thread each .*--nthreads 1\), got 2"),
        cluster.opened(where),
    ):
        pass


def test_a_scheduler_that_ends_is_a_sentence(scheduler, outside):
    run, address = scheduler
    outside("dask_worker", address, "--nthreads", 1, "--no-dashboard")
    with cluster.opened(Where(scheduler=address)) as workers:
        results = workers.map_tasks(slow(), range(100))
        assert next(results) == 0
        threading.Timer(0.5, run.kill).start()
        with pytest.raises(UnsmearError, match=r"connection to the scheduler was lost.*--resume"):
            list(results)


def test_no_scheduler_is_a_sentence(monkeypatch):
    clusters = pytest.importorskip("unsmear.cluster.dask_clusters")
    monkeypatch.setattr(clusters, "CONNECTING", 1)
    for address in ("tcp://127.0.0.1:9", "nowhere at all"):
        with (
            pytest.raises(UnsmearError, match=r"^--scheduler must be the address of a running"),
            cluster.opened(Where(scheduler=address)),
        ):
            pass


def test_a_scheduler_without_workers_is_a_sentence(scheduler, monkeypatch):
    clusters = pytest.importorskip("unsmear.cluster.dask_clusters")
    monkeypatch.setattr(clusters, "FIRST", 1)
    _, address = scheduler
    with (
        pytest.raises(UnsmearError, match="has no workers"),
        cluster.opened(Where(scheduler=address)),
    ):
        pass


def test_workers_that_end_for_good_are_a_sentence(scheduler, outside, monkeypatch):
    clusters = pytest.importorskip("unsmear.cluster.dask_clusters")
    monkeypatch.setattr(clusters, "PATIENCE", 0.2)
    monkeypatch.setattr("unsmear.cluster.workers.PATIENCE", 0.2)
    _, address = scheduler
    worker = outside("dask_worker", address, "--nthreads", 1, "--no-dashboard")
    with cluster.opened(Where(scheduler=address)) as workers:
        monkeypatch.setattr(clusters, "FIRST", 1)
        results = workers.map_tasks(slow(), range(100))
        assert next(results) == 0
        worker.terminate()
        with pytest.raises(UnsmearError, match=r"had no workers for 1 seconds.*--resume"):
            list(results)


def test_a_result_that_is_lost_after_its_task_ended_is_waited_for(scheduler, outside, monkeypatch):
    clusters = pytest.importorskip("unsmear.cluster.dask_clusters")
    tasks = pytest.importorskip("unsmear.cluster.workers")._Tasks
    monkeypatch.setattr(clusters, "PATIENCE", 0.2)
    monkeypatch.setattr("unsmear.cluster.workers.PATIENCE", 0.2)
    _, address = scheduler
    worker = outside("dask_worker", address, "--nthreads", 1, "--no-dashboard")
    waited, wait = [], tasks._wait

    def ends_then(self, futures, *until):
        wait(self, futures, *until)
        if not waited:  # between the end of the task and the reading of its result
            waited.append(futures)
            worker.kill()
            worker.wait()

    with cluster.opened(Where(scheduler=address)) as workers:
        monkeypatch.setattr(clusters, "FIRST", 1)
        monkeypatch.setattr(tasks, "_wait", ends_then)
        with pytest.raises(UnsmearError, match=r"had no workers for 1 seconds.*--resume"):
            list(workers.map_tasks(slow(), range(3)))


def test_a_task_s_own_timeout_is_raised(scheduler, outside):
    def work(item):
        raise TimeoutError(f"{item} was too slow")

    _, address = scheduler
    outside("dask_worker", address, "--nthreads", 1, "--no-dashboard")
    with (
        cluster.opened(Where(scheduler=address)) as workers,
        pytest.raises(TimeoutError, match="0 was too slow"),
    ):
        list(workers.map_tasks(work, range(1)))
