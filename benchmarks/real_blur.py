"""Show what is found, restored or refused in real images in which something moved.

    python benchmarks/real_blur.py [--data ../shared/data]

Writes real-blur.md beside this file. The images are not in the repository: without them nothing is
written. Some minutes on one core.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import unsmear
from unsmear import images
from unsmear.choices import BEST_METHOD
from unsmear.images import Image, frames
from unsmear.metrics.resolution import Resolution
from unsmear.restoration import methods, resolution
from unsmear.restoration.resolution import Measured
from unsmear.restoration.settings import Settings
from unsmear.tables import narrow_markdown

FOLDER = "real_blur"
SCANS, CELLS = "blurryscope", "flowing_cells"
FIELDS = 2
"""Fields of each scan that are looked at."""
AXES = {SCANS: "PYXS", CELLS: "YXS"}
"""The scans are fields in a TIFF that does not name its dimensions."""
SETTINGS = Settings(methods.find(BEST_METHOD), {})
NOTE = """# Real images in which something moved

    python benchmarks/real_blur.py

No sharp partner of any of these images exists, so that no gain can be given. What can be said is
what was found, what was done, and what a directional Fourier ring correlation (FRC) shows: the
finest detail above the noise along the movement and across it, pixels, recorded and restored
(`unsmear.metrics.resolution`; whether its figures are right: resolution.md). Without a movement
that was found, along and across mean along the rows and along the columns.

An FRC of two halves of a *restored* image would not be honest: both have its smoothed noise and
whatever the restorer invents, and these would count as detail. Here the recorded counts are split
first, and a half that was restored, and blurred again, is compared with the other half as it was
recorded.

## Stage scans

{scans}

{scan_words}

## Frames with flowing cells

{cells}

{cell_words}

## Sources

{sources}

All of these are bright field, in which light is missing where a specimen is; the weights and the
estimator are made for fluorescence. No real fluorescence that a stage or a cell moved has been
published with a sharp partner, as far as we could find.
"""
SCAN_WORDS = """
Continuous scans of tissue by a stage that moved during each exposure, {fields} fields of 512x512 of
each scan. They were stitched and compressed before they were published. {restored} of {count}
fields were restored. In {measured} of {count} noise can be told from detail; of the others no FRC
of a single image, radial or directional, says anything.
"""
CELL_WORDS = """
Exposures so long that flowing cells smear while those that adhere stay sharp: several movements
share one field, and a kernel for the whole of it would spoil the sharp cells. {restored} of {count}
frames were restored. The resolution of a frame is that of everything in it, the sharp cells too,
and tells nothing of the smeared ones alone. The cells flow along the rows: in {coarser} of {count}
frames the finest detail there is coarser than that along the columns, which rings cannot show.
"""


@dataclass(frozen=True)
class Case:
    """What became of an image. source: folder of its data set."""

    source: str
    name: str
    movement: str
    touched: bool
    measured: Measured


def main() -> None:
    """Look at all images, print and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).parent / "../../shared/data")
    folder = parser.parse_args().data / FOLDER
    if not folder.is_dir():
        print(f"skipped: {folder} must be the folder of the real images, which is not there.")
        return
    everything = []
    for one in looked_at(folder):
        print(one, flush=True)
        everything.append(one)
    Path(__file__).with_name("real-blur.md").write_text(page(folder, everything))


def looked_at(folder: Path) -> Iterator[Case]:
    """Yield what became of each image."""
    for source, axes in AXES.items():
        for path in sorted((folder / source).iterdir()):
            image = images.read(path, axes)
            for name, frame in frames.split(image)[: FIELDS if source == SCANS else None]:
                yield case_of(source, " ".join(filter(None, (path.stem, name))), frame)


def case_of(source: str, name: str, image: Image) -> Case:
    """Return what became of an image, and its resolution; its colours were exposed together."""
    result = unsmear.restore(image, per="frame")
    (measured, *_) = resolution.of_image(image, result, SETTINGS)
    return Case(source, name, result.movement, result.touched, measured)


def page(folder: Path, everything: list[Case]) -> str:
    """Return the page."""
    scans, cells = ([one for one in everything if one.source == name] for name in (SCANS, CELLS))
    return NOTE.format(
        scans=table_of(scans),
        cells=table_of(cells),
        scan_words=SCAN_WORDS.strip().format(fields=FIELDS, **counts(scans)),
        cell_words=CELL_WORDS.strip().format(**counts(cells)),
        sources=sources(folder),
    )


def counts(some: list[Case]) -> dict[str, int]:
    """Return how many images were measured, restored, and have coarser detail along than across."""
    measured = [one.measured.recorded for one in some if one.measured.recorded is not None]
    known = [(one.along, one.across) for one in measured if one.along and one.across]
    return {
        "count": len(some),
        "measured": len(measured),
        "restored": sum(one.touched for one in some),
        "coarser": sum(along > across for along, across in known),
    }


def table_of(some: list[Case]) -> str:
    """Return the table of some images."""
    head = ["image", "found", "done", "along, recorded", "restored", "across, recorded", "restored"]
    body = [
        [
            one.name,
            one.movement,
            "restored" if one.touched else "left as it was",
            *(
                cell(resolution, side)
                for side in ("along", "across")
                for resolution in (one.measured.recorded, one.measured.restored)
            ),
        ]
        for one in some
    ]
    reasons = [f"- {one.name}: {one.measured.reason}." for one in some if one.measured.reason]
    notes = ["", "Not measured:", "", *reasons] if reasons else []
    return "\n".join([narrow_markdown([head, *body], words=(0, 1, 2)).rstrip(), *notes])


def cell(resolution: Resolution | None, side: str) -> str:
    """Return a resolution in words."""
    if resolution is None:
        return "-"
    pixels = getattr(resolution, side)
    return "only noise" if pixels is None else f"{pixels:.1f} px"


def sources(folder: Path) -> str:
    """Return the images' origin and licences, as their manifest has them."""
    with (folder / "MANIFEST.csv").open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["file"].split("/")[0] in AXES]
    origins = [f"- {row['attribution']}: {row['source_repo']}, {row['licence']}." for row in rows]
    return "\n".join(dict.fromkeys(origins))


if __name__ == "__main__":
    main()
