"""Results as they are downloaded: a file, or several in a zip file."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from tempfile import mkstemp

from unsmear.local_page.shelf import Shown


def name_of(shown: Shown) -> str:
    """Return an image's name without its folders."""
    return PurePosixPath(shown.item.id).name


def zipped(images: Sequence[Shown], folder: Path) -> Path | None:
    """Return a new zip file in a folder with all results; None where there is none.

    Nothing is compressed: image files are as a rule.
    """
    results = {name: path for shown in images for path, name in _files(shown)}
    if not results:
        return None
    handle, made = mkstemp(".zip", dir=folder)
    with os.fdopen(handle, "wb") as stream, zipfile.ZipFile(stream, "w") as file:
        for name, path in results.items():
            file.write(path, name)
    return Path(made)


def _files(shown: Shown) -> Iterator[tuple[Path, str]]:
    """Yield the files of a result, those in an OME-Zarr one by one, with their names in the zip."""
    for output in shown.outputs:
        inside = output.is_relative_to(shown.place.output)
        root = shown.place.output if inside else output.parent
        for path in sorted(output.rglob("*")) if output.is_dir() else [output]:
            if path.is_file():
                yield path, path.relative_to(root).as_posix()
