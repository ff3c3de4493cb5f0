"""Folders of Zarrs: they are written aside, whole or not at all, and copied with what they hold."""

from __future__ import annotations

import contextlib
import filecmp
import json
import os
import shutil
import warnings
from collections.abc import Collection, Iterator
from pathlib import Path

from unsmear.atomic import name_aside
from unsmear.errors import ImageError
from unsmear.images.ome_zarr.metadata import FILES, is_zarr


@contextlib.contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Give a folder beside the result, which takes the result's place at the end.

    Raises ImageError where it cannot be written, and for a place that is taken by a folder that is
    no Zarr: whose files those are is not known.
    """
    aside = name_aside(path)
    if path.is_dir() and any(path.iterdir()) and not is_zarr(path):
        raise ImageError(f"{path.name}: a Zarr must replace no other folder, got one with files.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(aside, ignore_errors=True)
        yield aside
        if path.exists():
            old = aside.with_suffix(".old")
            path.replace(old)
            aside.replace(path)
            remove(old)
        else:
            aside.replace(path)
    except (OSError, shutil.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(f"{path.name}: the Zarr cannot be written ({reason}).") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def copy(source: Path, path: Path, arrays: Collection[str] = ()) -> None:
    """Copy a folder, whose copy can be written to though the source be locked.

    arrays: paths below it of arrays whose chunks are left out.
    """
    bare = {source / array for array in arrays}

    def left_out(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if name not in FILES] if Path(folder) in bare else []

    shutil.copytree(source, path, ignore=left_out, copy_function=shutil.copyfile)
    for folder, _, _ in os.walk(path):
        Path(folder).chmod(Path(folder).stat().st_mode | 0o700)


def same(one: Path, other: Path) -> bool:
    """Return whether two folders hold the same files, to the last byte."""
    files = [
        {file.relative_to(folder) for file in folder.rglob("*") if file.is_file()}
        for folder in (one, other)
    ]
    return files[0] == files[1] and all(
        filecmp.cmp(one / file, other / file, shallow=False) for file in files[0]
    )


def remove(path: Path) -> None:
    """Delete what was at a place or lies in the way, a folder or a file."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def without_consolidated(file: Path) -> bytes | None:
    """Return a file of metadata without those of what lies below it; None where no other are in it.

    A plate in an object store has none: they would be those of the images before.
    """
    if file.name == ".zmetadata":
        return None
    if file.name != "zarr.json":
        return file.read_bytes()
    said = json.loads(file.read_bytes())
    said.pop("consolidated_metadata", None)
    return json.dumps(said, indent=2).encode()


def consolidate(path: Path) -> None:
    """Bring the consolidated metadata of a Zarr up to date, where it has some.

    Programs that read them would take the dtype and the attributes of before for those of now.
    """
    new = path / "zarr.json"
    if (path / ".zmetadata").is_file() or (
        new.is_file() and b'"consolidated_metadata"' in new.read_bytes()
    ):
        import zarr

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that version 3 has no standard for them yet
            zarr.consolidate_metadata(str(path))
