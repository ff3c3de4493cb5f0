"""What a user says about where work is done; no Dask is needed to say it."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from unsmear import free_memory
from unsmear.errors import MissingExtra, MisuseError, OptionError


@dataclass(frozen=True)
class Where:
    """Where work is done; results do not depend on it."""

    workers: int = 1
    "Number of processes on this machine; above 1 they need the extra `cluster`."

    scheduler: str | None = None
    "Address of a running Dask scheduler, whose workers do the work: tcp://HOST:8786."

    slurm: Path | None = None
    "TOML file on the jobs of a SLURM cluster, which are submitted and do the work."

    dashboard: bool = False
    "Serve the dashboard of --workers or --slurm, and print its address (needs bokeh)."

    memory: str | None = None
    """Memory that each process may take for an image: 2GB, 800MB; by default half of what is free.
    Images of over 33 megapixels, by default in 2GB, are read, restored and written in blocks, whose
    size follows from it and which --workers share; a stopped run goes on with the block where it
    was."""

    @property
    def memory_size(self) -> int | None:
        """Return the memory of each process, bytes; None where it is not said.

        Raises MisuseError for what is no size.
        """
        try:
            return None if self.memory is None else free_memory.parse(self.memory)
        except ValueError as error:
            raise MisuseError(str(error)) from error

    @property
    def alone(self) -> bool:
        """Return whether all is done in this process, without Dask."""
        return self.workers == 1 and self.scheduler is None and self.slurm is None

    def check(self) -> None:
        """Raise OptionError for what contradicts or is no size, and MissingExtra where the extra is
        missing.
        """
        _ = self.memory_size
        if self.workers < 1:
            raise OptionError(f"workers must be 1 or more, got {self.workers}.")
        given = {
            "--workers": self.workers > 1,
            "--scheduler": self.scheduler is not None,
            "--slurm": self.slurm is not None,
        }
        chosen = [name for name, is_given in given.items() if is_given]
        if len(chosen) > 1:
            raise OptionError(f"{' and '.join(chosen)} contradict each other: give one of them.")
        engine = "dask_jobqueue" if self.slurm else "distributed"
        if chosen and _is_missing(engine):
            raise MissingExtra(f"{chosen[0]} needs Dask: pip install 'unsmear[cluster]'.")
        if self.dashboard and _is_missing("bokeh"):
            raise MissingExtra("--dashboard needs Bokeh: pip install bokeh.")


def _is_missing(package: str) -> bool:
    return importlib.util.find_spec(package) is None


HERE = Where()
"""This process."""
