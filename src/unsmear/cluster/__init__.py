"""Where work is done: in this process, in processes of this machine, or on a cluster.

Dask is the engine of everything but the first. Importing this package imports no Dask, so that the
command line can read its options and one process needs none of it.
"""

from __future__ import annotations

from unsmear.cluster.opening import opened
from unsmear.cluster.where import HERE, Where
from unsmear.cluster.workers import Workers, WorkersLostError

__all__ = ["HERE", "Where", "Workers", "WorkersLostError", "opened"]
