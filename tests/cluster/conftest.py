"""Real clusters of processes on this machine.

What tasks do is defined inside functions here: pickled by value, it needs no import in a worker.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from unsmear import cluster


@pytest.fixture(scope="module")
def two():
    """Two processes of this machine, for tests that leave them as they were."""
    pytest.importorskip("distributed")
    with cluster.opened(cluster.Where(2)) as workers:
        yield workers


@pytest.fixture
def outside(tmp_path):
    """Return a function that starts a part of an outside cluster, and end all parts at the end."""
    pytest.importorskip("distributed")
    started = []

    def start(module, *options):
        command = [sys.executable, "-m", f"distributed.cli.{module}", *map(str, options)]
        environment = {**os.environ, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
        with (tmp_path / "log").open("ab") as log:
            run = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=tmp_path,
                env=environment,
                start_new_session=True,  # with what it starts itself
            )
        started.append(run)
        return run

    yield start
    for run in reversed(started):
        with suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()


@pytest.fixture
def scheduler(outside, tmp_path):
    """A scheduler's process and its address."""
    file = tmp_path / "scheduler.json"
    options = ("--host", "127.0.0.1", "--port", 0, "--dashboard-address", "127.0.0.1:0")
    run = outside("dask_scheduler", *options, "--scheduler-file", file)
    wait_for(lambda: file.exists() and file.read_text().strip().endswith("}"))
    return run, json.loads(file.read_text())["address"]


def wait_for(condition, seconds=240):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def counted(folder: Path, item: object) -> int:
    """Return how often a task of an item was begun; see `killing`."""
    return len(list(Path(folder).glob(f"{item}-*")))


def killing(folder, guilty, times):
    """Return work that ends its process with -9 at one item, as often as asked."""

    def work(item):
        import os
        import signal
        import time
        import uuid
        from pathlib import Path

        (Path(folder) / f"{item}-{uuid.uuid4().hex}").touch()
        time.sleep(0.02)
        if item == guilty and len(list(Path(folder).glob(f"{item}-*"))) <= times:
            os.kill(os.getpid(), signal.SIGKILL)
        return item * 2

    return work
