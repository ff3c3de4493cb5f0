"""Plates of restored images as OME-Zarr: `--as ome-zarr` for the folders of plate microscopes."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from unsmear import images
from unsmear.atomic import name_aside
from unsmear.cli.console import say
from unsmear.cli.jobs.output import Output
from unsmear.data import plates
from unsmear.data.plates import Plate
from unsmear.data.source import Survey
from unsmear.errors import DataError, ImageError, UnsmearError
from unsmear.images import ome_zarr


def finish(output: Output, survey: Survey, record: str) -> int:
    """Write what belongs to all images of a call; return the exit code.

    The side files of plates are copied; `--as ome-zarr` makes one Zarr of each plate.
    """
    code = write_plates(output, survey, record) if output.options.form == "ome-zarr" else 0
    return max(code, output.copy_side_files(survey))


def write_plates(output: Output, survey: Survey, record: str) -> int:
    """Write each plate of the survey from its restored images; return the exit code.

    The images lie in the output's folder of parts, which goes once all plates are written.
    """
    places = {
        item.files[0]: [*output.results(item), *output.copies(item)]
        for item in survey.items
        if item.of_plate
    }

    def read(file: Path) -> images.Image:
        return images.read(next((path for path in places[file] if path.exists()), file))

    code = 0
    for plate in survey.plates:
        if not any(place.well for place in plate.fields.values()):
            continue  # an acquisition without wells, whose images are no plate
        name = plate.name or plate.root.resolve().name
        path = output.folder / f"{name}.ome.zarr"
        try:
            if path.exists() and not (
                output.options.overwrite or output.command in ome_zarr.commands(path)
            ):
                raise ImageError(
                    f"{path}: the output folder must have no other plate of this name; "
                    "--overwrite replaces it."
                )
            count = _write(path, name, plate, read, record)
            say(f"{name}: a plate of {plate.vendor}, {count} fields -> {path}")
            for file in plates.left_out(plate):
                say(f"{file.name}: a projection, which is not in the plate.", sys.stderr)
        except (UnsmearError, OSError) as error:
            say(f"{name}: the plate cannot be written: {error}", sys.stderr)
            code = 1
    if code == 0:
        shutil.rmtree(output.parts, ignore_errors=True)
    return code


def _write(
    path: Path, name: str, plate: Plate, read: Callable[[Path], images.Image], record: str
) -> int:
    """Write a plate aside, then rename it; return the number of fields."""
    fields = list(plates.plate_images(plate))
    if not all(well for well, _, _ in fields):
        raise DataError("its names say no wells; restore it without --as ome-zarr")
    row_column = {place.well: (place.row, place.column) for place in plate.fields.values()}
    wells = Counter(row_column[well] for well, _, _ in fields)
    aside = name_aside(path)
    try:
        shutil.rmtree(aside, ignore_errors=True)
        ome_zarr.plate.start(aside, name, wells, record)
        numbers: Counter[tuple[str, str]] = Counter()
        for well, _, planes in fields:
            place = row_column[well]
            image = plates.assemble(plate, planes, read)
            ome_zarr.plate.write_field(aside, *place, numbers[place], image, record)
            numbers[place] += 1
        shutil.rmtree(path, ignore_errors=True)
        aside.replace(path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return len(fields)
