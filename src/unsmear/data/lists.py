"""Lists that lie beside images: labels in a `train.csv`, groups in a `MANIFEST.csv`.

Each is looked for in an image's folder, in the folder above that, and from inside a zip file in all
its folders and the one in which it lies.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path, PurePosixPath

from unsmear import plain_files
from unsmear.data import hpa
from unsmear.data.archive import AnyPath, LocalPath, ancestors, read_list
from unsmear.data.discovery import place_of
from unsmear.data.item import Item
from unsmear.errors import DataError, error_text
from unsmear.images.files import DAMAGE

LabelsIn = Callable[[LocalPath], dict[str, tuple[int, ...]]]


def described(items: Sequence[Item], labels_in: LabelsIn) -> list[Item]:
    """Add labels and groups to the items, from lists beside or above their files."""
    groups_in = cache(_groups_in)
    described = []
    for item in items:
        names = listed_names(item.files[0])
        labels, group = item.labels, item.group
        for folder in reversed(ancestors(item.files[0])):
            for name in names:
                labels = labels_in(folder).get(name, labels)
            for file in item.files:
                group = groups_in(folder).get(place_of(file), group)
        described.append(replace(item, labels=tuple(dict.fromkeys(labels)), group=group))
    return described


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


def labels_in(folder: LocalPath) -> dict[str, tuple[int, ...]]:
    """Return the labels by ID of a folder's `train.csv`; none if it has none."""
    file = folder / "train.csv"
    return hpa.read_labels(file) if _is_there(file) and hpa.is_label_list(file) else {}


def _is_there(file: LocalPath) -> bool:
    """Return whether there is a file, or something else that is no folder, such as a pipe."""
    return file.exists() and not file.is_dir()


def _groups_in(folder: LocalPath) -> dict[str, str]:
    """Return the groups by file of a MANIFEST.csv; none if it lacks these columns."""
    file = folder / "MANIFEST.csv"
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
        place_of(folder / row["file"]): row["group"]
        for row in rows
        if row.get("file") and row.get("group")
    }
