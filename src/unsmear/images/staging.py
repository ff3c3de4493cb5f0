"""Remote images on the disk, for as long as they are worked on."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from unsmear import remote
from unsmear.errors import ImageError
from unsmear.images import ome_zarr
from unsmear.location import Location


@contextlib.contextmanager
def staged(
    files: Sequence[Path | zipfile.Path | Location],
) -> Iterator[tuple[Path | zipfile.Path, ...]]:
    """Give files with a copy on the disk in place of each remote one; the copies go at the end.

    They lie in the folder for temporary files (`TMPDIR`). Raises ImageError for a file that is not
    there or does not come whole.
    """
    with TemporaryDirectory(prefix="unsmear-", ignore_cleanup_errors=True) as folder:
        yield tuple(
            _fetched(file, Path(folder, str(number))) if isinstance(file, Location) else file
            for number, file in enumerate(files)
        )


def _fetched(location: Location, folder: Path) -> Path:
    file = folder / (location.name or "image")
    if location.folder:
        ome_zarr.remote.fetch_image(location, file)
    elif not remote.fetch(location, file):
        raise ImageError(f"{location}: the file cannot be read (404 Not Found).")
    return file
