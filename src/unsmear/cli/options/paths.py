"""Checks of the paths that a command is given."""

from __future__ import annotations

from pathlib import Path

from unsmear.errors import OptionError


def resolved(path: Path) -> Path:
    """Return the absolute path without links; raises OptionError for a link to itself."""
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        raise OptionError(f"{path}: the path cannot be followed ({error}).") from error


def check_folder(output: Path) -> Path:
    """Return `output` if it is, or can become, a folder; raises OptionError otherwise."""
    if output.exists() and not output.is_dir():
        raise OptionError(f"the output must be a folder, got the file {output}.")
    return output
