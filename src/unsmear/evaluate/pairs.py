"""Image pairs of a folder, sharp and blurred, with the known blur of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from unsmear import images
from unsmear.data import manifest
from unsmear.data.item import Item
from unsmear.data.source import find
from unsmear.errors import DataError, ImageError, OptionError, UnsmearError, shown
from unsmear.images import Image
from unsmear.segmentation import Masks, renumber

SIDES = ("sharp", "blur")
NUCLEI = "nuclei"
"""Folder of the masks of true nuclei, where there are any."""


@dataclass(frozen=True)
class Case:
    """A pair of a sharp and a blurred image, with its entry of the manifest.

    name: name of both files, without the ending.
    blur: the blur applied, as `blur.from_dict` takes it; None where it is not known.
    group: cluster of pairs that are not independent, as the cluster bootstrap draws them.
    labels: HPA label numbers, where the manifest or a list of labels has them.
    nuclei: masks of the true nuclei, where the folder has them.
    """

    name: str
    sharp: Item
    blurred: Item
    blur: dict[str, Any] | None = None
    group: str = ""
    split: str = ""
    labels: tuple[int, ...] = ()
    nuclei: Item | None = None

    def read(self) -> tuple[Image, Image]:
        """Return the sharp and the blurred image, both of one size and dtype.

        Raises ImageError or AxesError, naming the file, for images that cannot be compared.
        """
        sharp, blurred = (
            _read(*pair) for pair in zip(SIDES, (self.sharp, self.blurred), strict=True)
        )
        for expected, actual in (
            (_sizes(sharp), _sizes(blurred)),
            (str(sharp.pixels.dtype), str(blurred.pixels.dtype)),
        ):
            if expected != actual:
                raise ImageError(
                    f"{self.name}: the blurred image must be {expected} like the sharp one, "
                    f"got {actual}."
                )
        return sharp, blurred

    def read_nuclei(self) -> Masks | None:
        """Return the masks of the true nuclei (y, x), 0 outside, numbered from 1; None without any.

        Raises ImageError, naming the file, for one that is no plane of whole numbers.
        """
        if self.nuclei is None:
            return None
        image = _read(NUCLEI, self.nuclei)
        planes = image.planes()
        if planes.shape[:2] != (1, 1) or planes.dtype.kind not in "bui":
            raise ImageError(
                f"{NUCLEI}/{self.name}: masks must be one plane of whole numbers, "
                f"got {_sizes(image)} of {planes.dtype}."
            )
        return renumber(planes[0, 0])

    def blur_name(self) -> str:
        """Return the blur's family and size, "motion 6 px"; physical sizes to the whole pixel."""
        if self.blur is None:
            return "unknown"
        family = str(self.blur.get("family", "unknown"))
        if family == "paper":
            return f"paper degree {self.blur.get('degree', 6)}"
        sizes = [self.blur[name] for name in manifest.IN_PIXELS if name in self.blur]
        return f"{family} {float(sizes[0]):.0f} px" if sizes else family


def find_cases(folder: str | Path, split: str = "") -> tuple[list[Case], list[str]]:
    """Return the pairs of a folder by name, and a warning for every image without a partner.

    folder: holds `sharp/` and `blur/`, with files or HPA fields of equal names, and the
    `manifest.csv` of `unsmear prepare` and masks in `nuclei/` where there are any.
    split: only the pairs of this split of the manifest.

    Raises DataError for a folder that holds no pairs, OptionError for a split that it lacks.
    """
    folder = Path(folder)
    sharp, blurred = (_items(folder, side) for side in SIDES)
    rows, nuclei = _rows(folder), _nuclei(folder)
    names = sorted(_of_split(rows, split) if split else sharp.keys() | blurred.keys() | rows.keys())
    cases, problems = [], []
    for name in names:
        missing = [
            side for side, items in zip(SIDES, (sharp, blurred), strict=True) if name not in items
        ]
        if missing:
            problems.append(
                f"{name}: a pair must have an image in {' and '.join(missing)}, got none."
            )
        else:
            case = _case(name, sharp[name], blurred[name], rows.get(name))
            cases.append(replace(case, nuclei=nuclei.get(name)))
    return cases, problems


def _case(name: str, sharp: Item, blurred: Item, row: manifest.Pair | None) -> Case:
    if row is None:
        return Case(name, sharp, blurred, group=sharp.group or name, labels=sharp.labels)
    labels = row.labels or sharp.labels
    return Case(name, sharp, blurred, row.effective(), row.group or name, row.split, labels)


def _read(side: str, item: Item) -> Image:
    try:
        return item.read()
    except UnsmearError as error:  # both files have one name
        raise type(error)(f"{side}/{error}") from error


def _items(folder: Path, side: str) -> dict[str, Item]:
    if not (folder / side).is_dir():
        raise DataError(
            f"{folder}: a folder of pairs must hold the folders {' and '.join(SIDES)}, "
            f"got none named {side}; unsmear prepare makes such a folder."
        )
    return {item.id: item for item in find([folder / side])}


def _nuclei(folder: Path) -> dict[str, Item]:
    return _items(folder, NUCLEI) if (folder / NUCLEI).is_dir() else {}


def _rows(folder: Path) -> dict[str, manifest.Pair]:
    if not (folder / manifest.FILE).exists():
        return {}
    return {_without_ending(row.name): row for row in manifest.read(folder)}


def _without_ending(name: str) -> str:
    path = PurePosixPath(name)
    # What follows the dot of "cell.2" is no ending.
    return str(path.with_suffix("")) if path.suffix.lower() in images.SUFFIXES else name


def _of_split(rows: dict[str, manifest.Pair], split: str) -> Iterable[str]:
    splits = sorted({row.split for row in rows.values() if row.split})
    if split not in splits:
        raise OptionError(
            f"split must be one of the manifest's ({', '.join(splits) or 'it has none'}), "
            f"got {shown(split)}."
        )
    return (name for name, row in rows.items() if row.split == split)


def _sizes(image: Image) -> str:
    return "x".join(map(str, image.planes().shape))
