"""Images of a source: single files, folders, globs, zip files, HPA fields.

Files `<ID>_<colour>.<ending>` that lie together are one field (see `unsmear.data.hpa`) where there
are three colours of it. Two, as other microscopes name their stains, are one only where the folder
is clearly one of the HPA: a complete field lies there, or the label list has the ID. What a folder,
glob or zip file is searched for, and what is skipped: see `unsmear.data.discovery`.

Labels come from a `train.csv`, groups from a `MANIFEST.csv` with the columns `file` (relative to
it) and `group`; each is looked for in an image's folder, in the folder above that, and from inside
a zip file in all its folders and the one in which it lies.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import chain, count
from pathlib import Path, PurePosixPath

from unsmear import images
from unsmear.data import hpa, plates
from unsmear.data.archive import AnyPath, ancestors, read_list
from unsmear.data.discovery import FoundFile, PassedOver, place_of, search
from unsmear.data.labels import CHANNELS
from unsmear.data.plates import Plate
from unsmear.errors import DataError, ImageError, UnsmearError
from unsmear.images import Image, tiff
from unsmear.images.files import DAMAGE

__all__ = ["AnyPath", "Item", "Survey", "find", "labels_beside", "listed_names", "survey"]

Siblings = dict[str, FoundFile]
"""Files of one image by colour; the colour of a single file is ""."""
LabelsIn = Callable[[AnyPath], dict[str, tuple[int, ...]]]


@dataclass(frozen=True)
class Item:
    """One image of a source, read on demand; it can be sent to another process.

    id: unique in the source, relative, without "..".
    files: the file, or one file a channel in the order of the channels.
    reader: turns the files into an image.
    labels: HPA label numbers, each once, where the source has them.
    group: items of one group (cluster) share cells or a field, and stay in one split.
    stem: the path, without its ending, of what is written for it. Items may share it where they
    are written with different endings: a.png and a.tif.
    scene: number of the image in a file that holds several; None as a rule.
    of_plate: whether the file is one of a plate's wells, see `unsmear.data.plates`.
    """

    id: str
    files: tuple[AnyPath, ...]
    reader: Callable[..., Image]
    labels: tuple[int, ...] = ()
    group: str = ""
    stem: str = ""
    scene: int | None = None
    of_plate: bool = False

    def expand(self) -> list[Item]:
        """Return an item for each image of a file that holds several.

        Raises ImageError for a file that cannot be read.
        """
        names = images.scenes(self.files[0])
        plain = [re.sub(r"[^\w.+-]+", "_", name).strip("_.") or f"image_{n + 1}"
                 for n, name in enumerate(names)]  # fmt: skip
        endings = _distinct([plain, plain], [("",)] * len(plain))
        return [
            replace(
                self,
                id=f"{self.id}_{ending}",
                stem=f"{self.stem}_{ending}",
                scene=number,
                reader=partial(self.reader, scene=number),
            )
            for number, ending in enumerate(endings)
        ]

    def read(self) -> Image:
        """Return the image; raises ImageError or AxesError, which name the file and its folder."""
        try:
            return self.reader(self.files)
        except UnsmearError as error:
            folder, named = PurePosixPath(self.stem).parent, str(error).partition(": ")[0]
            names = {name for f in self.files for name in (f.name, hpa.split_name(f.name)[0])}
            if not folder.name or named not in names:
                raise
            raise type(error)(f"{folder}/{error}") from error


@dataclass(frozen=True)
class Survey:
    """The images of some inputs, and what lies beside them.

    passed_over: files that are not read, and inputs that hold nothing.
    side_files: files of a plate that are no images of it, and their path below the input.
    problems: sentences on what is not as it should be, such as a file that an index lacks.
    """

    items: list[Item]
    passed_over: tuple[PassedOver, ...] = ()
    side_files: tuple[tuple[Path, PurePosixPath], ...] = ()
    problems: tuple[str, ...] = ()
    plates: tuple[Plate, ...] = ()

    @property
    def incomplete(self) -> bool:
        """Return whether something that may be an image is not read."""
        return any(entry.image for entry in self.passed_over) or bool(self.problems)

    def sentences(self) -> list[str]:
        """Return what is not read, and why."""
        wanted = [entry for entry in self.passed_over if entry.image]
        others = [entry for entry in self.passed_over if not entry.image]
        said = [f"{entry.file}: passed over: {entry.reason}." for entry in wanted[:NAMED]]
        if wanted:
            kinds = Counter(PurePosixPath(e.file).suffix.lower() or "no ending" for e in wanted)
            listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
            said.append(f"{_files(len(wanted))} passed over: {listed}.")
        return [*self.problems, *said, *_other_files(others)]

    def without(self, folder: Path) -> Survey:
        """Return this survey without what lies in a folder, such as that of the results."""

        def outside(file: AnyPath | str) -> bool:
            return folder not in Path(place_of_text(file)).parents

        return replace(
            self,
            items=[item for item in self.items if outside(item.files[0])],
            passed_over=tuple(entry for entry in self.passed_over if outside(entry.file)),
            side_files=tuple(entry for entry in self.side_files if outside(entry[0])),
        )


NAMED = 20
"""Largest number of files of one sort that are named."""


def place_of_text(file: AnyPath | str) -> str:
    """Return the absolute path of a file, without links."""
    return os.path.realpath(str(file))


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _other_files(others: Sequence[PassedOver]) -> list[str]:
    if not others:
        return []
    names = ", ".join(PurePosixPath(entry.file).name for entry in others[:NAMED])
    more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
    return [f"{_files(len(others))} without an image: {names}{more}."]


def find(inputs: Iterable[str | Path], axes: str | None = None, channels: str = "") -> list[Item]:
    """Return the images of `survey`, without what was passed over."""
    return survey(inputs, axes, channels).items


def survey(inputs: Iterable[str | Path], axes: str | None = None, channels: str = "") -> Survey:
    """Return the images in files, folders (searched deeply), globs and zip files, in order.

    axes: axes of single images whose file has none, or wrong ones.
    channels: letters of "RGBY", the channels wanted of each HPA field. Without them a field gives
    the four or the three that it has, and a file without siblings is an ordinary image.

    An image that cannot be read is an item too, whose `read` says why. An input that comes twice
    counts once; one that does not exist or holds no image is passed over, save where it is the
    only one. Raises DataError for that, for an empty input and a damaged `train.csv`, and
    OptionError for unknown channels.
    """
    colours = hpa.parse_channels(channels)
    by_file: dict[tuple[str, str], FoundFile] = {}
    passed: dict[str, PassedOver] = {}
    plates_: list[Plate] = []
    wrong: list[DataError] = []
    around: dict[tuple[Path, PurePosixPath], None] = {}
    for given in inputs:
        try:
            found = search(str(given))
        except DataError as error:
            if not str(given):
                raise
            wrong.append(error)
            continue
        for entry in found.files:
            by_file.setdefault((place_of(entry.file), entry.problem), entry)
        passed |= {entry.file: entry for entry in found.passed}
        around |= dict.fromkeys(found.side)
        if os.path.isdir(str(given)):
            plates_ += plates.find(Path(given))
    if wrong and not by_file:
        raise wrong[0]
    side = (*around, *_side_files(plates_, by_file, passed))
    labels_in = cache(_labels_in)
    gathered = _sort_out(_one_of_each_set(list(by_file.values())), bool(colours), labels_in)
    places = {file: (place, plate) for plate in plates_ for file, place in plate.fields.items()}
    items = [_item(siblings, axes, colours, places) for siblings in gathered]
    return Survey(
        _described(_named(items, gathered), labels_in),
        tuple(passed.values()),
        side,
        (
            *(str(error) for error in wrong),
            *(problem for plate in plates_ for problem in plate.problems),
        ),
        tuple(plates_),
    )


def _side_files(
    found: Sequence[Plate],
    by_file: dict[tuple[str, str], FoundFile],
    passed: dict[str, PassedOver],
) -> tuple[tuple[Path, PurePosixPath], ...]:
    """Return the side files of plates, which are neither images nor passed over.

    They are taken out of both.
    """
    side = {file for plate in found for file in plate.side_files}
    below = {}
    for key, entry in list(by_file.items()):
        if entry.file in side:
            below[entry.file] = entry.below
            del by_file[key]
    for file in side:
        passed.pop(str(file), None)
    return tuple(
        (file, below.get(file) or PurePosixPath(file.relative_to(root).as_posix()))
        for plate in found
        for root in [_given_root(plate, by_file)]
        for file in plate.side_files
    )


def _given_root(plate: Plate, by_file: Mapping[tuple[str, str], FoundFile]) -> Path:
    """Return the folder from which the paths below are counted: the input that was given."""
    for entry in by_file.values():
        if isinstance(entry.file, Path) and entry.file in plate.fields:
            return entry.file.parents[len(entry.below.parts) - 1]
    return plate.root


def _one_of_each_set(files: list[FoundFile]) -> list[FoundFile]:
    """Return the files without those of an OME-TIFF set of which one comes before."""
    kept, read_along = [], set()
    for entry in files:
        if place_of(entry.file) in read_along:
            continue
        kept.append(entry)
        if isinstance(entry.file, Path) and not entry.problem and _may_be_of_set(entry.file):
            members = tiff.members(entry.file)
            read_along |= {place_of(entry.file.parent / name) for name in members[1:]}
            read_along |= {place_of(entry.file.parent / members[0])} - {place_of(entry.file)}
    return kept


def _may_be_of_set(file: Path) -> bool:
    return file.name.lower().endswith((".ome.tif", ".ome.tiff"))


def _sort_out(files: Sequence[FoundFile], forced: bool, labels_in: LabelsIn) -> list[Siblings]:
    """Return each image's files, in the order found.

    forced: a file with a colour in its name is a field even without siblings.
    """
    together: dict[tuple[str, str], list[tuple[str, FoundFile]]] = defaultdict(list)
    for number, entry in enumerate(files):
        field, colour = ("", "") if entry.problem else hpa.split_name(entry.below.name)
        key = (str(entry.file.parent), field) if colour else (str(number), "")
        together[key].append((colour, entry))
    gathered = [siblings for entries in together.values() for siblings in _by_ending(entries)]
    complete = {_place(siblings) for siblings in gathered if set(CHANNELS[:3]) <= siblings.keys()}

    def is_field(siblings: Siblings) -> bool:
        clearly_hpa = _place(siblings) in complete or _is_listed(siblings, labels_in)
        return len(siblings) > 2 or (len(siblings) == 2 and clearly_hpa)

    return [
        part
        for siblings in gathered
        for part in (
            [siblings] if forced or is_field(siblings) else [{"": e} for e in siblings.values()]
        )
    ]


def _place(siblings: Siblings) -> str:
    return str(_first(siblings).file.parent)


def _first(siblings: Siblings) -> FoundFile:
    return next(iter(siblings.values()))


def _is_listed(siblings: Siblings, labels_in: LabelsIn) -> bool:
    file = _first(siblings).file
    field = hpa.split_name(file.name)[0]
    return any(field in labels_in(folder) for folder in ancestors(file))


def _by_ending(entries: Sequence[tuple[str, FoundFile]]) -> list[Siblings]:
    """Return a field's files by colour; where a colour comes twice, each ending is a field."""
    if len(dict(entries)) == len(entries):
        return [dict(entries)]
    fields: dict[str, Siblings] = defaultdict(dict)
    for colour, entry in entries:
        fields[entry.below.suffix][colour] = entry
    return list(fields.values())


def _item(
    siblings: Siblings,
    axes: str | None,
    colours: tuple[str, ...],
    places: Mapping[Path, tuple[plates.Place, Plate]],
) -> Item:
    """Return an image as an item; its id is not yet unique."""
    entry = _first(siblings)
    if entry.problem:
        reader = partial(_refuse, sentence=entry.problem)
    elif "" not in siblings:
        return _field_item(siblings, colours)
    else:
        place = places.get(entry.file) if isinstance(entry.file, Path) else None
        reader = partial(_read_single, axes=axes)
        if place is not None:
            reader = partial(_read_placed, axes=axes, place=place[0], vendor=place[1].vendor)
    known = places.get(entry.file) if isinstance(entry.file, Path) else None
    of_plate = not entry.problem and known is not None and bool(known[0].well)
    return Item(_without_ending(entry), (entry.file,), reader, of_plate=of_plate)


def _without_ending(entry: FoundFile) -> str:
    """Return the path of an image below its input; one in a Zarr has no ending."""
    if isinstance(entry.file, Path) and entry.file.is_dir() and entry.below.suffix != ".zarr":
        return entry.below.as_posix()
    return entry.below.with_suffix("").as_posix()


def _field_item(siblings: Siblings, wanted: tuple[str, ...]) -> Item:
    entry = _first(siblings)
    field = hpa.split_name(entry.below.name)[0]
    colours = wanted or (CHANNELS if "yellow" in siblings else CHANNELS[:3])
    missing = [colour for colour in colours if colour not in siblings]
    files = tuple(siblings[colour].file for colour in colours if colour in siblings)
    reader: partial[Image] = partial(hpa.read_field, field=field, colours=colours)
    if missing:
        reader = partial(
            _refuse,
            sentence=f"{field}: a field must have a file for each of {', '.join(colours)}, "
            f"got none for {' and '.join(missing)}.",
        )
    return Item((entry.below.parent / field).as_posix(), files or (entry.file,), reader)


def _read_single(files: tuple[AnyPath, ...], axes: str | None, scene: int | None = None) -> Image:
    return images.read(files[0], axes, scene)


def _read_placed(
    files: tuple[AnyPath, ...],
    axes: str | None,
    place: plates.Place,
    vendor: str,
    scene: int | None = None,
) -> Image:
    return plates.apply_place(images.read(files[0], axes, scene), place, vendor)


def _refuse(files: tuple[AnyPath, ...], sentence: str) -> Image:
    raise ImageError(sentence)


def _described(items: Sequence[Item], labels_in: LabelsIn) -> list[Item]:
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
        labels |= _labels_in(folder)
    return labels


def _labels_in(folder: AnyPath) -> dict[str, tuple[int, ...]]:
    file = folder / "train.csv"
    return hpa.read_labels(file) if file.is_file() and hpa.is_label_list(file) else {}


def _groups_in(folder: AnyPath) -> dict[str, str]:
    """Return the groups by file of a MANIFEST.csv; none if it lacks these columns."""
    file = folder / "MANIFEST.csv"
    if not file.is_file():
        return {}
    try:
        text = read_list(file).decode("utf-8-sig", "replace")
        rows = list(csv.DictReader(io.StringIO(text)))
    except (*DAMAGE, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{file}: the manifest cannot be read ({reason}).") from error
    return {
        place_of(folder / row["file"]): row["group"]
        for row in rows
        if row.get("file") and row.get("group")
    }


def _named(items: Sequence[Item], gathered: Sequence[Siblings]) -> list[Item]:
    """Give the items unique ids, and different stems where output files would collide.

    Equal names are distinguished by ending, by the folder given, or by a number.
    """
    entries = [_first(siblings) for siblings in gathered]
    names = [item.id for item in items]
    ended = [f"{name}_{e.below.suffix[1:]}" for name, e in zip(names, entries, strict=True)]
    ids = _distinct([names, ended, _placed(ended, entries)], [("",)] * len(items))
    endings = [_written_endings(siblings) for siblings in gathered]
    stems = _distinct([names, _placed(names, entries), ids], endings)
    return [
        replace(item, id=id_, stem=stem, group=stem)
        for item, id_, stem in zip(items, ids, stems, strict=True)
    ]


def _distinct(spellings: Sequence[Sequence[str]], endings: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the first unique spelling of each item, or a numbered one."""
    names = spellings[0]
    for others in spellings[1:]:
        counts = Counter(
            name + ending
            for name, of_item in zip(names, endings, strict=True)
            for ending in of_item
        )
        names = [
            other if any(counts[name + ending] > 1 for ending in of_item) else name
            for name, other, of_item in zip(names, others, endings, strict=True)
        ]
    taken: set[str] = set()
    distinct = []
    for name, of_item in zip(names, endings, strict=True):
        numbered = chain([name], (f"{name}_{number}" for number in count(2)))
        free = next(n for n in numbered if taken.isdisjoint(n + ending for ending in of_item))
        taken.update(free + ending for ending in of_item)
        distinct.append(free)
    return distinct


def _written_endings(siblings: Siblings) -> tuple[str, ...]:
    """Return the endings of the output files of an image, which follow the stem."""
    return tuple(
        f"{colour and '_'}{colour}{images.written_ending(entry.file)}"
        for colour, entry in siblings.items()
    )


def _placed(names: Sequence[str], entries: Sequence[FoundFile]) -> list[str]:
    """Return names relative to the folder or zip file of each search."""
    return [str(PurePosixPath(_folder(e), name)) for name, e in zip(names, entries, strict=True)]


def _folder(entry: FoundFile) -> str:
    above = Path(place_of(entry.file)).parents[len(entry.below.parts) - 1]
    return above.stem if above.suffix.lower() == ".zip" else above.name
