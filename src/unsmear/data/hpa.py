"""Fields of the Human Protein Atlas: one file per channel, and the label list.

The layout is that of the Kaggle competition: `<ID>_red|green|blue|yellow.png` (or another image
format) and `train.csv` with `ID,Label`, the labels by number or name and joined by `|`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear import images, plain_files
from unsmear.atomic import Parts, write_aside
from unsmear.data.archive import AnyPath, LocalPath, head, read_list
from unsmear.data.labels import CHANNELS, label_number
from unsmear.errors import DataError, ImageError, OptionError, error_text, shortened, shown
from unsmear.images import Image
from unsmear.images.files import DAMAGE
from unsmear.images.image import check_declared

LETTERS = {colour[0].upper(): colour for colour in CHANNELS}
ONE_COLOUR = 0.3
"""Fraction of a second colour (by singular values) above which a file holds several channels.

The coloured JPEG files of the Human Protein Atlas stay below 0.2.
"""


def split_name(name: str) -> tuple[str, str]:
    """Return (ID, colour) of a file name `<ID>_<colour>.<ending>`, or ("", "") for another."""
    field, _, colour = PurePath(name).stem.rpartition("_")
    return (field, colour.lower()) if field and colour.lower() in CHANNELS else ("", "")


def parse_channels(letters: str) -> tuple[str, ...]:
    """Return the colours for letters such as "RGB", "RGBY" or "G", in order.

    Raises OptionError for other or repeated letters.
    """
    upper = letters.upper()
    if set(upper) - set(LETTERS) or len(set(upper)) != len(upper):
        raise OptionError(
            f"channels must be different letters of {''.join(LETTERS)}, got {shown(letters)}."
        )
    return tuple(LETTERS[letter] for letter in upper)


def read_field(files: tuple[AnyPath, ...], field: str, colours: tuple[str, ...]) -> Image:
    """Return one field, axes "CYX", from one file per colour.

    field: the field's ID, which becomes the image's name.
    colours: the files' colours, in order; they become the channels' names.

    A file that is coloured itself gives the maximum over its samples as its grey plane.
    Raises ImageError for a file that cannot be read, holds more than one channel, or differs from
    the first in size or dtype.
    """
    first_file = images.read(files[0])
    check_declared((len(files), *first_file.pixels.shape), first_file.pixels.itemsize, field)
    read = [first_file, *map(images.read, files[1:])]
    planes = [_grey(image) for image in read]
    first = planes[0]
    for image, plane in zip(read, planes, strict=True):
        if (plane.shape, plane.dtype) != (first.shape, first.dtype):
            raise ImageError(
                f"{image.name}: a channel must be {_described(first)} like {read[0].name}, "
                f"got {_described(plane)}."
            )
    return Image(
        pixels=np.stack(planes),
        axes="CYX",
        channels=colours,
        pixel_size=next((image.pixel_size for image in read if image.pixel_size), None),
        name=field,
        metadata={"hpa": dict(zip(colours, [_carried(image) for image in read], strict=True))},
    )


def paths(stem: str | Path, image: Image) -> list[Path]:
    """Return the files that `write` writes, `<stem>_<colour>` with the ending that was read."""
    stem, carried = Path(stem), image.metadata.get("hpa", {})
    return [
        stem.with_name(f"{stem.name}_{colour}{carried.get(colour, {}).get('ending', '.png')}")
        for colour in image.channels
    ]


def with_endings(image: Image, endings: Sequence[str]) -> Image:
    """Return a field whose files are written with these endings, one a channel."""
    carried = image.metadata.get("hpa", {})
    changed = {
        colour: {**carried.get(colour, {}), "ending": ending}
        for colour, ending in zip(image.channels, endings, strict=True)
    }
    return replace(image, metadata={**image.metadata, "hpa": changed})


def write(stem: str | Path, image: Image, done: str = "") -> list[Path]:
    """Write one grey file a channel, `<stem>_<colour>.<ending>`, in the image's dtype.

    stem: the files' path up to the colour.
    image: a field with the channel names of `read_field`. Its files get the endings that were
    read; a JPEG becomes a PNG, and so does an image that was not read from files.
    done: description of the processing, stored as text in each file.

    Returns the files, of which all are written or none. Raises ImageError for channels that are no
    colours of the HPA, and for what a format cannot hold.
    """
    if not image.channels or set(image.channels) - set(CHANNELS):
        raise ImageError(
            f"{image.name}: channels must be named among {', '.join(CHANNELS)}, "
            f"got {', '.join(image.channels) or 'no names'}."
        )
    carried = image.metadata.get("hpa", {})
    files: dict[Path, bytes | Parts] = {}
    for path, colour, plane in zip(
        paths(stem, image), image.channels, image.planes()[0], strict=True
    ):
        grey = Image(plane, "YX", (), image.pixel_size, path.name, carried.get(colour, {}))
        files[path] = images.WRITERS[path.suffix.lower()](grey, done)
    _write_all(files)
    return list(files)


def _write_all(files: Mapping[Path, bytes | Parts]) -> None:
    """Write the files; where one cannot be written, remove those before it."""
    written: list[Path] = []
    try:
        for path, data in files.items():
            write_aside(path, data)
            written.append(path)
    except ImageError:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def read_labels(path: str | LocalPath, wanted: bool = True) -> dict[str, tuple[int, ...]]:
    """Return the label numbers by image ID from a `train.csv`, as they stand there.

    The competition's own list has a label twice in some of its rows. wanted: whether an unknown
    label is an error; otherwise its image has none.

    Raises DataError, with the file and the line, for a row without ID or label, an unknown label,
    or an ID that comes twice.
    """
    path = Path(path) if isinstance(path, str) else path
    labels: dict[str, tuple[int, ...]] = {}
    rows = _rows(path)
    if not rows or [column.strip().lower() for column in rows[0][1][:2]] != ["id", "label"]:
        raise DataError(f"{path.name}: the first line must begin with ID,Label.")
    for line, row in rows[1:]:
        name, numbers = _row_labels(row, f"{path.name}, line {line}", wanted)
        if name in labels:
            raise DataError(
                f"{path.name}, line {line}: an ID must come once, got {shortened(name)} again."
            )
        labels[name] = numbers
    return labels


def is_label_list(path: LocalPath) -> bool:
    """Return whether the file begins as a `train.csv` does, with ID,Label.

    Raises DataError for a file that cannot be read: it may hold the labels.
    """
    try:
        if isinstance(path, Path):
            plain_files.check(path)
        start = head(path, 200).decode("utf-8-sig", "replace").lower()
    except FileNotFoundError:
        return False
    except DAMAGE as error:
        raise _unreadable(path, error) from error
    return start.replace(" ", "").replace('"', "").startswith("id,label")


def _row_labels(row: list[str], where: str, wanted: bool) -> tuple[str, tuple[int, ...]]:
    if len(row) < 2 or not row[0].strip() or not row[1].strip():
        raise DataError(
            f"{where}: a row must hold an ID and its labels, got {shown(','.join(row))}."
        )
    try:
        return row[0].strip(), tuple(label_number(label) for label in row[1].split("|"))
    except DataError as error:
        if not wanted:
            return row[0].strip(), ()
        raise DataError(
            f"{where}: {error} To go on without these labels, give --no-labels to unsmear prepare, "
            "or let the file have another name."
        ) from error


def _rows(path: LocalPath) -> list[tuple[int, list[str]]]:
    """Return the lines of a CSV file that are not empty, with their numbers."""
    try:
        text = read_list(path).decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""))
        return [(reader.line_num, row) for row in reader if any(row)]
    except DAMAGE as error:
        raise _unreadable(path, error) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path.name}: the file must be a CSV in UTF-8 ({error_text(error)})."
        ) from error


def _unreadable(path: LocalPath, error: Exception) -> DataError:
    return DataError(f"{path.name}: the file cannot be read ({error_text(error)}).")


def _grey(image: Image) -> NDArray[Any]:
    """Return the one plane of a channel's file; a coloured file gives its brightest sample."""
    planes = image.planes()
    if planes.shape[0] != 1 or planes.shape[1] > 4:
        raise ImageError(
            f"{image.name}: a channel's file must hold one plane, "
            f"got {planes.shape[0] * planes.shape[1]} ({image.axes})."
        )
    samples: NDArray[Any] = planes[0]
    if len(samples) > 1 and _second_colour(samples) > ONE_COLOUR:
        raise ImageError(
            f"{image.name}: a channel's file must be grey or of a single colour, "
            f"got {len(samples)} samples that differ."
        )
    return samples[0] if len(samples) == 1 else np.asarray(samples.max(axis=0))


def _second_colour(samples: NDArray[Any]) -> float:
    """Return the fraction of the samples not explained by a single colour, from 0 to 1."""
    flat = samples.reshape(len(samples), -1).astype(np.float64)
    largest = np.linalg.eigvalsh(flat @ flat.T)[::-1]
    return float(np.sqrt(max(largest[1], 0) / largest[0])) if largest[0] > 0 else 0.0


def _described(plane: NDArray[Any]) -> str:
    return f"{plane.shape[0]}x{plane.shape[1]} {plane.dtype}"


def _carried(image: Image) -> dict[str, Any]:
    """Return the ending and the metadata that `write` uses for a channel's file."""
    # What a TIFF says of several samples does not fit the one that is written.
    fitting = ("png", "tiff") if image.planes().shape[1] == 1 else ("png",)
    metadata = {name: image.metadata[name] for name in fitting if image.metadata.get(name)}
    return {"ending": images.written_ending(image.name), **metadata}
