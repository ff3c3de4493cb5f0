"""Images of a source: single files, folders, globs, zip files, HPA fields.

Files `<ID>_<colour>.<ending>` that lie together are one field (see `unsmear.data.hpa`) where there
are three colours of it. Two, as other microscopes name their stains, are one only where the folder
is clearly one of the HPA: a complete field lies there, or the label list has the ID. What a folder,
glob or zip file is searched for, and what is skipped: see `unsmear.data.discovery`; the labels and
groups that lie beside images: `unsmear.data.lists`.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path, PurePosixPath

from unsmear.data import hpa, lists, naming, plates, remote_inputs
from unsmear.data.archive import AnyPath, ancestors
from unsmear.data.discovery import FoundFile, PassedOver, place_of, search
from unsmear.data.item import Item, Siblings, first, item_of
from unsmear.data.labels import CHANNELS
from unsmear.data.lists import LabelsIn
from unsmear.data.plates import Plate
from unsmear.errors import DataError
from unsmear.images import location_of, tiff
from unsmear.location import is_url


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
    return [f"Not read as images: {names}{more}."]


def find(inputs: Iterable[str | Path], axes: str | None = None, channels: str = "") -> list[Item]:
    """Return the images of `survey`, without what was passed over."""
    return survey(inputs, axes, channels).items


def survey(
    inputs: Iterable[str | Path],
    axes: str | None = None,
    channels: str = "",
    labels: bool = True,
) -> Survey:
    """Return the images in files, folders (searched deeply), globs and zip files, in order.

    axes: axes of single images whose file has none, or wrong ones.
    channels: letters of "RGBY", the channels wanted of each HPA field. Without them a field gives
    the four or the three that it has, and a file without siblings is an ordinary image.
    labels: whether labels are wanted, so that one that is unknown is an error.

    An image that cannot be read is an item too, whose `read` says why. An input that comes twice
    counts once; one that does not exist or holds no image is passed over, save where it is the
    only one. Raises DataError for that, for an empty input and a damaged `train.csv`, and
    OptionError for unknown channels.
    """
    colours = hpa.parse_channels(channels)
    found = _search_all(inputs)
    if found.wrong and not found.by_file:
        raise found.wrong[0]
    side = (*found.around, *_side_files(found.plates, found.by_file, found.passed))
    labels_in = cache(partial(lists.labels_in, wanted=labels))
    gathered = _sort_out(_one_of_each_set(list(found.by_file.values())), bool(colours), labels_in)
    places = {file: (place, one) for one in found.plates for file, place in one.fields.items()}
    items = [item_of(siblings, axes, colours, places) for siblings in gathered]
    problems = (*map(str, found.wrong), *(p for plate in found.plates for p in plate.problems))
    return Survey(
        lists.described(_named(items, gathered), labels_in),
        tuple(found.passed.values()),
        side,
        problems,
        tuple(found.plates),
    )


@dataclass
class _Searched:
    """What lies in all inputs: files by their places, what is passed over, what lies around them.

    wrong: why inputs could not be searched.
    """

    by_file: dict[tuple[str, str], FoundFile] = field(default_factory=dict)
    passed: dict[str, PassedOver] = field(default_factory=dict)
    plates: list[Plate] = field(default_factory=list)
    wrong: list[DataError] = field(default_factory=list)
    around: dict[tuple[Path, PurePosixPath], None] = field(default_factory=dict)


def _search_all(inputs: Iterable[str | Path]) -> _Searched:
    """Return what lies in all inputs; raises DataError for an empty one."""
    searched = _Searched()
    for given in inputs:
        try:
            url = is_url(str(given))
            found = remote_inputs.search(location_of(str(given))) if url else search(str(given))
        except DataError as error:
            if not str(given):
                raise
            searched.wrong.append(error)
            continue
        for entry in found.files:
            searched.by_file.setdefault((place_of(entry.file), entry.problem), entry)
        searched.passed |= {entry.file: entry for entry in found.passed}
        searched.around |= dict.fromkeys(found.side)
        if os.path.isdir(str(given)):
            searched.plates += plates.find(Path(given))
    return searched


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
    return str(first(siblings).file.parent)


def _is_listed(siblings: Siblings, labels_in: LabelsIn) -> bool:
    file = first(siblings).file
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


def _named(items: Sequence[Item], gathered: Sequence[Siblings]) -> list[Item]:
    """Give the items unique ids, and different stems where output files would collide.

    Equal names are distinguished by ending, by the folder given, or by a number.
    """
    entries = [first(siblings) for siblings in gathered]
    names = [naming.for_windows(item.id) if naming.WINDOWS else item.id for item in items]
    ended = [f"{name}_{e.below.suffix[1:]}" for name, e in zip(names, entries, strict=True)]
    ids = naming.distinct([names, ended, naming.placed(ended, entries)], [("",)] * len(items))
    endings = [naming.written_endings(siblings) for siblings in gathered]
    stems = naming.distinct([names, naming.placed(names, entries), ids], endings)
    return [
        replace(item, id=id_, stem=stem, group=stem)
        for item, id_, stem in zip(items, ids, stems, strict=True)
    ]
