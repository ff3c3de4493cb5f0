"""Which plates a folder holds: images by their names, what their index says, files beside them."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from unsmear import images
from unsmear.batches import layout
from unsmear.data.plates import cellvoyager, imagexpress, incell, micromanager, opera
from unsmear.data.plates.plate import Indexed, Named, Place, Plate, Vendor

VENDORS = tuple(module.VENDOR for module in (opera, cellvoyager, incell, micromanager, imagexpress))
OTHER_IMAGES = (
    *(".zarr", ".czi", ".nd2", ".lif", ".lof", ".oib", ".oif", ".oir", ".vsi", ".ims", ".dv"),
    *(".stk", ".lsm", ".svs", ".ndpi", ".scn", ".qptiff", ".mrxs", ".bif", ".flex", ".jp2"),
    *(".gif", ".bmp", ".webp", ".h5", ".hdf5", ".zip"),
)
"""Endings of images, besides those that are read, that are never a plate's side files."""

Key = tuple[Vendor, Path, str]
"""A plate: its vendor, root and name."""


def find(folder: str | Path) -> list[Plate]:
    """Return the plates in a folder, however deep, in order of their folders and names.

    What an index says of an image stands before what its name says. A damaged index is a problem
    of its plate, which is then known by the names of its files. Files outside of `folder` are
    read where they are the index of what lies in it, and are no side files.
    """
    folder = Path(folder)
    files, problems = _walk(folder)
    groups = _grouped(files)
    found: list[tuple[Key, Indexed | None, dict[Path, Place]]] = []
    taken: set[Path] = set()
    for key, named in groups.items():
        vendor, root, name = key
        places = {file: entry.place for file, entry in named.items() if file not in taken}
        indexed = vendor.indexed(root, name, places)
        if indexed is None and not any(entry.sure for entry in named.values()):
            continue
        fields = {**places, **(indexed.places if indexed else {})}
        fields = {f: p for f, p in fields.items() if f not in taken and _is_below(f, folder)}
        if fields:
            taken |= fields.keys()
            found.append((key, indexed, fields))
    return _with_side_files(found, folder, [f for f in files if f not in taken], problems)


def recognise(folder: str | Path) -> Plate | None:
    """Return the plate that a folder holds, None where it holds none or several (see `find`)."""
    plates = find(folder)
    return plates[0] if len(plates) == 1 else None


def _walk(folder: Path) -> tuple[list[Path], list[str]]:
    """Return all files under a folder, sorted, and what could not be looked at."""
    problems: list[str] = []

    def note(error: OSError) -> None:
        problems.append(f"{error.filename}: the folder cannot be read ({error.strerror}).")

    files = []
    for root, folders, names in os.walk(folder, onerror=note):
        folders[:] = sorted(name for name in folders if not _is_passed_over(name))
        files += [Path(root, name) for name in sorted(names) if not name.startswith(".")]
    return [file for file in files if os.path.isfile(file)], problems


def _is_passed_over(folder: str) -> bool:
    hidden = folder.startswith(".") or folder == "masks" or layout.is_record(folder)
    return hidden or folder.lower().endswith(".zarr")


def _grouped(files: Iterable[Path]) -> dict[Key, dict[Path, Named]]:
    """Return images by plate; a plate of which only an index was recognised has none."""
    groups: dict[Key, dict[Path, Named]] = defaultdict(dict)
    listing: list[Key] = []
    for file in files:
        for vendor in VENDORS:
            if named := vendor.named(file):
                groups[vendor, vendor.root(file.parent), named.plate][file] = named
                break
            if vendor.is_index(file.name):
                listing.append((vendor, vendor.root(file.parent), ""))
    known = {(vendor.title, root) for vendor, root, _ in groups}
    for key in listing:
        if (key[0].title, key[1]) not in known:
            groups[key] = {}
    return groups


def _is_below(file: Path, folder: Path) -> bool:
    return file.is_relative_to(folder)


def _with_side_files(
    found: Sequence[tuple[Key, Indexed | None, dict[Path, Place]]],
    folder: Path,
    others: Iterable[Path],
    unreadable: Sequence[str],
) -> list[Plate]:
    """Return the plates, each file beside them given to the one plate in whose root it lies."""
    roots = [root if _is_below(root, folder) else folder for (_, root, _), _, _ in found]
    side: dict[int, list[Path]] = defaultdict(list)
    for file in others:
        owners = [number for number, root in enumerate(roots) if _is_below(file, root)]
        # The innermost, and of plates in one folder the first.
        owner = max(owners, key=lambda number: (len(roots[number].parts), -number), default=None)
        if owner is None:
            continue
        (vendor, _, _), indexed, _ = found[owner]
        if _is_side_file(file, vendor, indexed is not None and indexed.has_file):
            side[owner].append(file)
    plates = [
        Plate(
            vendor=vendor.title,
            root=roots[number],
            fields=dict(sorted(fields.items())),
            side_files=tuple(side[number]),
            name=name,
            problems=tuple(indexed.problems if indexed else ())
            + (tuple(unreadable) if number == 0 else ()),
        )
        for number, ((vendor, _, name), indexed, fields) in enumerate(found)
    ]
    return sorted(plates, key=lambda plate: (plate.root, plate.name))


def _is_side_file(file: Path, vendor: Vendor, has_index: bool) -> bool:
    """Return whether a file belongs to a plate and is no image.

    Without an index the folder may hold anything, so that only the vendor's own files count.
    """
    name = file.name.lower()
    if vendor.is_side(file):
        return True
    if name.endswith((*images.SUFFIXES, *OTHER_IMAGES)):
        return False
    return has_index or name.endswith(vendor.side_endings)
