"""Manifest of image pairs: `sharp/NAME`, `blur/NAME` and a row of `manifest.csv` each."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from itertools import chain
from math import cos, inf, isfinite, radians, sin
from pathlib import Path
from typing import Any

from unsmear import journal, plain_files, tables
from unsmear.errors import DataError, error_text, shortened, shown
from unsmear.journal import DAMAGE

FILE = "manifest.csv"
JOURNAL = "manifest.part.jsonl"
"""Journal file of an unfinished run, one line per image; `write` removes it."""

REQUIRED = ("name", "source", "split", "group", "labels", "blur", "seed")
IN_PIXELS = ("length", "radius", "sigma")
"""Parameters of a blur that scale with the image size."""
NUMBERS = (*IN_PIXELS, "degree", "angle")
"""Parameters of a blur that are numbers."""


@dataclass(frozen=True)
class Pair:
    """One sharp image and its blurred partner.

    name: of the file, in `sharp/` and in `blur/`.
    source: the id of the image that it was made from; several pairs can share it.
    split: "train", "val" or "test", or "" where there is no split.
    group: cluster of pairs that stay in one split.
    labels: label numbers.
    blur: the blur applied, as `blur.to_dict` gives it, in pixels of the image it was applied to.
    seed: `numpy.random.default_rng(seed)` draws the blur, then the noise.
    scale: output pixels for a pixel of the image that was blurred; 1 where that is the output.
    width, height: of both files, pixels; 0 where the manifest does not say.
    black, white: source counts that became 0 and the output's largest count.
    """

    name: str
    source: str
    split: str = ""
    group: str = ""
    labels: tuple[int, ...] = ()
    blur: dict[str, Any] | None = None
    seed: int = 0
    scale: float = 1.0
    width: int = 0
    height: int = 0
    black: float = 0.0
    white: float = 0.0

    def effective(self) -> dict[str, Any] | None:
        """Return the blur in pixels of the files, as `blur.from_dict` takes it.

        The paper's recipe exists in whole pixels only; where it was applied to a larger image this
        is the equivalent linear motion.
        """
        blur = self.blur
        if blur is None or self.scale == 1:
            return blur
        if blur.get("family") == "paper":
            blur = _straight(float(blur.get("degree", 6)), float(blur.get("angle", -45)))
        return {
            name: value * self.scale if name in IN_PIXELS else value for name, value in blur.items()
        }

    def files(self, folder: Path) -> tuple[Path, Path]:
        """Return the paths of the sharp and of the blurred file."""
        return folder / "sharp" / self.name, folder / "blur" / self.name


def write(folder: Path, pairs: Iterable[Pair]) -> None:
    """Write the manifest, whole or not at all, and remove the journal."""
    columns = [field.name for field in fields(Pair)]
    tables.write_csv(folder / FILE, list(map(_row, pairs)), columns)
    (folder / JOURNAL).unlink(missing_ok=True)


def read(folder: str | Path) -> list[Pair]:
    """Return the pairs of a folder, in the manifest's order.

    Raises DataError, with the file and the line, for a manifest that is missing, lacks a column,
    has a damaged row or a name twice.
    """
    path = Path(folder) / FILE
    pairs: dict[str, Pair] = {}
    for line, row in _rows(path):
        try:
            pair = _parse(row)
        except DAMAGE as error:
            raise DataError(
                f"{path} line {line}: the row is damaged ({error_text(error)})."
            ) from error
        if pair.name in pairs:
            raise DataError(
                f"{path} line {line}: a name must come once, got {shortened(pair.name)} again."
            )
        pairs[pair.name] = pair
    return list(pairs.values())


def record(folder: Path, pairs: Iterable[Pair]) -> None:
    """Append the pairs of a finished image to the journal; raises DataError on failure."""
    journal.append(folder / JOURNAL, [_row(pair) for pair in pairs])


def recorded(folder: Path) -> list[Pair]:
    """Return the pairs that earlier runs have finished, from the manifest and the journal.

    A damaged line of the journal counts as not finished. A last line cut off by a kill is removed
    from the file. Raises DataError for a manifest that `read` refuses, and
    for a journal that cannot be read at all.
    """
    pairs = read(folder) if (folder / FILE).exists() else []
    if not (folder / JOURNAL).exists():
        return pairs
    return [*pairs, *chain.from_iterable(map(_of_line, journal.read(folder / JOURNAL)))]


def _of_line(line: bytes) -> list[Pair]:
    """Return the pairs of a line of the journal, none where it is damaged."""
    try:
        return [_parse(row) for row in json.loads(line)]
    except DAMAGE:
        return []


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Return the rows of a manifest with their line numbers; checks the required columns."""
    try:
        text = plain_files.read(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise DataError(
            f"{path}: the manifest cannot be read ({reason}); unsmear prepare writes one."
        ) from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        rows = [(reader.line_num, row) for row in reader]
        missing = [name for name in REQUIRED if name not in (reader.fieldnames or ())]
    except csv.Error as error:
        line = reader.reader.line_num
        raise DataError(f"{path} line {line}: the row is damaged ({error_text(error)}).") from error
    if missing:
        raise DataError(
            f"{path}: a manifest must have the columns {', '.join(REQUIRED)}, "
            f"got none named {', '.join(missing)}."
        )
    return rows


def _row(pair: Pair) -> dict[str, str]:
    """Return a pair as texts by column; `_parse` is the inverse."""
    row = {name: str(value) for name, value in asdict(pair).items()}
    row["labels"] = "|".join(map(str, pair.labels))
    row["blur"] = json.dumps(pair.blur) if pair.blur is not None else ""
    return row


def _parse(row: Mapping[str, str]) -> Pair:
    """Return the pair of a row of texts; raises one of DAMAGE for a damaged row."""
    if not all(isinstance(row.get(field.name) or "", str) for field in fields(Pair)):
        raise TypeError("its cells must be texts")
    fields_of_row: dict[str, Any] = {
        field.name: row[field.name] for field in fields(Pair) if row.get(field.name)
    }
    fields_of_row["labels"] = tuple(int(label) for label in row["labels"].split("|") if label)
    fields_of_row["blur"] = _parse_blur(row["blur"])
    for name in ("seed", "width", "height"):
        fields_of_row[name] = int(row.get(name) or 0)
    for name, least in (("scale", 0.0), ("black", -inf), ("white", -inf)):
        if name in fields_of_row:
            fields_of_row[name] = number = float(row[name])
            if not least < number < inf:
                raise ValueError(f"{name} must be above {least} and finite, got {shown(number)}")
    return Pair(**fields_of_row)


def _parse_blur(text: str) -> dict[str, Any] | None:
    blur = json.loads(text) if text else None
    if blur is None:
        return None
    if not isinstance(blur, dict):
        raise ValueError(f"the blur must be a JSON object, got {shown(text)}")
    if not isinstance(blur.get("family", ""), str):
        raise ValueError(f"the blur's family must be a name, got {shown(blur['family'])}")
    for name in NUMBERS:
        if name in blur and not (type(blur[name]) in (int, float) and isfinite(blur[name])):
            raise ValueError(f"the blur's {name} must be a number, got {shown(blur[name])}")
    return blur


def _straight(degree: float, angle: float) -> dict[str, Any]:
    """Return the linear motion that equals the paper's recipe of `degree` pixels."""
    turned = radians(angle - 45)
    length = degree / max(abs(cos(turned)), abs(sin(turned)))
    return {"family": "motion", "length": length, "angle": angle - 45}
