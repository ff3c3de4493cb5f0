"""Images at addresses that are given as inputs."""

from __future__ import annotations

import atexit
import glob
import shutil
from dataclasses import replace
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp

from unsmear.data.discovery import Found, FoundFile, sort_zarr
from unsmear.errors import DataError, ImageError
from unsmear.images import ome_zarr
from unsmear.location import Location


def search(location: Location) -> Found:
    """Return the images of an address: a Zarr, whose metadata are fetched for that, or a file.

    Raises DataError for what is neither, and where the metadata cannot be read.
    """
    if location.suffix.lower() == ".zip" or glob.has_magic(location.name):
        raise DataError(f"{location}: a remote input must be an image or a Zarr, got neither.")
    below = PurePosixPath(location.name or "image")
    if not location.folder:
        return Found([FoundFile(location, below)])
    folder = Path(mkdtemp(prefix="unsmear-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    found = Found()
    try:
        ome_zarr.remote.fetch_groups(location, folder / below)
        sort_zarr(folder / below, below, found)
    except ImageError as error:
        raise DataError(str(error)) from error
    for entry in found.files:
        if entry.problem:
            raise DataError(f"{location}: {entry.problem.removeprefix(f'{below}: ')}")
    found.files = [
        replace(entry, file=location / entry.below.relative_to(below)) for entry in found.files
    ]
    return found
