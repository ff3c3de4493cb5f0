"""High-content screening plates as OME-Zarr 0.5: the metadata around the fields of the wells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unsmear.images.image import Image
from unsmear.images.ome_zarr import writing
from unsmear.images.record import value


def start(path: Path, name: str, wells: Mapping[tuple[str, str], int], done: str) -> None:
    """Write the metadata of a plate and of its wells, before the fields.

    wells: number of fields of each well, by (row, column), such as ("B", "2").
    done: the processing record.
    """
    import zarr

    rows = sorted({row for row, _ in wells}, key=lambda row: (len(row), row))
    columns = sorted({column for _, column in wells}, key=lambda column: (len(column), column))
    plate: dict[str, Any] = {
        "name": name,
        "rows": [{"name": row} for row in rows],
        "columns": [{"name": column} for column in columns],
        "wells": [
            {
                "path": f"{row}/{column}",
                "rowIndex": rows.index(row),
                "columnIndex": columns.index(column),
            }
            for row, column in wells
        ],
        "field_count": max(wells.values(), default=0),
    }
    root = zarr.create_group(str(path), zarr_format=3, overwrite=True)
    root.attrs["ome"] = {"version": "0.5", "plate": plate}
    root.attrs[writing.RECORD] = [value(done)]
    for (row, column), count in wells.items():
        well = root.require_group(row).require_group(column)
        listed = {"images": [{"path": str(number)} for number in range(count)]}
        well.attrs["ome"] = {"version": "0.5", "well": listed}


def write_field(path: Path, row: str, column: str, field: int, image: Image, done: str) -> Path:
    """Write the image of a field into its well, and return its place.

    Several processes may write different fields. Raises ImageError as `writing.write` does.
    """
    place = path / row / column / str(field)
    writing.write(place, image, done)
    return place
