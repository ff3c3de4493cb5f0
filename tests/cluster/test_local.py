"""Processes of this machine: what comes back, and what happens when one ends."""

import os
import signal
import subprocess
import sys
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from tests.cluster.conftest import counted, killing, wait_for
from unsmear import cluster
from unsmear.cluster import Where
from unsmear.errors import ImageError, UnsmearError

pytestmark = pytest.mark.slow


def late_first():
    """Return work whose first item takes longest."""

    def work(item):
        import time

        time.sleep(0.5 if item == 0 else 0.01)
        return item

    return work


def refusing():
    def work(item):
        from unsmear.errors import ImageError

        if item == 3:
            raise ImageError("cell.tif: the file cannot be read.")
        return item

    return work


def describing():
    def work(item):
        import os

        from unsmear.cores import CORES

        return CORES, os.environ["OPENBLAS_NUM_THREADS"], os.environ["OPENCV_FOR_THREADS_NUM"]

    return work


def test_results_come_in_order_or_as_they_are_finished(two):
    assert list(two.map_tasks(late_first(), range(30))) == list(range(30))
    finished = list(two.map_tasks(late_first(), range(30), ordered=False))
    assert sorted(finished) == list(range(30))
    assert finished[0] != 0


def test_arrays_come_back_to_the_last_bit(two):
    arrays = [np.random.default_rng(seed).normal(size=50) for seed in range(4)]
    here = [np.fft.rfft(array) for array in arrays]
    there = list(two.map_tasks(np.fft.rfft, arrays))
    assert all(np.array_equal(*pair) for pair in zip(here, there, strict=True))


def test_items_are_taken_as_workers_become_free(two):
    numbers = count()
    results = two.map_tasks(str, numbers)
    assert [next(results) for _ in range(3)] == ["0", "1", "2"]
    results.close()
    assert next(numbers) <= 3 + 2 * 4


def test_only_this_machine_reaches_the_workers_and_who_has_their_keys(two):
    described = two.client.scheduler_info()
    addresses = [described["address"], *described["workers"]]
    assert all(address.startswith("tls://127.0.0.1:") for address in addresses)


@pytest.mark.parametrize(
    ("slurm", "dashboard", "address"),
    [
        (None, False, "127.0.0.1:0"),
        (None, True, "127.0.0.1:0"),
        ("jobs.toml", False, "127.0.0.1:0"),
        ("jobs.toml", True, ":0"),
    ],
)
def test_a_dashboard_is_shown_to_the_network_by_jobs_of_slurm_alone(slurm, dashboard, address):
    pytest.importorskip("distributed")
    from unsmear.cluster import dask_clusters

    where = cluster.Where(slurm=slurm and Path(slurm), dashboard=dashboard)
    assert dask_clusters._connection(where)["dashboard_address"] == address


def test_an_error_is_raised_as_it_was_and_the_workers_go_on(two):
    with pytest.raises(ImageError, match=r"^cell\.tif: the file cannot be read\.$"):
        list(two.map_tasks(refusing(), range(20)))
    assert list(two.map_tasks(str, range(3))) == ["0", "1", "2"]


def test_the_dashboard_names_file_and_chunk(two):
    names = two.map_tasks(_own_key(), ["a.tif block 3,4"], label="restored", key=str)
    label, name, *_ = next(names)
    assert (label, name) == ("restored", "a.tif block 3,4")


def _own_key():
    def work(item):
        from distributed import get_worker

        return get_worker().get_current_task()

    return work


def keeping():
    kept = []

    def work(item):
        import os

        kept.append(item)
        return os.getpid(), id(kept), len(kept)

    return work


def test_what_all_tasks_have_in_common_is_sent_once_to_a_worker(two):
    done = list(two.map_tasks(keeping(), range(20)))
    workers = {process for process, _, _ in done}
    assert len({(process, kept) for process, kept, _ in done}) == len(workers)
    assert sum(max(n for p, _, n in done if p == process) for process in workers) >= 20


def test_workers_share_the_cores(two):
    from unsmear.cores import CORES

    assert set(two.map_tasks(describing(), range(4))) == {(max(1, CORES // 2), "1", "1")}


def test_a_killed_worker_costs_only_its_task_again(tmp_path):
    with cluster.opened(Where(2)) as workers:
        done = list(workers.map_tasks(killing(tmp_path, guilty=5, times=1), range(20)))
    assert done == [2 * item for item in range(20)]
    assert counted(tmp_path, 5) == 2


def test_what_kills_three_workers_is_given_up_and_the_rest_goes_on(tmp_path):
    work = killing(tmp_path, guilty=5, times=99)
    with cluster.opened(Where(2)) as workers:
        done = list(workers.map_tasks(work, range(12), lost=lambda item, sentence: sentence))
        sentence = done.pop(5)
        assert sentence.startswith("5: its worker process was ended 3 times by the system, perhaps")
        assert done == [2 * item for item in range(12) if item != 5]
        assert counted(tmp_path, 5) == 3
        with pytest.raises(UnsmearError, match=r"^5: its worker process was ended 3 times"):
            list(workers.map_tasks(work, [5]))


def hungry():
    def work(item):
        import time

        kept = []
        while item == 1:  # until the memory's limit
            kept.append(b"x" * 2**25)
            time.sleep(0.02)
        return item

    return work


def test_a_worker_out_of_memory_is_a_sentence_on_its_item(monkeypatch):
    clusters = pytest.importorskip("unsmear.cluster.dask_clusters")
    small = partial(clusters.LocalCluster, memory_limit="400MB")
    monkeypatch.setattr(clusters, "LocalCluster", small)
    with cluster.opened(Where(2)) as workers:
        done = list(workers.map_tasks(hungry(), range(4), lost=lambda item, sentence: sentence))
    assert [done[0], *done[2:]] == [0, 2, 3]
    assert "perhaps for lack of memory" in done[1]


BUSY = """
from unsmear import cluster
def work(item):
    import os, time
    open(f"FOLDER/{os.getpid()}", "w").close()
    time.sleep(600)
if __name__ == "__main__":
    with cluster.opened(cluster.Where(2)) as workers:
        list(workers.map_tasks(work, range(4)))
"""


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs signals to a process")
def test_a_killed_parent_leaves_no_orphan(tmp_path):
    pytest.importorskip("distributed")
    script = tmp_path / "busy.py"
    script.write_text(BUSY.replace("FOLDER", str(tmp_path / "pids")))
    (tmp_path / "pids").mkdir()
    run = subprocess.Popen([sys.executable, script], start_new_session=True)
    try:
        wait_for(lambda: len(list((tmp_path / "pids").iterdir())) == 2)
    finally:
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
    pids = [int(path.name) for path in (tmp_path / "pids").iterdir()]
    wait_for(lambda: not any(map(_runs, pids)), 20)
    assert [pid for pid in pids if _runs(pid)] == []


def _runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
