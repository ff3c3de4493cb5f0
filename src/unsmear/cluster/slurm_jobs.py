"""Jobs of a SLURM cluster whose processes are Dask's workers: submitted, and looked after."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path
from typing import Any

from distributed.core import Status

from unsmear.cluster import slurm
from unsmear.cluster.workers import WorkersLostError
from unsmear.errors import OptionError

# To import dask_jobqueue (0.9.0, its runner) makes Ctrl-C end the program with status 0.
_ctrl_c = signal.getsignal(signal.SIGINT)
from dask_jobqueue import SLURMCluster  # noqa: E402
from dask_jobqueue.slurm import SLURMJob  # noqa: E402

signal.signal(signal.SIGINT, _ctrl_c)

INTERVAL = 5.0
"""Seconds between two looks at the jobs."""


class SubmittedJob(SLURMJob):  # type: ignore[misc]
    """A job that keeps the reason for which SLURM refused it; Dask would only log that."""

    refusal = ""

    async def start(self) -> None:
        """Submit the job."""
        try:
            await super().start()
        except RuntimeError as error:
            reason = str(error).partition("stderr:")[2] or str(error)
            self.refusal = " ".join(reason.split())[:300]
            self.status = Status.failed


def cluster(jobs: slurm.Jobs, **connection: Any) -> Any:
    """Return Dask's cluster of jobs, submitted. connection: dashboard, security and protocol.

    Raises OptionError where there is no SLURM.
    """
    if shutil.which("sbatch") is None:
        raise OptionError("--slurm must be given where sbatch is, got a machine without it.")
    dashboard = connection.pop("dashboard_address")
    Path(jobs.logs).mkdir(parents=True, exist_ok=True)
    made = SLURMCluster(
        job_cls=SubmittedJob,
        **slurm.arguments(jobs),
        **connection,
        scheduler_options={"dashboard_address": dashboard},
    )
    made.scale(jobs=jobs.jobs)
    return made


class Keeper:
    """Submits another job for each that has ended, while there is work."""

    def __init__(self, cluster: Any, jobs: int) -> None:
        self.cluster, self.jobs = cluster, jobs
        self.seen: set[str] = set()
        self.looked = 0.0

    def __call__(self) -> None:
        """Look at the jobs, unless that was done a moment ago.

        Raises WorkersLostError for a job that SLURM refuses.
        """
        if time.monotonic() - self.looked < INTERVAL:
            return
        self.looked = time.monotonic()
        for job in self.cluster.workers.values():
            if job.refusal:
                raise WorkersLostError(f"sbatch refused a job: {job.refusal}")
        workers = {str(one["name"]) for one in self.cluster.scheduler_info["workers"].values()}
        present = {job for job in self.cluster.workers if _is_in(job, workers)}
        ended, self.seen = self.seen - present, self.seen | present
        if ended:
            self.seen -= ended
            self.cluster.sync(self._forget, ended)
        if set(self.cluster.worker_spec) - set(self.cluster.workers):
            self.cluster.scale(jobs=self.jobs)

    async def _forget(self, ended: set[str]) -> None:
        """Drop jobs, so that `scale` finds them missing."""
        for job in ended & set(self.cluster.workers):
            await self.cluster.workers.pop(job).close()


def _is_in(job: str, workers: set[str]) -> bool:
    """Return whether any of the workers belongs to a job; several have its name and a number."""
    return any(worker == job or worker.startswith(f"{job}-") for worker in workers)
