"""What a path holds: single images, folders, globs, zip files, HPA fields.

Files `<ID>_<colour>.<ending>` that lie together are one field (see `unsmear.data.hpa`). Hidden
files and folders are skipped, and so are folders named "masks": `unsmear synth` writes the outlines
of its cells there, beside the images. A folder named itself, not found in another, is searched
whatever its name. Zip files in a folder are searched only where no image lies beside them.

Labels come from a `train.csv`, groups from a `MANIFEST.csv` with the columns `file` (relative to
it) and `group`; each is looked for in an image's folder, in the folder above that, and from inside
a zip file in all its folders and the one in which it lies.
"""

from __future__ import annotations

import csv
import glob
import io
import os
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, count
from pathlib import Path, PurePosixPath

from unsmear import images
from unsmear.data import hpa
from unsmear.data.archive import AnyPath, ancestors, members
from unsmear.data.labels import CHANNELS
from unsmear.errors import DataError, ImageError
from unsmear.images import Image

__all__ = ["SKIPPED", "AnyPath", "Item", "find"]

SKIPPED = frozenset({"masks", "__MACOSX"})
"""Folders that hold no images of their own, and are not searched."""


@dataclass(frozen=True)
class Item:
    """One image of a source, read when it is wanted; it can be sent to another process.

    id: unique in the source; the path, without its ending, of what is written for it.
    files: the file, or one file a channel in the order of the channels.
    reader: turns the files into an image.
    labels: HPA label numbers, where the source has them.
    group: items of one group share cells or a field, and stay on one side of a split.
    """

    id: str
    files: tuple[AnyPath, ...]
    reader: Callable[[tuple[AnyPath, ...]], Image]
    labels: tuple[int, ...] = ()
    group: str = ""

    def read(self) -> Image:
        """Return the image; raises ImageError or AxesError."""
        return self.reader(self.files)


@dataclass(frozen=True)
class _Found:
    """A file, and where it lies below the folder, glob or zip file that was given."""

    file: AnyPath
    below: PurePosixPath


def find(inputs: Iterable[str | Path], axes: str | None = None, channels: str = "") -> list[Item]:
    """Return the images in files, folders (searched deeply), globs and zip files, in order.

    axes: of every single image whose file does not say it, or says it wrongly.
    channels: letters of "RGBY", the channels wanted of each HPA field. Without them a field gives
    the four or the three that it has, and a file without siblings is an ordinary image.

    An image that cannot be read is an item too, whose `read` says why. An input that comes twice
    counts once. Raises DataError for an input that does not exist or holds no image, and for a
    damaged `train.csv`, and OptionError for unknown channels.
    """
    colours = hpa.parse_channels(channels)
    found: dict[str, _Found] = {}
    for given in inputs:
        for entry in _search(str(given)):
            found.setdefault(_place(entry.file), entry)
    pairs = [
        (_single_item(siblings[""], axes) if "" in siblings else _field_item(siblings, colours))
        for siblings in _sort_out(list(found.values()), bool(colours))
    ]
    return _with_unique_ids(_with_labels(pairs))


def _search(given: str) -> list[_Found]:
    path = Path(given)
    if path.is_dir():
        files = [_Found(file, below) for file, below in _walk(path)]
        # What a download left: zip files and no image beside them.
        files = files or [e for file in sorted(path.glob("*.zip")) for e in _search_zip(file)]
    elif path.is_file() and path.suffix.lower() == ".zip":
        files = _search_zip(path)
    elif path.is_file():
        return [_Found(path, PurePosixPath(path.name))]
    elif glob.has_magic(given):
        files = _search_glob(given)
    else:
        raise DataError(f"{given}: an input must be a file, folder, glob or zip file that exists.")
    if not files:
        raise DataError(
            f"{given}: an input must hold at least one image ({', '.join(images.SUFFIXES)}), "
            f"got none."
        )
    return files


def _walk(folder: Path) -> Iterator[tuple[Path, PurePosixPath]]:
    """Yield the images under a folder, sorted, each with its path from there."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_skipped(name))
        for name in sorted(names):
            if _is_image(name):
                file = Path(root, name)
                yield file, PurePosixPath(file.relative_to(folder).as_posix())


def _search_zip(path: Path) -> list[_Found]:
    try:
        files = list(members(path))
    except (OSError, zipfile.BadZipFile):
        # Said when it is read, so that the other inputs go on.
        return [_Found(path, PurePosixPath(path.name))]
    places = [(file, PurePosixPath(file.at)) for file in files]
    return [
        _Found(file, below)
        for file, below in places
        if _is_image(below.name) and not any(map(_is_skipped, below.parts[:-1]))
    ]


def _search_glob(pattern: str) -> list[_Found]:
    parts = Path(pattern).parts
    root = Path(*parts[: next(i for i, part in enumerate(parts) if glob.has_magic(part))])
    found = []
    for name in sorted(glob.glob(pattern, recursive=True)):
        path = Path(name)
        below = PurePosixPath(path.relative_to(root).as_posix())
        if any(map(_is_skipped, below.parts[:-1])):
            continue
        if path.is_dir() and not _is_skipped(path.name):
            found += [_Found(file, below / deeper) for file, deeper in _walk(path)]
        elif path.is_file() and _is_image(path.name):
            found.append(_Found(path, below))
        elif path.suffix.lower() == ".zip":
            found += _search_zip(path)
    return found


def _is_image(name: str) -> bool:
    return not name.startswith(".") and PurePosixPath(name).suffix.lower() in images.SUFFIXES


def _is_skipped(folder: str) -> bool:
    return folder in SKIPPED or (folder.startswith(".") and folder not in (".", ".."))


def _place(file: AnyPath) -> str:
    """Return one spelling for a file, however the way to it was given."""
    return os.path.abspath(str(file))


def _sort_out(found: Sequence[_Found], forced: bool) -> list[dict[str, _Found]]:
    """Return each image's files by colour, in the order found; "" is a single image's colour.

    forced: a file with a colour in its name is a field even without siblings.
    """
    together: dict[tuple[str, str], list[_Found]] = defaultdict(list)
    for entry in found:
        field, colour = hpa.split_name(entry.below.name)
        together[(str(entry.file.parent), field) if colour else (_place(entry.file), "")] += [entry]
    sorted_out = []
    for (_, field), entries in together.items():
        for siblings in _by_ending(entries):
            single = not field or (len(siblings) == 1 and not forced)
            sorted_out.append(dict.fromkeys([""], *siblings.values()) if single else siblings)
    return sorted_out


def _by_ending(entries: Sequence[_Found]) -> list[dict[str, _Found]]:
    """Return a field's files by colour; where a colour comes twice, each ending is a field."""
    colours = [hpa.split_name(entry.below.name)[1] for entry in entries]
    if len(set(colours)) == len(colours):
        return [dict(zip(colours, entries, strict=True))]
    fields: dict[str, dict[str, _Found]] = defaultdict(dict)
    for colour, entry in zip(colours, entries, strict=True):
        fields[entry.below.suffix][colour] = entry
    return list(fields.values())


def _single_item(entry: _Found, axes: str | None) -> tuple[Item, _Found]:
    name = entry.below.with_suffix("").as_posix()
    return Item(name, (entry.file,), partial(_read_single, axes=axes)), entry


def _field_item(found: dict[str, _Found], wanted: tuple[str, ...]) -> tuple[Item, _Found]:
    entry = next(iter(found.values()))
    field = hpa.split_name(entry.below.name)[0]
    colours = wanted or (CHANNELS if "yellow" in found else CHANNELS[:3])
    missing = [colour for colour in colours if colour not in found]
    files = tuple(found[colour].file for colour in colours if colour in found)
    reader: partial[Image] = partial(hpa.read_field, field=field, colours=colours)
    if missing:
        reader = partial(
            _refuse,
            sentence=f"{field}: a field must have a file for each of {', '.join(colours)}, "
            f"got none for {' and '.join(missing)}.",
        )
    name = (entry.below.parent / field).as_posix()
    return Item(name, files or (entry.file,), reader, group=field), entry


def _read_single(files: tuple[AnyPath, ...], axes: str | None) -> Image:
    return images.read(files[0], axes)


def _refuse(files: tuple[AnyPath, ...], sentence: str) -> Image:
    raise ImageError(sentence)


def _with_labels(pairs: Sequence[tuple[Item, _Found]]) -> list[tuple[Item, _Found]]:
    """Give the items the labels and groups that lists beside or above their files have for them."""
    labels: dict[str, dict[str, tuple[int, ...]]] = {}
    groups: dict[str, dict[str, str]] = {}
    described = []
    for item, entry in pairs:
        names = (PurePosixPath(entry.below.name).stem, hpa.split_name(entry.below.name)[0])
        found, group = item.labels, item.group
        for folder in reversed(ancestors(entry.file)):
            place = str(folder)
            if place not in labels:
                labels[place], groups[place] = _labels_in(folder), _groups_in(folder)
            for name in names:
                found = labels[place].get(name, found)
            group = groups[place].get(_place(entry.file), group)
        described.append((replace(item, labels=found, group=group), entry))
    return described


def _labels_in(folder: AnyPath) -> dict[str, tuple[int, ...]]:
    file = folder / "train.csv"
    return hpa.read_labels(file) if file.exists() and hpa.is_label_list(file) else {}


def _groups_in(folder: AnyPath) -> dict[str, str]:
    """Return the groups by file of a MANIFEST.csv; one without these columns says nothing."""
    file = folder / "MANIFEST.csv"
    if not file.exists():
        return {}
    rows = csv.DictReader(io.StringIO(file.read_bytes().decode("utf-8-sig", "replace")))
    return {
        _place(folder / row["file"]): row["group"]
        for row in rows
        if row.get("file") and row.get("group")
    }


def _with_unique_ids(pairs: Sequence[tuple[Item, _Found]]) -> list[Item]:
    """Tell equal ids apart: by the ending, then by the folder given, then by a number."""
    ids = [item.id for item, _ in pairs]
    endings = [f"{item.id}_{entry.below.suffix[1:]}" for item, entry in pairs]
    ids = _where_equal(ids, endings)
    ids = _where_equal(ids, [f"{_folder(e)}/{i}" for i, (_, e) in zip(ids, pairs, strict=True)])
    seen: set[str] = set()
    items = []
    for id_, (item, _) in zip(ids, pairs, strict=True):
        spellings = chain([id_], (f"{id_}_{number}" for number in count(2)))
        name = next(spelling for spelling in spellings if spelling not in seen)
        seen.add(name)
        items.append(replace(item, id=name, group=item.group or name))
    return items


def _where_equal(ids: Sequence[str], others: Sequence[str]) -> list[str]:
    """Return the ids that come once, and the other spelling of those that come more often."""
    counts = Counter(ids)
    return [other if counts[id_] > 1 else id_ for id_, other in zip(ids, others, strict=True)]


def _folder(entry: _Found) -> str:
    """Return the name of the folder or zip file in which the search for a file began."""
    above = Path(_place(entry.file)).parents[len(entry.below.parts) - 1]
    return above.stem if above.suffix.lower() == ".zip" else above.name
