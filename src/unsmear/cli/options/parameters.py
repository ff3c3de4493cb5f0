"""Parameters that several commands have, and the options of a batch of images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from unsmear.cluster.where import HERE, Where
from unsmear.errors import OptionError

Inputs = Annotated[list[str], Parameter(name="INPUT", negative=())]
"""Images, folders, globs or zip files."""
Pairs = Annotated[Path, Parameter(name="PAIRS")]
"""A folder of pairs from `unsmear prepare`."""
OutputPath = Annotated[Path, Parameter(name=["--output", "-o"])]
"""The output folder or file."""
OutputPlace = Annotated[str, Parameter(name=["--output", "-o"])]
"""The output folder, or a place in an object store."""
MaybeOutputPath = Annotated[Path | None, Parameter(name=["--output", "-o"])]
"""The output folder or file, which has a default."""
Flag = Annotated[bool, Parameter(negative=())]
"""An option without a value that no file of defaults sets, and so without a --no-..."""
DryRun = Annotated[
    bool,
    Parameter(
        name="--dry-run",
        negative=(),
        help="List what would be read and what would be written; write nothing.",
    ),
]
"""The option of the commands that write tables and folders."""
Repeated = Annotated[list[str], Parameter(negative=())]
"""An option that can be given several times."""
Tokens = Annotated[str, Parameter(allow_leading_hyphen=True, show=False)]
"""Options of the training configuration, as they were typed."""


@dataclass(frozen=True)
class BatchOptions:
    """Images to be processed.

    inputs: images, folders, globs or zip files. axes: letters of their dimensions; None where their
    metadata name them. where: the work is done.
    """

    inputs: list[str]
    axes: str | None = None
    where: Where = HERE

    def __post_init__(self) -> None:
        """Raise OptionError for axes that no file has, also where no file is asked for them."""
        letters = (self.axes or "YX").upper()
        if set(letters) - set("PSTCZYX") or len(set(letters)) < len(letters):
            raise OptionError(
                f"--axes must be different letters of PSTCZYX, such as ZCYX, got {self.axes}."
            )
