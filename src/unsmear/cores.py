"""The number of processor cores that this process may use."""

from __future__ import annotations

import os

CORES: int = (
    len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
)
"""Number of threads of whatever uses all cores of this process."""
