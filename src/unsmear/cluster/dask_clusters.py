"""Clusters of Dask: processes of this machine, a running scheduler, or SLURM's jobs."""

from __future__ import annotations

import gc
import logging
import platform
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any

import dask
from distributed import Client, LocalCluster, Security

import unsmear
from unsmear.cluster import slurm
from unsmear.cluster.where import Where
from unsmear.cluster.workers import GO_ON, PATIENCE, Workers, WorkersLostError
from unsmear.cores import CORES
from unsmear.errors import OptionError, UnsmearError

CONNECTING = 10
"""Seconds within which a scheduler answers."""
FIRST = 60
"""Seconds within which a running scheduler has a worker; those of SLURM may wait in the queue."""
SETTINGS: dict[str, Any] = {
    # A task is tried again by us, alone, and not beside others that it would take with it.
    "distributed.scheduler.allowed-failures": 0,
    # Dask ends a worker's successor, of the same name, that is not there within 15 seconds: a
    # process on a busy machine, a job in the queue.
    "distributed.deploy.lost-worker-timeout": "365 days",
    "distributed.worker.profile.enabled": False,
    # Every 20 ms each process looked whether its loop goes on, and ten times a second how much
    # memory it has: two idle workers took a tenth of a core (distributed 2026.8.0). A worker that
    # takes too much is noticed within a quarter of a second.
    "distributed.admin.tick.interval": "1s",
    "distributed.worker.memory.monitor-interval": "250ms",
    # Dask has freed memory returned to the system at once: every array would cost page faults.
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
}
NO_PAGES: dict[str, Any] = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}
"""Settings without a dashboard, whose pages take time to load."""


@contextmanager
def opened(where: Where) -> Iterator[Workers]:
    """Start or reach the workers; see `cluster.opened`."""
    logger = logging.getLogger("distributed")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # what matters is a sentence of ours
    # A client that failed to connect is closed when it is collected. Were that in the new client's
    # own thread, the two would wait for each other for ten seconds (distributed 2026.8.0).
    gc.collect()
    try:
        settings = SETTINGS if where.dashboard else SETTINGS | NO_PAGES
        with dask.config.set(settings), _of(where) as workers:
            yield workers
    finally:
        logger.setLevel(level)


def _of(where: Where) -> Any:
    if where.scheduler is not None:
        return _reached(where.scheduler)
    return _submitted(where) if where.slurm is not None else _local(where)


@contextmanager
def _local(where: Where) -> Iterator[Workers]:
    """Start processes that share the cores and the memory of this machine."""
    threads = str(max(1, CORES // where.workers))
    environment = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": "1"}
    environment["OPENCV_FOR_THREADS_NUM"] = "1"
    try:
        with _ctrl_c_held():
            cluster = LocalCluster(
                n_workers=where.workers,
                threads_per_worker=1,
                env=environment,
                silence_logs=logging.CRITICAL,
                **_connection(where),
            )
    except (OSError, RuntimeError) as error:  # no room for the workers' folders, no port
        reason = " ".join(str(error).split())[:200]
        raise UnsmearError(f"{where.workers} workers cannot be started ({reason}).") from error
    with cluster, Client(cluster, set_as_default=False) as client:
        _announce(where, client)
        yield Workers(client, where.workers, "--workers")


@contextmanager
def _reached(address: str) -> Iterator[Workers]:
    """Reach the workers of a running scheduler."""
    try:
        client = Client(address, timeout=CONNECTING, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise UnsmearError(
            f"--scheduler must be the address of a running Dask scheduler, got {address} "
            f"({' '.join(str(error).split())[:200]})."
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=FIRST)
        except TimeoutError as error:
            raise UnsmearError(f"{address}: the scheduler has no workers.") from error
        number = _check_workers(client, address)
        yield Workers(client, number, address, _Watch(client, address))


@contextmanager
def _submitted(where: Where) -> Iterator[Workers]:
    """Submit jobs to SLURM, and wait for the first."""
    assert where.slurm is not None  # for mypy
    jobs = slurm.read(where.slurm)
    from unsmear.cluster import slurm_jobs  # its package is needed here alone

    cluster = slurm_jobs.cluster(jobs, **_connection(where))
    with cluster, Client(cluster, set_as_default=False) as client:
        _announce(where, client)
        keeper = slurm_jobs.Keeper(cluster, jobs.jobs)
        print(f"{jobs.jobs} SLURM jobs submitted; waiting for the first.", file=sys.stderr)
        while not client.nthreads():
            keeper()
            time.sleep(0.5)
        yield Workers(client, jobs.jobs * jobs.workers, str(where.slurm), keeper)


class _Watch:
    """Raises WorkersLostError once a scheduler has had no worker for FIRST seconds."""

    def __init__(self, client: Client, address: str) -> None:
        self.client, self.address = client, address
        self.looked = self.last = time.monotonic()

    def __call__(self) -> None:
        """Look, unless that was done a moment ago."""
        now = time.monotonic()
        if now - self.looked < PATIENCE or self.client.status != "running":
            return  # a lost scheduler would be waited for here
        self.looked = now
        try:
            if self.client.nthreads():
                self.last = now
        except OSError:  # the wait for the task says that the scheduler is lost
            return
        if now - self.last > FIRST:
            raise WorkersLostError(
                f"{self.address}: the scheduler has had no workers for {FIRST} seconds; {GO_ON}"
            )


def _connection(where: Where) -> dict[str, Any]:
    """Return how a cluster of ours is reached: by who has its keys, which no file holds.

    The dashboard asks nobody who they are, so that only this machine reaches it, save from jobs of
    SLURM: who submits them is mostly at another machine.
    """
    everywhere = where.dashboard and where.slurm is not None
    return {
        "dashboard_address": ":0" if everywhere else "127.0.0.1:0",
        "security": Security.temporary(),
        "protocol": "tls",
    }


def _announce(where: Where, client: Client) -> None:
    if where.dashboard:
        print(f"Dashboard: {client.dashboard_link}", file=sys.stderr)


def _check_workers(client: Client, address: str) -> int:
    """Return the number of workers; raises OptionError where results could differ from ours."""
    try:
        described = client.run(_version)
    except ImportError as error:
        raise OptionError(f"{address}: its workers must have unsmear, got {error}.") from error
    for worker, version in described.items():
        if version != _version():
            raise OptionError(
                f"{address}: its workers must have {_version()}, got {version} at {worker}."
            )
    for worker, threads in client.nthreads().items():
        if threads != 1:
            raise OptionError(
                f"{address}: its workers must have one thread each (dask worker --nthreads 1), "
                f"got {threads} at {worker}."
            )
    return len(described)


def _version() -> str:
    python = ".".join(platform.python_version_tuple()[:2])
    return f"unsmear {unsmear.__version__} and Python {python}"


@contextmanager
def _ctrl_c_held() -> Iterator[None]:
    """Hold Ctrl-C back from this thread, and for good from the threads and processes it starts.

    Ctrl-C reaches every process of the terminal; only this one handles it.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # starting it later would let Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
