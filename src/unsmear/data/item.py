"""An image of a source as an item: which files it has and how it is read, on demand."""

from __future__ import annotations

import glob
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from unsmear import images
from unsmear.data import hpa, naming, plates
from unsmear.data.archive import AnyPath
from unsmear.data.discovery import FoundFile
from unsmear.data.labels import CHANNELS
from unsmear.data.plates import Plate
from unsmear.errors import ImageError, OptionError, UnsmearError
from unsmear.images import Image, ome_zarr, slides
from unsmear.images.slides import ReadWholeError, Slide
from unsmear.location import Location

Siblings = dict[str, FoundFile]
"""Files of one image by colour; the colour of a single file is ""."""


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
        endings = naming.distinct([plain, plain], [("",)] * len(plain))
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

    def with_axes(self, axes: str) -> Item:
        """Return the item of a single file with axes in place of those that it says, or not.

        Raises OptionError for an item of several files, whose axes are known.
        """
        if not isinstance(self.reader, partial) or "axes" not in self.reader.keywords:
            raise OptionError(f"{self.id}: axes must be for an image of a single file.")
        return replace(self, reader=partial(self.reader, axes=axes))

    @property
    def is_remote(self) -> bool:
        """Return whether a file lies in an object store or on a web server."""
        return any(isinstance(file, Location) for file in self.files)

    @contextmanager
    def here(self) -> Iterator[Item]:
        """Give the item with copies of its remote files on the disk, which go at the end.

        Raises ImageError where one does not come whole; an item without remote files is as it was.
        """
        if not self.is_remote:
            yield self
            return
        with images.staged(self.files) as files:
            yield replace(self, files=files)

    def read(self) -> Image:
        """Return the image; raises ImageError or AxesError, which name the file and its folder."""
        if self.is_remote:
            with self.here() as here:
                image = here.read()
            # The Zarr that it would be written into is gone.
            kept = {name: value for name, value in image.metadata.items() if name != "zarr"}
            return replace(image, metadata=kept)
        with self._folder_named():
            return self.reader(self.files)

    @contextmanager
    def _folder_named(self) -> Iterator[None]:
        """Let errors that begin with the file's name begin with its folder's too."""
        try:
            yield
        except UnsmearError as error:
            folder, named = PurePosixPath(self.stem).parent, str(error).partition(": ")[0]
            names = {name for f in self.files for name in (f.name, hpa.split_name(f.name)[0])}
            if not folder.name or named not in names:
                raise
            raise type(error)(f"{folder}/{error}") from error

    @contextmanager
    def slide(self, folder: Path | None = None) -> Iterator[Slide | None]:
        """Give the image if it is large and can be read in parts, and None otherwise.

        Of a Zarr in an object store or on a web server the metadata and what lies beside the
        pixels are fetched to the disk, and go at the end.

        folder: for them, which all see who read the slide; None for that of temporary files.

        Raises as `read` does.
        """
        reader, path = self.reader, self.files[0]
        if len(self.files) > 1 or not isinstance(reader, partial) or reader.func != _read_single:
            yield None
        elif isinstance(path, Path):
            yield self._slide(path)
        elif isinstance(path, Location) and path.folder:
            with _fetched_header(path, folder) as here:
                slide = self._slide(here, path)
                if slide is not None:
                    ome_zarr.remote.fetch_beside(path, here)
                yield slide
        else:
            yield None

    def _slide(self, path: Path, location: Location | None = None) -> Slide | None:
        """Return a large image at a path; location: where the chunks of a remote Zarr are."""
        assert isinstance(self.reader, partial)  # for mypy
        asked = {"axes": None, "scene": None} | self.reader.keywords
        with self._folder_named():
            header = slides.header(path, **asked)
            if header is None or not slides.is_slide(header):
                return None
            try:
                return slides.open(path, **asked, location=location)
            except ReadWholeError:  # as long as memory suffices
                return None


@contextmanager
def _fetched_header(location: Location, folder: Path | None) -> Iterator[Path]:
    """Give a Zarr on the disk with the metadata of a remote image, in a folder of its own.

    What a killed process left there is deleted at a good end.
    """
    prefix = f".{location.name}.source-"
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=prefix, dir=folder, ignore_cleanup_errors=True) as place:
        here = Path(place, location.name)
        ome_zarr.remote.fetch_header(location, here)
        yield here
    for left in [] if folder is None else folder.glob(f"{glob.escape(prefix)}*"):
        shutil.rmtree(left, ignore_errors=True)


def first(siblings: Siblings) -> FoundFile:
    """Return the first of an image's files."""
    return next(iter(siblings.values()))


def item_of(
    siblings: Siblings,
    axes: str | None,
    colours: tuple[str, ...],
    places: Mapping[Path, tuple[plates.Place, Plate]],
) -> Item:
    """Return an image as an item; its id is not yet unique."""
    entry = first(siblings)
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
    if entry.file.is_dir() and entry.below.suffix != ".zarr":
        return entry.below.as_posix()
    return entry.below.with_suffix("").as_posix()


def _field_item(siblings: Siblings, wanted: tuple[str, ...]) -> Item:
    entry = first(siblings)
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
