"""Workers for as long as a block of code needs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from unsmear import free_memory
from unsmear.cluster.where import Where
from unsmear.cluster.workers import Workers


@contextmanager
def opened(where: Where) -> Iterator[Workers]:
    """Start the workers that are asked for, or reach them, and end at the end what was started.

    Raises OptionError for what contradicts or is no SLURM job, MissingExtra where the extra is not
    installed, and UnsmearError where there is no scheduler or no worker.
    """
    where.check()
    memory = where.memory_size
    with free_memory.limited(memory):
        if where.alone:
            yield Workers()
            return
        from unsmear.cluster import dask_clusters

        with dask_clusters.opened(where) as workers:
            yield replace(workers, memory=memory)
