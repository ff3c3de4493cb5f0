"""Options of the commands that write images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from unsmear.cli.options.parameters import Flag

Form = Literal["ome-tiff", "ome-zarr"]
"""Formats that results can be asked to have."""


@Parameter(name="*")
@dataclass(frozen=True)
class OutputOptions:
    """How results are written."""

    form: Annotated[Form | None, Parameter(name="--as")] = None
    "Format of the results: ome-tiff or ome-zarr [default: that of the input]."

    overwrite: Flag = False
    "Replace files in the output folder that this command did not write."

    dry_run: Flag = False
    "List what would be read, as what, and what would be written; write nothing."
