"""The folder of this computer in which results for an object store are made."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from unsmear import lease
from unsmear.images import slides
from unsmear.location import Location


def work_for(place: Location, work: Callable[[Path], int]) -> int:
    """Return the exit code of a work that is given the folder of results for a place.

    It lies among the temporary files and goes at the end, but for what a stopped or failed run made
    of slides: another run to the same place goes on with it.
    """
    with _held(place) as folder:
        code = 1
        try:
            code = work(folder)
        finally:
            _tidy(folder, everything=code == 0)
    return code


@contextmanager
def _held(place: Location) -> Iterator[Path]:
    """Give the folder of a place, or one that nobody has where a living process holds that."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    digest = sha256(place.url.rstrip("/").encode()).hexdigest()[:16]
    folder = Path(gettempdir()).resolve() / f"unsmear-{user}-{digest}"
    held = _lease(folder) if _is_own(folder) else None
    if held is None:
        with TemporaryDirectory(prefix="unsmear-") as other:
            yield Path(other).resolve()
        return
    with held.renewing():
        yield folder


def _is_own(folder: Path) -> bool:
    """Make a folder that nobody else can look into; return whether it is one."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    mine = not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & 0o077)
    return folder.is_dir() and not folder.is_symlink() and mine


def _lease(folder: Path) -> lease.Lease | None:
    """Return the lease of a folder, or None where a living process has it."""
    path, clock = (folder.with_name(f"{folder.name}.{what}") for what in ("lease", "clock"))
    try:
        return lease.Lease.take(path, lease.new_owner(), clock)
    except FileExistsError:
        return None
    finally:
        clock.unlink(missing_ok=True)


def _tidy(folder: Path, everything: bool) -> None:
    """Delete a folder, or all in it but slides that are not complete, or not sent."""
    parts = [] if everything else list(folder.rglob(f".*{slides.UNFINISHED}"))
    kept = {*parts, *map(slides.result_of, parts)}
    for path in sorted(folder.rglob("*"), reverse=True):
        if any(path == one or one in path.parents for one in kept):
            continue
        if not path.is_dir() or path.is_symlink():
            path.unlink()
        elif not any(path.iterdir()):
            path.rmdir()
    if not kept:
        shutil.rmtree(folder, ignore_errors=True)
