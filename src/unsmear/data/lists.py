"""Lists that lie beside images: labels in a `train.csv`, groups and labels in a `MANIFEST.csv`.

Each is looked for in an image's folder, in the folder above that, and from inside a zip file in all
its folders and the one in which it lies.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath

from unsmear import plain_files
from unsmear.data import hpa
from unsmear.data.archive import AnyPath, LocalPath, ancestors, read_list
from unsmear.data.discovery import place_of
from unsmear.data.item import Item
from unsmear.data.labels import label_number
from unsmear.errors import DataError, error_text, shown
from unsmear.images.files import DAMAGE

LabelsIn = Callable[[LocalPath], dict[str, tuple[int, ...]]]
RowsIn = Callable[[LocalPath], dict[str, tuple[str, str]]]
LIST = "train.csv"


MANIFEST = "MANIFEST.csv"
SEPARATORS = re.compile("[|;]")
"""Between the labels of one image in a MANIFEST.csv."""
NAMED = 3
"""Largest number of unknown labels that a sentence names."""


@dataclass(frozen=True)
class Listed:
    """What lists say of an image. origin: the list of its labels. unknown: labels that are none."""

    labels: tuple[int, ...] = ()
    group: str = ""
    origin: str = ""
    unknown: str = ""


def described(items: Sequence[Item], labels_in: LabelsIn) -> list[Item]:
    """Add labels and groups to the items, from lists beside or above their files."""
    rows_in = cache(_rows_in)
    with_lists = [(item, _listed(item, labels_in, rows_in)) for item in items]
    return [
        replace(item, labels=listed.labels or item.labels, group=listed.group or item.group)
        for item, listed in with_lists
    ]


def sentences(items: Sequence[Item]) -> list[str]:
    """Return from which lists the labels of the items come, and which labels are left out."""
    rows_in, labels_in_ = cache(_rows_in), cache(labels_in)
    listed_items = [_listed(item, labels_in_, rows_in) for item in items]
    counts = Counter(listed.origin for listed in listed_items if listed.labels)
    lines = [f"Labels of {n} of {len(items)} images from {origin}." for origin, n in counts.items()]
    unknown = [listed for listed in listed_items if listed.unknown]
    if unknown:
        names = list(dict.fromkeys(listed.unknown for listed in unknown))
        more = ", ..." if len(names) > NAMED else ""
        lines.append(
            f"{unknown[0].origin}: the labels of {len(unknown)} images are none of the 19 of the "
            f"Human Protein Atlas ({', '.join(map(shown, names[:NAMED]))}{more}) and are left out. "
            "Beside the images, a train.csv gives them by number or name: ID,Label and "
            f"{listed_names(items[0].files[0])[-1]},0|16."
        )
    return lines or ["No labels: no train.csv and no MANIFEST.csv beside the images has any."]


def _listed(item: Item, labels_in: LabelsIn, rows_in: RowsIn) -> Listed:
    """Return what the lists say of an item, the nearest first; a train.csv before a manifest."""
    names = listed_names(item.files[0])
    by_list, by_row = Listed(), Listed()
    for folder in reversed(ancestors(item.files[0])):
        for name in names:
            labels = labels_in(folder).get(name)
            if labels is not None:
                by_list = Listed(tuple(dict.fromkeys(labels)), origin=str(folder / LIST))
        for file in item.files:
            group, text = rows_in(folder).get(place_of(file), ("", ""))
            by_row = replace(by_row, group=group or by_row.group)
            if text:
                by_row = replace(_parsed(text, str(folder / MANIFEST)), group=by_row.group)
    return replace(by_list, group=by_row.group) if by_list.labels else by_row


def _parsed(text: str, origin: str) -> Listed:
    """Return the labels of a row of a manifest, which may also hold any other text."""
    try:
        labels = [label_number(part) for part in SEPARATORS.split(text)]
    except DataError:
        return Listed(origin=origin, unknown=text)
    return Listed(tuple(dict.fromkeys(labels)), origin=origin)


def listed_names(file: AnyPath) -> list[str]:
    """Return the IDs under which a label list may hold an image: its stem, and its field's ID."""
    return [PurePosixPath(file.name).stem, *filter(None, hpa.split_name(file.name)[:1])]


def labels_beside(items: Iterable[Item]) -> dict[str, tuple[int, ...]]:
    """Return all that the label lists of these images hold, by ID, with or without an image."""
    folders = {str(folder): folder for item in items for folder in ancestors(item.files[0])}
    labels: dict[str, tuple[int, ...]] = {}
    for folder in folders.values():
        labels |= labels_in(folder)
    return labels


def labels_in(folder: LocalPath, wanted: bool = True) -> dict[str, tuple[int, ...]]:
    """Return the labels by ID of a folder's `train.csv`; none if it has none.

    wanted: see `hpa.read_labels`.
    """
    file = folder / LIST
    return hpa.read_labels(file, wanted) if _is_there(file) and hpa.is_label_list(file) else {}


def _is_there(file: LocalPath) -> bool:
    """Return whether there is a file, or something else that is no folder, such as a pipe."""
    return file.exists() and not file.is_dir()


def _rows_in(folder: LocalPath) -> dict[str, tuple[str, str]]:
    """Return the group and labels by file of a MANIFEST.csv, "" where it has none."""
    file = folder / MANIFEST
    if not _is_there(file):
        return {}
    try:
        if isinstance(file, Path):
            plain_files.check(file)
        text = read_list(file).decode("utf-8-sig", "replace")
        rows = list(csv.DictReader(io.StringIO(text)))
    except (*DAMAGE, csv.Error) as error:
        raise DataError(f"{file}: the manifest cannot be read ({error_text(error)}).") from error
    return {
        place_of(folder / row["file"]): (row.get("group") or "", (row.get("labels") or "").strip())
        for row in rows
        if row.get("file")
    }
