"""Export of synthetic fields in the layout of the HPA competition, with masks."""

from __future__ import annotations

import csv
import io
import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unsmear import images, plain_files
from unsmear.data.labels import CHANNELS
from unsmear.errors import DataError, OptionError, error_text
from unsmear.images import Image
from unsmear.synthetic.field import Field, check, draw_field
from unsmear.synthetic.label_frequencies import draw_labels
from unsmear.tables import write_csv

MASKS = ("cells", "nuclei")
COLUMNS = ("ID", "Label")


@dataclass(frozen=True)
class Plan:
    """Settings of `write_field`; equal plans write equal bytes.

    size: (y, x) pixels; pixel_size: micrometres; bits: 8 or 16 a count; among: the labels to
    draw from, all 19 where it is empty.

    Raises OptionError for an option out of its range.
    """

    folder: Path
    seed: int
    size: tuple[int, int] = (512, 512)
    pixel_size: float = 0.16
    bits: int = 8
    among: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise OptionError(f"seed must be 0 or more, got {self.seed}.")
        for label in self.among or (0,):
            check(self.size, (label,), self.pixel_size, self.bits)

    def name(self, index: int) -> str:
        """Return the ID of a field, which is unique for plan, seed and index."""
        options = f"{self.seed}/{index}/{self.size}/{self.pixel_size}/{self.bits}/{self.among}"
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"unsmear synth {options}"))

    def labels(self, index: int) -> tuple[int, ...]:
        """Return a field's labels."""
        return draw_labels(np.random.default_rng((self.seed, index)), 1, self.among)[0]

    def files(self, index: int) -> list[Path]:
        """Return a field's files: red, green, blue, yellow, then the masks."""
        name = self.name(index)
        planes = [self.folder / f"{name}_{channel}.png" for channel in CHANNELS]
        return planes + [self.folder / "masks" / f"{name}_{mask}.png" for mask in MASKS]


def write_field(plan: Plan, index: int) -> bool:
    """Write a field's four channels and two masks; return False where all of them exist.

    Raises ImageError for a file that cannot be written.
    """
    files = plan.files(index)
    if all(file.exists() for file in files):
        return False
    generator = np.random.default_rng((plan.seed, index))
    labels = draw_labels(generator, 1, plan.among)[0]
    field = draw_field(generator, plan.size, labels, plan.pixel_size, plan.bits)
    for file, image in zip(files, _images(field), strict=True):
        images.write(file, image)
    return True


def _images(field: Field) -> list[Image]:
    pixel_size = (field.pixel_size, field.pixel_size)
    planes = [*field.planes, field.cells, field.nuclei]
    return [Image(pixels=plane, axes="YX", pixel_size=pixel_size) for plane in planes]


def write_table(plan: Plan, count: int) -> Path:
    """Write `train.csv`, with the columns ID and Label ("0|16"), and return its path.

    Rows of an existing table are kept: their fields are in the folder too.

    Raises DataError for a table that is damaged or has other columns, ImageError where it cannot
    be written.
    """
    path = plan.folder / "train.csv"
    rows = _rows(path)
    for index in range(count):
        rows[plan.name(index)] = "|".join(map(str, plan.labels(index)))
    write_csv(path, [dict(zip(COLUMNS, row, strict=True)) for row in rows.items()], COLUMNS)
    return path


def _rows(path: Path) -> dict[str, str]:
    """Return the labels by ID of a table, or nothing where there is none."""
    if not path.exists():
        return {}
    try:
        text = plain_files.read(path)
        header, *rows = list(csv.reader(io.StringIO(text, newline=""))) or [[]]
    except OSError as error:
        raise DataError(f"{path.name}: the file cannot be read ({error.strerror}).") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path.name}: the file must be a CSV in UTF-8 ({error_text(error)})."
        ) from error
    if tuple(header) != COLUMNS or any(len(row) != 2 for row in rows):
        raise DataError(f"{path.name}: its columns must be ID and Label, got {', '.join(header)}.")
    return dict(rows)
