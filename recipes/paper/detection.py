"""Nuclei detected in sharp, blurred and restored images, and whether blur raises precision.

    python recipes/paper/detection.py --data ../shared/data --output benchmarks/detection.md

The detector is our segmentation of nuclei. Drawn fields have true masks. The real images are of the
2018 Data Science Bowl: `--masks` takes the competition's folder `stage1_train`; without it their
reference is what is detected in the sharp image. `--method WEIGHTS` adds a network. It takes four
minutes on one core.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does, before NumPy

import numpy as np
from numpy.typing import NDArray

import detection_page
from unsmear import evaluate, images
from unsmear.atomic import write_aside
from unsmear.blur import Motion, convolve
from unsmear.errors import DataError, UnsmearError
from unsmear.estimate import estimate_blur
from unsmear.evaluate import BLURRED, SHARP, MethodWithKernel
from unsmear.images import Image
from unsmear.images.scaling import cast
from unsmear.recovery.analysis.detection import Detection, detect
from unsmear.recovery.analysis.measures import align_values
from unsmear.recovery.collect.answers import Prediction, Predictions
from unsmear.recovery.measures.detection import compare
from unsmear.restoration import pipeline
from unsmear.segmentation import NUCLEUS, Masks, segment_nuclei
from unsmear.synthetic import draw_field

LENGTHS = (4, 10, 16)
"""Lengths of the linear motion blur, pixels; each image and length has its own random angle."""
METHODS = ("wiener", "deep-wiener")
DRAWN = "drawn nuclei, true masks"
TRUE = "real nuclei, masks by experts"
OWN = "real nuclei, those of the sharp image"
SETS = (DRAWN, TRUE, OWN)
"""Which images, and the reference that their nuclei are compared with."""
SIDE, PIXEL_SIZE = 256, 0.5
"""Of drawn fields, pixels and micrometres: their nuclei are about as large as the real ones."""
FOLDERS = {"dsb2018_256x256": 0.8, "dsb2018_520x696": 0.2}
"""Folders of real images that no shipped weights were trained on, and the share of each."""
SEED = 9
PAGE = Path(__file__).parents[2] / "benchmarks" / "detection.md"


@dataclass(frozen=True)
class Scene:
    """A sharp plane of nuclear stain; references: masks of its nuclei (y, x) by set."""

    name: str
    image: Image
    references: Mapping[str, Masks]


def main() -> int:
    """Measure and write the page; return the exit code."""
    arguments = _arguments()
    try:
        restorers = evaluate.contenders([*METHODS, *arguments.method], "estimated")
        scenes = [draw(number) for number in range(arguments.fields)]
        scenes += read(arguments.data, arguments.images, arguments.masks)
        page = detection_page.write(measure(scenes, restorers), _command(arguments))
        write_aside(arguments.output, page.encode())
        return 0
    except UnsmearError as error:
        print(f"detection: {error}", file=sys.stderr)
        return 1


def draw(number: int) -> Scene:
    """Return a drawn field's nuclear stain and the nuclei that were drawn."""
    field = draw_field(np.random.default_rng([number, SEED]), (SIDE, SIDE), (0, 16), PIXEL_SIZE)
    image = _image(field.planes[2], (PIXEL_SIZE, PIXEL_SIZE))
    return Scene(f"field {number}", image, {DRAWN: field.nuclei})


def read(data: Path, count: int, masks: Path | None) -> Iterator[Scene]:
    """Yield `count` real images, spread evenly over each folder's, and their nuclei.

    masks: a folder as `read_masks` takes it. Raises DataError for one without images or masks.
    """
    for folder, share in FOLDERS.items():
        files = sorted((data / folder).glob("*.png"))
        if not files:
            raise DataError(f"{data / folder}: there must be images, got none.")
        places = np.linspace(0, len(files) - 1, max(round(share * count), 1)).astype(int)
        for file in (files[place] for place in np.unique(places)):
            image = _image(images.read(file).planes()[0, 0])
            references = {OWN: _detect(image)}
            if masks is not None:
                references[TRUE] = read_masks(masks, file.stem, image.pixels.shape[1:])
            yield Scene(file.stem, image, references)


def read_masks(folder: Path, name: str, shape: tuple[int, ...]) -> Masks:
    """Return the masks of an image in one plane, of one file a nucleus: `<ID>/masks/*.png`.

    name: beginning of the ID. Raises DataError where there are none, or some of another size.
    """
    files = sorted(folder.glob(f"{name}*/masks/*.png"))
    if not files:
        raise DataError(f"{folder}: there must be masks of {name}, got none.")
    joined = np.zeros(shape, np.int32)
    for number, file in enumerate(files, 1):
        mask = images.read(file).planes()[0, 0]
        if mask.shape != shape:
            raise DataError(f"{file}: a mask must be {shape} as its image, got {mask.shape}.")
        joined[mask > 0] = number
    return joined


def measure(
    scenes: Sequence[Scene], restorers: Sequence[MethodWithKernel]
) -> dict[str, list[Detection]]:
    """Return by set and for each blur what is detected in the images of each restorer."""
    rows: dict[str, list[Prediction]] = defaultdict(list)
    for scene in scenes:
        for length in LENGTHS:
            for restorer, image in restore(scene, length, restorers).items():
                masks = _detect(image)
                for name, reference in scene.references.items():
                    case, blur = f"{scene.name} {length} px", f"motion {length} px"
                    measured = compare(reference, masks)
                    rows[name].append(
                        Prediction(case, scene.name, restorer, blur, measures=measured)
                    )
    return {name: _by_blur(rows[name]) for name in SETS if name in rows}


def restore(scene: Scene, length: int, restorers: Sequence[MethodWithKernel]) -> dict[str, Image]:
    """Return the sharp, the blurred and the restored images, all 8 bit."""
    angle = np.random.default_rng([*scene.name.encode(), length]).uniform(0, 180)
    blurred = convolve(scene.image.pixels.astype(np.float32), Motion(length, angle).kernel())
    image = _image(cast(blurred[0], np.uint8), scene.image.pixel_size)
    estimate = estimate_blur(image)
    restored = {SHARP: scene.image, BLURRED: image}
    for each in restorers:
        kernel = estimate if each.kernel else None
        restored[each.name] = pipeline.restore(image, kernel, method=each.method).image
    return restored


def _image(plane: NDArray[Any], pixel_size: tuple[float, float] | None = None) -> Image:
    return Image(plane[np.newaxis], "CYX", (NUCLEUS,), pixel_size)


def _detect(image: Image) -> Masks:
    return segment_nuclei(image.planes()[0, 0], image.pixel_size)


def _by_blur(rows: Sequence[Prediction]) -> list[Detection]:
    values, _ = align_values(Predictions(rows=tuple(rows)))
    return detect([part for value in values for part in value.by_blur()])


def _command(arguments: argparse.Namespace) -> str:
    command = f"python recipes/paper/detection.py --data {arguments.data}"
    command += " --masks stage1_train" if arguments.masks else ""
    return command + "".join(f" --method {weights}" for weights in arguments.method)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with " + ", ".join(FOLDERS)
    )
    parser.add_argument("--output", type=Path, default=PAGE, help="Markdown file for the page")
    parser.add_argument("--masks", type=Path, help="folder of IDs that hold masks/*.png each")
    parser.add_argument(
        "--method", action="append", default=[], help="weights of a network; may be repeated"
    )
    parser.add_argument("--fields", type=int, default=24, help="number of drawn fields")
    parser.add_argument("--images", type=int, default=30, help="number of real images")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
