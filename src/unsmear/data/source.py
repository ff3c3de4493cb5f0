"""What a path holds: single images, folders, globs, zip files, HPA fields.

Files `<ID>_<colour>.<ending>` that lie together are one field (see `unsmear.data.hpa`). What a
folder, glob or zip file is searched for, and what is skipped: see `unsmear.data.search`.

Labels come from a `train.csv`, groups from a `MANIFEST.csv` with the columns `file` (relative to
it) and `group`; each is looked for in an image's folder, in the folder above that, and from inside
a zip file in all its folders and the one in which it lies.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, count
from pathlib import Path, PurePosixPath

from unsmear import images
from unsmear.data import hpa
from unsmear.data.archive import AnyPath, ancestors
from unsmear.data.labels import CHANNELS
from unsmear.data.search import Found, place_of, search
from unsmear.errors import ImageError
from unsmear.images import Image

__all__ = ["AnyPath", "Item", "find", "labels_beside", "listed_names"]


@dataclass(frozen=True)
class Item:
    """One image of a source, read when it is wanted; it can be sent to another process.

    id: unique in the source; the path, without its ending, of what is written for it.
    files: the file, or one file a channel in the order of the channels.
    reader: turns the files into an image.
    labels: HPA label numbers, each once, where the source has them.
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
    found: dict[str, Found] = {}
    for given in inputs:
        for entry in search(str(given)):
            found.setdefault(place_of(entry.file), entry)
    pairs = [
        (_single_item(siblings[""], axes) if "" in siblings else _field_item(siblings, colours))
        for siblings in _sort_out(list(found.values()), bool(colours))
    ]
    return _with_unique_ids(_with_labels(pairs))


def _sort_out(found: Sequence[Found], forced: bool) -> list[dict[str, Found]]:
    """Return each image's files by colour, in the order found; "" is a single image's colour.

    forced: a file with a colour in its name is a field even without siblings.
    """
    together: dict[tuple[str, str], list[Found]] = defaultdict(list)
    for entry in found:
        field, colour = hpa.split_name(entry.below.name)
        together[(str(entry.file.parent), field) if colour else (place_of(entry.file), "")] += [
            entry
        ]
    sorted_out = []
    for (_, field), entries in together.items():
        for siblings in _by_ending(entries):
            single = not field or (len(siblings) == 1 and not forced)
            sorted_out.append({"": next(iter(siblings.values()))} if single else siblings)
    return sorted_out


def _by_ending(entries: Sequence[Found]) -> list[dict[str, Found]]:
    """Return a field's files by colour; where a colour comes twice, each ending is a field."""
    colours = [hpa.split_name(entry.below.name)[1] for entry in entries]
    if len(set(colours)) == len(colours):
        return [dict(zip(colours, entries, strict=True))]
    fields: dict[str, dict[str, Found]] = defaultdict(dict)
    for colour, entry in zip(colours, entries, strict=True):
        fields[entry.below.suffix][colour] = entry
    return list(fields.values())


def _single_item(entry: Found, axes: str | None) -> tuple[Item, Found]:
    name = entry.below.with_suffix("").as_posix()
    return Item(name, (entry.file,), partial(_read_single, axes=axes)), entry


def _field_item(found: dict[str, Found], wanted: tuple[str, ...]) -> tuple[Item, Found]:
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


def _with_labels(pairs: Sequence[tuple[Item, Found]]) -> list[tuple[Item, Found]]:
    """Give the items the labels and groups that lists beside or above their files have for them."""
    labels: dict[str, dict[str, tuple[int, ...]]] = {}
    groups: dict[str, dict[str, str]] = {}
    described = []
    for item, entry in pairs:
        names = listed_names(entry.file)
        found, group = item.labels, item.group
        for folder in reversed(ancestors(entry.file)):
            place = str(folder)
            if place not in labels:
                labels[place], groups[place] = _labels_in(folder), _groups_in(folder)
            for name in names:
                found = labels[place].get(name, found)
            for file in item.files:
                group = groups[place].get(place_of(file), group)
        described.append((replace(item, labels=tuple(dict.fromkeys(found)), group=group), entry))
    return described


def listed_names(file: AnyPath) -> list[str]:
    """Return the IDs under which a label list may hold an image: its stem, and its field's ID."""
    return [PurePosixPath(file.name).stem, *filter(None, hpa.split_name(file.name)[:1])]


def labels_beside(items: Iterable[Item]) -> dict[str, tuple[int, ...]]:
    """Return all that the label lists of these images hold, by ID, with or without an image."""
    folders = {str(folder): folder for item in items for folder in ancestors(item.files[0])}
    labels: dict[str, tuple[int, ...]] = {}
    for folder in folders.values():
        labels |= _labels_in(folder)
    return labels


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
        place_of(folder / row["file"]): row["group"]
        for row in rows
        if row.get("file") and row.get("group")
    }


def _with_unique_ids(pairs: Sequence[tuple[Item, Found]]) -> list[Item]:
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


def _folder(entry: Found) -> str:
    """Return the name of the folder or zip file in which the search for a file began."""
    above = Path(place_of(entry.file)).parents[len(entry.below.parts) - 1]
    return above.stem if above.suffix.lower() == ".zip" else above.name
