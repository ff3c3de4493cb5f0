"""What a small TOML file says about the jobs of a SLURM cluster."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from unsmear import plain_files
from unsmear.errors import OptionError, error_text, shortened, shown

WALLTIME = re.compile(r"(?:([0-9]{1,3})-)?([0-9]{1,3}):([0-5][0-9]):([0-5][0-9])")
MEMORY = re.compile(r"[1-9][0-9]{0,5}(?:\.[0-9]+)? ?[MGT]i?B")
WORD = re.compile(r"[\w.,:@/+-]+")
MARGIN = 300
"""Seconds before the end of a job at which its workers hand back what they have not begun."""


@dataclass(frozen=True)
class Jobs:
    """What is asked of SLURM.

    cores, memory, walltime: of a job; "64GB", "04:00:00". jobs: how many at a time. workers: of a
    job, processes that share its cores; 0 is one a core. queue: SLURM's partition. interface: the
    network's, "ib0". directives: further lines of #SBATCH. before: lines of the shell before a
    worker starts. logs: the folder of the jobs' output, which all machines see.
    """

    cores: int
    memory: str
    walltime: str
    jobs: int = 1
    workers: int = 0
    queue: str = ""
    account: str = ""
    interface: str = ""
    directives: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    logs: str = "slurm-logs"

    @property
    def seconds(self) -> int:
        """Return the walltime, s."""
        match = WALLTIME.fullmatch(self.walltime)
        assert match is not None  # for mypy: it was checked
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds

    @property
    def lifetime(self) -> int:
        """Return the seconds after which a worker ends by itself, before SLURM ends it."""
        return self.seconds - min(MARGIN, self.seconds // 10)


def read(path: Path) -> Jobs:
    """Return the jobs that a file describes.

    Raises OptionError, naming the file, for a file that cannot be read, a name or value that is
    none of ours, and what is missing.
    """
    try:
        given = plain_files.read_toml(path)
    except OSError as error:
        raise OptionError(f"{path}: the file cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise OptionError(f"{path}: the file must be TOML ({error_text(error)}).") from error
    known = {one.name: one.type for one in fields(Jobs)}
    for name in given:
        if name not in known:
            raise OptionError(
                f"{path}: the names must be of {', '.join(known)}, got {shortened(name)}."
            )
    for name in ("cores", "memory", "walltime"):
        if name not in given:
            raise OptionError(f"{path}: {name} must be given.")
    for name, value in given.items():
        _check(path, name, value)
    jobs = Jobs(**given)
    workers = jobs.workers or jobs.cores
    if workers > jobs.cores:
        raise OptionError(f"{path}: workers must be at most cores, {jobs.cores}, got {workers}.")
    return Jobs(**{**given, "workers": workers})


def _check(path: Path, name: str, value: Any) -> None:
    if name in ("cores", "jobs", "workers"):
        right, wanted = type(value) is int and value >= 1, "a whole number of 1 or more"
    elif name in ("directives", "before"):
        right = isinstance(value, list) and all(
            isinstance(line, str) and "\n" not in line for line in value
        )
        wanted = "a list of lines"
    else:
        pattern, wanted = {
            "walltime": (WALLTIME, 'HH:MM:SS or D-HH:MM:SS, "04:00:00"'),
            "memory": (MEMORY, 'a size with its unit, "64GB"'),
        }.get(name, (WORD, "a word without spaces"))
        right = isinstance(value, str) and pattern.fullmatch(value) is not None
    if not right:
        raise OptionError(f"{path}: {name} must be {wanted}, got {shown(value)}.")


def arguments(jobs: Jobs) -> Mapping[str, Any]:
    """Return the jobs as dask_jobqueue takes them.

    Its cores are the threads that do tasks: one for each worker. SLURM is asked for all cores.
    """
    share = max(1, jobs.cores // jobs.workers)
    return {
        "queue": jobs.queue or None,
        "account": jobs.account or None,
        "cores": jobs.workers,
        "processes": jobs.workers,
        "job_cpu": jobs.cores,
        "memory": jobs.memory,
        "walltime": jobs.walltime,
        "interface": jobs.interface or None,
        "job_name": "unsmear",
        "job_extra_directives": jobs.directives,
        "job_script_prologue": [
            f"export OMP_NUM_THREADS={share} OPENBLAS_NUM_THREADS=1 OPENCV_FOR_THREADS_NUM=1",
            # Dask would have every freed array returned to the system at once.
            f"export MALLOC_TRIM_THRESHOLD_={2**28} MALLOC_MMAP_THRESHOLD_={2**25}",
            *jobs.before,
        ],
        "worker_extra_args": ["--lifetime", f"{jobs.lifetime}s", "--no-dashboard"],
        "log_directory": jobs.logs,
        "shared_temp_directory": jobs.logs,
    }
