"""The options that say where the work is done, for all commands that share it out."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from unsmear.cluster.where import Where

WhereOptions = Annotated[Where, Parameter(name="*", negative=())]
"""--workers, --scheduler, --slurm, --dashboard and --memory."""
