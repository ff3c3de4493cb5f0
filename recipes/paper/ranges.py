"""PSNR and recovery of each restorer over lengths, angles and photons of linear motion blur.

    python recipes/paper/ranges.py --fields 3 --output runs/range

Writes `benchmarks/range.md`, its table and a heat map a restorer. Every drawn field is measured
under every condition, one field after the other; the same command resumes, and more `--fields` add
to those that are measured. A field takes about eight minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one core, whatever else is computed
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

import ranges_cells
import ranges_maps
import ranges_page
from ranges_cells import Row
from unsmear import classify, journal, metrics
from unsmear.atomic import write_aside
from unsmear.blur import Camera, Motion, convolve
from unsmear.classify import Classifier
from unsmear.data.labels import LABELS
from unsmear.errors import OptionError, UnsmearError
from unsmear.estimate import estimate_blur
from unsmear.evaluate import BLURRED, SHARP, MethodWithKernel
from unsmear.images import Image
from unsmear.recovery.measures.detection import DETECTED, OVERLAP, compare
from unsmear.restoration import methods, pipeline
from unsmear.segmentation import NUCLEUS, Masks, segment_nuclei
from unsmear.synthetic import draw_field, draw_labels
from unsmear.tables import write_csv

LENGTHS = (2, 4, 6, 10, 16, 24, 32, 40)
"""Lengths of the movement, pixels."""
ANGLES = (0, 30, 45, 90)
"""Angles of the movement, degrees."""
PHOTONS = (50, 200, 1000, 10_000)
"""Photoelectrons at full scale."""
READ_NOISE, OFFSET = 2.0, 8.0
"""Of the camera: electrons, and counts of 255."""
CLASSIFIER = "light-cells"
SIDE, PIXEL_SIZE = 256, 0.32
"""Of the fields, pixels and micrometres: those that the classifier knows."""
MARGIN = 24
"""Pixels around a field whose light moves into it; they are cut off after the movement."""
COLOURS = ("red", "green", NUCLEUS)
IOU = 0.75
"""Intersection over union from which a nucleus counts as found."""
SEED = 40
JOURNAL = "rows.jsonl"
PAGE = Path(__file__).parents[2] / "benchmarks" / "range.md"


@dataclass(frozen=True)
class Condition:
    """A movement and a camera: pixels, degrees, photoelectrons at full scale."""

    length: float
    angle: float
    photons: float


@dataclass(frozen=True)
class Field:
    """A drawn field with a margin: units (channel, y, x); true nuclei (y, x) and labels within."""

    number: int
    units: NDArray[np.float32]
    nuclei: Masks
    labels: tuple[int, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is missing and write the page; return the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        conditions = [Condition(*each) for each in product(LENGTHS, ANGLES, PHOTONS)]
        conditions = conditions[: asked.conditions]
        rows = collect(asked.output / JOURNAL, asked.fields, conditions)
        command = f"python recipes/paper/ranges.py --fields {asked.fields}"
        whole = asked.conditions is None
        _write(asked.page or (PAGE if whole else asked.output / PAGE.name), rows, command)
        return 0
    except UnsmearError as error:
        print(f"ranges: {error}", file=sys.stderr)
        return 1


def restorers() -> tuple[MethodWithKernel, ...]:
    """Return who restores: the default method blind and with the true kernel, the others blind."""
    names = ("deep-wiener-lean", "deep-wiener", "wiener", "richardson-lucy")
    blind = [MethodWithKernel(methods.find(name), "estimated") for name in names]
    return (blind[0], MethodWithKernel(blind[0].method, "true"), *blind[1:])


def collect(file: Path, fields: int, conditions: Sequence[Condition]) -> list[Row]:
    """Return the rows of all fields; those that the journal lacks are measured, and added to it."""
    if fields < 1:
        raise OptionError(f"--fields must be 1 or more, got {fields}.")
    file.parent.mkdir(parents=True, exist_ok=True)
    done = {_key(rows[0]): rows for rows in _read(file)}
    classifier, everyone, rows = classify.load(CLASSIFIER), restorers(), []
    for number in range(fields):
        field = draw(number)
        for condition in conditions:
            key = (number, *asdict(condition).values())
            if key not in done:
                done[key] = list(measure(field, condition, everyone, classifier))
                journal.append(file, [asdict(row) for row in done[key]])
            rows += done[key]
        print(f"field {number}: {len(conditions)} conditions.", flush=True)
    return rows


def draw(number: int) -> Field:
    """Return a drawn field with labels as frequent as in the HPA competition."""
    generator = np.random.default_rng([SEED, number])
    (labels,) = draw_labels(generator, 1)
    side = SIDE + 2 * MARGIN
    field = draw_field(generator, (side, side), labels, PIXEL_SIZE)
    units = np.stack(field.planes[: len(COLOURS)]).astype(np.float32) / np.float32(255)
    return Field(number, units, _within(field.nuclei), labels)


def expose(field: Field, condition: Condition) -> tuple[Image, Image]:
    """Return the sharp image, without noise, and the one that the camera recorded; 8 bits each."""
    kernel = Motion(condition.length, condition.angle).kernel()
    seed = [SEED, field.number, *map(int, asdict(condition).values())]
    camera = Camera(condition.photons, READ_NOISE, OFFSET)
    recorded = camera.expose(_within(convolve(field.units, kernel)), np.random.default_rng(seed))
    sharp = np.rint(OFFSET + (camera.white - OFFSET) * _within(field.units)).astype(np.uint8)
    return _image(sharp), _image(recorded)


def measure(
    field: Field,
    condition: Condition,
    everyone: Sequence[MethodWithKernel],
    classifier: Classifier,
) -> Iterator[Row]:
    """Yield a row a restorer, those of the sharp and the blurred image first."""
    sharp, blurred = expose(field, condition)
    images = {SHARP: sharp, BLURRED: blurred}
    estimate = estimate_blur(blurred)
    motion = Motion(condition.length, condition.angle)
    for each in everyone:
        kernel = motion if each.kernel == "true" else estimate
        images[each.name] = pipeline.restore(blurred, kernel, method=each.method).image
    decided = classifier.decide(classifier.probabilities(list(images.values())))
    truth = np.isin(classifier.labels, [LABELS[label] for label in field.labels])
    for (name, image), predicted in zip(images.items(), decided, strict=True):
        nuclei = compare(field.nuclei, segment_nuclei(image.planes()[0, 2], image.pixel_size))
        yield Row(
            field=field.number,
            **asdict(condition),
            restorer=name,
            psnr=_psnr(sharp, image),
            expected=len(_list(nuclei[OVERLAP])),
            detected=int(_list(nuclei[DETECTED])[0]),
            found=sum(overlap >= IOU for overlap in _list(nuclei[OVERLAP])),
            labels=int(truth.sum()),
            predicted=int(predicted.sum()),
            right=int((truth & predicted).sum()),
            untouched=bool(np.array_equal(image.pixels, blurred.pixels)),
        )


def _psnr(sharp: Image, image: Image) -> float | None:
    """Return the PSNR in dB; None for the sharp image itself."""
    if image is sharp:
        return None
    return float(metrics.psnr(sharp.pixels, image.pixels, data_range=255))


def _list(numbers: Any) -> list[float]:
    return numbers if isinstance(numbers, list) else [numbers]


def _within(planes: NDArray[Any]) -> NDArray[Any]:
    return planes[..., MARGIN:-MARGIN, MARGIN:-MARGIN]


def _image(pixels: NDArray[np.uint8]) -> Image:
    return Image(np.ascontiguousarray(pixels), "CYX", COLOURS, (PIXEL_SIZE, PIXEL_SIZE))


def _key(row: Row) -> tuple[float, ...]:
    return row.field, row.length, row.angle, row.photons


def _read(file: Path) -> Iterator[list[Row]]:
    """Yield the rows of each field and condition of a journal."""
    for number, line in enumerate(journal.read(file) if file.exists() else [], 1):
        try:
            yield [Row(**row) for row in json.loads(line)]
        except journal.DAMAGE as error:
            raise journal.damaged(file, number, error) from error


def _write(page: Path, rows: Sequence[Row], command: str) -> None:
    """Write the table and the pictures beside the page, then the page."""
    cells = ranges_cells.cells(rows)
    write_csv(page.with_suffix(".csv"), ranges_page.records(cells))
    pictures = ranges_maps.draw(cells, page.parent / "pictures")
    facts = (
        f"Seed {SEED}. Camera: {READ_NOISE:g} electrons of read noise, offset {OFFSET:g} of 255."
    )
    write_aside(page, ranges_page.write(cells, command, facts, pictures).encode())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--fields", type=int, default=2, help="drawn fields of each condition")
    parser.add_argument("--output", type=Path, default=Path("runs/range"))
    parser.add_argument("--conditions", type=int, help="only so many of the conditions")
    parser.add_argument(
        "--page",
        type=Path,
        help="where the page is written; by default in benchmarks/, with --conditions in --output",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
