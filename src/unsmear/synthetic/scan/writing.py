"""Files of a scan: frames as a scanner writes them, the sharp truth, and the true movement.

blur/frame-000000.ome.tif    the frame, with exposure time and the recorded place of the stage
sharp/frame-000000.ome.tif   the same field without movement and without noise
manifest.csv                 the kernel of each frame: the folder is one of pairs
movement.csv                 how the stage truly moved
scan.json                    what was asked for
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear import __version__, images, plain_files, resume
from unsmear.atomic import write_aside
from unsmear.blur import Blur, Camera, Coded, Motion, Sampled, to_dict
from unsmear.data import manifest
from unsmear.errors import OptionError, error_text
from unsmear.images import Image
from unsmear.journal import DAMAGE
from unsmear.synthetic.scan.exposing import Track, expose, track
from unsmear.synthetic.scan.plan import Scan
from unsmear.tables import digits, write_csv

PLAN, MOVEMENT = "scan.json", "movement.csv"
NOISE = 4
"""Number of the random generator of a camera's noise."""
COLUMNS = (
    "name", "strip", "time_s", "x_um", "y_um", "true_x_um", "true_y_um", "true_speed_um_s",
    "length_px", "angle_deg", "sideways_px",
)  # fmt: skip
"""Columns of `movement.csv`: where a frame is recorded and where it truly was in the middle of its
light; the distance moved while light fell in, its direction (that of the things in the image,
degrees anticlockwise from +x), and the largest distance of the path from that straight line."""


def check_folder(scan: Scan) -> None:
    """Write the plan; raises OptionError for a folder that holds a scan of another plan."""
    path, asked = scan.folder / PLAN, json.loads(json.dumps(scan.to_dict()))
    if path.exists():
        try:
            begun = plain_files.read_json(path)
            before, now = resume.flat(begun), resume.flat(asked)
        except (OSError, *DAMAGE) as error:
            raise OptionError(f"{path}: the plan is damaged ({error_text(error)}).") from error
        names = resume.differing(before, now)
        if names:
            listed = ", ".join(f"{n} {before.get(n)} (now {now.get(n)})" for n in names)
            raise OptionError(f"{path}: the folder holds a scan of other options: {listed}.")
        return
    write_aside(path, (json.dumps(asked, indent=1) + "\n").encode())


def write_frame(scan: Scan, index: int) -> bool:
    """Write a frame and its truth; return False where both exist.

    Raises ImageError for a file that cannot be written.
    """
    sharp, blurred = files(scan, index)
    if sharp.exists() and blurred.exists():
        return False
    sharp_light, blurred_light = expose(scan, index)
    generator = np.random.default_rng((scan.seed, NOISE, index))
    camera, share = scan.camera, scan.exposure.share
    noiseless = Camera(None, 0, camera.offset, camera.bits, camera.saturation)
    if camera.photons is not None:
        camera = replace(camera, photons=camera.photons * share)
    images.write(sharp, _image(scan, index, noiseless.expose(sharp_light, generator)))
    images.write(blurred, _image(scan, index, camera.expose(blurred_light, generator)))
    return True


def files(scan: Scan, index: int) -> tuple[Path, Path]:
    """Return the files of a frame: the sharp one and the blurred one."""
    name = scan.name(index)
    return scan.folder / "sharp" / name, scan.folder / "blur" / name


def _image(scan: Scan, index: int, counts: NDArray[Any]) -> Image:
    """Return counts as an image with the metadata that a scanner writes.

    The y axis of a stage points upwards, as most do, and that of an image downwards.
    """
    size = scan.grid.pixel_size
    y, x = (float(side * size) for side in scan.grid.place(index))
    plane = {
        "PositionX": [x],
        "PositionXUnit": ["µm"],
        "PositionY": [-y],
        "PositionYUnit": ["µm"],
        "ExposureTime": [lit(scan)],
        "ExposureTimeUnit": ["s"],
        "DeltaT": [scan.time(index)],
        "DeltaTUnit": ["s"],
    }
    note = {"unsmear": __version__, "command": "synth", "stage_speed": scan.stage.speed}
    said = {"Plane": plane, "Name": scan.name(index), "Description": json.dumps(note)}
    return Image(counts, "YX", (), (size, size), metadata={"tiff": {"ome": said}})


def lit(scan: Scan) -> float:
    """Return the seconds from the first light of a frame to its last, as its metadata have it."""
    if scan.tdi is not None:
        return scan.tdi.stages * scan.line_period
    return scan.exposure.time if scan.exposure.strobe is None else scan.exposure.strobe


def write_tables(scan: Scan) -> Path:
    """Write the manifest of the pairs and the table of the true movement; return its path.

    Raises ImageError where one cannot be written.
    """
    tracks = [track(scan, index) for index in range(scan.grid.frames)]
    side = scan.grid.side
    pairs = [
        manifest.Pair(
            scan.name(index),
            source="slide",
            blur=to_dict(_blur(scan, index, moved)),
            seed=scan.seed,
            width=side,
            height=side,
        )
        for index, moved in enumerate(tracks)
    ]
    manifest.write(scan.folder, pairs)
    path = scan.folder / MOVEMENT
    rows = [_row(scan, index, moved) for index, moved in enumerate(tracks)]
    write_csv(path, rows, COLUMNS, digits)
    return path


def _blur(scan: Scan, index: int, moved: Track) -> Blur:
    """Return the blur of a frame's middle line: of a family where it is one."""
    length, angle, _ = _straight(moved)
    if scan.stage.vibration or scan.tdi is not None:
        return Sampled.of(moved.kernel().round(6))
    return Coded(length, angle, scan.exposure.code) if scan.exposure.code else Motion(length, angle)


def _straight(moved: Track) -> tuple[float, float, float]:
    """Return length, pixels, and angle, degrees, of the movement of things in a frame's image, and
    the largest distance from that straight line, pixels.
    """
    y, x = moved.ends[:, 0] - moved.ends[:, 1]  # things move against the field of view
    length = math.hypot(y, x)
    away = moved.middle - moved.ends[:, :1]
    sideways = np.abs(away[0] * x - away[1] * y).max() / length if length else 0.0
    return length, math.degrees(math.atan2(-y, x)) % 360, float(sideways)


def _row(scan: Scan, index: int, moved: Track) -> dict[str, Any]:
    size, places = scan.grid.pixel_size, scan.grid.place(index)
    length, angle, sideways = _straight(moved)
    y, x = (side * size for side in places)
    true_y, true_x = ((side + off) * size for side, off in zip(places, moved.place, strict=True))
    return {
        "name": scan.name(index),
        "strip": index // scan.grid.count,
        "time_s": scan.time(index),
        "x_um": x,
        "y_um": -y,
        "true_x_um": true_x,
        "true_y_um": -true_y,
        "true_speed_um_s": scan.true_speed(index),
        "length_px": length,
        "angle_deg": angle,
        "sideways_px": sideways,
    }
