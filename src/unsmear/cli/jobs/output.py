"""What a command writes into its output folder, and what it must not replace there."""

from __future__ import annotations

import filecmp
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from unsmear import images, remote
from unsmear.atomic import write_aside
from unsmear.cli.console import say
from unsmear.cli.jobs.written import Written
from unsmear.cli.options.output import Form, OutputOptions
from unsmear.data import hpa
from unsmear.data.archive import AnyPath
from unsmear.data.item import Item
from unsmear.data.source import Survey
from unsmear.errors import ImageError, OptionError, UnsmearError
from unsmear.images import Image, note, ome_zarr, tiff
from unsmear.location import Location

ENDINGS: dict[Form, str] = {"ome-tiff": ".ome.tif", "ome-zarr": ".ome.zarr"}
INDEX_OF_PLACES = "ndtiff.index"
"""Name of Micro-Manager's index, which says where in its stacks the pixels lie."""


@dataclass(frozen=True)
class Output:
    """An output folder.

    command: the one that writes, by which its files are known.
    floats: whether results are float32, which a PNG cannot hold: they become TIFFs.
    place: where in an object store every result goes, and the folder keeps none.
    old_copies: files in it that are copies of inputs, perhaps as these were before, and that nobody
    has changed since, by the record of a batch: they may be replaced.
    """

    folder: Path
    command: str
    options: OutputOptions = OutputOptions()
    floats: bool = False
    place: Location | None = None
    old_copies: frozenset[Path] = frozenset()

    def __post_init__(self) -> None:
        """Raise OptionError for the name of an image file."""
        if self.folder.suffix.lower() in images.SUFFIXES and not self.folder.is_dir():
            raise OptionError(
                f"{self.folder}: the output must be a folder, got the name of an image file; each "
                "result has its input's name."
            )

    @property
    def parts(self) -> Path:
        """Return the folder of the images of a plate before they are written as one Zarr."""
        return self.folder / ".plate-parts"

    def _stem(self, item: Item) -> Path:
        return (self.parts if self._is_part(item) else self.folder) / item.stem

    def _is_part(self, item: Item) -> bool:
        return item.of_plate and self.options.form == "ome-zarr"

    def _form(self, item: Item) -> Form | None:
        """Return the format that was asked for, None where the result has that of the input."""
        is_zarr = _is_zarr(item.files[0])
        if self._is_part(item) or (is_zarr and self.options.form == "ome-zarr"):
            return None
        return self.options.form

    def results(self, item: Item) -> list[Path]:
        """Return the files of an item's result, in the format in which it is written."""
        stem = self._stem(item)
        form = self._form(item)
        if form is not None:
            name = stem.name.removesuffix(".ome")
            return [stem.with_name(name + ENDINGS[form])]
        endings = [images.written_ending(file) for file in item.files]
        if self.floats:
            endings = [".tif" if ending.lower() == ".png" else ending for ending in endings]
        return _named(stem, item, endings)

    def in_any_form(self, item: Item) -> set[Path]:
        """Return the files that an item's result has in this format and in all others."""
        return {
            path
            for form in (None, *ENDINGS)
            for path in replace(self, options=replace(self.options, form=form)).results(item)
        }

    def copies(self, item: Item) -> list[Path]:
        """Return the files of an item that is left as it was: those that it has."""
        endings = [PurePosixPath(file.name).suffix for file in item.files]
        return _named(self._stem(item), item, endings)

    def write(self, item: Item, image: Image, record: str) -> Written:
        """Write a result; raises ImageError where it cannot be, or would replace another's file.

        record: the processing record.
        """
        paths = self.results(item)
        self.check_free(paths, item)
        replaced = self.replaced_phrase(paths, item)
        if len(item.files) > 1 and len(paths) > 1:
            image = hpa.with_endings(image, [path.suffix for path in paths])
            written = hpa.write(self.folder / item.stem, image, record)
            return Written(self.publish(written), lost=image.unkept, remark=replaced)
        lost = images.write(paths[0], image, record)
        remarks = [tiff.remark(image) if images.is_tiff(paths[0]) else "", replaced]
        remark = "; ".join(filter(None, remarks))
        return Written(self.publish(paths[:1]), self._is_part(item), lost, remark)

    def leave(self, item: Item, image: Image, record: str) -> Written:
        """Copy the files of an image that is left as it was.

        Where another format was asked for, or the file holds other images too, it is written.
        Raises ImageError as `write` does.
        """
        if not self.is_copied(item):
            return self.write(item, image, record)
        paths = self.copies(item)
        self.check_free(paths, item)
        replaced = self.replaced_phrase(paths, item)
        for file, path in zip(item.files, paths, strict=True):
            images.copy(file, path)
        return Written(self.publish(paths), self._is_part(item), remark=replaced, copied=True)

    def is_copied(self, item: Item) -> bool:
        """Return whether the file of an image that is left as it was is copied, not written."""
        return self._form(item) is None and item.scene is None

    def is_done(self, item: Item) -> bool:
        """Return whether an earlier call of the command has written this item's result.

        In an object store, whatever has its name counts.
        """
        if self.place is not None:
            return any(all(map(self.is_taken, p)) for p in (self.results(item), self.copies(item)))
        return any(
            # A .npy has no room for a record.
            all(
                path.exists() and (path.suffix == ".npy" or self._is_own(path, file))
                for path, file in pairs
            )
            for pairs in (_sources(self.results(item), item), _sources(self.copies(item), item))
        )

    def is_left(self, item: Item) -> bool:
        """Return whether an item's result is a copy of its files, which the command left alone."""
        paths = _sources(self.copies(item), item)
        return all(self.command not in note.commands(path) for path, _ in paths)

    def check_free(self, paths: Sequence[Path], item: Item) -> None:
        """Raise ImageError for a path that holds a file of another origin, without --overwrite."""
        for path, file in _sources(paths, item):
            if self.place is not None:
                if not self.options.overwrite and self.is_taken(path):
                    raise ImageError(
                        f"{self.there(path)}: the output must have no other file of this name; "
                        "--overwrite replaces it."
                    )
                continue
            if path in self.old_copies:
                continue
            if not self.options.overwrite and path.exists() and not self._is_own(path, file):
                raise ImageError(
                    f"{path}: the output folder must have no other file of this name, got one "
                    f"that is no result of `unsmear {self.command}` and no copy of the input as it "
                    "is now; --overwrite replaces it."
                )

    def replaced_phrase(self, paths: Sequence[Path], item: Item) -> str:
        """Return a phrase on copies of other inputs that results are to replace; "" without any."""
        old = (path in self.old_copies and not self._is_own(path, file)
               for path, file in _sources(paths, item))  # fmt: skip
        return "in place of the copy of the input as it was" if any(old) else ""

    def there(self, path: Path) -> Path | Location:
        """Return where a file of the folder ends up."""
        if self.place is None or not path.is_relative_to(self.folder):
            return path
        return self.place / path.relative_to(self.folder).as_posix()

    def is_taken(self, path: Path) -> bool:
        """Return whether something of a result's name lies in the object store."""
        there = self.there(path)
        if isinstance(there, Path):
            return there.exists()
        return remote.exists(there) or ome_zarr.remote.is_there(there)

    def publish(self, paths: Iterable[Path]) -> tuple[Path | Location, ...]:
        """Move files and Zarrs into the object store, if that is the output; return their places.

        One that is not there is deleted there. Raises ImageError where that fails.
        """
        places = []
        for path in paths:
            there = self.there(path)
            places.append(there)
            if isinstance(there, Path):
                continue
            if path.is_dir():
                ome_zarr.remote.send(path, there)
                shutil.rmtree(path, ignore_errors=True)
            elif path.exists():
                remote.send(path, there)
                path.unlink()
            else:
                remote.remove(there)
        return tuple(places)

    def check_place(self, survey: Survey) -> None:
        """Raise OptionError for results that are made of several images, in an object store."""
        if self.place is not None and any(map(self._is_part, survey.items)):
            raise OptionError(
                "--as ome-zarr makes one Zarr of a plate folder, which must be written to a folder "
                f"of this computer, got {self.place}."
            )

    def check_report(self, path: Path) -> None:
        """Raise ImageError for a report that would replace another file, without --overwrite."""
        if not self.options.overwrite and path.exists() and "report" not in note.commands(path):
            raise ImageError(
                f"{path}: a report must replace no other file; --overwrite replaces it."
            )

    def copy_side_files(self, survey: Survey) -> int:
        """Copy the side files of plates to their places beside the results.

        Those that are there are left. Prints what was copied; returns the exit code.
        """
        copied, code = 0, 0
        for file, below in survey.side_files:
            if not self._is_side_file(file):
                continue
            if self.floats and file.name.lower() == INDEX_OF_PLACES:
                say(f"{below}: the index is not copied: floats lie elsewhere.", sys.stderr)
                continue
            path = self.folder / below
            try:
                if self._copy_side_file(file, path):
                    copied += 1
            except UnsmearError as error:
                say(str(error), sys.stderr)
                code = 1
        if copied:
            say(f"{copied} side files copied.")
        if self.place is None:
            self._consolidate(survey)
        return code

    def _copy_side_file(self, file: Path, path: Path) -> bool:
        """Copy a side file, unless it is there; return whether it was copied."""
        if self.place is None:
            if not path.exists():
                images.copy(file, path)
                return True
            return False
        data = ome_zarr.without_consolidated(file)
        if data is None or self.is_taken(path):
            return False
        write_aside(path, data)
        self.publish([path])
        return True

    def _is_side_file(self, file: Path) -> bool:
        """Return whether a file belongs beside results in the format that was asked for."""
        if self.options.form is None:
            return True
        return self.options.form == "ome-zarr" and any(map(ome_zarr.is_zarr, file.parents))

    def _consolidate(self, survey: Survey) -> None:
        """Bring the metadata of Zarrs up to date, where images changed or could not be read.

        A Zarr whose images were all left as they were stays the same to the last byte.
        """
        folders = {(self.folder / below).parent for _, below in survey.side_files}
        results = [path for item in survey.items for path in self.results(item)]
        for folder in filter(ome_zarr.is_zarr, folders):
            inside = (path for path in results if folder in path.parents)
            if any(not p.exists() or self.command in ome_zarr.commands(p) for p in inside):
                ome_zarr.consolidate(folder)

    def _is_own(self, path: Path, file: object) -> bool:
        """Return whether a file is a result of the command, or a copy of the input."""
        if self.command in note.commands(path):
            return True
        if isinstance(file, Path) and file.is_dir() and path.is_dir():
            return ome_zarr.same(file, path)
        return (
            isinstance(file, Path)
            and file.is_file()
            and path.is_file()
            and filecmp.cmp(file, path, shallow=False)
        )


def _is_zarr(file: AnyPath) -> bool:
    if isinstance(file, Path):
        return ome_zarr.is_zarr(file)
    return file.is_dir()  # only a remote one, as no member of a zip file is read as a Zarr


def _named(stem: Path, item: Item, endings: Sequence[str]) -> list[Path]:
    """Return the paths of an item's files; the files of an HPA field have colours."""
    if len(item.files) == 1:
        return [stem.with_name(stem.name + endings[0])]
    colours = [hpa.split_name(file.name)[1] for file in item.files]
    return [
        stem.with_name(f"{stem.name}_{colour}{ending}")
        for colour, ending in zip(colours, endings, strict=True)
    ]


def _sources(paths: Sequence[Path], item: Item) -> list[tuple[Path, object]]:
    """Return each path with the input file that a copy there would have come from."""
    if len(paths) == len(item.files):
        return list(zip(paths, item.files, strict=True))
    return [(path, None) for path in paths]
