"""Checks of the paths that a command is given."""

from __future__ import annotations

import os
from pathlib import Path

from unsmear.errors import OptionError
from unsmear.location import SCHEMES, Location, is_url


def resolved(path: Path) -> Path:
    """Return the absolute path without links; raises OptionError for a link to itself."""
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        raise OptionError(f"{path}: the path cannot be followed ({error}).") from error


def check_local(output: Path | None, kind: str = "file or folder") -> None:
    """Raise OptionError for an address, which would become a folder of that name here."""
    first = output.parts[0] if output is not None and output.parts else ""
    if first.endswith(":") and first[:-1] in SCHEMES:
        raise OptionError(
            f"the output must be a {kind} of this computer, got an {first}// address; "
            "only `unsmear restore` writes to s3://."
        )


def check_folder(output: Path) -> Path:
    """Return `output` if it is, or can become, a folder to write to; raises OptionError else."""
    check_local(output, "folder")
    if output.exists() and not output.is_dir():
        raise OptionError(f"the output must be a folder, got the file {output}.")
    there = next((folder for folder in (output, *output.parents) if folder.exists()), output)
    if not there.is_dir():
        raise OptionError(f"{output}: the output must be a folder, but {there} is a file.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise OptionError(f"{output}: the output must be writable, got {there}, which is not.")
    return output


def output_place(output: str) -> tuple[Path, Location | None]:
    """Return an output folder, or none (".") and a place in an object store.

    Raises OptionError for an address that nothing can be written to.
    """
    if not is_url(output):
        return Path(output), None
    place = Location(output)
    if place.scheme != "s3":
        raise OptionError(
            f"the output must be a folder or an s3:// address, got {place}: "
            "nothing can be written to a web server."
        )
    return Path(), place
