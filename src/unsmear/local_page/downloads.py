"""Results as they are downloaded: a file, or several in a zip file."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from tempfile import mkstemp

from unsmear.errors import ImageError
from unsmear.local_page.shelf import Shown


def name_of(shown: Shown) -> str:
    """Return an image's name without its folders."""
    return PurePosixPath(shown.item.id).name


def zipped(images: Sequence[Shown], folder: Path) -> Path | None:
    """Return a new zip file in a folder with all results; None where there is none.

    Where results of several drops, or of a drop and the folder, have one name, that of a drop has
    its number before it. Nothing is compressed: image files are as a rule.

    Raises ImageError where the file cannot be written.
    """
    outputs = {
        (shown.place.drop, _name(shown, out)): out for shown in images for out in shown.written
    }
    several = Counter(name.casefold() for _, name in outputs)
    results = [
        (path, f"drop-{drop}/{inside}" if drop and several[name.casefold()] > 1 else inside)
        for (drop, name), output in outputs.items()
        for path, inside in _files(output, name)
    ]
    if not results:
        return None
    handle, made = mkstemp(".zip", dir=folder)
    try:
        with os.fdopen(handle, "wb") as stream, zipfile.ZipFile(stream, "w") as file:
            for path, name in results:
                file.write(path, name)
    except OSError as error:
        Path(made).unlink(missing_ok=True)
        reason = error.strerror or type(error).__name__
        raise ImageError(f"the zip file of the results cannot be written ({reason}).") from error
    return Path(made)


def _name(shown: Shown, output: Path) -> str:
    """Return the name of a file of a result, below the folder of its results."""
    inside = output.is_relative_to(shown.place.output)
    return output.relative_to(shown.place.output).as_posix() if inside else output.name


def _files(output: Path, name: str) -> Iterator[tuple[Path, str]]:
    """Yield a file, or those in an OME-Zarr one by one, with their names in the zip."""
    for path in sorted(output.rglob("*")) if output.is_dir() else [output]:
        if path.is_file():
            yield path, f"{name}/{path.relative_to(output).as_posix()}" if path != output else name
