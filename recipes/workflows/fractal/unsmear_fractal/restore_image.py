"""Task of Fractal: take the motion blur out of one image of an OME-Zarr plate."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import unsmear

PATIENCE = 60.0
"""Longest time to wait for a well that another task is changing, seconds."""


# Fractal's schemas are made from these annotations, which they want as they are spelled here.
def restore_image(
    *,
    zarr_url: str,
    method: str = "deep-wiener-lean",
    length: Optional[float] = None,  # noqa: UP045
    angle: Optional[float] = None,  # noqa: UP045
    suffix: str = "restored",
) -> dict[str, Any]:
    """Restore an image, and write the result beside it in its well.

    An image in which no motion is found for sure is written as it is.

    Args:
        zarr_url: Path of the image, as in plate.zarr/B/03/0.
        method: Restoration method, such as deep-wiener-lean or richardson-lucy.
        length: Distance moved during the exposure, pixels; by default estimated.
        angle: Direction of the movement, degrees anticlockwise from the right.
        suffix: What follows the name of the image in that of the result.
    """
    source = Path(zarr_url)
    result = source.with_name(f"{source.stem}_{suffix}{source.suffix}")
    if (length is None) != (angle is None):
        raise unsmear.OptionError("length must come with angle.")
    kernel = None if length is None or angle is None else unsmear.Motion(length, angle)
    restored = unsmear.restore(unsmear.read(source), kernel, method=method)
    done = {"unsmear": unsmear.__version__, "command": "restore", "method": method}
    unsmear.write(result, restored.image, json.dumps(done | {"result": restored.movement}))
    with _alone(source.parent):
        _name_in_well(source.parent, source.name, result.name)
    update = {"zarr_url": str(result), "origin": str(source), "types": {"restored": True}}
    return {"image_list_updates": [update]}


def _name_in_well(well: Path, source: str, result: str) -> None:
    """List an image in its well, with the acquisition of the one that it was made from."""
    new = well / "zarr.json"
    file = new if new.is_file() else well / ".zattrs"
    if not file.is_file():
        return  # an image that is in no plate
    metadata = json.loads(file.read_text())
    attributes = metadata["attributes"] if file == new else metadata
    listed = attributes.get("ome", attributes).get("well", {}).get("images", [])
    if not listed or any(image["path"] == result for image in listed):
        return
    origin: dict[str, Any] = next((image for image in listed if image["path"] == source), {})
    listed.append({**origin, "path": result})
    aside = file.with_name(f".{file.name}.part")
    aside.write_text(json.dumps(metadata, indent=2))
    aside.replace(file)


@contextlib.contextmanager
def _alone(well: Path) -> Iterator[None]:
    """Change a well while no other task does: each image of it may be a task."""
    lock, end = well / ".unsmear-lock", time.monotonic() + PATIENCE
    while True:
        try:
            os.mkdir(lock)
            break
        except FileExistsError:
            if time.monotonic() > end:
                raise unsmear.DataError(
                    f"{lock}: the well must be free, got a lock; delete it if no task runs."
                ) from None
            time.sleep(0.05)
    try:
        yield
    finally:
        os.rmdir(lock)


if __name__ == "__main__":
    from fractal_task_tools.task_wrapper import run_fractal_task

    run_fractal_task(task_function=restore_image)
